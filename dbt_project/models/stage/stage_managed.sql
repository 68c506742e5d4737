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
    -- Who never had a record is a stranger, also while nobody knows whether what was sent has arrived.
    left_at is null and contact_key is not null as is_managed,
from source
