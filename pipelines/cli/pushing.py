"""`enlist push`, `enlist sync` and `enlist stats`: the commands that reach out.

Belongs here: the commands, and how a push is shown. Does not: pushing (sync/push.py).
"""

import uuid
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from pipelines.cli import crm_plans
from pipelines.cli.addresses import mailable
from pipelines.cli.options import AnySyncArgument, HomeOption, JsonOption, SyncArgument
from pipelines.cli.output import Output, command, escape
from pipelines.cli.planning import described, latest_plan, show_plan
from pipelines.config import Home, find_root, load_home
from pipelines.errors import ConfigError, Interrupted, ProviderError
from pipelines.words import counted

AcceptOption = Annotated[
    list[str] | None,
    typer.Option("--accept", metavar="RULE", help="Lift this safety rule for this one plan; again for more."),
]

# Changes of which nobody knows what became, in words: the provider's answer was no use, or never came.
UNANSWERED = {"failed": "failed", "sending": "without an answer"}


def push(
    sync: SyncArgument,
    plan: Annotated[
        str | None, typer.Option("--plan", metavar="ID", help="The plan to push.", show_default="the newest")
    ] = None,
    accept: AcceptOption = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Push only the first N members: a canary.")] = None,
    only: Annotated[
        str | None, typer.Option(metavar="EMAIL", help="Push only this address; - reads it from stdin.")
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> int:
    """Send exactly a plan that was made before, or a canary part of it.

    A plan that was applied before is done: nothing is sent, exit code 0.
    """
    output = Output(is_json=json)
    loaded = load_home(find_root(home))
    request = {"plan_id": plan, "accept": known_rules(accept), "limit": limit, "only": hashed(only)}
    return _run(output, loaded, sync, ("push", "marts"), request)


def sync(sync: SyncArgument, accept: AcceptOption = None, home: HomeOption = None, json: JsonOption = False) -> int:
    """Plan, then push if the plan is safe: what the schedule runs."""
    output = Output(is_json=json)
    loaded = load_home(find_root(home))
    return _run(output, loaded, sync, None, {"accept": known_rules(accept)})


def stats(sync: AnySyncArgument = None, home: HomeOption = None, json: JsonOption = False) -> int:
    """Bring campaigns, opens, clicks, bounces and opt-outs home, build the marts, and write to the CRM where asked."""
    from pipelines.cli.running import Runner

    output = Output(is_json=json)
    loaded = load_home(find_root(home))
    chosen = [loaded.sync(sync).sync] if sync else sorted(loaded.syncs)
    with output.progress():
        runner = Runner(loaded)
        runs = {name: runner.run(name, "stats") for name in chosen}
    figures = [row for name in chosen for row in campaign_figures(loaded, name)]
    show_campaigns(output, figures)
    written = [crm_plans.tell_run(output, loaded, name, runs[name]) for name in chosen if loaded.sync(name).write_back]
    output.say(f"Tables: {loaded.analytics}")
    return output.finish({"runs": runs, "campaigns": figures, "write_backs": written})


def known_rules(accept: list[str] | None) -> list[str]:
    """The rules to lift; `ConfigError` for one that does not exist or that nothing lifts."""
    from pipelines.config.problems import suggest
    from pipelines.sync.safety import ACCEPTABLE

    for rule in accept or []:
        if rule not in ACCEPTABLE:
            raise ConfigError(f"there is no rule {rule!r} to accept.", where="--accept", do=suggest(rule, ACCEPTABLE))
    return accept or []


def hashed(only: str | None) -> str | None:
    """The address as a run may carry it: the md5 of its email_key, so that no run's configuration names a person."""
    if only is None:
        return None
    from pipelines.sync.push import hash_of

    return hash_of(mailable(only, where="--only"))


def _run(output: Output, home: Home, sync: str, stages: tuple[str, ...] | None, request: dict[str, Any]) -> int:
    from pipelines.cli.running import Runner, who
    from pipelines.errors import UnsafePlan

    home.sync(sync)
    push_config = {name: value for name, value in request.items() if value is not None} | {"by": who()}
    run_id, broken_off = str(uuid.uuid4()), None
    try:
        with output.progress():
            Runner(home).run(sync, "members", stages=stages, push=push_config, run_id=run_id)
    except UnsafePlan:
        if stages is None and not output.is_json:
            show_plan(output, latest_plan(home, sync))
        raise
    except (ProviderError, Interrupted) as error:
        broken_off = error
    outcomes = outcomes_of(home, run_id)
    if broken_off and not outcomes:
        raise broken_off
    made = latest_plan(home, sync)
    if stages is None:
        show_plan(output, made, with_verdict=False)
    show_outcomes(output, sync, run_id, outcomes)
    totals = Counter[str]()
    for row in outcomes:
        totals[row["outcome"]] += row["count"]
    result = {"run_id": run_id, "plan": described(made), "outcomes": outcomes, "totals": dict(totals)}
    if broken_off:
        return output.fail(broken_off, result)
    return output.finish(result, exit_code=4 if totals["refused"] else 0)


def outcomes_of(home: Home, run_id: str) -> list[dict[str, Any]]:
    """What became of a run's changes: rows of op, outcome, code and count."""
    from pipelines.warehouse import Warehouse, rows

    with Warehouse(home).open() as connection:
        return rows(
            connection,
            """
            select op, outcome, code, any_value(remedy) as remedy, count(*) as count
            from ledger.pushes where run_id = ? group by op, outcome, code order by op, outcome, code
            """,
            [run_id],
        )


def show_outcomes(output: Output, sync: str, run_id: str, outcomes: list[dict[str, Any]]) -> None:
    """What was sent, and what the provider did not take and why."""
    if not outcomes:
        output.say(f"[green]✓[/green] {sync}: nothing to send.")
        return
    applied = sum(row["count"] for row in outcomes if row["outcome"] == "applied")
    total = sum(row["count"] for row in outcomes)
    is_answered = not any(row["outcome"] in UNANSWERED for row in outcomes)
    mark = "[green]✓[/green]" if is_answered else "[yellow]![/yellow]"
    output.say(f"{mark} {sync}: {applied:,} of {total:,} changes applied.")
    for row in outcomes:
        if row["outcome"] != "applied" or row["code"]:
            what = UNANSWERED.get(row["outcome"], row["outcome"])
            code = f": {row['code']}." if row["code"] else "."
            remedy = f" {escape(row['remedy'])}" if row["remedy"] else ""
            output.say(f"  [yellow]{row['count']:,} {row['op']} {what}[/yellow]{code}{remedy}")
    if any(row["outcome"] in ("refused", "failed") for row in outcomes):
        output.say(f"  Who, and what to do: {command()} failures {sync}")
    if applied:
        output.say(f"  Run {run_id}. To take it back: {command()} undo {run_id[:8]}")


def campaign_figures(home: Home, sync: str) -> list[dict[str, Any]]:
    """The campaigns of a sync's audience with their rates, newest first."""
    from pipelines.warehouse import Warehouse, rows

    with Warehouse(home).open() as connection:
        return rows(
            connection,
            f"""
            select
                $sync as sync, name, subject, sent_at, sent_count, delivered_count, unique_human_opens, open_rate,
                unique_clicks, click_rate, opt_outs, hard_bounces + soft_bounces as bounces, parked_sent_count,
            from marts.campaigns
            semi join sync_{home.sync(sync).sync}.settings using (connection, audience_id)
            order by sent_at desc
            """,
            {"sync": sync},
        )


def show_campaigns(output: Output, figures: list[dict[str, Any]]) -> None:
    """Campaigns as a table."""
    if not figures:
        output.say("No campaign was sent yet.")
        return
    shown = [
        {**row, "open_rate": _percent(row["open_rate"]), "click_rate": _percent(row["click_rate"])} for row in figures
    ]
    output.table(
        shown,
        {
            "name": "campaign",
            "sent_at": "sent (UTC)",
            "sent_count": "recipients",
            "delivered_count": "delivered",
            "open_rate": "opened",
            "click_rate": "clicked",
            "opt_outs": "opt-outs",
            "bounces": "bounces",
        },
    )
    for row in figures:
        if row["parked_sent_count"]:
            output.say(parked_warning(row))


def parked_warning(campaign: Mapping[str, Any]) -> str:
    """A campaign's `name` and `parked_sent_count` as a sentence that warns (Z10)."""
    people = counted(campaign["parked_sent_count"], "parked member")
    return (
        f"[yellow]{escape(str(campaign['name']))} reached {people}[/yellow], who no longer match the sync's rules: "
        "leave their group out when you send."
    )


def _percent(rate: float | None) -> str | None:
    return None if rate is None else f"{rate:.1%}"
