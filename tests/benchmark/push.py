"""What a push of 10,000 adds and of 10,000 tag changes costs, beside a loop and the least possible.

Belongs here: the order of things, and the table. Does not: what is measured (official_client.py, push_plan.py), the
provider's pace (slow_mailchimp.py).

The provider is the simulator behind a delay of 30 ms a call and 2 ms a member (slow_mailchimp.py), in a process of its
own. Everything is measured in this one run on this one machine: the ratios are the result, the seconds are not a test.
The push is the whole of `enlist push`: the re-read of changed members, the journal on disk, the ledger's tables.
"""

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "contract"))

from mailchimp_push_world import Person, PushWorld, furnish, lay_out  # noqa: E402
from push_world import Columns  # noqa: E402
from slow_mailchimp import SECONDS_A_CALL, SECONDS_A_MEMBER  # noqa: E402

from pipelines.sandbox.mailchimp.seeding import API_KEY  # noqa: E402

ROWS, BATCH = 10_000, 500
LOOPED = ROWS // 10
LOOPS = {"add": "set_list_member", "tag": "update_list_member_tags"}
LEAST = "bare minimum"
TAGS = ("Klant", "Pers", "Starters", "Vip", "Zaken")


@dataclass(frozen=True)
class Figures:
    """One line of the table; `writes` and `reads` are calls, `megabytes` the most memory the process ever had."""

    what: str
    how: str
    writes: int
    reads: int
    seconds: float
    megabytes: float | None = None


def bench(console: Console, folder: Path) -> list[Figures]:
    """All figures; says on the console what is going on."""
    with _serving(folder / "sandbox") as url:
        audience_id = _audience(url)
        furnish(f"{url}/mailchimp", audience_id)
        lay_out(folder / "home", url, BATCH)
        world = PushWorld(folder / "home")
        # Whoever the home has anyway comes first, so that what is measured is ROWS changes and nothing else.
        other: dict[Person, Columns | None] = {Person("other", 0): {}}
        world.write_crm(other)
        world.run("first", reads_crm=True)
        people = [Person("bench", number) for number in range(ROWS)]
        adds: dict[Person, Columns | None] = {person: {} for person in people}
        tags: dict[Person, Columns | None] = {person: {"Tags": TAGS[person.number % len(TAGS)]} for person in people}
        found = []
        for what, op, columns in (("adds", "add", adds), ("tag changes", "tag", tags)):
            console.print(f"{ROWS:,} {what}: planning, pushing; then {LOOPED:,} in a loop ...")
            pushed = _pushed(world, url, what, {**columns, **other})
            found += [pushed, _looped(url, audience_id, what, op), _least(what)]
        _check(url, audience_id)
    return found


def _pushed(world: PushWorld, url: str, what: str, columns: dict[Person, Columns | None]) -> Figures:
    world.write_crm(columns)
    plan = world.plan(reads_crm=True)
    _counted(url)
    told = json.loads(_script("push_plan.py", str(world.home.root), f"bench-{plan.plan_id}"))
    calls = _counted(url)
    assert told["applied"] == ROWS, told["applied"]
    assert calls["most"] <= 10, calls["most"]
    return Figures(what, "enlist push", calls["writes"], calls["reads"], told["seconds"], told["megabytes"])


def _looped(url: str, audience_id: str, what: str, op: str) -> Figures:
    _counted(url)
    seconds = float(_script("official_client.py", url, audience_id, op, "0", str(LOOPED)))
    factor = ROWS / LOOPED
    how = f"{LOOPS[op]} *"
    return Figures(what, how, round(_counted(url)["writes"] * factor), 0, seconds * factor)


def _least(what: str) -> Figures:
    calls = math.ceil(ROWS / BATCH)
    return Figures(what, LEAST, calls, 0, calls * SECONDS_A_CALL + ROWS * SECONDS_A_MEMBER)


def _check(url: str, audience_id: str) -> None:
    """Figures of a push that did not do its work would say nothing."""
    root = f"{url}/mailchimp/3.0/lists/{audience_id}"
    with requests.Session() as session:
        session.auth = ("bench", API_KEY)
        members = session.get(f"{root}/members?count=1&status=subscribed", timeout=60).json()
        segments = session.get(f"{root}/segments?count=100", timeout=60).json()["segments"]
    tagged = sum(segment["member_count"] for segment in segments if segment["name"] in TAGS)
    assert members["total_items"] >= ROWS + LOOPED, members["total_items"]
    assert tagged == ROWS, tagged


def show(console: Console, found: list[Figures]) -> None:
    """One table; ratios are to the bare minimum of the same work."""
    table = Table(
        title=f"{ROWS:,} members: {SECONDS_A_CALL * 1000:.0f} ms a call, {SECONDS_A_MEMBER * 1000:.0f} ms a member",
        caption=f"* in a loop of the official client, {LOOPED:,} members measured, times {ROWS // LOOPED}. "
        f"Bare minimum: {BATCH} members a call, one call after the other, nothing read.",
    )
    table.add_column("what")
    table.add_column("how")
    for name in ("calls", "to read", "seconds", "x calls", "x seconds", "peak MB"):
        table.add_column(name, justify="right")
    least = {figures.what: figures for figures in found if figures.how == LEAST}
    for figures in found:
        bare = least[figures.what]
        table.add_row(
            *(figures.what, figures.how, f"{figures.writes:,}", f"{figures.reads:,}", f"{figures.seconds:,.1f}"),
            *(f"{figures.writes / bare.writes:,.1f}", f"{figures.seconds / bare.seconds:,.1f}"),
            f"{figures.megabytes:,.0f}" if figures.megabytes else "",
            end_section=figures is bare,
        )
    console.print(table)


@contextmanager
def _serving(folder: Path) -> Iterator[str]:
    folder.mkdir()
    command = [sys.executable, str(HERE / "slow_mailchimp.py"), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def _audience(url: str) -> str:
    answer = requests.get(f"{url}/mailchimp/3.0/lists", auth=("bench", API_KEY), timeout=60)
    return str(answer.json()["lists"][0]["id"])


def _counted(url: str) -> dict[str, int]:
    """Calls since the last time."""
    found: dict[str, int] = requests.get(f"{url}/bench", timeout=60).json()
    return found


def _script(name: str, *arguments: str) -> Any:
    command = [sys.executable, str(HERE / name), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
