-- The fields themselves stay where they were landed: they are most of what is known of a member, and nearly nobody's
-- are looked at. Nor is a key carried through the join that is the address as written.
with addresses as not materialized (
    select address, nullif(email_key, address) as other_key, email_key from {{ source('quality', 'addresses') }}
),

-- Two members with one address are rare, so that only they are put in order and not everybody. That two spellings have
-- one key, or one address came twice, makes them doubtful; hashes are enough to say so.
repeated as (
    select hash(email) as hashed from {{ source('sync', 'extract_members') }}
    group by hashed
    having count(*) > 1
),

respelt as (
    select hash(email_key) as hashed from addresses
    group by hashed
    having count(*) > 1
),

doubtful as (
    select address, email_key from addresses semi join repeated on hash(addresses.address) = repeated.hashed
    union
    select address, email_key from addresses semi join respelt on hash(addresses.email_key) = respelt.hashed
),

spare as (
    select members.provider_id
    from {{ source('sync', 'extract_members') }} as members
    inner join doubtful on members.email = doubtful.address
    qualify row_number() over (
        partition by doubtful.email_key
        order by members.status = 'archived', members.status = 'subscribed' desc, members.provider_id
    ) > 1
)

select
    coalesce(addresses.other_key, members.email) as email_key,
    members.email,
    members.provider_id,
    members.status,
    hash(members.fields) as fields_hash,
    list_sort(from_json(members.tags, '["VARCHAR"]')) as tags,
    list_sort(from_json(members.groups, '["VARCHAR"]')) as groups,
    nullif(members.opt_out_reason, '') as opt_out_reason,
    try_cast(members.joined_at as timestamp) as joined_at,
    try_cast(members.changed_at as timestamp) as changed_at,
from {{ source('sync', 'extract_members') }} as members
inner join addresses on members.email = addresses.address
anti join spare using (provider_id)
