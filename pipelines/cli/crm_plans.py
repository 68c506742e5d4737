"""Plans for a CRM, as people see them: what would be written, what was, what waits for whom.

Belongs here: showing them, and what became of a run. Does not: the commands (crm.py), plans themselves
(write_back/plans.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pipelines.cli.output import Output, command, escape
from pipelines.config import Home, SyncConfig
from pipelines.words import counted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from pipelines.write_back.plans import CrmPlan

MOST = 20
COUNTS = {"op": "op", "reason": "reason", "entity": "entity", "field": "field", "way": "by", "count": "records"}
WAYS = {"write": "Enlist", "hand": "a person"}
ROWS = {
    "op": "op",
    "reason": "reason",
    "entity": "entity",
    "contact_key": "key",
    "owner": "owner",
    "field": "field",
    "before": "before",
    "after": "after",
    "outcome": "outcome",
}
FATES = {
    "applied": "[green]✓[/green] It was written.",
    "superseded": "A newer plan took its place: it will not be written.",
}


@contextmanager
def opened(home: Home, sync: SyncConfig | None = None) -> Iterator["DuckDBPyConnection"]:
    """The warehouse with the ledger as its files tell it; with a sync, no run of it goes on meanwhile."""
    from contextlib import ExitStack

    from pipelines import locks
    from pipelines.ledger import load

    with ExitStack() as stack:
        if sync is not None:
            stack.enter_context(locks.run_of(home.locks, sync.sync))
        yield stack.enter_context(load.opened(home))


def show_plan(output: Output, home: Home, made: "CrmPlan", most: int | None = MOST) -> dict[str, Any]:
    """A plan for people: how many, the first rows, whether it is safe, what to type next; as a command's result."""
    found = _described(home, made, None if output.is_json else most)
    if not made.counts:
        output.say(f"[green]✓[/green] {made.sync}: the CRM has everything.")
    else:
        output.say(f"[bold]{made.sync}[/bold]: plan {made.plan_id}")
        output.table([{**row, "way": WAYS[row["way"]]} for row in made.counts], COUNTS)
        output.table([_row(row) for row in found["rows"]], ROWS)
        if not output.is_json and made.size > len(found["rows"]):
            output.say(f"... and {made.size - len(found['rows']):,} more: {command()} crm show {made.plan_id}")
    if made.hold_counts:
        parts = ", ".join(f"{hold['count']:,} {hold['reason']}" for hold in made.hold_counts)
        output.say(f"Held back: {parts}.")
    _show_verdict(output, made)
    return found


def _show_verdict(output: Output, made: "CrmPlan") -> None:
    if made.to_hand_out:
        _show_by_hand(output, made)
    if made.status in FATES:
        if made.counts:
            output.say(FATES[made.status])
    elif made.to_write:
        for rule in made.stopped_by:
            output.say(f"[yellow]![/yellow] [bold]{rule.rule}[/bold] {escape(rule.sentence)}")
        flags = "".join(f" --accept {rule.rule}" for rule in made.stopped_by)
        output.say(f"Write it with: {command()} crm push {made.plan_id}{flags}")


def _show_by_hand(output: Output, made: "CrmPlan") -> None:
    which = f" --plan {made.plan_id}" if made.kind != "write_back" else ""
    output.say(
        f"This CRM can't be written to: {counted(made.to_hand_out, 'row')} for a person to enter. "
        f"As a file: {command()} crm worklist {made.sync}{which}"
    )


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    from pipelines.write_back.plans import entered

    return {**row, "field": row["field"] if row["op"] == "set" else None, "after": entered(row)}


def _described(home: Home, made: "CrmPlan", most: int | None) -> dict[str, Any]:
    """A plan as the JSON result of a command, with its rows (or the first of them) and what is held."""
    from pipelines.write_back.plans import holds_of, rows_of

    with opened(home) as connection:
        found = rows_of(connection, made.plan_id, most)
        holds = holds_of(connection, made.sync) if made.kind == "write_back" else []
    names = ("plan_id", "sync", "kind", "created_at", "status", "safe")
    return {
        **{name: getattr(made, name) for name in names},
        **{"about": dict(made.about), "counts": list(made.counts), "accepted": list(made.accepted)},
        "broken_rules": [{"rule": rule.rule, "sentence": rule.sentence} for rule in made.broken_rules],
        **{"rows": found, "holds": holds},
    }


def outcomes_of(home: Home, run_id: str) -> list[dict[str, Any]]:
    """What became of a run's rows: op, entity, outcome, code, remedy and count."""
    from pipelines.warehouse import Warehouse, rows

    with Warehouse(home).open() as connection:
        return rows(
            connection,
            """
            select op, entity, outcome, code, any_value(remedy) as remedy, count(*) as count
            from ledger.write_backs where run_id = ? group by op, entity, outcome, code order by all
            """,
            [run_id],
        )


def show_outcomes(output: Output, made: "CrmPlan", outcomes: Sequence[Mapping[str, Any]]) -> None:
    """What was written, and what the CRM did not take and why."""
    if made.to_hand_out:
        _show_by_hand(output, made)
    if not outcomes:
        output.say(f"[green]✓[/green] {made.sync}: nothing to write to the CRM.")
        return
    written = sum(row["count"] for row in outcomes if row["outcome"] in ("applied", "unchanged"))
    total = sum(row["count"] for row in outcomes)
    sign = "[green]✓[/green]" if written == total else "[yellow]![/yellow]"
    output.say(f"{sign} {made.sync}: {written:,} of {counted(total, 'record')} written to the CRM.")
    for row in outcomes:
        if row["outcome"] != "applied":
            remedy = f" {escape(row['remedy'])}" if row["remedy"] else ""
            code = f": {row['code']}." if row["code"] else "."
            output.say(f"  [yellow]{row['count']:,} {row['op']} {row['outcome']}[/yellow]{code}{remedy}")
    if written < total:
        output.say(f"  Which, and the CRM's words: {command()} crm show {made.plan_id}")


def exit_code_of(outcomes: Sequence[Mapping[str, Any]]) -> int:
    """How a command that wrote to the CRM ends: 5 when it gave no usable answer, 4 when it refused something."""
    found = {row["outcome"] for row in outcomes}
    return 5 if "failed" in found else 4 if "refused" in found else 0


def tell_run(output: Output, home: Home, sync: str, run_id: str) -> dict[str, Any]:
    """What a run of the statistics wrote to the CRM, or what waits for a person; as part of a command's result."""
    from pipelines.write_back.plans import latest

    with opened(home) as connection:
        made = latest(connection, sync)
    outcomes = outcomes_of(home, run_id)
    if made is not None and made.stopped_by and made.to_write:
        output.say(f"[yellow]![/yellow] {sync}: {waits_for(made)} Look: {command()} crm show {made.plan_id}")
    elif made is not None and (outcomes or made.to_hand_out):
        show_outcomes(output, made, outcomes)
    return {"sync": sync, "plan_id": made.plan_id if made else None, "outcomes": outcomes}


def waits_for(made: "CrmPlan") -> str:
    """What a plan for the CRM waits for, in a sentence."""
    rules = ", ".join(rule.rule for rule in made.stopped_by)
    records = counted(made.to_write, "record")
    return f"plan {made.plan_id} with {records} for the CRM waits" + (f" for you: {rules}." if rules else ".")
