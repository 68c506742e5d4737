"""What a plan for a large audience costs, beside one bare full outer join of the same two sides.

Belongs here: the order of things, and the tables. Does not: the contacts (contacts.py), what is measured (plan_home.py,
bare_join.py).

Every figure is of a process of its own, its start-up with dbt's included in CPU seconds and in memory; `seconds` of a
plan begin when dbt is called. Contacts have 20 fields; 1% changed, 0.5% are new, 0.5% gone.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contacts import expected
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
MILLION = 1_000_000
FEW = 1_000


@dataclass(frozen=True)
class Figures:
    """What one size took; `told` is the answer of plan_home.py, `bare` those of bare_join.py by kind of hash."""

    size: int
    told: dict[str, Any]
    bare: dict[str, dict[str, float]]

    @property
    def seconds(self) -> float:
        """Stages 3 to 5: models, their tests, and freezing."""
        return float(self.told["seconds"]["dbt"] + self.told["seconds"]["freeze"])


def bench(console: Console, folder: Path, sizes: Sequence[int]) -> list[Figures]:
    """All figures; says on the console what is going on."""
    found = []
    for size in sizes:
        home = folder / f"home-{size}"
        console.print(f"{size:,} contacts: making them up, joining them, planning ...")
        _plan_before(home)
        _script("contacts.py", str(home), str(size))
        bare = {how: json.loads(_script("bare_join.py", str(home), how)) for how in ("stored", "columns")}
        found.append(Figures(size, json.loads(_script("plan_home.py", str(home))), bare))
        _check(found[-1])
        shutil.rmtree(home)
    return found


def _plan_before(home: Path) -> None:
    """A first run on a few contacts leaves behind what dbt parsed, as yesterday's run does."""
    _script("contacts.py", str(home), str(FEW))
    _script("plan_home.py", str(home))
    for file in home.glob("*.duckdb"):
        file.unlink()


def _check(figures: Figures) -> None:
    """Figures of a plan that did not find what there is would say nothing."""
    counts = {(count["op"], count["reason"]): count["count"] for count in figures.told["counts"]}
    assert counts == expected(figures.size), counts
    people = sum(count for (op, _), count in counts.items() if op != "tag")
    assert all(bare["rows"] == people for bare in figures.bare.values()), figures.bare


def show(console: Console, found: Sequence[Figures]) -> None:
    """What it costs, and where the time goes."""
    table = Table(title="Stages 3 to 5 beside one bare full outer join", caption="x: times the bare join's seconds.")
    table.add_column("contacts", justify="right")
    table.add_column("how")
    for name in ("seconds", "a million", "x stored", "x columns", "CPU seconds", "peak MB"):
        table.add_column(name, justify="right")
    for figures in found:
        rows = [("enlist", {**figures.told, "seconds": figures.seconds})]
        rows += [(f"bare join, {how} hash", bare) for how, bare in figures.bare.items()]
        for how, row in rows:
            seconds = row["seconds"]
            table.add_row(
                *(f"{figures.size:,}", how, f"{seconds:,.1f}", f"{seconds / figures.size * MILLION:,.1f}"),
                *(f"{seconds / figures.bare[kind]['seconds']:,.1f}" for kind in ("stored", "columns")),
                *(f"{row['cpu']:,.1f}", f"{row['megabytes']:,.0f}"),
                end_section=how == rows[-1][0],
            )
    console.print(table)
    _show_parts(console, found)


def _show_parts(console: Console, found: Sequence[Figures]) -> None:
    table = Table(title="Where the seconds go", caption="The suite belongs to stage 2.")
    table.add_column("contacts")
    for figures in found:
        table.add_column(f"{figures.size:,}", justify="right")
    models = found[-1].told["models"]
    for name in sorted(models, key=lambda name: -models[name]):
        table.add_row(name, *(f"{figures.told['models'][name]:,.1f}" for figures in found))
    table.add_row("data tests", *(f"{figures.told['data_tests']:,.1f}" for figures in found), end_section=True)
    for part, name in (("dbt", "all of dbt"), ("freeze", "freeze"), ("suite", "suite")):
        table.add_row(name, *(f"{figures.told['seconds'][part]:,.1f}" for figures in found))
    console.print(table)


def _script(name: str, *arguments: str) -> str:
    command = [sys.executable, str(HERE / name), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
