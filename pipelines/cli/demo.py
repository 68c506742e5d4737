"""`enlist demo`: the whole loop on the sample syncs and the sandbox, and what to look at next.

Belongs here: the order of the demo and its summary. Does not: the samples (sandbox/samples/), the loop (the pipeline).
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from pipelines.cli import crm_plans
from pipelines.cli.options import HomeOption, JsonOption
from pipelines.cli.output import Output, command
from pipelines.cli.planning import described, latest_plan, show_plan
from pipelines.cli.pushing import campaign_figures, outcomes_of, show_campaigns, show_outcomes
from pipelines.cli.rehearsal import prepare, refuse_real_accounts
from pipelines.config import Home, find_root, load_home
from pipelines.config.connections import ProviderConnection


def demo(home: HomeOption = None, json: JsonOption = False) -> int:
    """Run the whole loop on the default home: CRM to audience to campaigns to marts. Nothing leaves this machine."""
    from pipelines.cli.running import Runner

    output = Output(is_json=json)
    loaded = load_home(find_root(home))
    refuse_real_accounts(loaded)
    began = time.monotonic()
    with ExitStack() as stack:
        prepare(loaded, stack, output)
        with output.progress():
            runner = Runner(loaded)
        results = [_loop(loaded, runner, name, output) for name in sorted(loaded.syncs)]
    _summary(output, loaded, results, time.monotonic() - began)
    refused = sum(row["count"] for result in results for row in result["outcomes"] if row["outcome"] == "refused")
    return output.finish({"syncs": results, "refused": refused})


def _loop(home: Home, runner: Any, sync: str, output: Output) -> dict[str, Any]:
    """One sync from CRM to statistics; first plans are accepted, as a person would after looking."""
    with output.progress():
        run_id = runner.run(sync, "members", push={"by": "demo", "accept": ["first_run"]})
    made = latest_plan(home, sync)
    outcomes = outcomes_of(home, run_id)
    output.say()
    show_plan(output, made, with_verdict=False)
    show_outcomes(output, sync, run_id, outcomes)
    sent = _send_campaigns(home, sync)
    if sent:
        output.say(f"Somebody sends {sent} campaigns at the provider; people open, click, bounce and opt out ...")
    with output.progress():
        stats_id = runner.run(sync, "stats", write_back={"by": "demo", "accept": ["first_run"]})
    if home.sync(sync).write_back:
        crm_plans.tell_run(output, home, sync, stats_id)
    figures = campaign_figures(home, sync)
    return {"sync": sync, "run_id": run_id, "plan": described(made), "outcomes": outcomes, "campaigns": figures}


def _send_campaigns(home: Home, sync: str) -> int:
    from pipelines.ledger.pins import pinned
    from pipelines.sandbox.marketer import DRAFTS, send_campaigns
    from pipelines.sandbox.samples.campaigns import CAMPAIGNS

    connection = home.connection(home.sync(sync).to.connection)
    pin = pinned(home.ledger, sync)
    if not isinstance(connection, ProviderConnection) or pin is None:
        return 0
    return send_campaigns(connection, pin["audience_id"], CAMPAIGNS.get(sync, DRAFTS))


def _summary(output: Output, home: Home, results: Sequence[dict[str, Any]], seconds: float) -> None:
    for result in results:
        output.say()
        show_campaigns(output, result["campaigns"])
    first = results[0]["sync"] if results else "SYNC"
    output.say()
    output.say(f"[green]✓[/green] Done in {seconds:.0f} seconds. What to open:")
    output.say(f"  {home.analytics}  the tables, for DuckDB, pandas or any tool that reads DuckDB 1.x")
    output.say(f"  {home.ledger}  every change and every opt-out, for good")
    output.say("What to type next:")
    enlist = command()
    output.say(f"  {enlist} ui   (or make ui)   the lineage, runs and schedules, with the sandbox beside them")
    output.say(f"  {enlist} check {first}")
    output.say(f"  {enlist} failures {first}")
    output.say(f"  {enlist} plans {first}")
