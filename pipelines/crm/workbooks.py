"""One sheet of a workbook as rows of text, and what the file does not tell.

Belongs here: cells. Does not: which row means what to a table (formats.py), which files (file.py).

Read by python-calamine: openpyxl loses dates' types in old files, DuckDB's reader gives dates as serial numbers. It
gives nothing for a cell with an error and for a formula that was never calculated; so both are looked for in the
workbook's own XML, where it has one.
"""

import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import IO, Any
from xml.etree import ElementTree

from pipelines.config.connections import FileEntity
from pipelines.crm.records import as_text
from pipelines.errors import ConfigError, PermanentError
from pipelines.words import counted

BOOK = "xl/workbook.xml"
LINKS = "xl/_rels/workbook.xml.rels"
CHUNK = 2**20
# What a sheet holds that is worth reading its XML for: errors and formulas.
WORTH = re.compile(rb"""\bt=["']e["']|<(?:\w+:)?f[\s/>]""")
LONGEST_SIGN = 32
ERRORS = "an error such as #N/A, which was read as blank"
FORMULAS = "a formula without its result, which was read as blank: save it once in a spreadsheet program"


def read_sheet(path: Path, settings: FileEntity, where: str) -> tuple[list[list[str]], list[str]]:
    """The rows of the sheet from the one with the names on, and sentences on what is not as it was typed."""
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        with closing(CalamineWorkbook.from_path(path)) as workbook:
            sheet = _chosen(workbook.sheet_names, path, settings, where)
            rows = workbook.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    except CalamineError:
        raise PermanentError(
            f"{path.name} is not a whole workbook, or has a password.",
            where=where,
            do="Open it in a spreadsheet program and save it again without a password.",
        ) from None
    texts = [[as_text(cell) for cell in row] for row in rows[settings.header_row - 1 :]]
    if not texts:
        return [], []
    # A column without a name that holds something is kept: it may be somebody's remark, or a name forgotten.
    width = max((at + 1 for row in texts for at, cell in enumerate(row) if cell), default=0)
    texts = [row[:width] for row in texts]
    texts[0] = [name.strip() or f"column_{number}" for number, name in enumerate(texts[0], 1)] if width else []
    notes = [
        *_lost_zeros(path, texts[0], rows[settings.header_row :], settings.key),
        *_unread(path, sheet, settings.header_row, texts[0]),
    ]
    return texts, notes


def _chosen(names: Sequence[str], path: Path, settings: FileEntity, where: str) -> str:
    if settings.sheet is None:
        return names[0]
    if settings.sheet not in names:
        raise ConfigError(
            f"{path.name} has no sheet {settings.sheet}.", where=where, do=f"Choose one of: {', '.join(names)}."
        )
    return settings.sheet


def _lost_zeros(path: Path, names: Sequence[str], rows: Sequence[Sequence[Any]], key: str) -> Iterator[str]:
    """A sentence when the key was typed as a number: then Excel dropped its zeros, and nobody can tell how many."""
    if key in names and any(isinstance(row[names.index(key)], float) for row in rows):
        yield f"{path.name}: {key} holds numbers, not text. Leading zeros that were typed are lost."


def _unread(path: Path, sheet: str, header_row: int, names: Sequence[str]) -> Iterator[str]:
    """Sentences on cells that were read as blank and are not, with their columns; none where there is no XML."""
    try:
        found = Counter(
            (what, names[column - 1] if column <= len(names) else f"column_{column}")
            for what, row, column in _blank_cells(path, sheet)
            if row > header_row
        )
    except (ElementTree.ParseError, zipfile.BadZipFile):
        yield f"{path.name}: its XML is not in order; errors and formulas without a result would be read as blank."
        return
    for what in (ERRORS, FORMULAS):
        columns = [f"{name} ({number:,})" for (kind, name), number in found.items() if kind == what]
        if columns:
            total = sum(number for (kind, _), number in found.items() if kind == what)
            verb = "holds" if total == 1 else "hold"
            yield f"{path.name}: {counted(total, 'cell')} of {', '.join(columns)} {verb} {what}."


def _blank_cells(path: Path, sheet: str) -> Iterator[tuple[str, int, int]]:
    """What is wrong with each cell that can't be read, with its row and column, from 1."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        part = _part(archive, sheet)
        if part is None:
            return
        with archive.open(part) as stream:
            if not _is_worth_it(stream):
                return
        with archive.open(part) as stream:
            yield from _looked_through(stream)


def _part(archive: zipfile.ZipFile, sheet: str) -> str | None:
    """The part of the archive that holds the sheet; None for other kinds of workbook."""
    parts = set(archive.namelist())
    if not {BOOK, LINKS} <= parts:
        return None
    sheets = _elements(archive, BOOK, "sheet")
    link = next((_plain(one).get("id") for one in sheets if one.get("name") == sheet), None)
    targets = {one.get("Id"): one.get("Target", "") for one in _elements(archive, LINKS, "Relationship")}
    part = str(PurePosixPath("/xl") / targets.get(link, "")).lstrip("/")
    return part if part in parts else None


def _elements(archive: zipfile.ZipFile, part: str, name: str) -> list[ElementTree.Element]:
    root = ElementTree.fromstring(archive.read(part))  # noqa: S314
    return [element for element in root.iter() if _local(element.tag) == name]


def _local(tag: str) -> str:
    """A name without its namespace: Excel has two, transitional and strict."""
    return tag.rpartition("}")[2]


def _plain(element: ElementTree.Element) -> dict[str, str]:
    return {_local(name): value for name, value in element.attrib.items()}


def _is_worth_it(stream: IO[bytes]) -> bool:
    """Whether there is an error or a formula at all: most exports have neither, and XML is slow to read."""
    before = b""
    while chunk := stream.read(CHUNK):
        if WORTH.search(before + chunk):
            return True
        before = chunk[-LONGEST_SIGN:]
    return False


def _looked_through(stream: IO[bytes]) -> Iterator[tuple[str, int, int]]:
    row = column = 0
    rows: ElementTree.Element | None = None
    for event, element in ElementTree.iterparse(stream, events=("start", "end")):  # noqa: S314
        match event, _local(element.tag):
            case "start", "sheetData":
                rows = element
            case "start", "row":
                row, column = int(element.get("r", row + 1)), 0
            case "end", "c":
                column = _column(element.get("r", "")) or column + 1
                what = _trouble(element)
                if what:
                    yield what, row, column
            case "end", "row" if rows is not None:
                rows.clear()  # or the whole sheet would stay in memory


def _column(place: str) -> int:
    """The number of the column of a place such as AB12; 0 where it is left out."""
    number = 0
    for letter in place.rstrip("0123456789"):
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _trouble(cell: ElementTree.Element) -> str | None:
    if cell.get("t") == "e":
        return ERRORS
    inner = {_local(one.tag): one.text for one in cell}
    # A formula whose result is an empty text has a value without text, and says that it is text.
    has_value = bool(inner.get("v")) or ("v" in inner and cell.get("t") == "str")
    return FORMULAS if "f" in inner and not has_value else None
