"""A draft becomes a plan: copied under an id with a checksum and a verdict, in one transaction.

Belongs here: freezing, counting. Does not: the diff (dbt's plan models), the rules (safety.py), who is held back
(holding.py), what the push will take (predicting.py), sending (push.py).
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import duckdb

from pipelines import clock
from pipelines.config import Home, SyncConfig
from pipelines.providers.base import Traits
from pipelines.quality import history
from pipelines.sync import creating, filling, first_push, holding, plans, predicting, safety, stale
from pipelines.warehouse import rows

# A row that the provider refused for good is held, not planned; see plan_holds.
DRAFT = "sync_{sync}.plan_changes where refused_code is null"
LAST_RUN = """
    select *, (select bool_and(is_part) from ledger.runs as parts where parts.sync = runs.sync) as only_parts
    from ledger.runs where sync = ? order by started_at desc limit 1
"""
STANDING = """
    select standing, status, members from sync_{sync}.plan_standing
    order by list_position(['ours', 'adopted', 'held', 'not_wanted', 'not_in_crm'], standing), status
"""
REMOVALS = """
    (op in ('unsubscribe', 'archive') and reason <> 'purge_due')
    or (op in ('leave', 'join') and reason not in ('new', 'returned', 'changed', 'undo') and old_email_key is null)
"""


def freeze(connection: duckdb.DuckDBPyConnection, home: Home, sync: SyncConfig, traits: Traits) -> plans.Plan:
    """Freeze the draft of the sync as a pending plan and return it; older pending plans are superseded.

    To be called inside a transaction, after dbt built stage to plan.
    """
    history.note_endings(connection, sync.sync)
    holding.renew_holds(connection, sync.sync)
    holding.renew_bad_emails(connection, sync)
    holds = _grouped(connection, "reason", "plan.holds where sync = ?", [sync.sync])
    plan = freeze_rows(connection, home, sync, traits, DRAFT.format(sync=sync.sync), holds)
    history.record(connection, sync, plan.plan_id, plan.created_at)
    return plan


def freeze_rows(
    connection: duckdb.DuckDBPyConnection,
    home: Home,
    sync: SyncConfig,
    traits: Traits,
    draft: str,
    holds: Sequence[Mapping[str, object]] = (),
) -> plans.Plan:
    """Freeze the rows of any relation that is shaped like plan_changes, judged as every plan is; see `freeze`."""
    plan_id = f"{sync.sync}-{clock.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    settings = rows(connection, f"select * from sync_{sync.sync}.settings")[0]
    _copy_changes(connection, sync.sync, plan_id, draft)
    creates = creating.missing(connection, home, sync, plan_id)
    counts = _counts(connection, sync.sync, plan_id)
    facts = _facts(connection, home, sync)
    broken = safety.judge(counts, facts, sync.safety)
    calls = predicting.calls_needed(connection, sync.sync, plan_id, traits)
    _supersede(connection, sync.sync)
    counts_of_ops = _grouped(connection, "op, reason", "plan.changes where plan_id = ?", [plan_id])
    record: dict[str, Any] = {
        "plan_id": plan_id,
        "sync": sync.sync,
        "created_at": clock.naive(clock.now()),
        "config_hash": sync.config_hash(home.connections),
        "fields_hash": stale.fields_hash(connection, sync),
        "checksum": plans.checksum(connection, plan_id),
        "connection": settings["connection"],
        "account_id": settings["account_id"],
        "audience_id": settings["audience_id"],
        "extracted_at": settings["extracted_at"],
        "counts": json.dumps(counts_of_ops),
        "hold_counts": json.dumps(list(holds)),
        "managed_count": counts.managed,
        "wanted_count": counts.wanted,
        "stranger_count": _strangers(connection, sync.sync),
        "parked_count": _parked(connection, sync.sync),
        "groups": json.dumps(filling.groups(connection, sync.sync, plan_id)),
        "standing": json.dumps(rows(connection, STANDING.format(sync=sync.sync))),
        "source_rows": json.dumps(dict(facts.rows)),
        "creates": json.dumps(creates),
        "calls": calls + len(creates),
        "seconds": calls * predicting.seconds_per_call(home, sync, traits),
        "safe": not broken,
        "broken_rules": json.dumps([asdict(rule) for rule in broken]),
        "accepted": "[]",
        "status": "pending" if counts_of_ops else "applied",
        "status_at": clock.naive(clock.now()),
    }
    columns, marks = ", ".join(record), ", ".join("?" for _ in record)
    connection.execute(f"insert into plan.plans ({columns}) values ({marks})", list(record.values()))
    return plans.get(connection, plan_id)


def _supersede(connection: duckdb.DuckDBPyConnection, sync: str) -> None:
    """Nothing older is pushed any more."""
    connection.execute(
        """
        update plan.plans set status = 'superseded', status_at = ?
        where sync = ? and status in ('pending', 'refused', 'applying', 'partly_applied')
        """,
        [clock.naive(clock.now()), sync],
    )


def _copy_changes(connection: duckdb.DuckDBPyConnection, sync: str, plan_id: str, draft: str) -> None:
    connection.execute(
        f"""
        insert into plan.changes by name
        select
            $plan_id as plan_id,
            $sync as sync,
            row_number() over (order by step, email_key) as seq,
            $plan_id || ':' || seq as change_id,
            op, reason, email, email_key, old_email_key, contact_key, entity, owner, provider_id, before, after,
        from {draft}
        """,
        {"plan_id": plan_id, "sync": sync},
    )


def _counts(connection: duckdb.DuckDBPyConnection, sync: str, plan_id: str) -> safety.Counts:
    touched = rows(
        connection,
        f"""
        with members as (
            select
                email_key,
                bool_or({REMOVALS}) as is_removal,
                bool_or(op = 'add') as is_add,
                bool_or(op = 'archive' and reason = 'purge_due') as is_purge,
            from plan.changes where plan_id = ?
            group by email_key
        )
        select
            count(*) filter (is_removal) as removals,
            count(*) filter (is_add and not is_removal) as adds,
            count(*) filter (not is_add and not is_removal and not is_purge) as updates,
            count(*) filter (is_purge) as purges,
        from members
        """,
        [plan_id],
    )[0]
    sides = rows(
        connection,
        f"""
        select
            (
                select coalesce(sum(members), 0) from sync_{sync}.plan_standing
                where standing = 'ours' and status <> 'archived'
            ) as managed,
            (select count(*) from sync_{sync}.map_wanted) as wanted,
        """,
    )[0]
    return safety.Counts(**{name: int(str(number)) for name, number in (touched | sides).items()})


def _strangers(connection: duckdb.DuckDBPyConnection, sync: str) -> int:
    query = f"select count(*) from sync_{sync}.plan_state where is_present and not is_known and not is_wanted"
    return int(connection.execute(query).fetchall()[0][0])


def _parked(connection: duckdb.DuckDBPyConnection, sync: str) -> int:
    """Members in the group that `on_exit: move_to` names: the provider still has them as subscribed (Z10)."""
    query = f"""
        select count(*) from sync_{sync}.stage_members as members
        cross join sync_{sync}.settings
        where members.status = 'subscribed' and list_contains(members.groups, settings.exit_group)
    """
    return int(connection.execute(query).fetchall()[0][0])


def _facts(connection: duckdb.DuckDBPyConnection, home: Home, sync: SyncConfig) -> safety.Facts:
    last = rows(connection, LAST_RUN, [sync.sync])
    failed = rows(connection, "select sentence from quality.expectations where sync = ? and not passed", [sync.sync])
    last_rows: Mapping[str, int] = json.loads(str(last[0]["source_rows"] or "{}")) if last else {}
    return safety.Facts(
        # A canary is no push of the sync yet: until a whole plan was sent, a person has to look.
        is_first_run=not last or bool(last[0]["only_parts"]),
        first_left=first_push.left(connection, sync.sync),
        rows={source.entity: _row_count(connection, source.relation) for source in sync.sources},
        last_rows=last_rows,
        drift=stale.drift(connection, sync, str(last[0]["fields"] or "{}")) if last else (),
        failed_expectations=tuple(str(row["sentence"]) for row in failed),
    )


def _row_count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    return int(connection.execute(f"select count(*) from {relation}").fetchall()[0][0])


def _grouped(
    connection: duckdb.DuckDBPyConnection, columns: str, relation: str, parameters: list[str]
) -> list[dict[str, object]]:
    query = f"select {columns}, count(*) as count from {relation} group by all order by {columns}"
    return rows(connection, query, parameters)
