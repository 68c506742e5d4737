"""Stored plans of what goes to a CRM: their rows, their fate, who accepted what.

Belongs here: reading, marking and refusing plan.write_backs and plan.write_back_rows. Does not: what is in a plan
(drafting.py), sending it (sending.py), plans of a push (sync/plans.py).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import duckdb

from pipelines import clock
from pipelines.config.problems import nearest
from pipelines.errors import ConfigError, StalePlan
from pipelines.sync.safety import Broken, lifted, unaccepted
from pipelines.warehouse import rows

Kind = Literal["write_back", "edit", "event"]
Way = Literal["write", "hand"]
Status = Literal["pending", "applying", "applied", "partly_applied", "superseded", "refused"]
CHECKSUM = (
    "select md5(coalesce(string_agg(md5(one::text), '' order by seq), '')) "
    "from plan.write_back_rows as one where plan_id = ?"
)


@dataclass(frozen=True)
class CrmPlan:
    """A frozen plan: its row in plan.write_backs, with the JSON columns read.

    `kind` is write_back for what a sync asks for by itself; edit or event for the clickers of a link, and `about` says
    which. `counts` are {op, reason, entity, field, way, count}, `hold_counts` {reason, count}.
    """

    plan_id: str
    sync: str
    kind: Kind
    about: Mapping[str, Any]
    created_at: datetime
    config_hash: str
    checksum: str
    counts: tuple[Mapping[str, Any], ...]
    hold_counts: tuple[Mapping[str, Any], ...]
    safe: bool
    broken_rules: tuple[Broken, ...]
    accepted: tuple[Mapping[str, str], ...]
    status: Status

    @property
    def size(self) -> int:
        """How many rows it has."""
        return sum(int(row["count"]) for row in self.counts)

    @property
    def to_write(self) -> int:
        """How many rows are sent to the CRM."""
        return sum(int(row["count"]) for row in self.counts if row["way"] == "write")

    @property
    def to_hand_out(self) -> int:
        """How many rows a person has to enter, because the CRM can't be written to."""
        return sum(int(row["count"]) for row in self.counts if row["way"] == "hand")

    @property
    def stopped_by(self) -> tuple[Broken, ...]:
        """The broken rules that nobody accepted."""
        return unaccepted(self.broken_rules, (acceptance["rule"] for acceptance in self.accepted))


def get(connection: duckdb.DuckDBPyConnection, plan_id: str) -> CrmPlan:
    """The plan with this id; `ConfigError` with the nearest one when there is none."""
    found = rows(connection, "select * from plan.write_backs where plan_id = ?", [plan_id])
    if not found:
        known = rows(connection, "select plan_id from plan.write_backs order by created_at desc")
        close = nearest(plan_id, [str(row["plan_id"]) for row in known])
        raise ConfigError(
            "there is no such plan for a CRM.",
            where=plan_id,
            do=f"Did you mean {close}?" if close else "`enlist crm plan SYNC` makes one.",
        )
    return _plan(found[0])


def latest(connection: duckdb.DuckDBPyConnection, sync: str) -> CrmPlan | None:
    """The newest plan of what the sync asks for by itself, whatever became of it."""
    query = "select * from plan.write_backs where sync = ? and kind = 'write_back' order by created_at desc, rowid desc"
    found = rows(connection, f"{query} limit 1", [sync])
    return _plan(found[0]) if found else None


def rows_of(connection: duckdb.DuckDBPyConnection, plan_id: str, most: int | None = None) -> list[dict[str, Any]]:
    """The plan's rows in the order in which they are sent, with the last outcome of each (None: not sent yet).

    `most`: only so many of them, the first ones.
    """
    return rows(
        connection,
        """
        select rows.*, last.outcome, last.code, last.detail, last.remedy
        from plan.write_back_rows as rows
        left join (
            select * from ledger.write_backs
            qualify row_number() over (partition by change_id order by happened_at desc, run_id desc, seq desc) = 1
        ) as last on rows.change_id = last.change_id
        where rows.plan_id = ?
        order by rows.seq
        limit ?
        """,
        [plan_id, most],
    )


def holds_of(connection: duckdb.DuckDBPyConnection, sync: str) -> list[dict[str, Any]]:
    """What the sync asks for and is held back, as its last plan found it."""
    query = "select * from plan.write_back_holds where sync = ? order by reason, entity, contact_key, field"
    return rows(connection, query, [sync])


def entered(row: Mapping[str, Any]) -> str:
    """What a row puts into the CRM, as people read it."""
    if row["op"] != "event":
        return str(row["after"])
    event = json.loads(row["after"])
    start = datetime.fromisoformat(event["starts_at"])
    return f"{start:%Y-%m-%d %H:%M} UTC, {event['minutes']} minutes: {event['subject']} {event['text']}".strip()


def checksum(connection: duckdb.DuckDBPyConnection, plan_id: str) -> str:
    """Md5 over every column of every row of the plan, in order."""
    return str(connection.execute(CHECKSUM, [plan_id]).fetchall()[0][0])


def raise_unless_of(plan: CrmPlan, sync: str) -> None:
    """Raise `ConfigError` for a plan of another sync, `StalePlan` for one whose place a newer one took."""
    if plan.sync != sync:
        raise ConfigError(
            f"it is a plan of {plan.sync}, not of {sync}.", where=plan.plan_id, do=f"Name {plan.sync} with it."
        )
    if plan.status == "superseded":
        raise stale(plan, "it is superseded by a newer one")


def stale(plan: CrmPlan, why: str) -> StalePlan:
    """The error for a plan that is not what is asked for any more."""
    command = f"enlist crm plan {plan.sync}" if plan.kind == "write_back" else f"enlist crm {plan.kind} {plan.sync} ..."
    return StalePlan(f"Plan {plan.plan_id} is stale: {why}.", do=f"Make a new one: {command}")


def set_status(connection: duckdb.DuckDBPyConnection, plan_id: str, status: Status) -> None:
    """Say what became of a plan."""
    connection.execute(
        "update plan.write_backs set status = ?, status_at = ? where plan_id = ?",
        [status, clock.naive(clock.now()), plan_id],
    )


def accept(connection: duckdb.DuckDBPyConnection, plan: CrmPlan, rules: Sequence[str], by: str) -> CrmPlan:
    """Record who lifted which rules for this one plan."""
    accepted = lifted(plan.accepted, rules, by, clock.text(clock.now()))
    connection.execute(
        "update plan.write_backs set accepted = ? where plan_id = ?", [json.dumps(accepted), plan.plan_id]
    )
    return get(connection, plan.plan_id)


def _plan(row: Mapping[str, Any]) -> CrmPlan:
    values: dict[str, Any] = {name: row[name] for name in CrmPlan.__dataclass_fields__}
    for name in ("counts", "hold_counts", "accepted"):
        values[name] = tuple(json.loads(row[name]))
    values["about"] = json.loads(row["about"])
    values["broken_rules"] = tuple(Broken(**rule) for rule in json.loads(row["broken_rules"]))
    return CrmPlan(**values)
