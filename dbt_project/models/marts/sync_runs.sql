-- What each push run set out to do and what came of it.
with pushes as (
    select
        run_id,
        count(*) filter (outcome = 'applied') as applied,
        count(*) filter (outcome = 'refused') as refused,
        count(*) filter (outcome = 'failed') as failed,
        count(*) filter (outcome = 'left') as left_count,
        count(*) filter (outcome = 'sending') as unanswered,
    from {{ source('ledger', 'pushes') }}
    group by all
),

unblocked as (
    select plan_id, count(distinct (entity, contact_key, email_key)) as unblocked
    from {{ source('plan', 'released') }}
    where became in ('planned', 'settled')
    group by all
)

select
    runs.run_id,
    runs.sync,
    runs.connection,
    runs.audience_id,
    runs.plan_id,
    runs.started_at,
    date_diff('millisecond', runs.started_at, runs.ended_at) / 1000 as seconds,
    runs.planned,
    coalesce(pushes.applied, 0) as applied,
    coalesce(pushes.refused, 0) as refused,
    coalesce(pushes.failed, 0) as failed,
    coalesce(runs.left_count, pushes.left_count, 0) as left_count,
    coalesce(pushes.unanswered, 0) as unanswered,
    runs.calls,
    coalesce(unblocked.unblocked, 0) as unblocked,
from {{ source('ledger', 'runs') }} as runs
left join pushes using (run_id)
left join unblocked using (plan_id)
