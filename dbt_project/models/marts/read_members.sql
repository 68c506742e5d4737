{{ config(materialized='ephemeral') }}
-- The audience of each sync as last read, which the statistics do too: the stage has it as the last plan saw it.
-- Two members may have one address.
with members as (
    {{ across_syncs('extract_members', {
        'provider_id': 'varchar', 'email': 'varchar', 'status': 'varchar', 'tags': 'varchar', 'groups': 'varchar',
        'joined_at': 'varchar', 'changed_at': 'varchar',
    }) }}
),

-- Nearly every address is its own key, so that only the others are joined.
other_keys as (
    select address, email_key
    from ({{ where_there(source('quality', 'addresses'), {'address': 'varchar', 'email_key': 'varchar'}) }})
    where email_key <> address
)

select
    members.sync,
    members.provider_id,
    coalesce(other_keys.email_key, members.email) as email_key,
    members.email,
    members.status,
    list_sort(from_json(members.tags, '["VARCHAR"]')) as tags,
    list_sort(from_json(members.groups, '["VARCHAR"]')) as groups,
    try_cast(members.joined_at as timestamp) as joined_at,
    try_cast(members.changed_at as timestamp) as changed_at,
from members
left join other_keys on members.email = other_keys.address
where members.email is not null
