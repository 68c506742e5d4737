"""`enlist crm`: what goes to the CRM, seen before it is done: write-back, edits and events for clickers, work-lists.

Belongs here: the commands. Does not: how such a plan is shown (crm_plans.py), plans (write_back/drafting.py), writing
(write_back/sending.py), files for people (reports/worklist.py).
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from pipelines.cli.crm_plans import exit_code_of, opened, outcomes_of, show_outcomes, show_plan
from pipelines.cli.options import HomeOption, JsonOption, RevealOption, SyncArgument
from pipelines.cli.output import Output
from pipelines.config import Home, SyncConfig, find_root, load_home
from pipelines.errors import ConfigError

if TYPE_CHECKING:
    from pipelines.write_back.plans import CrmPlan

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
    with opened(loaded, config) as connection:
        made = plan_write_back(connection, loaded, config)
    return _finish(output, loaded, made)


@app.command()
def show(plan: PlanArgument, reveal: RevealOption = False, home: HomeOption = None, json: JsonOption = False) -> int:
    """The rows of a plan for the CRM: which record, what, why, before and after, and what became of it."""
    from pipelines.write_back.plans import get

    output = Output(is_json=json, reveal=reveal)
    loaded = load_home(find_root(home), check=False)
    with opened(loaded) as connection:
        made = get(connection, plan)
    return output.finish(show_plan(output, loaded, made, most=None))


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
    with opened(loaded) as connection:
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
    with opened(loaded, config) as connection:
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
    with opened(loaded, config) as connection:
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
    return output.finish(
        {"run_id": run_id, "plan_id": made.plan_id, "outcomes": outcomes}, exit_code=exit_code_of(outcomes)
    )


def _finish(output: Output, home: Home, made: "CrmPlan") -> int:
    """Show a plan that was just made; exit code 3 when a rule stops it."""
    return output.finish(show_plan(output, home, made), exit_code=3 if made.stopped_by else 0)
