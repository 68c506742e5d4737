{{ config(materialized='ephemeral') }}
-- Until when we know each audience. Of several syncs on one audience the latest counts: each reads all of it.
with settings as (
    {{ across_syncs('settings', {'connection': 'varchar', 'audience_id': 'varchar', 'planned_at': 'timestamp'}, beside='extract_members') }}
),

latest as (
    select * from settings
    qualify row_number() over (partition by connection, audience_id order by planned_at desc, sync) = 1
),

deleted as (
    select connection, audience_id, last_seen_at from {{ source('extract', 'audiences') }} where state = 'deleted'
),

-- A change that was sent without an answer counts as done, as in ledger.members.
pushed as (
    select connection, audience_id, max(happened_at) as pushed_at
    from {{ source('ledger', 'pushes') }}
    where outcome in ('applied', 'sending')
    group by all
),

observed as (
    select
        connection,
        audience_id,
        latest.sync,
        deleted.audience_id is not null as is_deleted,
        case when deleted.audience_id is null then latest.planned_at else deleted.last_seen_at end as observed_at,
    from latest
    full outer join deleted using (connection, audience_id)
)

select
    observed.connection,
    observed.audience_id,
    observed.sync,
    observed.is_deleted,
    observed.observed_at,
    case
        when observed.is_deleted then observed.observed_at
        else greatest(observed.observed_at, pushed.pushed_at)
    end as known_until,
from observed
left join pushed using (connection, audience_id)
