"""`enlist report` on a home that the real pipeline planned in: files, counts, privacy, exit codes.

Belongs here: the command and what it leaves behind. Does not: what is on a sheet (unit/test_reports.py), what the page
is like (unit/test_page.py).
"""

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from python_calamine import CalamineWorkbook
from rehearsal import SYNC, Rehearsal

pytestmark = pytest.mark.slow

ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.\w+")


@pytest.fixture(scope="module")
def home(planned: Rehearsal, tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    return planned.copy(tmp_path_factory.mktemp("report") / "home")


@pytest.fixture(scope="module")
def result(home: Rehearsal) -> dict[str, Any]:
    done = home.enlist("report", SYNC, "--json")
    assert (done.code, done.err) == (0, "")
    found = done.document["result"]
    assert isinstance(found, dict)
    return found


def rows_of(path: str, sheet: str) -> list[tuple[Any, ...]]:
    return list(load_workbook(path)[sheet].iter_rows(min_row=2, values_only=True))


def test_both_files_lie_in_the_homes_reports_named_as_the_plan(home: Rehearsal, result: dict[str, Any]) -> None:
    """M2: no file name tells of a person; and nothing else is left there, but the pages of the suites."""
    plan_id = home.plan().plan_id
    assert result["plan_id"] == plan_id
    names = [f"{plan_id}.html", f"{plan_id}.xlsx", "quality"]
    assert sorted(path.name for path in (home.root / "reports").iterdir()) == names
    assert {result["workbook"], result["page"]} == {
        str(home.root / "reports" / f"{plan_id}.{end}") for end in ("html", "xlsx")
    }


def test_the_counts_are_exactly_what_the_plan_will_send(home: Rehearsal, result: dict[str, Any]) -> None:
    """G2: in the answer, on the sheet, and in the frozen plan."""
    frozen = {(row["op"], row["reason"]): row["count"] for row in home.plan().counts}
    assert {(row["op"], row["reason"]): row["planned"] for row in result["counts"]} == frozen
    assert {(row["op"], row["reason"]): row["not_sent"] for row in result["counts"]} == frozen
    summary = [row[:3] for row in load_workbook(result["workbook"])["Summary"].iter_rows(values_only=True)]
    start = summary.index(("Op", "Reason", "In the plan")) + 1
    assert {row[:2]: row[2] for row in summary[start : start + len(frozen)]} == frozen
    assert summary[start + len(frozen)] == ("all", None, len(home.changes()))


def test_the_wrong_and_missing_addresses_are_all_there_with_their_owners(
    home: Rehearsal, result: dict[str, Any]
) -> None:
    """G3."""
    query = "select owner, entity, contact_key, email from quality.bad_emails where sync = ? order by all"
    expected = {tuple(row.values()) for row in home.query(query, [SYNC])}
    assert len(expected) > 10
    found = rows_of(result["workbook"], "Addresses")
    assert {row[:4] for row in found} == expected
    assert all(row[0] and row[6] for row in found)
    holds = {row["reason"]: row["records"] for row in result["holds"]}
    assert result["sheets"]["Duplicates"] == holds["duplicate"] == 12
    assert all(row[4:6] != (None, None) for row in rows_of(result["workbook"], "Duplicates"))


def test_another_reader_sees_the_same_workbook(result: dict[str, Any]) -> None:
    book = CalamineWorkbook.from_path(result["workbook"])
    assert book.sheet_names[0] == "Summary"
    sizes = {name: len(book.get_sheet_by_name(name).to_python()) - 1 for name in book.sheet_names[1:]}
    assert {name: max(size, 0) for name, size in sizes.items()} == result["sheets"]


def test_the_page_names_nobody(home: Rehearsal, result: dict[str, Any]) -> None:
    """M2: no address, no owner, no name of any of the 300."""
    text = Path(result["page"]).read_text(encoding="utf-8")
    seen = re.sub(r"data:image[^\"]+|<style>.*?</style>", "", text, flags=re.DOTALL)
    assert not ADDRESS.search(seen)
    with closing(sqlite3.connect(home.crm)) as database:
        names = {
            row[0] for row in database.execute("select distinct PersonNameRE from persons") if len(row[0] or "") > 3
        }
    owners = {row["owner"] for row in home.query("select distinct owner from plan.holds where owner is not null")}
    assert not [name for name in names | owners if re.search(rf"\b{re.escape(name)}\b", seen)]


def test_people_are_told_where_the_files_are_and_who_may_have_them(home: Rehearsal, tmp_path: Path) -> None:
    done = home.enlist("report", SYNC, "--to", str(tmp_path))
    assert (done.code, done.err) == (0, "")
    told = " ".join(done.out.split())
    assert "Workbook, with addresses in full: " in told
    assert "Page, counts only: " in told
    assert not ADDRESS.search(told)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".html", ".xlsx"]


@pytest.mark.parametrize("name", ["mine.xlsx", "mine.HTML"])
def test_one_file_can_be_asked_for_alone(name: str, home: Rehearsal, tmp_path: Path) -> None:
    result = home.enlist("report", SYNC, "--to", str(tmp_path / name), "--json").document["result"]
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert [result["workbook"] is None, result["page"] is None] == [name.endswith("HTML"), name.endswith("xlsx")]


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("auditcase_mailchmp",), "there is no sync named"),
        ((SYNC, "--to", "report.pdf"), "neither a folder nor the name of a report"),
        ((SYNC, "--to", "/dev/null/report.xlsx"), "it can't be written"),
    ],
)
def test_what_can_not_be_used_is_one_sentence_and_exit_2(
    arguments: tuple[str, ...], what: str, home: Rehearsal
) -> None:
    done = home.enlist("report", *arguments, "--json")
    assert done.code == 2
    assert what in done.document["error"]["what"]


def test_before_the_first_plan_it_says_what_to_do(home: Rehearsal, tmp_path: Path) -> None:
    fresh = home.copy(tmp_path / "home")
    fresh.home().warehouse.unlink()
    error = fresh.enlist("report", SYNC, "--json").document["error"]
    assert error["what"] == "nothing was planned yet."
    assert error["do"] == f"Plan first: enlist plan {SYNC}"


def test_a_report_starts_neither_dagster_nor_dbt(home: Rehearsal, tmp_path: Path) -> None:
    """It runs in seconds, also while a scheduler is busy."""
    command = [str(Path(sys.executable).with_name("enlist")), "report", SYNC, "--home", str(home.root), "--json"]
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *command, "--to", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert {"openpyxl", "matplotlib", "duckdb"} <= imported
    assert not imported & {"dagster", "dbt", "great_expectations", "requests"}
    assert json.loads(done.stdout)["ok"] is True
