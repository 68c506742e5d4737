{{ config(materialized='view') }}

with source as (
    select members.*, {{ unpacked('members.sent') }} as told
    from {{ source('ledger', 'members') }} as members
    inner join {{ source('sync', 'settings') }} as settings using (sync, connection, audience_id)
)

select
    email_key,
    entity,
    contact_key,
    provider_id,
    sent,
    kept,
    coalesce(told.tags, []) as sent_tags,
    coalesce(told.groups, []) as sent_groups,
    left_by,
    left_at,
    purge_after,
    left_at is null as is_managed,
from source
