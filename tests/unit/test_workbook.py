"""The workbook as a file: what a cell may hold, what a sheet is like, and that both readers find what was written.

Belongs here: reports/workbook.py with any rows. Does not: which rows a sync's report has (test_reports.py).
"""

import re
import tracemalloc
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from python_calamine import CalamineWorkbook

from pipelines.errors import ConfigError
from pipelines.reports.formulas import harmless
from pipelines.reports.workbook import MAX_TEXT, Block, Column, Sheet, plain, write

FORMULAS = ("=1+1", '=HYPERLINK("http://x.example")', "+31 20", "-5", "@SUM(A1)", "\t=1", "\r=1", "#N/A", "=")
NASTY = "a\x00b\x07c\x1fd\ud800e\uffff"


def written(path: Path, *rows: Any, columns: int = 1, **more: Any) -> Path:
    names = [Column(f"Column {number}", is_long=number == 2) for number in range(1, columns + 1)]
    write(path, [], [Sheet("People", names, rows)], **more)
    return path


def cells(path: Path, sheet: str = "People") -> list[tuple[Any, ...]]:
    """Its rows below the heading."""
    return list(load_workbook(path)[sheet].iter_rows(min_row=2, values_only=True))


def xml(path: Path) -> str:
    """All of its sheets as Excel gets them."""
    with zipfile.ZipFile(path) as file:
        return "".join(file.read(name).decode() for name in file.namelist() if name.startswith("xl/worksheets/"))


@pytest.mark.parametrize("text", FORMULAS)
def test_what_looks_like_a_formula_stays_the_text_that_it_is(text: str, tmp_path: Path) -> None:
    """M2: also when somebody edits the cell, or saves the sheet as CSV and opens that."""
    path = written(tmp_path / "x.xlsx", [text, text], columns=2)
    assert "<f>" not in xml(path)
    for cell in next(load_workbook(path)["People"].iter_rows(min_row=2)):
        assert (cell.data_type, cell.value, cell.quotePrefix) == ("s", text.replace("\r", "\n"), True)


@pytest.mark.parametrize("text", FORMULAS)
def test_where_a_file_has_no_types_what_looks_like_a_formula_gets_an_apostrophe(text: str) -> None:
    assert harmless(text) == f"'{text}"
    assert harmless(f"a{text}") == f"a{text}"


def test_harmless_text_is_not_marked(tmp_path: Path) -> None:
    path = written(tmp_path / "x.xlsx", ["anna@b.example"])
    assert load_workbook(path)["People"]["A2"].quotePrefix is False


def test_characters_that_no_file_can_hold_are_shown_as_such(tmp_path: Path) -> None:
    path = written(tmp_path / "x.xlsx", [NASTY, NASTY], columns=2)
    expected = "a�b�c�d�e�"
    assert cells(path) == [(expected, expected)]
    assert CalamineWorkbook.from_path(str(path)).get_sheet_by_name("People").to_python()[1] == [expected, expected]


def test_text_that_excel_would_read_as_a_code_stays_as_it_is(tmp_path: Path) -> None:
    path = written(tmp_path / "x.xlsx", ["_x0041_ and _x_"])
    assert "_x005F_x0041_ and _x_" in xml(path)


def test_a_text_longer_than_a_cell_ends_with_a_mark(tmp_path: Path) -> None:
    text = plain("é" * (MAX_TEXT + 1))
    assert (len(text), text[-2:]) == (MAX_TEXT, "é…")
    assert plain("é" * MAX_TEXT) == "é" * MAX_TEXT
    assert cells(written(tmp_path / "x.xlsx", [text])) == [(text,)]


def test_dates_numbers_and_shares_are_what_they_are(tmp_path: Path) -> None:
    """G3: a clerk sorts and filters by them."""
    row = [date(2026, 11, 21), datetime(2026, 11, 21, 20, 15), 1234, 0.25, None, "007"]
    path = written(tmp_path / "x.xlsx", row, columns=6)
    found = next(load_workbook(path)["People"].iter_rows(min_row=2))
    assert [cell.is_date for cell in found[:2]] == [True, True]
    assert [cell.value for cell in found] == [
        datetime(2026, 11, 21),
        datetime(2026, 11, 21, 20, 15),
        1234,
        0.25,
        None,
        "007",
    ]
    assert [cell.number_format for cell in found[:4]] == ["yyyy-mm-dd", "yyyy-mm-dd hh:mm", "#,##0", "0.0%"]
    calamine = CalamineWorkbook.from_path(str(path)).get_sheet_by_name("People").to_python()[1]
    assert calamine == [date(2026, 11, 21), datetime(2026, 11, 21, 20, 15), 1234, 0.25, "", "007"]


def test_each_sheet_has_filters_a_heading_that_stays_widths_and_a_print_set_up(tmp_path: Path) -> None:
    sheet = load_workbook(written(tmp_path / "x.xlsx", ["a", "b"], ["c", "d"], columns=2))["People"]
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:B3"
    assert sheet.print_title_rows == "$1:$1"
    assert (sheet.page_setup.orientation, sheet.page_setup.fitToHeight) == ("landscape", 0)
    assert sheet.sheet_properties.pageSetUpPr.fitToPage
    assert sheet.column_dimensions["B"].width == 18
    assert sheet["B2"].alignment.wrap_text
    assert [cell.font.bold for cell in sheet[1]] == [True, True]


@pytest.mark.parametrize(("count", "parts"), [(0, [0]), (3, [3]), (4, [3, 1]), (6, [3, 3]), (7, [3, 3, 1])])
def test_rows_that_do_not_fit_go_on_to_further_sheets(count: int, parts: list[int], tmp_path: Path) -> None:
    """Excel holds 1,048,576 rows, the heading included; here a sheet holds 4."""
    path = written(tmp_path / "x.xlsx", *([number] for number in range(count)), max_rows=4)
    book = load_workbook(path)
    titles = ["Summary", "People", *(f"People {number}" for number in range(2, len(parts) + 1))]
    assert book.sheetnames == titles
    found = [[row[0] for row in cells(path, title)] for title in titles[1:]]
    assert [len(part) for part in found] == parts
    assert [number for part in found for number in part] == list(range(count))
    assert {book[title]["A1"].value for title in titles[1:]} == {"Column 1"}


def test_the_summary_holds_its_blocks_one_below_the_other(tmp_path: Path) -> None:
    block = Block("Planned", ("Op", "Changes"), [["add", 2], ["=tag", 3]])
    counts = write(tmp_path / "x.xlsx", [block, Block("Notes", (), [["a"]])], [Sheet("S", [Column("A")], [["x"]])])
    found = load_workbook(tmp_path / "x.xlsx")["Summary"].iter_rows(values_only=True)
    told = [[value for value in row if value is not None] for row in found]
    assert told == [["Planned"], ["Op", "Changes"], ["add", 2], ["=tag", 3], [], ["Notes"], ["a"]]
    assert counts == {"S": 1}


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        rows: Iterator[list[str]] = (["somebody", f"text of row {number}"] for number in range(count))
        columns = [Column("A"), Column("B", is_long=True)]
        tracemalloc.start()
        try:
            write(tmp_path / "x.xlsx", [], [Sheet("People", columns, rows)])
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)
    assert peak(4_000) < peak(400) + 200_000


def test_a_file_that_can_not_be_made_leaves_the_old_one_and_no_draft(tmp_path: Path) -> None:
    path = written(tmp_path / "x.xlsx", ["old"])

    def broken() -> Iterator[list[str]]:
        yield ["new"]
        raise ConfigError("the rows ended early.")

    with pytest.raises(ConfigError, match="ended early"):
        write(path, [], [Sheet("People", [Column("A")], broken())])
    assert cells(path) == [("old",)]
    assert [file.name for file in tmp_path.iterdir()] == ["x.xlsx"]


def test_a_place_where_nobody_may_write_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=re.escape("it can't be written")):
        written(tmp_path / "file" / "x.xlsx", ["a"])
