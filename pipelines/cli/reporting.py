"""`enlist report`: the files about a sync that people open.

Belongs here: the command, and saying what is in the files. Does not: making them (reports/).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli.options import HomeOption, JsonOption, SyncArgument
from pipelines.cli.output import Output
from pipelines.config import find_root, load_home
from pipelines.words import counted

if TYPE_CHECKING:
    from pipelines.reports.making import Report


def report(
    sync: SyncArgument,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE", help="A folder for both files, or one file ending in .xlsx or .html."),
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> int:
    """Write the Excel file of wrong, missing, doubled and refused addresses with their owners, and a page with charts.

    They tell of the newest plan and send nothing. The Excel file holds addresses in full; the page only counts.
    """
    from pipelines.reports.making import make

    output = Output(is_json=json)
    loaded = load_home(find_root(home), check=False)
    made = make(loaded, loaded.sync(sync), to)
    _show(output, made)
    return output.finish(_described(made))


def _show(output: Output, made: "Report") -> None:
    figures = made.figures
    output.say(
        f"[bold]{figures.plan.sync}[/bold]: {counted(figures.plan.size, 'change')} in plan {figures.plan.plan_id}, "
        f"{figures.held:,} held back, {figures.unblocked:,} free again."
    )
    if made.sheet_rows:
        output.table(
            [{"sheet": title, "rows": count} for title, count in made.sheet_rows.items()],
            {"sheet": "sheet", "rows": "rows"},
        )
    if made.workbook:
        output.say(f"Workbook, with addresses in full: {made.workbook}")
    if made.page:
        output.say(f"Page, counts only: {made.page}")


def _described(made: "Report") -> dict[str, Any]:
    figures = made.figures
    return {
        "sync": figures.plan.sync,
        "plan_id": figures.plan.plan_id,
        "workbook": str(made.workbook) if made.workbook else None,
        "page": str(made.page) if made.page else None,
        "sheets": dict(made.sheet_rows),
        "changes": figures.plan.size,
        "counts": list(figures.sending),
        "holds": list(figures.holds),
        "unblocked": figures.unblocked,
    }
