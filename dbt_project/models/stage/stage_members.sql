-- The fields themselves stay where they were landed: they are most of what is known of a member, and nearly nobody's
-- are looked at. Nor is a key carried through the join that is the address as written.
with source as (
    select
        members.* exclude (fields),
        hash(members.fields) as fields_hash,
        coalesce(addresses.other_key, members.email) as email_key,
    from {{ source('sync', 'extract_members') }} as members
    inner join (
        select address, nullif(email_key, address) as other_key from {{ source('quality', 'addresses') }}
    ) as addresses on members.email = addresses.address
),

-- Two members with one address are rare, so that only they are put in order and not everybody.
twins as (
    select email_key from source
    group by email_key
    having count(*) > 1
),

spare as (
    select source.provider_id
    from source
    semi join twins using (email_key)
    qualify row_number() over (
        partition by source.email_key
        order by source.status = 'archived', source.status = 'subscribed' desc, source.provider_id
    ) > 1
)

select
    source.email_key,
    source.email,
    source.provider_id,
    source.status,
    source.fields_hash,
    list_sort(from_json(source.tags, '["VARCHAR"]')) as tags,
    list_sort(from_json(source.groups, '["VARCHAR"]')) as groups,
    nullif(source.opt_out_reason, '') as opt_out_reason,
    try_cast(source.joined_at as timestamp) as joined_at,
    try_cast(source.changed_at as timestamp) as changed_at,
from source
anti join spare using (provider_id)
