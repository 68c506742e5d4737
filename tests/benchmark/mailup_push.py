"""What a push of 10,000 adds with groups to MailUp costs, beside the least that its limits allow.

Belongs here: that push, and the table. Does not: planning and the home (tests/contract/mailup_push_world.py).

The provider is the simulator with MailUp's own limits: five calls a second of each method, imports of a second and a
half for 1,000 rows, one after the other. The connection has its defaults. Bare minimum: everybody is imported into
their one group, which subscribes them too, and each import is looked at once; nothing is read back, so that nobody
would know who was not kept. The push writes a little more: it makes the groups first, and imports one firm besides.
"""

import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.append(str(Path(__file__).resolve().parents[1] / "contract"))

from mailup_push_world import Person, PushWorld, lay_out
from push_world import Columns

from pipelines.config.connections import MailupConnection
from pipelines.sandbox.mailup.switches import Switches
from pipelines.sandbox.server import Sandbox

ROWS = 10_000
GROUPS = ("Donatori", "Giovani", "Soci", "Stampa", "Volontari")
LIMITS = Switches()
DEFAULTS = ("rate_per_second", "page_size", "import_chunk", "import_poll", "import_timeout")


@dataclass(frozen=True)
class Figures:
    """One line of the table; `writes` and `reads` are calls."""

    how: str
    writes: int
    reads: int
    seconds: float


class Home(PushWorld):
    """A home whose connection has its defaults, in place of what makes tests quick."""

    def settings(self) -> MailupConnection:
        """The connection."""
        connection = super().settings()
        defaults = {name: MailupConnection.model_fields[name].default for name in DEFAULTS}
        return connection.model_copy(update=defaults)


def bench(console: Console, folder: Path) -> list[Figures]:
    """Both lines; says on the console what is going on."""
    console.print(f"{ROWS:,} adds with groups to MailUp: planning, pushing ...")
    with Sandbox(folder / "mailup-sandbox", port=0, mailup_switches=LIMITS) as sandbox:
        lay_out(folder / "mailup-home", sandbox.url)
        # The one group that the test's home gives everybody is none here, so that each person is in one.
        file = folder / "mailup-home" / "syncs" / "people.yaml"
        file.write_text(file.read_text(encoding="utf-8").replace("{name: Lead}, ", ""), encoding="utf-8")
        world = Home(folder / "mailup-home")
        # One firm more, for no CRM may be empty.
        people: dict[Person, Columns | None] = {
            person: {"Groups": GROUPS[person.number % len(GROUPS)]}
            for person in (Person("bench", number) for number in range(ROWS))
        }
        world.write_crm(people)
        plan = world.plan(reads_crm=True)
        before = dict(sandbox.mailup.stats()["calls"])
        started = time.monotonic()
        with world.provider() as provider:
            result = world.push(provider, "bench")
        seconds = time.monotonic() - started
        assert result.outcomes["applied"] == plan.size == 2 * (ROWS + 1), result.outcomes
        stats = sandbox.mailup.stats()
        assert stats["statuses"].get("429", 0) == 0, stats["statuses"]
        calls = {route: count - before.get(route, 0) for route, count in stats["calls"].items()}
    reads = sum(count for route, count in calls.items() if route.startswith("GET"))
    pushed = Figures("enlist push", sum(calls.values()) - reads, reads, seconds)
    predicted = Figures("predicted by the plan", 0, plan.calls, plan.seconds)
    return [pushed, predicted, _least()]


def _least() -> Figures:
    imports = math.ceil(ROWS / MailupConnection.model_fields["import_chunk"].default)
    seconds = imports * LIMITS.import_seconds + ROWS / LIMITS.import_rows_per_second
    return Figures("bare minimum", imports, imports, max(seconds, imports / LIMITS.calls_per_second))


def show(console: Console, found: list[Figures]) -> None:
    """One table; ratios are to the bare minimum."""
    table = Table(
        title=f"{ROWS:,} adds with a group each to MailUp: {LIMITS.calls_per_second} calls a second by method"
    )
    table.add_column("how")
    for name in ("calls that write", "to read", "seconds", "x calls", "x seconds"):
        table.add_column(name, justify="right")
    least = found[-1]
    for figures in found:
        calls, fewest = figures.writes + figures.reads, least.writes + least.reads
        table.add_row(
            *(figures.how, f"{figures.writes:,}", f"{figures.reads:,}", f"{figures.seconds:,.1f}"),
            *(f"{calls / fewest:,.1f}", f"{figures.seconds / least.seconds:,.1f}"),
        )
    console.print(table)
