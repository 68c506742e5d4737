"""`enlist status`, `plans`, `show` and `failures`: what happened and what waits, without running anything.

Belongs here: reading the warehouse for people. Does not: Dagster; these commands start in well under a second.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli.crm_plans import waits_for as crm_waits_for
from pipelines.cli.options import AnySyncArgument, HomeOption, JsonOption, RevealOption
from pipelines.cli.output import Output, command, escape
from pipelines.cli.planning import again, described, show_plan
from pipelines.cli.pushing import parked_warning
from pipelines.cli.rows import parsed, show_rows, write_csv
from pipelines.config import find_root, load_home
from pipelines.words import counted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from pipelines.sync.plans import Plan
    from pipelines.sync.status import Status
    from pipelines.write_back.plans import CrmPlan

SHORT = 8  # as much of a run's id as tells it from others
FAILURE_COLUMNS = {
    "email": "address",
    "entity": "entity",
    "contact_key": "key",
    "owner": "owner",
    "since": "since (UTC)",
    "tried_again": "tried again",
    "detail": "the provider's words",
}
CRM_FAILURE_COLUMNS = {**FAILURE_COLUMNS, "detail": "the CRM's words"}


def status(home: HomeOption = None, json: JsonOption = False) -> int:
    """Every sync: last and next run, what waits for you, what is held."""
    from pipelines.sync import status as status_of

    output = Output(is_json=json)
    loaded = load_home(find_root(home), check=False)
    found = [_told(status_of.status(loaded, sync)) for sync in loaded.syncs.values()]
    if not found:
        output.say("This home has no sync yet: add a file to syncs/.")
    output.table(
        [{**row, "run": row["last_run_id"] and row["last_run_id"][:SHORT]} for row in found],
        {
            "sync": "sync",
            "state": "state",
            "last_push_at": "last push (UTC)",
            "run": "run",
            "next_run_at": "next run (UTC)",
            "managed": "members",
            "held": "held",
            "failures": "refused",
        },
    )
    for row in found:
        if row["waits_for"]:
            output.say(f"[yellow]![/yellow] {row['sync']}: {escape(row['waits_for'])}")
        if row["reached_parked"]:
            output.say(f"{parked_warning(row['reached_parked'])} ({row['sync']})")
        if row["crm_waits_for"]:
            output.say(f"[yellow]![/yellow] {row['sync']}: {escape(row['crm_waits_for'])}")
        if row["to_enter"]:
            to_enter = f"{counted(row['to_enter'], 'row')} for a person to enter in the CRM"
            output.say(f"  {row['sync']}: {to_enter}: {command()} crm worklist {row['sync']}")
        if row["waiting_for_purge"]:
            when = f"from {row['next_purge_at']:%Y-%m-%d} on"
            output.say(
                f"  {row['sync']}: {counted(row['waiting_for_purge'], 'member')} will be archived for good, {when}."
            )
    return output.finish({"syncs": found})


def plans(sync: AnySyncArgument = None, home: HomeOption = None, json: JsonOption = False) -> int:
    """Stored plans, newest first, with the runs that sent them."""
    from pipelines.sync.plans import listed, runs_of
    from pipelines.sync.stale import as_of_now

    output = Output(is_json=json)
    with _opened(home, sync) as connection:
        stored = [as_of_now(made) for made in listed(connection, sync)]
        runs = runs_of(connection, [made.plan_id for made in stored])
    found = [{**described(made), "runs": runs.get(made.plan_id, [])} for made in stored]
    if not found:
        output.say(f"No plan was made yet: {command()} plan SYNC")
    else:
        shown = [{**one, "sent": ", ".join(run[:SHORT] for run in one["runs"]) or None} for one in found]
        columns = {"plan_id": "plan", "created_at": "made (UTC)", "status": "status", "changes": "changes"}
        output.table(shown, {**columns, "safe": "safe", "sent": "sent by run"})
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
    from pipelines.sync.stale import as_of_now

    output = Output(is_json=json, reveal=reveal)
    with _opened(home) as connection:
        made = as_of_now(get(connection, plan))
        rows = changes(connection, plan, op=op, reason=reason)
    show_plan(output, made)
    if csv is not None:
        write_csv(output, csv, rows)
        output.say(f"{counted(len(rows), 'row')} written to {csv}")
    elif rows:
        show_rows(output, rows)
    elif op or reason:
        output.say("No row of the plan is like that.")
    return output.finish({"plan": described(made), "rows": [parsed(row) for row in rows] if csv is None else len(rows)})


def failures(
    sync: AnySyncArgument = None, reveal: RevealOption = False, home: HomeOption = None, json: JsonOption = False
) -> int:
    """What the provider or the CRM refused, in its words: whose it is, since when, what to do, when it goes again."""
    from pipelines.sync.failures import refused, refused_by_crm

    output = Output(is_json=json, reveal=reveal)
    with _opened(home, sync) as connection:
        found = refused(connection, sync)
        of_crm = refused_by_crm(connection, load_home(find_root(home), check=False), sync)
    if not found:
        output.say("[green]✓[/green] The provider refuses nothing.")
    _show_failures(output, found, FAILURE_COLUMNS)
    _show_failures(output, [{**row, "op": _written(row)} for row in of_crm], CRM_FAILURE_COLUMNS)
    return output.finish({"failures": found, "crm_failures": of_crm})


def _show_failures(output: Output, found: list[dict[str, Any]], columns: dict[str, str]) -> None:
    """Failures as tables, those together that have one cause."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in found:
        groups.setdefault(tuple(row[name] for name in ("sync", "op", "outcome", "code", "remedy")), []).append(row)
    for (name, op, outcome, code, remedy), rows in groups.items():
        what = escape(f"{len(rows):,} {op} {outcome}")
        output.say(f"[bold]{name}[/bold]: {what}, [yellow]{escape(code or 'no code')}[/yellow]")
        if remedy:
            output.say(f"  [dim]→[/dim] {escape(output.masked(remedy))}")
        output.table(rows, columns)
        output.say()


def _written(row: Mapping[str, Any]) -> str:
    """What was to be written to the CRM, in a few words."""
    return f"{row['field']} in the CRM" if row["op"] == "set" else f"{row['op']} in the CRM"


@contextmanager
def _opened(home: Path | None, sync: str | None = None) -> Iterator["DuckDBPyConnection"]:
    """The home's warehouse with the ledger as its files tell it; `ConfigError` for a sync that does not exist."""
    from pipelines.ledger import load

    loaded = load_home(find_root(home), check=False)
    if sync:
        loaded.sync(sync)
    with load.opened(loaded) as connection:
        yield connection


def _told(found: "Status") -> dict[str, Any]:
    """A sync's line of the table, and what is said below it."""
    return {
        **{"sync": found.sync, "state": found.state},
        **found.figures,
        **{"next_run_at": found.next_run_at, "failures": found.failures},
        **{"waiting_for_purge": len(found.purges), "next_purge_at": found.purges[0] if found.purges else None},
        "reached_parked": found.reached_parked,
        "plan_id": found.plan.plan_id if found.plan else None,
        "waits_for": _waits_for(found.plan),
        "crm_waits_for": _crm_waits_for(found.crm_plan),
        "to_enter": found.to_enter,
    }


def _waits_for(made: "Plan | None") -> str | None:
    if made is None or made.status not in ("pending", "refused", "expired") or not made.size:
        return None
    rules = ", ".join(rule.rule for rule in made.stopped_by)
    plan = f"{'undo plan' if made.is_undo else 'plan'} {made.plan_id} with {made.size:,} changes"
    if made.status == "expired":
        return f"{plan} expired, and will not be pushed. Make a new one: {again(made)}"
    return f"{plan} waits" + (f" for you: {rules}." if rules else ".")


def _crm_waits_for(made: "CrmPlan | None") -> str | None:
    from pipelines.sync.stale import is_too_old

    if made is None or not made.stopped_by or not made.to_write:
        return None
    if is_too_old(made.created_at):
        made_anew = f"{command()} crm plan {made.sync}"
        return f"plan {made.plan_id} for the CRM expired, and will not be written. Make a new one: {made_anew}"
    return crm_waits_for(made)
