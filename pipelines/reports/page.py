"""The page: figures to one HTML file.

Belongs here: putting it together, and its numbers on top. Does not: its chapters (chapters.py), counting (figures.py),
mark-up (page.html).

The file holds counts only, needs no network and forbids itself any. Every chart has its numbers in a table below it.
"""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipelines.reports import words
from pipelines.reports.chapters import chapters
from pipelines.reports.figures import Figures
from pipelines.reports.files import replacing
from pipelines.reports.parts import shown


def write(path: Path, figures: Figures) -> None:
    """Write the page, in place of an older one only when it is whole; `ConfigError` where that can't be done."""
    text = rendered(figures)
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")


def rendered(figures: Figures) -> str:
    """The page as text."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("page.html")
    return template.render(
        figures=figures,
        state=words.state(figures.plan),
        made_at=shown(figures.made_at),
        planned_at=shown(figures.plan.created_at),
        tiles=_tiles(figures),
        sections=chapters(figures),
    )


def _tiles(figures: Figures) -> list[tuple[str, str, str]]:
    """The numbers on top: number, what it is, and what it is out of."""
    share = f"{figures.bad / figures.checked:.1%} of {figures.checked:,} records" if figures.checked else ""
    return [
        (f"{figures.plan.wanted_count:,}", "members wanted", "each address once"),
        (f"{figures.plan.size:,}", "changes in the plan", f"{figures.total('applied'):,} applied so far"),
        (f"{figures.held:,}", "held back", f"{figures.unblocked:,} free again since the last push"),
        (f"{figures.bad:,}", "addresses wrong or missing", share),
    ]
