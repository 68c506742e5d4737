{{ config(materialized='ephemeral') }}
-- Which CRM record stands today for one that an address stood for once: itself while a sync manages it, else the one
-- that has its last address now, because the CRM merged or converted the record; else itself, the last that is known.
with ties as (
    select * from {{ ref('contact_ties') }}
),

managed as (
    select connection, audience_id, email_key, entity, contact_key
    from {{ ref('member_contacts') }}
    where is_managed and contact_key is not null
),

last_addresses as (
    select connection, audience_id, entity, contact_key, email_key from ties
    qualify row_number() over (partition by connection, audience_id, entity, contact_key order by since desc, email_key) = 1
)

select
    last_addresses.connection,
    last_addresses.audience_id,
    last_addresses.entity,
    last_addresses.contact_key,
    managed.entity as current_entity,
    managed.contact_key as current_contact_key,
from last_addresses
inner join managed using (connection, audience_id, email_key)
where
    (managed.entity, managed.contact_key) is distinct from (last_addresses.entity, last_addresses.contact_key)
    and not exists (
        from managed as still
        where
            still.connection = last_addresses.connection
            and still.audience_id = last_addresses.audience_id
            and still.entity = last_addresses.entity
            and still.contact_key = last_addresses.contact_key
    )
