"""Workbooks come as text, and what a reader leaves blank without saying so is told."""

import datetime
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from file_world import Read

from pipelines.errors import ConfigError, PermanentError


def workbook(home: Path, *rows: tuple[Any, ...], sheet: str = "Soci", name: str = "soci.xlsx") -> str:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.title = sheet
    for row in rows:
        page.append(row)
    book.create_sheet("Altro").append(("x",))
    book.save(home / name)
    return name


def test_cells_become_text_with_iso_dates_and_leading_zeros(tmp_path: Path) -> None:
    path = workbook(
        tmp_path,
        ("Id", "Cap", "Iscritto", "Ora", "Quota", "Anni", "Attivo", "Vuoto"),
        ("007", "00184", datetime.date(2026, 1, 2), datetime.time(8, 30), 12.5, 41, True, None),
        ("008", None, datetime.datetime(2026, 1, 2, 3, 4), None, 0.1, 0, False, None),
    )
    read = Read(tmp_path, {"path": path})
    assert read.columns == ("Id", "Cap", "Iscritto", "Ora", "Quota", "Anni", "Attivo", "Vuoto")
    assert read.rows == [
        ["007", "00184", "2026-01-02", "08:30:00", "12.5", "41", "true", ""],
        ["008", "", "2026-01-02T03:04:00", "", "0.1", "0", "false", ""],
    ]
    assert read.end.notes == ()


def test_a_sheet_and_a_header_row_are_found(tmp_path: Path) -> None:
    path = workbook(tmp_path, ("Elenco",), (), ("Id", "Nome"), ("1", "Anna"), (), ("2", "Bo"))
    assert Read(tmp_path, {"path": path, "sheet": "Soci", "header_row": 3}).rows == [["1", "Anna"], ["2", "Bo"]]


def test_a_sheet_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    path = workbook(tmp_path, ("Id",), ("1",))
    with pytest.raises(ConfigError, match=r"no sheet soci\. Choose one of: Soci, Altro"):
        Read(tmp_path, {"path": path, "sheet": "soci"})


def test_codes_typed_as_numbers_are_reported_not_guessed(tmp_path: Path) -> None:
    path = workbook(tmp_path, ("Id", "Nome"), (184, "Anna"), ("00185", "Bo"))
    read = Read(tmp_path, {"path": path})
    assert [row[0] for row in read.rows] == ["184", "00185"]
    assert read.end.notes == ("soci.xlsx: Id holds numbers, not text. Leading zeros that were typed are lost.",)


def test_a_column_without_a_name_that_holds_something_is_kept(tmp_path: Path) -> None:
    read = Read(tmp_path, {"path": workbook(tmp_path, ("Id", "Nome"), ("1", "Anna", None, "chiamare"), ("2", "Bo"))})
    assert read.columns == ("Id", "Nome", "column_3", "column_4")
    assert read.rows == [["1", "Anna", "", "chiamare"], ["2", "Bo", "", ""]]


ERROR_NOTE = "soci.xlsx: 2 cells of Nome (1), Nato (1) hold an error such as #N/A, which was read as blank."
FORMULA_NOTE = (
    "soci.xlsx: 1 cell of Anni (1) holds a formula without its result, which was read as blank: "
    "save it once in a spreadsheet program."
)


def test_errors_and_formulas_without_a_result_are_reported_by_column(tmp_path: Path) -> None:
    """What a reader gives as blank was not left blank by anybody."""
    names = ("Id", "Nome", "Nato", "Anni")
    path = workbook(tmp_path, names, ("1", "#N/A", "#DIV/0!", "=1+1"), ("2", "N/A", "x", 3))
    read = Read(tmp_path, {"path": path})
    assert read.rows == [["1", "", "", ""], ["2", "N/A", "x", "3"]]
    assert read.end.notes == (ERROR_NOTE, FORMULA_NOTE)
    assert Read(tmp_path, {"path": path, "sheet": "Altro", "key": "x"}).end.notes == ()


def with_sheet(home: Path, sheet: str) -> str:
    """A workbook whose first sheet is this XML."""
    made = workbook(home, ("Id",), name="made.xlsx")
    with zipfile.ZipFile(home / made) as old, zipfile.ZipFile(home / "soci.xlsx", "w") as new:
        for name in old.namelist():
            new.writestr(name, sheet if name == "xl/worksheets/sheet1.xml" else old.read(name))
    return "soci.xlsx"


def in_sheet(cells: str, namespace: str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main") -> str:
    header = "".join(f'<c t="inlineStr"><is><t>{name}</t></is></c>' for name in ("Id", "Nome"))
    key = '<c t="inlineStr"><is><t>1</t></is></c>'
    data = f"<sheetData><row>{header}</row><row>{key}{cells}</row></sheetData>"
    return f'<?xml version="1.0"?><worksheet xmlns="{namespace}">{data}</worksheet>'


@pytest.mark.parametrize(
    ("cells", "value", "notes"),
    [
        ('<c t="str"><f>A1</f><v></v></c>', "", 0),
        ('<c t="str"><f>A1</f><v>Anna</v></c>', "Anna", 0),
        ("<c><f>A1</f><v>2</v></c>", "2", 0),
        ('<c><f t="shared" si="0"/><v/></c>', "", 1),
        ("<c t='e'><v>#REF!</v></c>", "", 1),
    ],
)
def test_a_stored_result_is_a_value_even_when_it_is_empty(tmp_path: Path, cells: str, value: str, notes: int) -> None:
    """Cells need not say where they stand."""
    read = Read(tmp_path, {"path": with_sheet(tmp_path, in_sheet(cells))})
    assert read.rows == [["1", value]]
    assert [("Nome (1)" in note) for note in read.end.notes] == [True] * notes


def test_half_a_workbook_is_refused(tmp_path: Path) -> None:
    path = tmp_path / workbook(tmp_path, ("Id",), ("1",))
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(PermanentError, match="not a whole workbook"):
        Read(tmp_path, {"path": path.name})
