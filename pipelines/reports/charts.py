"""Numbers to pictures that stand inside a page or a text.

Belongs here: drawing three kinds of chart alike. Does not: which chart shows what (page.py, plots.py).

Drawn by matplotlib: static SVG without a script, 15 to 40 KB each, readable without a network or JavaScript. Plotly,
Bokeh and Altair draw in the browser and bring 1 to 5 MB of script into the file; pygal's SVG loads a script from
elsewhere for its tips. The pictures are small on purpose: on a phone they keep their size, so their text stays legible.
"""

import base64
import io
import warnings
from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any, Literal

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter
from matplotlib.typing import RcKeyType

WIDTH, HEIGHT = 4.6, 2.8  # inches
# Each has a contrast of at least 3 to 1 to white (WCAG 1.4.11), and they differ in lightness as well as in hue.
COLOURS = ("#0b4f8a", "#c2410c", "#0f766e", "#7c3aed", "#a16207", "#be185d", "#64748b")
STYLE: dict[RcKeyType, Any] = {
    "svg.fonttype": "none",  # text stays text, in the reader's own font
    "svg.hashsalt": "enlist",  # the same numbers make the same file
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans", "Arial"],
    "font.size": 10,
    "text.color": "#1f2937",
    "axes.labelcolor": "#1f2937",
    "axes.edgecolor": "#6b7280",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e5e7eb",
    "xtick.color": "#1f2937",
    "ytick.color": "#1f2937",
    "legend.frameon": False,
    "text.parse_math": False,  # two dollar signs in a name are no formula
}
FEWEST_PLACES = 6  # so that a single bar does not fill the picture
LETTERS_ACROSS = 44  # of all labels below a picture together
LONGEST_NAME = 26

DOTS = 110  # per inch, of pictures that are no SVG

Series = Mapping[str, Sequence[float]]
Form = Literal["svg", "png"]  # the Dagster UI shows no SVG that stands in a text


def stacked(labels: Sequence[str], series: Series, *, form: Form = "svg") -> str:
    """Upright bars, the series on top of each other (negative ones below zero), as a data: URI."""
    with rc_context(STYLE):
        figure, axes = _blank(HEIGHT)
        above, below = [0.0] * len(labels), [0.0] * len(labels)
        for (name, values), colour in zip(series.items(), _colours(series), strict=True):
            base = [low if value < 0 else high for value, high, low in zip(values, above, below, strict=True)]
            axes.bar(
                range(len(labels)),
                values,
                bottom=base,
                color=colour,
                label=_name(name),
                edgecolor="white",
                linewidth=0.5,
            )
            above = [high + max(value, 0) for value, high in zip(values, above, strict=True)]
            below = [low + min(value, 0) for value, low in zip(values, below, strict=True)]
        if any(below):
            axes.axhline(0, color="#6b7280", linewidth=0.8)
        _places(axes, labels)
        _counts(axes)
        _legend(figure, series)
        return _uri(figure, form)


def line(labels: Sequence[str], name: str, values: Sequence[float]) -> str:
    """A line with a point for each label, from zero up, as a data: URI."""
    return lines(labels, {name: values})


def lines(labels: Sequence[str], series: Series, *, form: Form = "svg") -> str:
    """A line for each of the series with a point for each label (none for nan), from zero up, as a data: URI."""
    with rc_context(STYLE):
        figure, axes = _blank(HEIGHT)
        for (name, values), colour in zip(series.items(), _colours(series), strict=True):
            axes.plot(
                range(len(labels)), values, color=colour, label=_name(name), linewidth=2, marker="o", markersize=4
            )
        known = [value for values in series.values() for value in values if not isnan(value)]
        axes.set_ylim(0, max([1, *known]) * 1.1)
        _places(axes, labels)
        _counts(axes)
        _legend(figure, series)
        return _uri(figure, form)


def shares(names: Sequence[str], series: Series, *, form: Form = "svg") -> str:
    """Bars lying side by side for each name, in percent, the first name on top, as a data: URI."""
    with rc_context(STYLE):
        figure, axes = _blank(1.0 + 0.24 * len(series) * len(names))
        thick = 0.8 / len(series)
        for number, (name, values) in enumerate(series.items()):
            places = [place + (number - (len(series) - 1) / 2) * thick for place in range(len(names))]
            bars = axes.barh(places, values, height=thick, color=COLOURS[number], label=_name(name))
            axes.bar_label(bars, fmt=lambda value: f"{value:.1%}", padding=3, fontsize=9)
        axes.set_yticks(range(len(names)), [_name(name) for name in names])
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xlim(0, min(1.15, max([0.1, *(value for values in series.values() for value in values)]) * 1.2))
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.grid(axis="y", visible=False)
        _legend(figure, series)
        return _uri(figure, form)


def _blank(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.add_subplot()


def _colours(series: Series) -> list[str]:
    return [COLOURS[number % len(COLOURS)] for number in range(len(series))]


def _places(axes: Axes, labels: Sequence[str]) -> None:
    """As many labels as can be read; always the last one, which is what people look for."""
    spare = max(0, FEWEST_PLACES - len(labels)) / 2
    axes.set_xlim(-0.6 - spare, len(labels) - 0.4 + spare)
    most = max(2, LETTERS_ACROSS // max(map(len, labels)))
    step = -(-max(len(labels), FEWEST_PLACES) // most)
    chosen = list(range(len(labels) - 1, -1, -step))
    axes.set_xticks(chosen, [labels[place] for place in chosen])
    axes.grid(axis="x", visible=False)


def _counts(axes: Axes) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, place: f"{abs(value):,.0f}"))


def _legend(figure: Figure, series: Series) -> None:
    figure.legend(loc="outside upper left", ncols=min(len(series), 3), fontsize=9, handlelength=1.2, columnspacing=1.2)


def _name(text: str) -> str:
    """A name as a picture can hold it; a legend leaves out what begins with an underscore."""
    clean = "".join(letter if letter.isprintable() else " " for letter in text).strip("_ ") or "?"
    return clean if len(clean) <= LONGEST_NAME else f"{clean[: LONGEST_NAME - 1]}…"


def _uri(figure: Figure, form: Form) -> str:
    if form == "png":
        dots = io.BytesIO()
        figure.savefig(dots, format="png", dpi=DOTS, facecolor="white", metadata={"Software": None})
        return f"data:image/png;base64,{base64.b64encode(dots.getvalue()).decode()}"
    drawn = io.StringIO()
    with warnings.catch_warnings():
        # The reader's own font draws the text; what ours lacks, such as an emoji, is only measured a little wrong.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(
            drawn, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")), transparent=True
        )
    return f"data:image/svg+xml;base64,{base64.b64encode(drawn.getvalue().encode()).decode()}"
