-- Who was parked in a group such as `esclusi` (F3), and from when until when. The ledger tells whom we moved there and
-- back; each reading of the audience tells who really is there, whoever put them there, from that reading on. What
-- earlier readings saw is kept.
{% set columns = {
    'connection': 'varchar', 'audience_id': 'varchar', 'email_key': 'varchar', 'since': 'timestamp',
    'until': 'timestamp',
} -%}
with before as (
    {{ rows_before(columns) }}
),

pushes as (
    select
        connection, audience_id, email_key, {{ to_the_second('pushes.happened_at') }} as happened_at, run_id, seq,
        pushes.happened_at as exactly,
        from_json(json_extract(after, '$.groups'), '["VARCHAR"]') as groups,
        op = 'join' and (reason in ('no_match', 'deleted_in_crm') or starts_with(reason, 'excluded:')) as is_parking,
        op in ('unsubscribe', 'archive', 'delete') as is_out,
    from {{ source('ledger', 'pushes') }} as pushes
    where outcome in ('applied', 'sending') and op in ('join', 'leave', 'unsubscribe', 'archive', 'delete')
),

settings as (
    {{ across_syncs('settings', {'connection': 'varchar', 'audience_id': 'varchar'}) }}
),

-- The groups that the syncs' own files name.
named as (
    select cast(null as varchar) as sync, cast(null as varchar) as name where false
    {% for sync, name in var('parking', {}).items() -%}
    union all
    select {{ text(sync) }} as sync, {{ text(name) }} as name
    {% endfor %}
),

named_groups as (
    select settings.connection, settings.audience_id, list(distinct named.name) as names
    from named
    inner join settings using (sync)
    group by all
),

-- Of a sync whose file is gone the ledger shows where it moved those who left.
parking_groups as (
    select * from named_groups
    union all
    select connection, audience_id, list_distinct(flatten(list(groups))) as names
    from pushes
    anti join named_groups using (connection, audience_id)
    where is_parking
    group by all
),

known as (
    select
        pushes.connection, pushes.audience_id, pushes.email_key, pushes.happened_at, 'push' as told_by,
        not is_out and (is_parking or list_has_any(coalesce(pushes.groups, []), parking_groups.names)) as is_parked,
        pushes.exactly, pushes.run_id, pushes.seq,
    from pushes
    inner join parking_groups using (connection, audience_id)
    union all by name
    select connection, audience_id, email_key, since as happened_at, 'before' as told_by, true as is_parked from before
    union all by name
    select connection, audience_id, email_key, until as happened_at, 'before' as told_by, false as is_parked
    from before where until is not null
),

audiences as (
    select
        observed.connection, observed.audience_id, observed.sync, parking_groups.names,
        {{ to_the_second('observed.observed_at') }} as happened_at,
    from {{ ref('observed_audiences') }} as observed
    inner join parking_groups using (connection, audience_id)
    where not observed.is_deleted and observed.sync is not null
),

-- As the plan counts them: whoever can't get mailings is in no danger.
seen as (
    select distinct audiences.connection, audiences.audience_id, members.email_key, audiences.happened_at
    from {{ ref('read_members') }} as members
    inner join audiences using (sync)
    where members.status = 'subscribed' and list_has_any(members.groups, audiences.names)
),

not_seen as (
    select distinct known.connection, known.audience_id, known.email_key, audiences.happened_at
    from known
    inner join audiences using (connection, audience_id)
    anti join seen using (connection, audience_id, email_key)
),

told as (
    select * from known
    union all by name
    select *, 'reading' as told_by, true as is_parked from seen
    union all by name
    select *, 'reading' as told_by, false as is_parked from not_seen
),

states as (
    select * from told
    qualify row_number() over (
        partition by connection, audience_id, email_key, happened_at
        order by list_position(['push', 'reading', 'before'], told_by), exactly desc, run_id desc, seq desc
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
    lead(happened_at) over (partition by connection, audience_id, email_key order by happened_at) as until,
from changes
qualify is_parked
