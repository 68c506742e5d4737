"""What the provider refuses: the last word on each change that it did not take.

Belongs here: that query. Does not: holding such rows back (dbt's plan_changes), showing them (cli, reports).
"""

from typing import Any

import duckdb

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


def refused(connection: duckdb.DuckDBPyConnection, sync: str | None = None) -> list[dict[str, Any]]:
    """Changes whose last outcome is refused or failed, newest first, with the provider's words and the remedy.

    `since` is when it began, `times` how often it was sent since; `tried_again` says when it will be sent again.
    """
    return rows(connection, FAILURES, {"sync": sync})
