"""Rows to an Excel file: typed cells, a heading that stays, filters, and text that stays text.

Belongs here: writing any sheets, in memory that does not grow with the rows (openpyxl's write-only mode; XlsxWriter
streams as well, but openpyxl also reads and comes with types). Does not: which sheets a report has (sheets.py).

What a CRM holds is nobody's code: a text that begins like a formula is written as text and marked as such, so that it
stays text when somebody edits the cell or saves it as CSV.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from pipelines.reports.files import replacing
from pipelines.reports.formulas import is_formula_like

MAX_ROWS = 1_048_576  # of a sheet, headings included
MAX_TEXT = 32_767  # characters of a cell
# What XML 1.0 can't hold, and what Excel itself would read as such a character's code.
ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
CODE_LIKE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
DATE, TIME, NUMBER, SHARE = "yyyy-mm-dd", "yyyy-mm-dd hh:mm", "#,##0", "0.0%"
A4 = 9  # as Excel numbers papers
HEADING_FILL = "1F3A5F"

WriteOnly = Any  # openpyxl borrows its attributes from Worksheet, which the stubs do not know


@dataclass(frozen=True)
class Column:
    """A column: its heading, its width in characters, and whether its text is long and therefore wrapped."""

    heading: str
    width: float = 18
    is_long: bool = False


@dataclass(frozen=True)
class Sheet:
    """A table of one kind of rows, which may be a stream; it goes on to further sheets where Excel's end.

    Text, whole numbers, shares (float), dates and times (UTC) become cells of that type.
    """

    title: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Any]]


@dataclass(frozen=True)
class Block:
    """A small table or some lines on the summary sheet."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Any]]


def write(path: Path, summary: Sequence[Block], sheets: Sequence[Sheet], *, max_rows: int = MAX_ROWS) -> dict[str, int]:
    """Write the workbook, in place of an older one only when it is whole; how many rows each sheet got.

    `max_rows` is what a sheet holds, its heading included. Raises `ConfigError` where the file can't be written.
    """
    book = Workbook(write_only=True)
    try:
        _write_summary(book, summary)
        counts = {sheet.title: _write_sheet(book, sheet, max_rows) for sheet in sheets}
        with replacing(path) as draft:
            book.save(draft)
    except BaseException:
        _let_go(book)
        raise
    return counts


def _let_go(book: Workbook) -> None:
    """Remove what openpyxl has put aside; else it stays until the process ends."""
    for sheet in book.worksheets:
        written: WriteOnly = sheet
        if not written.closed:
            written.close()
        with suppress(OSError, ValueError):  # saved, and removed already
            written._writer.cleanup()


def plain(text: str) -> str:
    """The text as a cell can hold it: characters that no file can hold are shown as such, the end may be cut off."""
    clean = CODE_LIKE.sub("_x005F_", ILLEGAL.sub("\ufffd", text))
    return clean if len(clean) <= MAX_TEXT else f"{clean[: MAX_TEXT - 1]}…"


def _write_summary(book: Workbook, blocks: Sequence[Block]) -> None:
    sheet = _new_sheet(book, "Summary", (34, 26, 14, 14, 14, 14, 14, 46))
    cells = _Cells(sheet)
    for block in blocks:
        sheet.append([_cell(sheet, block.title, Font(bold=True, size=13))])
        if block.headings:
            sheet.append(_headings(sheet, block.headings))
        for row in block.rows:
            sheet.append([cells.of(value) for value in row])
        sheet.append([])


def _write_sheet(book: Workbook, sheet: Sheet, max_rows: int) -> int:
    """The rows of a sheet, on as many sheets as they need; an empty one says so by having a heading only."""
    stream = iter(sheet.rows)
    part, written = 0, 0
    first = next(stream, None)
    while part == 0 or first is not None:
        part += 1
        title = sheet.title if part == 1 else f"{sheet.title} {part}"
        count, first = _write_part(book, title, sheet.columns, first, stream, max_rows - 1)
        written += count
    return written


def _write_part(
    book: Workbook, title: str, columns: Sequence[Column], first: Any, stream: Iterator[Sequence[Any]], most: int
) -> tuple[int, Any]:
    """One sheet; how many rows it got, and the row that did not fit any more (None: that was all)."""
    sheet = _new_sheet(book, title, [column.width for column in columns])
    sheet.freeze_panes = "A2"
    sheet.print_title_rows = "1:1"
    sheet.append(_headings(sheet, [column.heading for column in columns]))
    cells, row, count = _Cells(sheet), first, 0
    while row is not None and count < most:
        sheet.append([cells.of(value, is_long=column.is_long) for value, column in zip(row, columns, strict=True)])
        count += 1
        row = next(stream, None)
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(columns))}{count + 1}"
    return count, row


def _new_sheet(book: Workbook, title: str, widths: Sequence[float]) -> WriteOnly:
    """A sheet that prints on landscape A4, as wide as one page, with its name and page number below."""
    sheet: WriteOnly = book.create_sheet(title)
    for number, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = width
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = A4
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.page_setup.fitToHeight = 0
    sheet.oddFooter.left.text = "&A"
    sheet.oddFooter.right.text = "&P / &N"
    return sheet


def _headings(sheet: WriteOnly, headings: Sequence[str]) -> list[Any]:
    fill = PatternFill("solid", start_color=HEADING_FILL)
    cells = [_cell(sheet, heading, Font(bold=True, color="FFFFFF")) for heading in headings]
    for cell in cells:
        cell.fill = fill
        cell.alignment = Alignment(vertical="center", wrap_text=True)
    return cells


def _cell(sheet: WriteOnly, text: str, font: Font) -> Any:
    cell = WriteOnlyCell(sheet, plain(text))
    cell.font = font
    return cell


class _Cells:
    """Values as a sheet takes them. Looks are made once and shared: openpyxl would compare them for every cell."""

    def __init__(self, sheet: WriteOnly) -> None:
        self._sheet = sheet
        self._looks: dict[tuple[str, bool, bool], Any] = {}

    def of(self, value: Any, *, is_long: bool = False) -> Any:
        """A cell, or the plain value where that will do."""
        if value is None:
            return None
        if not isinstance(value, str):
            return self._made(value, _format(value))
        text = plain(value)
        is_risky = is_formula_like(text)
        if not is_risky and not is_long:
            return text
        cell = self._made(text, "General", is_risky=is_risky, is_long=is_long)
        cell.data_type = "s"  # openpyxl takes "=..." for a formula and "#N/A" for an error
        return cell

    def _made(self, value: Any, number_format: str, *, is_risky: bool = False, is_long: bool = False) -> Any:
        cell: Any = WriteOnlyCell(self._sheet, value)
        look = (number_format, is_risky, is_long)
        if look not in self._looks:
            cell.number_format = number_format
            cell.quotePrefix = is_risky  # what a leading apostrophe is to somebody who types
            if is_long:
                cell.alignment = Alignment(vertical="top", wrap_text=True)
            self._looks[look] = cell._style
        cell._style = self._looks[look]
        return cell


def _format(value: Any) -> str:
    if isinstance(value, date):
        return TIME if isinstance(value, datetime) else DATE
    return SHARE if isinstance(value, float) else NUMBER
