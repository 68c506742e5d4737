"""`enlist status`, `plans`, `show` and `failures`: what happened and what waits, without running anything.

Belongs here: reading the warehouse for people. Does not: Dagster; these commands start in well under a second.
"""

import csv as csv_module
import json as json_module
from collections.abc import Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines import clock, locks
from pipelines.cli.options import AnySyncArgument, HomeOption, JsonOption, RevealOption
from pipelines.cli.output import Output, escape
from pipelines.cli.planning import described, show_plan
from pipelines.config import Home, SyncConfig, find_root, load_home
from pipelines.errors import ConfigError


def status(home: HomeOption = None, json: JsonOption = False) -> int:
    """Every sync: last and next run, what waits for you, what is held."""
    output = Output(is_json=json)
    loaded = load_home(find_root(home), check=False)
    found = [_status(loaded, sync) for sync in loaded.syncs.values()]
    if not found:
        output.say("This home has no sync yet: add a file to syncs/.")
    output.table(
        found,
        {
            "sync": "sync",
            "state": "state",
            "last_push_at": "last push (UTC)",
            "next_run_at": "next run (UTC)",
            "managed": "members",
            "held": "held",
            "failures": "refused",
        },
    )
    for row in found:
        if row["waits_for"]:
            output.say(f"[yellow]![/yellow] {row['sync']}: {escape(row['waits_for'])}")
    return output.finish({"syncs": found})


def plans(sync: AnySyncArgument = None, home: HomeOption = None, json: JsonOption = False) -> int:
    """Stored plans, newest first."""
    from pipelines.sync.plans import listed
    from pipelines.warehouse import Warehouse

    output = Output(is_json=json)
    loaded = load_home(find_root(home), check=False)
    if sync:
        loaded.sync(sync)
    with Warehouse(loaded).open() as connection:
        found = [described(made) for made in listed(connection, sync)]
    if not found:
        output.say("No plan was made yet: enlist plan SYNC")
    else:
        columns = {
            "plan_id": "plan",
            "created_at": "made (UTC)",
            "status": "status",
            "changes": "changes",
            "safe": "safe",
        }
        output.table(found, columns)
    return output.finish({"plans": found})


def show(
    plan: Annotated[str, typer.Argument(help="Id of a plan, as `enlist plans` lists it.", show_default=False)],
    op: Annotated[str | None, typer.Option(help="Only this op, such as add or archive.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only this reason, such as no_match.")] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write the rows to this file.", dir_okay=False)] = None,
    reveal: RevealOption = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> int:
    """A plan's rows: who, what, why, before and after."""
    from pipelines.sync.plans import changes, get
    from pipelines.warehouse import Warehouse

    output = Output(is_json=json, reveal=reveal)
    loaded = load_home(find_root(home), check=False)
    with Warehouse(loaded).open() as connection:
        made = get(connection, plan)
        rows = changes(connection, plan, op=op, reason=reason)
    show_plan(output, made)
    if csv is not None:
        _write_csv(output, csv, rows)
        output.say(f"{len(rows):,} rows written to {csv}")
    else:
        _show_rows(output, rows)
    return output.finish({"plan": described(made), "rows": [_row(row) for row in rows] if csv is None else len(rows)})


def failures(
    sync: AnySyncArgument = None, reveal: RevealOption = False, home: HomeOption = None, json: JsonOption = False
) -> int:
    """What the provider refused, in its own words, whose record it is and what to do."""
    from pipelines.sync.failures import refused
    from pipelines.warehouse import Warehouse

    output = Output(is_json=json, reveal=reveal)
    loaded = load_home(find_root(home), check=False)
    if sync:
        loaded.sync(sync)
    with Warehouse(loaded).open() as connection:
        found = refused(connection, sync)
    if not found:
        output.say("[green]✓[/green] The provider refuses nothing.")
    else:
        columns = {
            "sync": "sync",
            "entity": "entity",
            "contact_key": "key",
            "owner": "owner",
            "email": "address",
            "op": "op",
            "code": "code",
            "detail": "the provider's words",
            "remedy": "what to do",
        }
        output.table(found, columns)
    return output.finish({"failures": found})


def _status(home: Home, sync: SyncConfig) -> dict[str, Any]:
    from pipelines.config.cron import next_time
    from pipelines.sync.failures import refused
    from pipelines.sync.plans import latest
    from pipelines.warehouse import Warehouse, rows

    is_running = locks.is_held(home.locks / f"run-{sync.sync}")
    with Warehouse(home).open() as connection:
        made = latest(connection, sync.sync)
        figures = rows(
            connection,
            """
            select
                (select max(coalesce(ended_at, started_at)) from ledger.runs where sync = $sync) as last_push_at,
                (select count(*) from ledger.members where sync = $sync and left_at is null) as managed,
                (select count(*) from plan.holds where sync = $sync) as held,
            """,
            {"sync": sync.sync},
        )[0]
        failed = len(refused(connection, sync.sync))
    cron = sync.schedule.members
    next_run = next_time(cron, sync.schedule.timezone, clock.now()).astimezone(UTC) if cron and sync.enabled else None
    waits_for = None
    if made and made.status in ("pending", "refused") and made.size:
        rules = ", ".join(rule.rule for rule in made.stopped_by)
        waits_for = f"plan {made.plan_id} with {made.size:,} changes waits" + (f" for you: {rules}." if rules else ".")
    state = (
        "running" if is_running else "switched off" if not sync.enabled else made.status if made else "never planned"
    )
    return {
        "sync": sync.sync,
        "state": state,
        **figures,
        "next_run_at": next_run,
        "failures": failed,
        "plan_id": made.plan_id if made else None,
        "waits_for": waits_for,
    }


def _show_rows(output: Output, rows: Sequence[Mapping[str, Any]], most: int = 50) -> None:
    shown = [{**row, "change": difference(row)} for row in rows[:most]]
    columns = {
        "op": "op",
        "reason": "reason",
        "email": "address",
        "entity": "entity",
        "contact_key": "key",
        "owner": "owner",
        "change": "before → after",
    }
    output.table(shown, columns)
    if len(rows) > most:
        output.say(f"... and {len(rows) - most:,} more. All of them: --csv FILE, or --op and --reason to choose.")


def difference(row: Mapping[str, Any]) -> str:
    """What a row changes, in a few words: only the parts that differ."""
    before = json_module.loads(row["before"]) if row["before"] else {}
    after = json_module.loads(row["after"])
    parts = []
    for name in ("tags", "groups") if row["op"] != "rename" else ():
        was, now = before.get(name, []), after.get(name, [])
        parts += [f"+{label}" for label in now if label not in was] if name in after else []
        parts += [f"-{label}" for label in was if label not in now] if name in after else []
    fields = after.get("fields", {})
    was_fields = before.get("fields", {})
    for name, value in fields.items():
        was = was_fields.get(name, "")
        if value != was:
            parts.append(
                f"{name}: {was or '(empty)'} → {value or '(empty)'}" if before.get("fields") else f"{name}: {value}"
            )
    for name in ("status", "email"):
        if name in after and before.get(name) != after[name]:
            parts.append(f"{before[name]} → {after[name]}" if before.get(name) else str(after[name]))
    return ", ".join(parts) or "the same values, to be ours from now on"


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    parsed = {name: json_module.loads(row[name]) if row[name] else None for name in ("before", "after")}
    return {**row, **parsed}


def _write_csv(output: Output, path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    names = ("change_id", "op", "reason", "email", "entity", "contact_key", "owner", "before", "after")
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv_module.writer(file)
            writer.writerow(names)
            writer.writerows([_cell(output, row[name]) for name in names] for row in rows)
    except OSError as error:
        raise ConfigError(f"it can't be written ({error.strerror}).", where=str(path)) from error


def _cell(output: Output, value: Any) -> str:
    """Text that no spreadsheet takes for a formula."""
    text = output.masked("" if value is None else str(value))
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
