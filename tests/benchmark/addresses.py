"""What judging addresses costs, beside writing them down and beside asking the library about each.

Belongs here: the sizes, what is aimed at, the table. Does not: what is measured (address_run.py).

CPU seconds of one core. The library is asked about the first 100,000 only, and its figure is for a million of those.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
MILLION = 1_000_000
ASKED_OF_LIBRARY = 100_000
# Addresses, percent of international domains, CPU seconds aimed at.
CASES = ((MILLION, 0, 5.0), (10 * MILLION, 5, 90.0))


@dataclass(frozen=True)
class Figures:
    """What one case took, by way of judging."""

    size: int
    idn: int
    aim: float
    ways: dict[str, dict[str, Any]]


def bench(console: Console, folder: Path) -> list[Figures]:
    """All figures; says on the console what is going on."""
    found = []
    for size, idn, aim in CASES:
        console.print(f"{size:,} addresses, {idn}% international: making them up, judging them ...")
        file, few = folder / f"addresses-{size}.duckdb", folder / f"few-{size}.duckdb"
        ways = {way: _run(file, size, idn, way) for way in ("distinct", "enlist", "again")}
        ways["library"] = _run(few, ASKED_OF_LIBRARY, idn, "library")
        _check(few, idn, size, ways)
        found.append(Figures(size, idn, aim, ways))
        file.unlink()
    return found


def _check(few: Path, idn: int, size: int, ways: dict[str, dict[str, Any]]) -> None:
    """Figures of something else than was asked for would say nothing."""
    same = _run(few, ASKED_OF_LIBRARY, idn, "enlist")
    assert (same["judged"], same["wrong"]) == (ASKED_OF_LIBRARY, ways["library"]["wrong"]), same
    assert (ways["enlist"]["judged"], ways["again"]["judged"]) == (size, 0), ways


def show(console: Console, found: Sequence[Figures]) -> None:
    """What it costs."""
    table = Table(title="Addresses judged on one core", caption="x: times the CPU seconds of writing them down.")
    for name in ("addresses", "of them IDN"):
        table.add_column(name, justify="right")
    table.add_column("how")
    for name in ("CPU seconds", "aim", "a million", "x", "peak MB"):
        table.add_column(name, justify="right")
    names = {
        "distinct": "written down once each",
        "enlist": "enlist, all of them new",
        "again": "enlist, nothing new",
        "library": "email-validator, one by one",
    }
    for figures in found:
        least = figures.ways["distinct"]["cpu"] / figures.size
        for way, row in figures.ways.items():
            count = ASKED_OF_LIBRARY if way == "library" else figures.size
            table.add_row(
                *(f"{count:,}", f"{figures.idn}%", names[way], f"{row['cpu']:,.1f}"),
                f"{figures.aim:,.0f}" if way == "enlist" else "",
                *(f"{row['cpu'] / count * MILLION:,.1f}", f"{row['cpu'] / count / least:,.1f}"),
                f"{row['megabytes']:,.0f}",
                end_section=way == "library",
            )
    console.print(table)


def _run(file: Path, size: int, idn: int, way: str) -> dict[str, Any]:
    command = [sys.executable, str(HERE / "address_run.py"), str(file), str(size), str(idn), way]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return found
