"""Data Docs: what Great Expectations found, as one static page that needs no network.

Belongs here: GX's own renderer put into a page of ours. Does not: judging (quality/suites.py).

The site that GX builds by itself loads scripts, styles and pictures from seven hosts and counts whoever opens it; in a
home from which nothing may leave, and without a network, it would be neither right nor readable. Its renderers, which
turn results into tables, do none of that.
"""

import importlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from pipelines import clock
from pipelines.config import Home
from pipelines.quality.gx import great_expectations
from pipelines.quality.suites import Judged
from pipelines.reports.files import replacing

TEMPLATES = Path(__file__).parent


def path_of(home: Home, sync: str, name: str) -> Path:
    """Where the page of a sync's suites is kept."""
    return home.reports / "quality" / sync / f"{name}.html"


def write(path: Path, sync: str, judged: Sequence[Judged]) -> None:
    """Write the page, in place of the last one only when it is whole; `ConfigError` where that can't be done."""
    text = rendered(sync, judged)
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")


def rendered(sync: str, judged: Sequence[Judged]) -> str:
    """The page as text."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    judgements = [one for suite in judged for one in suite.judgements]
    return environment.get_template("quality.html").render(
        sync=sync,
        made_at=f"{clock.now():%Y-%m-%d %H:%M}",
        version=version("great_expectations"),
        total=len(judgements),
        broken=sum(not one.passed for one in judgements),
        suites=[
            {
                "name": one.suite.name,
                "title": one.suite.title,
                "description": one.suite.description,
                "table": _table(one.results),
                "notes": [f"{limit.name}: {limit.note}" for limit in one.suite.limits if limit.note],
            }
            for one in judged
        ],
    )


def _table(results: Sequence[Any]) -> Markup:
    """GX's table of status, expectation and observed value."""
    great_expectations()
    render: Any = importlib.import_module("great_expectations.render")
    blocks: Any = importlib.import_module("great_expectations.render.renderer.content_block")
    view: Any = importlib.import_module("great_expectations.render.view")
    for result in results:
        # GX's templates take text for HTML; names of fields are the user's.
        settings = result.expectation_config
        settings.description = str(escape(settings.description or ""))
    block = blocks.ValidationResultsTableContentBlockRenderer.render(list(results), include_column_name=False)
    section = render.RenderedSectionContent(content_blocks=[block]).to_json_dict()
    return Markup(view.DefaultJinjaSectionView().render({"section": section, "section_loop": {"index": 1}}))  # noqa: S704
