with source as (
    select members.* from {{ source('ledger', 'members') }} as members
    inner join {{ source('sync', 'settings') }} as settings using (sync, connection, audience_id)
)

select
    email_key,
    entity,
    contact_key,
    provider_id,
    cast(json_extract(sent, '$.fields') as varchar) as sent_fields,
    cast(json_extract(kept, '$.fields') as varchar) as kept_fields,
    coalesce(from_json(json_extract(sent, '$.tags'), '["VARCHAR"]'), []) as sent_tags,
    coalesce(from_json(json_extract(sent, '$.groups'), '["VARCHAR"]'), []) as sent_groups,
    left_by,
    left_at,
    purge_after,
    left_at is null as is_managed,
from source
