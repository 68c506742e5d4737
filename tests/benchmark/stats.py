"""What the statistics of many large campaigns cost: loading them, the marts, the file that analysts open; a real pull.

Belongs here: the order of things, and the tables. Does not: generated answers (stats_account.py), what is measured
(stats_home.py, stats_pull.py).

First 100 campaigns to 50,000 people each, five million sends and two million events, through load and marts; the
provider's answers are made up on the spot, and what that costs is told beside it. Then a tenth of it over HTTP from the
Mailchimp simulator, with the calls beside the fewest possible, and a second pull that finds nothing new. Every figure
is of a process of its own.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "contract"))

from mailchimp_push_world import furnish, lay_out  # noqa: E402

from pipelines.sandbox.marketer import Draft, send_mailchimp_campaigns  # noqa: E402
from pipelines.sandbox.server import Sandbox  # noqa: E402

CAMPAIGNS, RECIPIENTS = 100, 50_000
PULLED = 10  # one of so many is pulled over HTTP
STEPS = {
    "answers": "making the answers, which is no work of Enlist's",
    "load": "first pull: landed, judged and loaded",
    "again": "second pull, nothing new",
    "marts": "dbt: marts and their tests",
    "publish": "analytics.duckdb",
}
AN_HOUR = 3600
# Hardly anybody leaves, so that the last campaign goes to as many as the first; two events for five sends or so.
HABITS = {"hard_bounces": 0, "soft_bounces": 0.01, "opt_outs": 0.0005, "complaints": 0, "proxies": 0.05, "opens": 0.25}

Told = Mapping[str, Any]


@dataclass(frozen=True)
class Figures:
    """What each step told, and the two pulls over HTTP."""

    campaigns: int
    recipients: int
    steps: Mapping[str, Told]
    pulls: tuple[Told, Told]


def bench(console: Console, folder: Path, campaigns: int = CAMPAIGNS) -> Figures:
    """All figures; says on the console what is going on."""
    home = folder / "stats"
    arguments = (str(home), str(campaigns), str(RECIPIENTS))
    _script("stats_home.py", *arguments, "fill")
    steps = {}
    for step, what in STEPS.items():
        console.print(f"{campaigns} campaigns to {RECIPIENTS:,} people: {what} ...")
        steps[step] = json.loads(_script("stats_home.py", *arguments, step))
    assert steps["load"]["sends"] == campaigns * RECIPIENTS, steps["load"]
    assert steps["again"]["sends"] == steps["again"]["events"] == 0, steps["again"]
    shutil.rmtree(home)
    return Figures(campaigns, RECIPIENTS, steps, _pulls(console, folder, campaigns, RECIPIENTS // PULLED))


def _pulls(console: Console, folder: Path, campaigns: int, recipients: int) -> tuple[Told, Told]:
    console.print(f"{campaigns} campaigns to {recipients:,} people: sending them in the simulator, pulling twice ...")
    with Sandbox(folder / "sandbox", port=0) as sandbox:
        mailchimp = sandbox.mailchimp
        mailchimp.turn(habits=HABITS)
        people = [{"email_address": f"person{at}@people{at % 200}.example"} for at in range(recipients)]
        mailchimp.add_members(mailchimp.list_id, people)
        links = ("https://shop.example/a", "https://shop.example/b")
        drafts = [Draft(f"Campaign {at}", f"News {at}", "News", links) for at in range(campaigns)]
        send_mailchimp_campaigns(mailchimp.url, mailchimp.api_key, mailchimp.list_id, drafts)
        sandbox.clock.advance(2 * AN_HOUR)
        lay_out(folder / "pulled", sandbox.url)
        furnish(mailchimp.url, mailchimp.list_id)
        first, second = (
            json.loads(_script("stats_pull.py", str(folder / "pulled"), mailchimp.list_id)) for _ in range(2)
        )
    assert first["sends"] > 0.9 * campaigns * recipients, first
    assert second["sends"] == second["events"] == 0, second
    return first, second


def show(console: Console, found: Figures) -> None:
    """What it costs, and where the time goes."""
    load = found.steps["load"]
    table = Table(title=f"{found.campaigns} campaigns: {load['sends']:,} sends, {load['events']:,} events")
    table.add_column("step")
    for name in ("seconds", "CPU seconds", "peak MB"):
        table.add_column(name, justify="right")
    for step, what in STEPS.items():
        told = found.steps[step]
        table.add_row(what, f"{told['seconds']:,.1f}", f"{told['cpu']:,.1f}", f"{told['megabytes']:,.0f}")
    console.print(table)
    marts = found.steps["marts"]
    slowest = sorted(marts["models"], key=lambda name: -marts["models"][name])[:6]
    told = ", ".join(f"{name} {marts['models'][name]:,.1f}" for name in slowest)
    console.print(f"Of the marts: {told}, data tests {marts['data_tests']:,.1f} seconds; two at a time.")
    console.print(f"analytics.duckdb: {found.steps['publish']['file_megabytes']:,.0f} MB.")
    _show_pulls(console, found)


def _show_pulls(console: Console, found: Figures) -> None:
    first, second = found.pulls
    table = Table(
        title=f"Pulled over HTTP: {first['sends']:,} sends, {first['events']:,} events",
        caption="Fewest: each document once, a thousand rows a call, nothing beside them.",
    )
    table.add_column("pull")
    for name in ("calls", "fewest", "seconds", "CPU seconds", "peak MB"):
        table.add_column(name, justify="right")
    for name, told in (("first", first), ("second, nothing new", second)):
        table.add_row(
            *(name, f"{told['calls']:,}", f"{told['least']:,}", f"{told['seconds']:,.1f}"),
            *(f"{told['cpu']:,.1f}", f"{told['megabytes']:,.0f}"),
        )
    console.print(table)


def _script(name: str, *arguments: str) -> str:
    command = [sys.executable, str(HERE / name), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
