"""The sample selections of Mira are seeded, have the dirt they promise in the shares they promise, and reach nobody."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipelines.config.connections import FileConnection
from pipelines.crm import open_source
from pipelines.quality.addresses import judge
from pipelines.sandbox.samples.mira import ADDRESSES, SELECTIONS, mira_records, write_mira

PEOPLE = 600
Files = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def files() -> Files:
    return mira_records(PEOPLE)


@pytest.fixture(scope="module")
def people(files: Files) -> list[dict[str, Any]]:
    """Everybody once."""
    found = {row["PersonID"]: row for name in SELECTIONS for row in files[f"urval_{name}.csv"]}
    return [found[key] for key in sorted(found)]


def shares(rows: list[dict[str, Any]], column: str) -> dict[str, float]:
    return {value: count / len(rows) for value, count in Counter(row[column] for row in rows).items()}


def test_the_same_seed_gives_the_same_people_and_another_gives_others(files: Files) -> None:
    assert mira_records(PEOPLE) == files != mira_records(PEOPLE, seed=56)


@pytest.mark.parametrize("people", [0, 1, 30])
def test_selections_of_any_size_can_be_made_and_are_replaced_whole(tmp_path: Path, people: int) -> None:
    write_mira(tmp_path, 10)
    assert {path.name for path in write_mira(tmp_path, people)} == {path.name for path in tmp_path.iterdir()}


def test_people_are_in_one_two_or_all_selections_with_the_same_row(files: Files, people: list[dict[str, Any]]) -> None:
    """C11."""
    often = Counter(row["PersonID"] for name in SELECTIONS for row in files[f"urval_{name}.csv"])
    sizes = Counter(often.values())
    assert len(people) == PEOPLE
    assert [sizes[size] / PEOPLE for size in (1, 2, 3)] == pytest.approx([0.72, 0.22, 0.06])
    by_id = {row["PersonID"]: row for row in people}
    assert all(row == by_id[row["PersonID"]] for name in SELECTIONS for row in files[f"urval_{name}.csv"])


def test_blocks_and_objections_are_as_often_as_promised(people: list[dict[str, Any]]) -> None:
    """H4, H10."""
    assert shares(people, "Avprenumererad") == pytest.approx({"Nej": 0.93, "Ja": 0.05, "": 0.02})
    assert shares(people, "Blockerad") == pytest.approx({"": 0.94, "Hård studs": 0.03, "Mjuk studs": 0.03})
    assert shares(people, "Förnamn")[""] == pytest.approx(0.04)
    assert shares(people, "Land")["Sverige"] == pytest.approx(0.5, abs=0.06)


def test_addresses_are_as_dirty_as_promised(people: list[dict[str, Any]]) -> None:
    judged = Counter(judge(row["E-post"]).verdict for row in people)
    assert judged["missing"] / PEOPLE == pytest.approx(0.03)
    assert judged["wrong"] / PEOPLE == pytest.approx(0.02)
    assert judged["warning"] == 0


def test_bare_addresses_have_no_name(files: Files) -> None:
    """L2, D17."""
    assert len(files[ADDRESSES]) == PEOPLE // 15
    assert not {"Förnamn", "Efternamn", "PersonID"} & set(files[ADDRESSES][0])


def test_the_file_source_reads_them_with_their_leading_zeros(tmp_path: Path, files: Files) -> None:
    write_mira(tmp_path / "mira", PEOPLE)
    entity = {"path": "mira/urval_alumner.csv", "key": "PersonID", "delimiter": ";"}
    settings = {"kind": "file", "settle": "0s", "entities": {"alumner": entity}}
    (page,) = open_source("mira", FileConnection.model_validate(settings), tmp_path).extract("alumner")
    assert page.columns == tuple(files["urval_alumner.csv"][0])
    assert [row[0] for row in page.rows] == [row["PersonID"] for row in files["urval_alumner.csv"]]
    assert str(page.rows[0][0]).startswith("000")


def test_nobody_can_be_reached(files: Files) -> None:
    for rows in files.values():
        for row in rows:
            verdict = judge(row["E-post"])
            assert verdict.verdict != "ok" or str(verdict.email_key).endswith(".example")
            assert (verdict.suggestion or ".example").endswith(".example")
            assert row.get("Telefon", "070-000 ").startswith("070-000 ")
