"""Stored plans: what they hold, how they are found, what became of them.

Belongs here: reading plan.plans and plan.changes, and changing a plan's status. Does not: making one (freeze.py),
sending one (push.py).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

import duckdb

from pipelines import clock
from pipelines.config.problems import nearest
from pipelines.errors import ConfigError
from pipelines.providers.base import Change, Op
from pipelines.sync.safety import Broken, lifted, unaccepted
from pipelines.warehouse import rows

Status = Literal["pending", "applying", "applied", "partly_applied", "superseded", "refused", "expired"]

CHECKSUM = (
    "select md5(coalesce(string_agg(md5(changes::text), '' order by seq), '')) from plan.changes where plan_id = ?"
)
EXCLUDED = "excluded:"
REASONS = (
    *("new", "returned", "changed", "address_changed", "no_match", f"{EXCLUDED}NAME", "deleted_in_crm"),
    *("opt_out_in_crm", "unmanaged", "purge_due", "undo"),
    *("opted_out", "complained", "blocked", "erased", "bounced"),  # unsubscribed because of what another audience knows
)


@dataclass(frozen=True)
class Plan:
    """A frozen plan: its row in plan.plans, with the JSON columns read.

    `creates` are the merge fields and groups that the push makes first: {what, name, category}; `groups` those that
    members join or leave, with how many they had when it was made: {group, members, joining, leaving}; `standing` is
    who was in the audience then, as plan_standing counts them: {status, standing, members}.
    """

    plan_id: str
    sync: str
    created_at: datetime
    extracted_at: datetime
    config_hash: str
    fields_hash: str
    checksum: str
    connection: str
    account_id: str
    audience_id: str
    counts: tuple[Mapping[str, Any], ...]
    hold_counts: tuple[Mapping[str, Any], ...]
    managed_count: int
    wanted_count: int
    stranger_count: int
    parked_count: int
    groups: tuple[Mapping[str, Any], ...]
    standing: tuple[Mapping[str, Any], ...]
    source_rows: Mapping[str, int]
    creates: tuple[Mapping[str, str], ...]
    calls: int
    seconds: float
    safe: bool
    broken_rules: tuple[Broken, ...]
    accepted: tuple[Mapping[str, str], ...]
    status: Status

    @property
    def size(self) -> int:
        """How many changes it holds."""
        return sum(int(count["count"]) for count in self.counts)

    @property
    def is_undo(self) -> bool:
        """Whether it takes a run back instead of following the CRM."""
        return bool(self.counts) and all(count["reason"] == "undo" for count in self.counts)

    @property
    def stopped_by(self) -> tuple[Broken, ...]:
        """The rules that it breaks and that nobody accepted."""
        return unaccepted(self.broken_rules, (acceptance["rule"] for acceptance in self.accepted))


def get(connection: duckdb.DuckDBPyConnection, plan_id: str) -> Plan:
    """The plan with this id; `ConfigError` with the nearest one when there is none."""
    found = rows(connection, "select * from plan.plans where plan_id = ?", [plan_id])
    if not found:
        known = [
            str(row["plan_id"]) for row in rows(connection, "select plan_id from plan.plans order by created_at desc")
        ]
        close = nearest(plan_id, known)
        raise ConfigError(
            "there is no such plan.",
            where=plan_id,
            do=f"Did you mean {close}?" if close else "`enlist plans` lists those there are.",
        )
    return _plan(found[0])


def latest(connection: duckdb.DuckDBPyConnection, sync: str) -> Plan | None:
    """The newest plan of the sync, whatever became of it."""
    found = rows(
        connection, "select * from plan.plans where sync = ? order by created_at desc, rowid desc limit 1", [sync]
    )
    return _plan(found[0]) if found else None


def listed(connection: duckdb.DuckDBPyConnection, sync: str | None = None) -> list[Plan]:
    """All plans, newest first."""
    query = "select * from plan.plans where sync = coalesce(?, sync) order by created_at desc, rowid desc"
    return [_plan(row) for row in rows(connection, query, [sync])]


def checksum(connection: duckdb.DuckDBPyConnection, plan_id: str) -> str:
    """Md5 over every column of every row of the plan, in order."""
    return str(connection.execute(CHECKSUM, [plan_id]).fetchall()[0][0])


def set_status(connection: duckdb.DuckDBPyConnection, plan_id: str, status: Status) -> None:
    """Say what became of a plan."""
    connection.execute(
        "update plan.plans set status = ?, status_at = ? where plan_id = ?", [status, clock.naive(clock.now()), plan_id]
    )


def accept(connection: duckdb.DuckDBPyConnection, plan: Plan, rules: Sequence[str], by: str) -> Plan:
    """Record who lifted which rules for this one plan."""
    accepted = lifted(plan.accepted, rules, by, clock.text(clock.now()))
    connection.execute("update plan.plans set accepted = ? where plan_id = ?", [json.dumps(accepted), plan.plan_id])
    return get(connection, plan.plan_id)


def changes(
    connection: duckdb.DuckDBPyConnection, plan_id: str, *, op: str | None = None, reason: str | None = None
) -> list[dict[str, Any]]:
    """The plan's rows in the order in which they are pushed, `before` and `after` as JSON text.

    Raises `ConfigError` for an op or a reason that no plan can have.
    """
    if op is not None:
        _check_word("--op", op, get_args(Op))
    if reason is not None and not reason.startswith(EXCLUDED):
        _check_word("--reason", reason, REASONS)
    return rows(
        connection,
        """
        select * from plan.changes
        where plan_id = ? and op = coalesce(?, op) and reason = coalesce(?, reason)
        order by seq
        """,
        [plan_id, op, reason],
    )


def _check_word(option: str, word: str, known: Sequence[str]) -> None:
    if word not in known:
        close = nearest(word, known)
        do = f"Did you mean {close}? " if close else ""
        raise ConfigError(f"no change has {word!r}.", where=option, do=f"{do}Possible are: {', '.join(known)}.")


def runs_of(connection: duckdb.DuckDBPyConnection, plan_ids: Sequence[str]) -> dict[str, list[str]]:
    """The runs that sent something of each plan, the newest first."""
    found: dict[str, list[str]] = {}
    query = "select plan_id, run_id from ledger.runs where list_contains(?, plan_id) order by started_at desc"
    for row in rows(connection, query, [list(plan_ids)]):
        found.setdefault(str(row["plan_id"]), []).append(str(row["run_id"]))
    return found


def by_op(planned: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """The rows grouped by op, keeping their order."""
    group: list[Mapping[str, Any]] = []
    for row in planned:
        if group and group[-1]["op"] != row["op"]:
            yield str(group[-1]["op"]), group
            group = []
        group.append(row)
    if group:
        yield str(group[-1]["op"]), group


def as_change(row: Mapping[str, Any]) -> Change:
    """A row of plan.changes as a provider takes it."""
    return Change(
        change_id=row["change_id"],
        op=row["op"],
        email=row["email"],
        email_key=row["email_key"],
        provider_id=row["provider_id"],
        before=json.loads(row["before"]) if row["before"] else None,
        after=json.loads(row["after"]),
    )


def _plan(row: Mapping[str, Any]) -> Plan:
    values: dict[str, Any] = {name: row[name] for name in Plan.__dataclass_fields__}
    for name in ("counts", "hold_counts", "accepted", "creates", "groups", "standing"):
        values[name] = tuple(json.loads(row[name] or "[]"))
    values["source_rows"] = json.loads(row["source_rows"])
    values["broken_rules"] = tuple(Broken(**rule) for rule in json.loads(row["broken_rules"]))
    return Plan(**values)
