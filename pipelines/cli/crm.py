"""`enlist crm`: what goes to the CRM, seen before it is done: write-back, edits and events for clickers, work-lists.

Belongs here: the commands, and how such a plan is shown. Does not: plans (write_back/drafting.py), writing
(write_back/sending.py), files for people (reports/worklist.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from pipelines.cli.options import HomeOption, JsonOption, RevealOption, SyncArgument
from pipelines.cli.output import Output, command, counted, escape
from pipelines.config import Home, SyncConfig, find_root, load_home
from pipelines.errors import ConfigError

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

app = typer.Typer(
    help="What goes to the CRM: opt-outs, bounces and notes where the sync asks, edits and events for clickers.",
    no_args_is_help=True,
)

PlanArgument = Annotated[str, typer.Argument(help="Id of a plan for the CRM.", show_default=False)]
LinkOption = Annotated[str, typer.Option("--link", metavar="URL", help="The link that they clicked.")]
CampaignOption = Annotated[
    str | None, typer.Option("--campaign", metavar="ID", help="Only clicks in this campaign.", show_default="all")
]
EntityOption = Annotated[str, typer.Option("--entity", help="CONNECTION.ENTITY of the sync: which kind of record.")]
KeyOption = Annotated[
    list[str] | None,
    typer.Option("--key", help="Only this record; again for more.", show_default="all who clicked"),
]
YesOption = Annotated[bool, typer.Option("--yes", help="Write it at once, without a look at the plan.")]


@app.command()
def plan(sync: SyncArgument, home: HomeOption = None, json: JsonOption = False) -> int:
    """Say what `write_back` of a sync would write to its CRM, from what was read last. Nothing is sent.

    Exit code 3 when the plan breaks a safety rule that nobody accepted, as the first one does.
    """
    from pipelines.write_back.drafting import plan_write_back

    output = Output(is_json=json)
    loaded, config = _sync(home, sync)
    if not config.write_back:
        output.say(f"{sync} asks for nothing: its file has no write_back.")
        return output.finish({"plan": None, "rows": []})
    with _opened(loaded, config) as connection:
        made = plan_write_back(connection, loaded, config)
    return _finish(output, loaded, made)


@app.command()
def show(plan: PlanArgument, reveal: RevealOption = False, home: HomeOption = None, json: JsonOption = False) -> int:
    """The rows of a plan for the CRM: which record, what, why, before and after, and what became of it."""
    from pipelines.write_back.plans import get

    output = Output(is_json=json, reveal=reveal)
    loaded = load_home(find_root(home), check=False)
    with _opened(loaded) as connection:
        made = get(connection, plan)
    return output.finish(_show(output, loaded, made, most=None))


@app.command()
def push(
    plan: PlanArgument,
    accept: Annotated[
        list[str] | None,
        typer.Option("--accept", metavar="RULE", help="Lift this safety rule for this one plan; again for more."),
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> int:
    """Write exactly a plan that was made before to the CRM. Notes and events that are there already are not doubled.

    A plan that was written before is done: nothing is sent, exit code 0.
    """
    from pipelines.cli.pushing import known_rules
    from pipelines.write_back.plans import get

    output = Output(is_json=json)
    loaded = load_home(find_root(home))
    with _opened(loaded) as connection:
        made = get(connection, plan)
    return _push(output, loaded, made, known_rules(accept))


@app.command()
def edit(
    sync: SyncArgument,
    link: LinkOption,
    entity: EntityOption,
    field: Annotated[str, typer.Option("--field", help="Field of the record.")],
    value: Annotated[str, typer.Option("--value", help="What is written into it.")],
    campaign: CampaignOption = None,
    key: KeyOption = None,
    yes: YesOption = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> int:
    """Set a field of the CRM records behind those who clicked a link: a plan first, which `enlist crm push` writes.

    A record that somebody changes in between is left alone.
    """
    from pipelines.write_back.drafting import Clickers, plan_edit

    output = Output(is_json=json)
    loaded, config = _sync(home, sync)
    with _opened(loaded, config) as connection:
        made = plan_edit(connection, loaded, config, Clickers(link, entity, campaign, tuple(key or ())), field, value)
    return _push(output, loaded, made, []) if yes else _finish(output, loaded, made)


@app.command()
def event(
    sync: SyncArgument,
    link: LinkOption,
    entity: EntityOption,
    subject: Annotated[str, typer.Option("--subject", help="What the event is called.")],
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="When, in the sync's zone: 2026-12-01T09:00.")],
    minutes: Annotated[int, typer.Option("--minutes", min=1, help="How long it takes.")] = 15,
    text: Annotated[str, typer.Option("--text", help="What stands in it.", show_default=False)] = "",
    campaign: CampaignOption = None,
    key: KeyOption = None,
    yes: YesOption = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> int:
    """Put an event into the calendars of the owners of those who clicked a link: a plan first.

    The same event is not made twice, also when the command is given twice.
    """
    from pipelines.write_back.drafting import Clickers, NewEvent, plan_event

    output = Output(is_json=json)
    loaded, config = _sync(home, sync)
    new = NewEvent(subject, _moment(at, config), minutes, text)
    with _opened(loaded, config) as connection:
        made = plan_event(connection, loaded, config, Clickers(link, entity, campaign, tuple(key or ())), new)
    return _push(output, loaded, made, []) if yes else _finish(output, loaded, made)


@app.command()
def worklist(
    sync: SyncArgument,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="A folder, or a file ending in .xlsx or .csv.")
    ] = None,
    plan: Annotated[str | None, typer.Option("--plan", metavar="ID", help="The rows of this plan instead.")] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also what was handed out before and is not in the CRM.")
    ] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> int:
    """Write what a person enters in a CRM that Enlist can't write to into a file, each row once.

    The file holds addresses in full.
    """
    from pipelines.reports.worklist import hand_out

    output = Output(is_json=json)
    loaded, config = _sync(home, sync)
    made = hand_out(loaded, config, to, plan_id=plan, again=again)
    if made.path is None:
        output.say(f"[green]✓[/green] {sync}: nothing new to enter.")
    else:
        output.table(made.counts, {"entity": "entity", "count": "rows"})
        output.say(f"Work-list, with addresses in full: {made.path}")
    if made.handed_out_before:
        output.say(f"Handed out before and left out: {made.handed_out_before:,}. Once more: --again")
    return output.finish(
        {
            **{"sync": sync, "file": str(made.path) if made.path else None, "rows": made.size},
            **{"counts": list(made.counts), "handed_out_before": made.handed_out_before},
        }
    )


def _sync(home: Path | None, sync: str) -> tuple[Home, SyncConfig]:
    loaded = load_home(find_root(home))
    return loaded, loaded.sync(sync)


@contextmanager
def _opened(home: Home, sync: SyncConfig | None = None) -> Iterator["DuckDBPyConnection"]:
    """The warehouse with the ledger as its files tell it; with a sync, no run of it goes on meanwhile."""
    from contextlib import ExitStack

    from pipelines import locks
    from pipelines.ledger import load

    with ExitStack() as stack:
        if sync is not None:
            busy = f"Another run of {sync.sync} is going on."
            stack.enter_context(locks.held(home.locks / f"run-{sync.sync}", wait=0, busy=busy))
        yield stack.enter_context(load.opened(home))


def _moment(at: str, sync: SyncConfig) -> datetime:
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise ConfigError("this is no time.", where="--at", do="Write it as 2026-12-01T09:00.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(sync.schedule.timezone))


def _push(output: Output, home: Home, made: "CrmPlan", accept: Sequence[str]) -> int:
    """Write the plan by a run of the pipeline, and say what became of it."""
    from pipelines.cli.running import Runner, who

    def chosen(path: Sequence[str]) -> bool:
        return list(path) == [made.sync, "stats", "write_back"]

    home.sync(made.sync)
    asked = {"plan_id": made.plan_id, "accept": list(accept), "by": who()}
    with output.progress():
        run_id = Runner(home).run(made.sync, "stats", chosen=chosen, write_back=asked)
    outcomes = outcomes_of(home, run_id)
    show_outcomes(output, made, outcomes)
    refused = any(row["outcome"] == "refused" for row in outcomes)
    return output.finish(
        {"run_id": run_id, "plan_id": made.plan_id, "outcomes": outcomes}, exit_code=4 if refused else 0
    )


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
    output.say(f"[green]✓[/green] {made.sync}: {written:,} of {counted(total, 'record')} written to the CRM.")
    for row in outcomes:
        if row["outcome"] != "applied":
            remedy = f" {escape(row['remedy'])}" if row["remedy"] else ""
            code = f": {row['code']}." if row["code"] else "."
            output.say(f"  [yellow]{row['count']:,} {row['op']} {row['outcome']}[/yellow]{code}{remedy}")
    if written < total:
        output.say(f"  Which, and the CRM's words: {command()} crm show {made.plan_id}")


def tell_run(output: Output, home: Home, sync: str, run_id: str) -> dict[str, Any]:
    """What a run of the statistics wrote to the CRM, or what waits for a person; as part of a command's result."""
    from pipelines.write_back.plans import latest

    with _opened(home) as connection:
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


def _finish(output: Output, home: Home, made: "CrmPlan") -> int:
    """Show a plan that was just made; exit code 3 when a rule stops it."""
    return output.finish(_show(output, home, made), exit_code=3 if made.stopped_by else 0)


def _show(output: Output, home: Home, made: "CrmPlan", most: int | None = MOST) -> dict[str, Any]:
    """A plan for people: how many, the first rows, whether it is safe, what to type next; as a command's result."""
    found = _described(home, made, None if output.is_json else most)
    if not made.counts:
        output.say(f"[green]✓[/green] {made.sync}: the CRM has everything.")
    else:
        output.say(f"[bold]{made.sync}[/bold]: plan {made.plan_id}")
        output.table([{**row, "way": WAYS[row["way"]]} for row in made.counts], COUNTS)
        output.table([_shown(row) for row in found["rows"]], ROWS)
        if not output.is_json and made.size > len(found["rows"]):
            output.say(f"... and {made.size - len(found['rows']):,} more: {command()} crm show {made.plan_id}")
    if found["holds"]:
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


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    from pipelines.write_back.plans import entered

    return {**row, "field": row["field"] if row["op"] == "set" else None, "after": entered(row)}


def _described(home: Home, made: "CrmPlan", most: int | None) -> dict[str, Any]:
    """A plan as the JSON result of a command, with its rows (or the first of them) and what is held."""
    from pipelines.write_back.plans import holds_of, rows_of

    with _opened(home) as connection:
        found = rows_of(connection, made.plan_id, most)
        holds = holds_of(connection, made.sync) if made.kind == "write_back" else []
    names = ("plan_id", "sync", "kind", "created_at", "status", "safe")
    return {
        **{name: getattr(made, name) for name in names},
        **{"about": dict(made.about), "counts": list(made.counts), "accepted": list(made.accepted)},
        "broken_rules": [{"rule": rule.rule, "sentence": rule.sentence} for rule in made.broken_rules],
        **{"rows": found, "holds": holds},
    }
