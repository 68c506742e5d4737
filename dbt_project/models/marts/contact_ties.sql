{{ config(materialized='ephemeral') }}
-- Which CRM record an address of an audience stood for, and from when until when. What came before the first word of
-- the ledger on an address is the first record's, what comes after the last one is the last record's: of each address
-- one row holds at any moment. Where several syncs claim it, the one that manages it at that moment, else the last.
with told as (
    select
        sync, connection, audience_id, email_key, old_email_key, entity, contact_key, op, run_id, seq,
        {{ to_the_second('pushes.happened_at') }} as happened_at,
        pushes.happened_at as exactly,
    from {{ source('ledger', 'pushes') }} as pushes
    where contact_key is not null and (outcome in ('applied', 'sending') or (outcome = 'failed' and op <> 'add'))
),

-- A rename is two events: the new address begins to stand for the record, and the old one ends.
events as (
    select
        * exclude (old_email_key),
        op not in ('unsubscribe', 'archive', 'delete') as is_here,
    from told
    union all by name
    select
        * exclude (old_email_key) replace (old_email_key as email_key),
        false as is_here,
    from told where op = 'rename' and old_email_key is not null
),

steps as (
    select * from events
    qualify row_number() over (
        partition by sync, connection, audience_id, email_key, happened_at
        order by exactly desc, run_id desc, seq desc
    ) = 1
),

changes as (
    select * from steps
    qualify (entity, contact_key, is_here) is distinct from lag((entity, contact_key, is_here)) over (
        partition by sync, connection, audience_id, email_key order by happened_at
    )
),

-- At each change of one sync, the last change of every sync.
standing as (
    select
        changes.connection,
        changes.audience_id,
        changes.email_key,
        changes.happened_at as since,
        others.sync,
        others.entity,
        others.contact_key,
        others.is_here,
        others.happened_at as known_since,
    from changes
    inner join changes as others
        on changes.connection = others.connection
        and changes.audience_id = others.audience_id
        and changes.email_key = others.email_key
        and others.happened_at <= changes.happened_at
    qualify row_number() over (
        partition by changes.connection, changes.audience_id, changes.email_key, changes.happened_at, others.sync
        order by others.happened_at desc
    ) = 1
),

chosen as (
    select * from standing
    qualify row_number() over (
        partition by connection, audience_id, email_key, since order by is_here desc, known_since desc, sync
    ) = 1
)

select
    connection,
    audience_id,
    email_key,
    entity,
    contact_key,
    case
        when lag(since) over same_address is null then timestamp '-infinity' else since
    end as since,
    coalesce(lead(since) over same_address, timestamp 'infinity') as until,
from chosen
window same_address as (partition by connection, audience_id, email_key order by since)
