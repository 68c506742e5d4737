-- The fields themselves stay where they were landed: they are most of what is known of a member, and nearly nobody's
-- are looked at. Nearly every address is its own key, so that only the others are joined; that every address was judged
-- is a test of this model.
with other_keys as (
    select address, email_key from {{ source('quality', 'addresses') }} where email_key <> address
),

keyed as not materialized (
    select
        members.* exclude (fields),
        hash(members.fields) as fields_hash,
        coalesce(other_keys.email_key, members.email) as email_key,
    from {{ source('sync', 'extract_members') }} as members
    left join other_keys on members.email = other_keys.address
    where members.email is not null
),

-- Two members with one address are rare, so that only they are put in order and not everybody.
twins as (
    select email_key from keyed
    group by email_key
    having count(*) > 1
),

ranked as (
    select
        keyed.provider_id,
        row_number() over same_address as place,
        -- The other ones are those that come after the first.
        bool_or(keyed.status in ('unsubscribed', 'bounced')) over (
            same_address rows between 1 following and unbounded following
        ) as has_silent_twin,
    from keyed
    semi join twins using (email_key)
    window same_address as (
        partition by keyed.email_key
        order by keyed.status = 'archived', keyed.status = 'subscribed' desc, keyed.provider_id
    )
)

select
    keyed.email_key,
    keyed.email,
    keyed.provider_id,
    keyed.status,
    keyed.fields_hash,
    list_sort(from_json(keyed.tags, '["VARCHAR"]')) as tags,
    list_sort(from_json(keyed.groups, '["VARCHAR"]')) as groups,
    nullif(keyed.opt_out_reason, '') as opt_out_reason,
    try_cast(keyed.joined_at as timestamp) as joined_at,
    try_cast(keyed.changed_at as timestamp) as changed_at,
    coalesce(ranked.has_silent_twin, false) as has_silent_twin,
from keyed
left join ranked using (provider_id)
where coalesce(ranked.place, 1) = 1
