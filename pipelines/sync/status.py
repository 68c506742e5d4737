"""What a sync is at: its newest plans, who runs, who waits, whom a campaign reached that it should not have.

Belongs here: reading that from the tables, the locks and the schedule. Does not: words for people (cli/looking.py).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from pipelines import clock, locks
from pipelines.config import Home, SyncConfig
from pipelines.config.cron import next_time
from pipelines.ledger import load
from pipelines.sync import plans
from pipelines.sync.failures import refused
from pipelines.sync.plans import Plan
from pipelines.sync.purges import waiting
from pipelines.sync.stale import as_of_now
from pipelines.warehouse import has_table, rows
from pipelines.write_back import plans as crm_plans
from pipelines.write_back.drafting import waiting_by_hand
from pipelines.write_back.plans import CrmPlan

FIGURES = """
select
    (select max(coalesce(ended_at, started_at)) from ledger.runs where sync = $sync) as last_push_at,
    (select arg_max(run_id, started_at) from ledger.runs where sync = $sync) as last_run_id,
    (select count(*) from ledger.members where sync = $sync and left_at is null) as managed,
    (select count(*) from plan.holds where sync = $sync) as held,
"""

# The newest recent campaign that people got who are parked and no longer wanted (Z10).
REACHED = """
select name, sent_at, parked_sent_count
from marts.campaigns
semi join (select distinct connection, audience_id from plan.plans where sync = $sync) using (connection, audience_id)
where parked_sent_count > 0 and sent_at > $since
order by sent_at desc limit 1
"""
RECENT = timedelta(days=30)


@dataclass(frozen=True)
class Status:
    """Where a sync stands. `figures` are last_push_at, last_run_id, managed and held; times are UTC."""

    sync: str
    state: str
    figures: dict[str, Any]
    next_run_at: datetime | None
    failures: int
    purges: tuple[datetime, ...]
    reached_parked: dict[str, Any] | None
    plan: Plan | None
    crm_plan: CrmPlan | None
    to_enter: int


def status(home: Home, sync: SyncConfig) -> Status:
    """What a sync is at now; the ledger is loaded first."""
    is_running = locks.is_running(home.locks, sync.sync)
    with load.opened(home) as connection:
        stored = plans.latest(connection, sync.sync)
        made = as_of_now(stored) if stored else None
        for_crm = crm_plans.latest(connection, sync.sync)
        return Status(
            sync=sync.sync,
            state=_state(sync, made, is_running=is_running),
            figures=rows(connection, FIGURES, {"sync": sync.sync})[0],
            next_run_at=_next_run(sync),
            failures=len(refused(connection, sync.sync)),
            purges=tuple(waiting(connection, sync).values()),
            reached_parked=_reached(connection, sync),
            plan=made,
            crm_plan=for_crm,
            to_enter=waiting_by_hand(connection, home, sync) if for_crm and for_crm.to_hand_out else 0,
        )


def _state(sync: SyncConfig, made: Plan | None, *, is_running: bool) -> str:
    if is_running:
        return "running"
    if not sync.enabled:
        return "switched off"
    return made.status if made else "never planned"


def _next_run(sync: SyncConfig) -> datetime | None:
    cron = sync.schedule.members
    return next_time(cron, sync.schedule.timezone, clock.now()).astimezone(UTC) if cron and sync.enabled else None


def _reached(connection: duckdb.DuckDBPyConnection, sync: SyncConfig) -> dict[str, Any] | None:
    """The newest recent campaign that reached parked people; None where nobody is parked, or nothing was measured."""
    if sync.on_exit.do != "move_to" or not has_table(connection, "marts", "campaigns"):
        return None
    found = rows(connection, REACHED, {"sync": sync.sync, "since": clock.naive(clock.now() - RECENT)})
    return found[0] if found else None
