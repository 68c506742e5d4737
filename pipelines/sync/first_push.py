"""How much of a sync's first push is still to do: a person accepted it, so the schedule may go on with it.

Belongs here: that number, from the journals. Does not: the rule (safety.py), accepting (plans.py).

A canary is no push of the sync. A first push that broke off, was killed or left rows out is: whoever accepted
`first_run` meant all of it, and what it left would break `max_adds` in the very next plan.
"""

import duckdb

# Of a killed push nobody wrote down what was left: whatever has no answer is.
LEFT = """
with whole as (
    select
        runs.run_id,
        runs.started_at,
        coalesce(any_value(runs.planned), 0) - count(*) filter (
            pushes.outcome in ('applied', 'refused') or pushes.code = 'member_not_taken'
        ) as unfinished,
    from ledger.runs as runs
    left join ledger.pushes as pushes on runs.run_id = pushes.run_id
    where runs.sync = ? and not coalesce(runs.is_part, false)
    group by runs.run_id, runs.started_at
)
select case when bool_and(unfinished > 0) then arg_max(unfinished, (started_at, run_id)) end from whole
"""


def left(connection: duckdb.DuckDBPyConnection, sync: str) -> int:
    """How many changes the sync's pushes left so far, 0 as soon as one of them, canaries apart, did all it had to."""
    return int(connection.execute(LEFT, [sync]).fetchall()[0][0] or 0)
