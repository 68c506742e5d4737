"""What the provider and the CRM refuse: the last word on each change that they did not take.

Belongs here: these queries. Does not: holding such rows back (dbt's plan_changes, write_back/draft.sql), showing
them (cli, reports).
"""

from typing import Any

import duckdb

from pipelines.config import Home
from pipelines.sync.crm_story import rows_without_secrets
from pipelines.warehouse import rows

FAILURES = """
with sent as (
    select *, outcome in ('refused', 'failed') or coalesce(code = 'not_kept', false) as is_failure
    from ledger.pushes where sync = coalesce($sync, sync) and outcome not in ('left', 'sending')
),
taken as (
    select sync, email_key, op, max(happened_at) as last_taken_at from sent where not is_failure group by all
),
first as (
    select sent.sync, sent.email_key, sent.op, min(sent.happened_at) as since, count(*) as times
    from sent left join taken using (sync, email_key, op)
    where is_failure and sent.happened_at > coalesce(last_taken_at, timestamp '1970-01-01')
    group by all
),
last as (
    select * from sent
    qualify row_number() over (partition by sync, email_key, op order by happened_at desc, seq desc) = 1
),
planned as (
    select sync, max(created_at) as last_planned_at from plan.plans group by sync
)
select
    last.sync, last.entity, last.contact_key, last.owner, last.email, last.op, outcome, code, last.detail, remedy,
    can_retry, since, happened_at, times, run_id,
    case
        when outcome = 'failed' or can_retry then 'at the next run'
        when holds.email_key is not null or last_planned_at is null or last_planned_at < happened_at
            then 'when the record changes'
        else 'no, it is not planned any more'
    end as tried_again,
from last
inner join first using (sync, email_key, op)
left join planned using (sync)
left join (select distinct sync, email_key from plan.holds where reason = 'refused_before') as holds
    using (sync, email_key)
where is_failure
order by happened_at desc, last.sync, last.entity, last.contact_key, op
"""
# What people asked for by hand (an edit, an event) is sent again when they ask again.
CRM_FAILURES = """
with sent as (
    select *, outcome in ('refused', 'failed') as is_failure
    from ledger.write_backs where sync = coalesce($sync, sync) and outcome <> 'sending'
),
taken as (
    select sync, entity, contact_key, op, field, max(happened_at) as last_taken_at
    from sent where not is_failure group by all
),
first as (
    select
        sent.sync, sent.entity, sent.contact_key, sent.op, sent.field, min(sent.happened_at) as since,
        count(*) as times
    from sent left join taken using (sync, entity, contact_key, op, field)
    where is_failure and sent.happened_at > coalesce(last_taken_at, timestamp '1970-01-01')
    group by all
),
last as (
    select * from sent
    qualify row_number() over (
        partition by sync, entity, contact_key, op, field order by happened_at desc, run_id desc, seq desc
    ) = 1
),
planned as (
    select sync, max(created_at) as last_planned_at from plan.write_backs where kind = 'write_back' group by sync
)
select
    last.sync, last.kind, last.entity, last.contact_key, last.owner, last.email_key as email, last.op, last.field,
    last.before, last.after, outcome, last.code, last.detail, last.remedy, can_retry, since, happened_at, times, run_id,
    last.plan_id,
    case
        when last.kind in ('edit', 'event') then 'when you ask again'
        when outcome = 'failed' or can_retry then 'at the next run'
        when holds.contact_key is not null or last_planned_at is null or last_planned_at <= happened_at
            then 'when the record changes'
        else 'no, it is not asked for any more'
    end as tried_again,
from last
inner join first using (sync, entity, contact_key, op, field)
left join planned using (sync)
left join plan.write_back_holds as holds
    on last.sync = holds.sync and last.entity = holds.entity and last.contact_key = holds.contact_key
    and last.op = holds.op and last.field = holds.field and holds.reason = 'refused_before'
where is_failure
order by happened_at desc, last.sync, last.entity, last.contact_key, last.op, last.field
"""


def refused(connection: duckdb.DuckDBPyConnection, sync: str | None = None) -> list[dict[str, Any]]:
    """Changes whose last outcome is refused or failed, newest first, with the provider's words and the remedy.

    `since` is when it began, `times` how often it was sent since; `tried_again` says when it will be sent again.
    """
    return rows(connection, FAILURES, {"sync": sync})


def refused_by_crm(connection: duckdb.DuckDBPyConnection, home: Home, sync: str | None = None) -> list[dict[str, Any]]:
    """The same for fields, notes and events of CRM records, with the CRM's words and the remedy."""
    return rows_without_secrets(home, rows(connection, CRM_FAILURES, {"sync": sync}))
