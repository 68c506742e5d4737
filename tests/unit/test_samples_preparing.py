"""The samples are put where the sample syncs find them, once, and nobody is in two of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.quality.addresses import judge
from pipelines.sandbox.samples.iteras import iteras_customers
from pipelines.sandbox.samples.mailup import MAILUP_FIELDS, MIRA_LIST, OTHER_LIST, TSC_LIST, VTIGER_LIST, mailup_past
from pipelines.sandbox.samples.mira import mira_records
from pipelines.sandbox.samples.preparing import fill_iteras, fill_mailup, fill_vtiger, write_exports
from pipelines.sandbox.samples.teamsystem import teamsystem_records
from pipelines.sandbox.samples.vtiger import vtiger_records
from pipelines.sandbox.server import Sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox"), port=0) as box:
        yield box


def test_exports_are_written_where_they_are_missing(tmp_path: Path) -> None:
    first = {str(path.relative_to(tmp_path)) for path in write_exports(tmp_path)}
    assert {name.rpartition("/")[0] for name in first} == {"crm/tsc", "crm/mira"}
    assert len(first) == 8
    assert write_exports(tmp_path) == []


def test_iteras_is_filled_once(sandbox: Sandbox) -> None:
    today = sandbox.clock().date()
    assert fill_iteras(sandbox.url, today, people=30) == 30
    assert fill_iteras(sandbox.url, today, people=30) == 0
    expected = iteras_customers(30, today=today)[7]
    found = sandbox.iteras.customer(expected["id"])
    assert found
    assert found["data"] == expected["data"]


def test_vtiger_is_filled_once_with_owners_and_custom_fields_by_their_names(sandbox: Sandbox) -> None:
    assert fill_vtiger(sandbox.url, people=60) == 60
    assert fill_vtiger(sandbox.url, people=60) == 0
    expected = {record["id"]: record for record in vtiger_records(60)["Contacts"]}
    found = {record["id"]: record for record in sandbox.vtiger.records("Contacts")}
    assert found.keys() == expected.keys()
    for key, record in found.items():
        assert {record[name] for name in record if name.startswith("cf_")} >= {expected[key]["Rapporto"]}
        assert record["assigned_user_id"].startswith("19x")
        assert record["assigned_user_id"] != "19x1"
        assert record["modifiedtime"] == expected[key]["modifiedtime"]


def test_mailup_gets_its_lists_and_their_past_once(sandbox: Sandbox) -> None:
    lists = fill_mailup(sandbox.url)
    assert set(lists) == {TSC_LIST, OTHER_LIST, VTIGER_LIST, MIRA_LIST}
    assert fill_mailup(sandbox.url) == {}
    for past in mailup_past():
        found = {person["email"]: person for person in sandbox.mailup.recipients(lists[past.name])}
        assert found.keys() == {known.email for known in past.people}
        for known in past.people:
            assert found[known.email]["status"] == known.options.get("status", "Subscribed")
            assert found[known.email]["groups"] == ([known.group] if known.group else [])
    assert {entry["actor"] for entry in sandbox.mailup.history()} == {"hand"}
    assert min(MAILUP_FIELDS) > 26


def test_known_people_are_there_for_the_rules_they_are_about() -> None:
    """B2, B4, B5, C10, E14."""
    past = {one.name: one for one in mailup_past()}
    soci = {row["Email"] for row in teamsystem_records()["soci_e_partecipanti.xlsx"]}
    assert {known.email for known in past[OTHER_LIST].people} <= soci
    leads = {row["email"]: row for row in vtiger_records()["Leads"]}
    (corrected,) = (known for known in past[VTIGER_LIST].people if known.email in leads)
    assert corrected.options["fields"] == {"8": "San Marino"}
    assert leads[corrected.email]["country"] == "Italia"


def test_nobody_is_in_two_samples_that_share_a_provider() -> None:
    """MailUp has one recipient for each address: two CRMs would take turns with the fields."""
    keys = [
        {judge(row["Email"]).email_key for rows in teamsystem_records().values() for row in rows},
        {judge(row["E-post"]).email_key for rows in mira_records().values() for row in rows},
        {
            judge(row.get(column)).email_key
            for rows in vtiger_records().values()
            for row in rows
            for column in ("email", "secondaryemail", "email1", "email2")
        },
    ]
    tsc, mira, vtiger = ({key for key in found if key and key.endswith(".example")} for found in keys)
    assert len(tsc) > 700
    assert not tsc & mira
    assert not tsc & vtiger
    assert not mira & vtiger
