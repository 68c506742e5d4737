"""The sample exports of TeamSystem are seeded, have the dirt they promise in the shares they promise, reach nobody."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipelines.config.connections import FileConnection, FileEntity
from pipelines.crm import open_source
from pipelines.quality.addresses import judge
from pipelines.sandbox.samples.teamsystem import (
    COURSES,
    ENTI,
    EVENTS,
    INVIO_CLIENTI,
    INVIO_SOCI,
    SOCI,
    teamsystem_records,
    write_teamsystem,
)

PEOPLE = 700
Files = dict[str, list[dict[str, Any]]]
ENTITIES = {
    "soci": FileEntity(path=f"tsc/{SOCI}", key="Codice", header_row=3),
    "enti": FileEntity(path=f"tsc/{ENTI}", key="Codice", header_row=3),
    "invio_soci": FileEntity(path=f"tsc/{INVIO_SOCI}", key="Codice", encoding="cp1252", delimiter=";"),
    "invio_clienti_fornitori": FileEntity(path=f"tsc/{INVIO_CLIENTI}", key="Codice", encoding="cp1252", delimiter=";"),
}
FILES = dict(zip(ENTITIES, (SOCI, ENTI, INVIO_SOCI, INVIO_CLIENTI), strict=True))


@pytest.fixture(scope="module")
def files() -> Files:
    return teamsystem_records(PEOPLE)


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The files as the file source reads them, by entity."""
    home = tmp_path_factory.mktemp("home")
    write_teamsystem(home / "tsc", PEOPLE)
    source = open_source(
        "tsc", FileConnection.model_validate({"kind": "file", "settle": "0s", "entities": ENTITIES}), home
    )
    found: Files = {}
    for entity in ENTITIES:
        pages = list(source.extract(entity))
        assert not any(page.rejected for page in pages)
        found[entity] = [dict(zip(page.columns, row, strict=True)) for page in pages for row in page.rows]
    return found


def shares(rows: list[dict[str, Any]], column: str) -> dict[str, float]:
    found = Counter(str(row[column] or "").strip() for row in rows)
    return {value: count / len(rows) for value, count in found.items()}


def test_the_same_seed_gives_the_same_people_and_another_gives_others(files: Files) -> None:
    assert teamsystem_records(PEOPLE) == files != teamsystem_records(PEOPLE, seed=45)


@pytest.mark.parametrize("people", [0, 1, 30])
def test_exports_of_any_size_can_be_made_and_are_replaced_whole(tmp_path: Path, people: int) -> None:
    write_teamsystem(tmp_path, 10)
    assert {path.name for path in write_teamsystem(tmp_path, people)} == {path.name for path in tmp_path.iterdir()}
    assert len(teamsystem_records(people)[SOCI]) == people


def test_all_four_are_read_whole_as_text(read: Files, files: Files) -> None:
    """C8: what stands above the column names is skipped, postcodes keep their zeros, days are ISO, euros are euros."""
    for entity, name in FILES.items():
        assert [row["Codice"] for row in read[entity]] == [row["Codice"] for row in files[name]]
    assert [row["CAP"] for row in read["soci"]] == [row["CAP"] for row in files[SOCI]]
    assert any(row["CAP"].startswith("0") for row in read["soci"])
    assert read["soci"][0]["Data di nascita"][:10] == files[SOCI][0]["Data di nascita"].isoformat()
    assert read["soci"][0]["Ultima modifica"][:16] == files[SOCI][0]["Ultima modifica"].isoformat()[:16]
    assert {row["Quota"] for row in read["invio_soci"]} == {"12,50 €"}
    assert set(shares(read["invio_soci"], "Selezionato")) == {"Sì", "No"}


def test_members_are_of_the_kinds_promised(files: Files) -> None:
    assert len(files[SOCI]) == PEOPLE
    assert shares(files[SOCI], "Tipo") == {"Socio": 0.72, "Partecipante": 0.28}
    assert shares(files[SOCI], "Stato") == pytest.approx({"Attivo": 0.84, "Sospeso": 0.09, "Cessato": 0.07})
    courses = [[one for one in str(row["Corsi"] or "").strip().split(";") if one] for row in files[SOCI]]
    sizes = Counter(map(len, courses))
    assert [sizes[0] / PEOPLE, sizes[1] / PEOPLE] == pytest.approx([0.3, 0.48])
    assert {one.strip() for found in courses for one in found} == set(COURSES)


def test_organisations_are_of_the_kinds_promised(files: Files) -> None:
    found = files[ENTI]
    expected = {"Ente affiliato": 0.4, "Sponsor": 0.25, "Azienda convenzionata": 0.2, "": 0.15}
    assert shares(found, "Categoria") == pytest.approx(expected, abs=0.01)
    assert shares(found, "Stato")["Attivo"] == pytest.approx(0.9, abs=0.01)
    assert 1 - shares(found, "PEC")[""] == pytest.approx(0.35, abs=0.01)
    certified = {judge(row["PEC"]).email_key for row in found} - {None}
    assert not certified & {judge(row["Email"]).email_key for row in found}


def test_a_sending_list_holds_members_once_more(files: Files) -> None:
    """C11: under the same code and with the same address, which only lost what windows-1252 can't write."""
    members = {row["Codice"]: row for row in files[SOCI]}
    chosen = files[INVIO_SOCI]
    assert len(chosen) == PEOPLE // 3
    for row in chosen:
        assert judge(row["Email"]).email_key == judge(members[row["Codice"]]["Email"]).email_key
    assert set(shares(chosen, "Evento")) == set(EVENTS)


@pytest.mark.parametrize("name", [INVIO_SOCI, INVIO_CLIENTI])
def test_most_of_a_sending_list_are_chosen(files: Files, name: str) -> None:
    assert shares(files[name], "Selezionato") == pytest.approx({"Sì": 0.85, "No": 0.15}, abs=0.01)


@pytest.mark.parametrize("name", [SOCI, ENTI, INVIO_CLIENTI])
def test_addresses_are_as_dirty_as_promised(files: Files, name: str) -> None:
    judged = Counter(judge(row["Email"]).verdict for row in files[name])
    assert (judged["missing"] + judged["wrong"]) / len(files[name]) == pytest.approx(0.05, abs=0.015)
    assert judged["missing"] > judged["wrong"] > 0 == judged["warning"]


def test_children_have_the_address_of_their_household(files: Files) -> None:
    keys = Counter(judge(row["Email"]).email_key for row in files[SOCI] if judge(row["Email"]).is_mailable)
    assert sum(count for count in keys.values() if count > 1) / PEOPLE == pytest.approx(0.08, abs=0.02)
    assert max(keys.values()) <= 5


def test_nobody_can_be_reached(files: Files) -> None:
    for rows in files.values():
        for row in rows:
            for column in ("Email", "PEC"):
                verdict = judge(row.get(column))
                assert not verdict.is_mailable or str(verdict.email_key).endswith(".example")
                assert (verdict.suggestion or ".example").endswith(".example")
            assert all(str(row.get(name, "+39 000 ")).startswith("+39 000 ") for name in ("Cellulare", "Telefono"))
