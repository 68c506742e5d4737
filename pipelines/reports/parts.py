"""What the chapters of the page are made of: pictures, tables, and how values are shown in them.

Belongs here: values that page.html draws, and making them of rows and numbers. Does not: what a chapter says
(chapters.py), the pictures themselves (charts.py), mark-up (page.html).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipelines.reports import charts
from pipelines.reports.figures import Rows

MOST_OPEN_ROWS = 15  # longer tables are folded
EMPTY = "-"


@dataclass(frozen=True)
class Chart:
    """A picture as a data: URI, with the sentence that stands in for it."""

    uri: str
    alternative: str


@dataclass(frozen=True)
class Table:
    """Rows as they are shown; columns that hold numbers stand right. `has_total`: the last row adds the others up."""

    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[bool]
    is_folded: bool = False
    has_total: bool = False


@dataclass(frozen=True)
class Section:
    """A chapter of the page. `reading` tells how to read its numbers (I12)."""

    key: str
    title: str
    lead: str
    reading: Sequence[str]
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()


def bars(title: str, labels: Sequence[str], series: Mapping[str, Sequence[float]]) -> Chart:
    """Stacked bars of each series, told in words too."""
    return Chart(charts.stacked(labels, series), told(f"Bar chart: {title.lower()}", labels, series))


def told(title: str, labels: Sequence[str], series: Mapping[str, Sequence[float]]) -> str:
    """The text that stands in for a chart: where it goes from and to, and the last of each series."""
    last = "; ".join(f"{name} {_number(abs(values[-1]))}" for name, values in series.items())
    where = f"{labels[0]} to {labels[-1]}" if len(labels) > 1 else labels[0]
    return f"{title}, {where}. The last one: {last}. All numbers are in the table below."


def table(
    caption: str,
    headings: Sequence[str],
    rows: Rows | Sequence[Sequence[Any]],
    *,
    is_folded: bool = False,
    has_total: bool = False,
) -> Table:
    """Rows as text; long ones are folded, as is what `is_folded`."""
    cells = [list(row) for row in rows]
    numbers = [
        any(isinstance(row[place], int | float) for row in cells)
        and not any(isinstance(row[place], str) for row in cells)
        for place in range(len(headings))
    ]
    return Table(
        caption,
        headings,
        [[shown(value) for value in row] for row in cells],
        numbers,
        is_folded or len(cells) > MOST_OPEN_ROWS,
        has_total,
    )


def shown(value: Any) -> str:
    """A value as the page shows it: shares in percent, times in UTC."""
    if value is None:
        return EMPTY
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return _number(value) if isinstance(value, int | float) else str(value)


def _number(value: float) -> str:
    return f"{value:.1%}" if isinstance(value, float) else f"{value:,}"
