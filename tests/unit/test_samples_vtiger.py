"""The sample records of Vtiger are seeded, have the dirt they promise in the shares they promise, and reach nobody."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from pipelines.quality.addresses import judge
from pipelines.sandbox.samples.vtiger import INTERESTS, OWNERS, vtiger_records
from pipelines.sandbox.vtiger.modules import MODULES

PEOPLE = 700
FIRST = {"Leads": "email", "Contacts": "email", "Accounts": "email1"}
SECOND = {"Leads": "secondaryemail", "Contacts": "secondaryemail", "Accounts": "email2"}
COUNTRY = {"Leads": "country", "Contacts": "mailingcountry", "Accounts": "bill_country"}
Records = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def records() -> Records:
    return vtiger_records(PEOPLE)


def shares(rows: list[dict[str, Any]], column: str) -> dict[str, float]:
    return {value: count / len(rows) for value, count in Counter(row[column] for row in rows).items()}


def test_the_same_seed_gives_the_same_records_and_another_gives_others(records: Records) -> None:
    assert vtiger_records(PEOPLE) == records != vtiger_records(PEOPLE, seed=34)


@pytest.mark.parametrize("people", [10, 41])
def test_a_crm_of_any_size_can_be_made(people: int) -> None:
    assert sum(map(len, vtiger_records(people).values())) == people


def test_modules_have_their_shares_and_every_id_is_one_records(records: Records) -> None:
    """C7; Vtiger numbers all modules together."""
    assert {name: len(rows) / PEOPLE for name, rows in records.items()} == {
        **{"Accounts": 0.2, "Contacts": 0.35, "Leads": 0.45}
    }
    ids = [row["id"].split("x") for rows in records.values() for row in rows]
    assert len({number for _, number in ids}) == PEOPLE
    assert {prefix for prefix, _ in ids} == {MODULES[name].prefix for name in records}


@pytest.mark.parametrize("module", FIRST)
def test_every_column_is_a_field_of_its_module(records: Records, module: str) -> None:
    """Vtiger ignores what it does not know without a word."""
    known = {field.name for field in MODULES[module].fields} | {"id", "Settore di interesse", "Rapporto"}
    assert {name for row in records[module] for name in row} <= known


@pytest.mark.parametrize("module", FIRST)
def test_what_all_modules_have_is_as_often_as_promised(records: Records, module: str) -> None:
    rows = records[module]
    objecting = 0.07 if module == "Leads" else 0.05
    assert shares(rows, "emailoptout")["1"] == pytest.approx(objecting, abs=0.01)
    found = shares(rows, COUNTRY[module])
    assert found == pytest.approx({"Italia": 0.86, "San Marino": 0.04, "Svizzera": 0.04, "": 0.06}, abs=0.01)
    assert 1 - shares(rows, SECOND[module])[""] == pytest.approx(0.15, abs=0.01)
    interests = Counter(len([one for one in row["Settore di interesse"].split(" |##| ") if one]) for row in rows)
    assert interests[0] / len(rows) == pytest.approx(0.4, abs=0.01)
    assert {one for row in rows for one in row["Settore di interesse"].split(" |##| ")} == {"", *INTERESTS}
    assert {row["assigned_user_id"] for row in rows} == {" ".join(owner) for owner in OWNERS}


@pytest.mark.parametrize(
    ("module", "column", "expected"),
    [
        ("Leads", "leadstatus", {"Hot": 0.16, "Warm": 0.2, "Qualified": 0.12, "Cold": 0.18, "": 0.12}),
        ("Contacts", "Rapporto", {"Cliente": 0.62, "Fornitore": 0.14, "Ex cliente": 0.14, "": 0.1}),
        ("Accounts", "accounttype", {"Customer": 0.5, "Prospect": 0.2, "Partner": 0.12, "Competitor": 0.08, "": 0.1}),
    ],
)
def test_what_the_views_ask_for_is_as_often_as_promised(
    records: Records, module: str, column: str, expected: dict[str, float]
) -> None:
    """C6."""
    found = shares(records[module], column)
    assert {value: found[value] for value in expected} == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("module", FIRST)
def test_addresses_are_as_dirty_as_promised(records: Records, module: str) -> None:
    rows = records[module]
    judged = Counter(judge(row[FIRST[module]]).verdict for row in rows)
    assert (judged["missing"] + judged["wrong"]) / len(rows) == pytest.approx(0.05, abs=0.015)
    assert judged["missing"] > judged["wrong"] > 0 == judged["warning"]
    assert all(judge(row[SECOND[module]]).verdict != "wrong" for row in rows)


def test_fields_that_vtiger_demands_are_never_empty(records: Records) -> None:
    """D15."""
    required = {"Leads": "lastname", "Contacts": "lastname", "Accounts": "accountname"}
    assert all(row[required[module]] for module, rows in records.items() for row in rows)
    names = [row["accountname"].casefold() for row in records["Accounts"]]
    assert len(set(names)) == len(names)


def test_contacts_belong_to_organisations_that_there_are(records: Records) -> None:
    accounts = {row["id"] for row in records["Accounts"]}
    linked = [row["account_id"] for row in records["Contacts"] if row["account_id"]]
    assert set(linked) <= accounts
    assert len(linked) / len(records["Contacts"]) == pytest.approx(0.85, abs=0.06)


def test_some_leads_share_their_mailbox_with_a_contact_and_object_where_the_contact_does_not(records: Records) -> None:
    """A lead that was converted loses its objection (contract, section 7)."""
    by_key: Callable[[dict[str, Any]], str | None] = lambda row: judge(row["email"]).email_key  # noqa: E731
    contacts = {by_key(row): row for row in records["Contacts"] if judge(row["email"]).verdict == "ok"}
    both = [(lead, contacts[by_key(lead)]) for lead in records["Leads"] if by_key(lead) in contacts]
    assert len(both) / len(records["Leads"]) == pytest.approx(0.04, abs=0.005)
    assert any(lead["emailoptout"] == "1" and contact["emailoptout"] == "0" for lead, contact in both)


def test_nobody_can_be_reached(records: Records) -> None:
    for module, rows in records.items():
        for row in rows:
            for column in (FIRST[module], SECOND[module]):
                verdict = judge(row[column])
                assert verdict.verdict != "ok" or str(verdict.email_key).endswith(".example")
                assert (verdict.suggestion or ".example").endswith(".example")
            assert row["phone"].startswith("+39 000 ")
