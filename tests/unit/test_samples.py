"""The sample CRM is seeded, has the dirt it promises in the shares it promises, and reaches nobody."""

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr

from pipelines.config.connections import SqlConnection, SqlEntity
from pipelines.crm import open_source
from pipelines.quality.addresses import Verdict, judge
from pipelines.sandbox.samples.auditcase import AUDITCASE_COLUMNS, write_auditcase

Record = dict[str, str | int | None]
PEOPLE = 3000


def records(path: Path) -> list[Record]:
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute("select * from persons order by PersonId")]


def text(record: Record, column: str) -> str:
    return str(record[column] or "").strip()


def address(record: Record) -> str | None:
    """D8: the contact's address, if empty the company's; a cell of blanks is empty."""
    found = (record["ContactEMailRE"], record["CompanyEmailREBT"])
    return next((str(value) for value in found if str(value or "").strip()), None)


@pytest.fixture(scope="module")
def crm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("crm") / "auditcase.db"
    write_auditcase(path)
    return path


@pytest.fixture(scope="module")
def people(crm: Path) -> list[Record]:
    return records(crm)


@pytest.fixture(scope="module")
def verdicts(people: list[Record]) -> list[Verdict]:
    return [judge(address(record)) for record in people]


def share(people: list[Record], column: str) -> dict[str, float]:
    return {value: count / len(people) for value, count in Counter(text(one, column) for one in people).items()}


def test_the_same_seed_gives_the_same_people_and_another_gives_others(crm: Path, tmp_path: Path) -> None:
    write_auditcase(tmp_path / "again.db")
    write_auditcase(tmp_path / "other.db", seed=12)
    assert records(tmp_path / "again.db") == records(crm) != records(tmp_path / "other.db")


def test_flags_are_as_often_as_promised(people: list[Record]) -> None:
    assert len(people) == PEOPLE
    assert share(people, "KoppelenMetMailChimp") == {"Ja": 0.84, "Nee": 0.12, "": 0.04}
    assert share(people, "MailingenOntvangen") == {"Ja": 0.85, "Nee": 0.07, "": 0.08}
    assert share(people, "UitsluitenVoorCorrespondentie") == {"Nee": 0.8, "Ja": 0.04, "": 0.16}
    assert share(people, "Status") == {"Klant": 0.82, "Suspect": 0.08, "Geen klant meer": 0.1}
    assert share(people, "PersonType") == {"klant-persoon": 0.4, "contactpersoon": 0.6}
    assert 1 - share(people, "OverledenOp")[""] == pytest.approx(0.015)
    assert share(people, "PersonChristianNameRE")[""] == pytest.approx(0.12)
    assert all(text(one, "PersonInitialsRE") and text(one, "PersonNameRE") for one in people)


def test_blank_flags_are_null_and_empty_alike(people: list[Record]) -> None:
    blanks = {one["KoppelenMetMailChimp"] for one in people if not text(one, "KoppelenMetMailChimp")}
    assert blanks == {None, "", "  "}


def test_about_2300_are_linked_and_have_a_good_address(people: list[Record], verdicts: list[Verdict]) -> None:
    good = [verdict.is_mailable for verdict in verdicts]
    linked = [one["KoppelenMetMailChimp"] == "Ja" for one in people]
    assert sum(good) / PEOPLE == pytest.approx(0.915, abs=0.001)
    assert sum(map(all, zip(good, linked, strict=True))) == 2306


def test_addresses_are_as_dirty_as_promised(people: list[Record], verdicts: list[Verdict]) -> None:
    judged = Counter(verdict.verdict for verdict in verdicts)
    assert judged["missing"] / PEOPLE == pytest.approx(0.04, abs=0.001)
    assert judged["wrong"] / PEOPLE == pytest.approx(0.045, abs=0.001)
    assert {verdict.rule for verdict in verdicts if verdict.verdict == "warning"} == {"role_address"}
    repaired = sum(verdict.verdict == "ok" and verdict.rule is not None for verdict in verdicts)
    assert repaired / PEOPLE == pytest.approx(0.03, abs=0.001)
    assert {verdict.rule for verdict in verdicts if verdict.verdict == "wrong"} >= {
        *("no_at_sign", "two_at_signs", "inner_blank", "trailing_mark", "comma_for_dot", "placeholder"),
        *("several_addresses", "mailto", "display_name", "no_ending", "two_dots"),
    }
    both = sum(bool(text(one, "ContactEMailRE") and text(one, "CompanyEmailREBT")) for one in people)
    company_only = sum(bool(not text(one, "ContactEMailRE") and text(one, "CompanyEmailREBT")) for one in people)
    assert both / PEOPLE == pytest.approx(0.205 + 0.045 / 3, abs=0.001)
    assert company_only / PEOPLE == pytest.approx(0.25, abs=0.001)


def test_a_wrong_address_may_have_a_good_one_behind_it(people: list[Record], verdicts: list[Verdict]) -> None:
    behind = [
        one["CompanyEmailREBT"] for one, verdict in zip(people, verdicts, strict=True) if verdict.verdict == "wrong"
    ]
    good = [value for value in behind if judge(str(value or "")).is_mailable]
    assert len(good) / len(behind) == pytest.approx(1 / 3, abs=0.02)


def test_mailboxes_are_shared_and_written_in_other_case(verdicts: list[Verdict]) -> None:
    keys = Counter(verdict.email_key for verdict in verdicts if verdict.is_mailable)
    shared = {key: count for key, count in keys.items() if str(key).startswith("info@") and count > 1}
    assert sum(shared.values()) / PEOPLE == pytest.approx(0.08, abs=0.003)
    assert max(shared.values()) <= 5
    capitals = [verdict for verdict in verdicts if verdict.cleaned and verdict.cleaned.partition("@")[0].isupper()]
    assert len(capitals) / PEOPLE == pytest.approx(0.01, abs=0.001)
    assert all(keys[verdict.email_key] > 1 for verdict in capitals)


def test_some_domains_are_international_in_both_ways_of_writing(verdicts: list[Verdict]) -> None:
    international = [verdict for verdict in verdicts if "xn--" in (verdict.cleaned or "")]
    assert len(international) / PEOPLE == pytest.approx(0.004, abs=0.001)
    assert len({"xn--" in str(verdict.address) for verdict in international}) == 2


def test_correspondence_groups_are_none_one_or_several(people: list[Record]) -> None:
    sizes = Counter(len([part for part in text(one, "CorrespondenceGroupRE").split(";") if part]) for one in people)
    assert [sizes[0] / PEOPLE, sizes[1] / PEOPLE] == pytest.approx([0.15, 0.45])
    assert set(sizes) == {0, 1, 2, 3, 4}
    lists = [text(one, "CorrespondenceGroupRE") for one in people]
    assert any("; " in groups for groups in lists)
    assert any(";" in groups and "; " not in groups for groups in lists)


def test_nobody_can_be_reached(people: list[Record], verdicts: list[Verdict]) -> None:
    assert all(
        verdict.email_key.endswith(".example") for verdict in verdicts if verdict.is_mailable and verdict.email_key
    )
    suggested = [verdict.suggestion for verdict in verdicts if verdict.suggestion]
    assert all(suggestion.endswith(".example") for suggestion in suggested)
    behind = [judge(str(one["CompanyEmailREBT"] or "")) for one in people]
    assert all((verdict.email_key or ".example").endswith(".example") for verdict in behind)
    assert all(str(one["PhoneRE"]).startswith("06-0") for one in people)


def test_the_sql_source_reads_it_with_its_leading_zeros(crm: Path) -> None:
    connection = SqlConnection(
        kind="sql",
        url=SecretStr("sqlite:///auditcase.db"),
        entities={"persons": SqlEntity(table="persons", key="PersonId")},
    )
    pages = list(open_source("auditcase", connection, crm.parent).extract("persons"))
    assert pages[0].columns == tuple(AUDITCASE_COLUMNS)
    assert [row[0] for row in pages[0].rows][:2] == ["000100", "000107"]
    assert sum(len(page.rows) for page in pages) == PEOPLE


def test_a_crm_of_any_size_can_be_made_and_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "auditcase.db"
    for people in (0, 1, 40):
        write_auditcase(path, people=people)
        assert len(records(path)) == people
    assert [entry.name for entry in path.parent.iterdir()] == ["auditcase.db"]
