"""Both files of a sync, from one look at the warehouse.

Belongs here: where the files go and in which order they are made. Does not: what is in them.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipelines.config import Home, SyncConfig
from pipelines.errors import ConfigError
from pipelines.ledger import load
from pipelines.reports import figures, page, sheets, workbook
from pipelines.reports.figures import Figures

WORKBOOK, PAGE = ".xlsx", ".html"


@dataclass(frozen=True)
class Report:
    """What was made: the files (None: not asked for), the figures in them, and the rows of each of the sheets."""

    figures: Figures
    workbook: Path | None
    page: Path | None
    sheet_rows: Mapping[str, int]


def make(home: Home, sync: SyncConfig, to: Path | None = None) -> Report:
    """Write the workbook and the page about the newest plan of a sync into the home's reports/, named as the plan.

    `to` is a folder for both, or a file of one of the two kinds, and then only that is made. Raises `ConfigError`
    before the first plan and where nothing can be written.
    """
    kinds = _kinds(to)
    with _folder(home) as folder:
        # Held for a moment only: the files are written when others may have the warehouse again.
        with load.opened(home) as connection:
            found = figures.read(connection, sync.sync)
            if WORKBOOK in kinds:
                sheets.copy_rows(connection, folder, sync, found.plan.plan_id)
        paths = {kind: _path(home, to, found.plan.plan_id, kind) for kind in kinds}
        counts = (
            workbook.write(paths[WORKBOOK], sheets.summary(found), sheets.sheets(folder)) if WORKBOOK in paths else {}
        )
    if PAGE in paths:
        page.write(paths[PAGE], found)
    return Report(found, paths.get(WORKBOOK), paths.get(PAGE), counts)


def _kinds(to: Path | None) -> tuple[str, ...]:
    if to is None or to.is_dir():
        return WORKBOOK, PAGE
    if to.suffix.lower() in (WORKBOOK, PAGE):
        return (to.suffix.lower(),)
    raise ConfigError(
        "this is neither a folder nor the name of a report.",
        where=str(to),
        do=f"Name a folder that exists, or a file ending in {WORKBOOK} or {PAGE}.",
    )


def _path(home: Home, to: Path | None, plan_id: str, kind: str) -> Path:
    if to is not None and not to.is_dir():
        return to.absolute()
    return (to or home.reports).absolute() / f"{plan_id}{kind}"


@contextmanager
def _folder(home: Home) -> Iterator[Path]:
    """A folder in the home, for as long as the block runs: what is in it names people."""
    try:
        home.reports.mkdir(parents=True, exist_ok=True)
        made = tempfile.TemporaryDirectory(prefix=".rows-", dir=home.reports)
    except OSError as error:
        do = "Make room on the disk, or mend the rights of the folder."
        raise ConfigError(f"it can't be written ({error.strerror}).", where=str(home.reports), do=do) from error
    before = tempfile.tempdir
    with made as name:
        tempfile.tempdir = name  # openpyxl puts its sheets aside there: not where other users' files are
        try:
            yield Path(name)
        finally:
            tempfile.tempdir = before
