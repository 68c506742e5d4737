{{ config(materialized='ephemeral') }}
-- The CRM record behind each address of an audience. Where several syncs claim it, the one that manages it now, else
-- the last that did. An address that was renamed away still names its record, so that old sends stay with the person.
select
    connection,
    audience_id,
    email_key,
    entity,
    contact_key,
    left_at is null as is_managed,
    left_by,
    joined_at,
    left_at,
from {{ source('ledger', 'members') }}
qualify row_number() over (
    partition by connection, audience_id, email_key
    order by left_at is null desc, coalesce(left_at, joined_at) desc, sync
) = 1
