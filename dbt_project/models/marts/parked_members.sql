{{ config(materialized='ephemeral') }}
-- Who was parked in a group such as `esclusi` (F3), and from when until when, as the ledger has it: whoever left was
-- moved there, and is parked until the group no longer is among theirs.
with pushes as (
    select
        sync, connection, audience_id, email_key, {{ to_the_second('pushes.happened_at') }} as happened_at, run_id, seq,
        pushes.happened_at as exactly,
        from_json(json_extract(after, '$.groups'), '["VARCHAR"]') as groups,
        op = 'join' and (reason in ('no_match', 'deleted_in_crm') or starts_with(reason, 'excluded:')) as is_parking,
        op in ('unsubscribe', 'archive', 'delete') as is_out,
    from {{ source('ledger', 'pushes') }} as pushes
    where outcome in ('applied', 'sending') and op in ('join', 'leave', 'unsubscribe', 'archive', 'delete')
),

parking_groups as (
    select sync, list_distinct(flatten(list(groups))) as names from pushes where is_parking group by all
),

states as (
    select
        pushes.*,
        not is_out and list_has_any(coalesce(pushes.groups, []), parking_groups.names) as is_parked,
    from pushes
    inner join parking_groups using (sync)
    qualify row_number() over (
        partition by connection, audience_id, email_key, happened_at order by exactly desc, run_id desc, seq desc
    ) = 1
),

changes as (
    select * from states
    qualify is_parked is distinct from lag(is_parked) over (
        partition by connection, audience_id, email_key order by happened_at
    )
)

select
    connection,
    audience_id,
    email_key,
    happened_at as since,
    coalesce(
        lead(happened_at) over (partition by connection, audience_id, email_key order by happened_at),
        timestamp 'infinity'
    ) as until,
    is_parked,
from changes
qualify is_parked
