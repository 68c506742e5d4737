"""Vtiger and Iteras as Enlist reads and writes them, in every way that their contracts leave open."""

import datetime
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from pydantic import SecretStr

from pipelines.config import Home, load_home
from pipelines.config.connections import IterasConnection, VtigerConnection, VtigerEntity
from pipelines.crm.base import CalendarEvent, Edit, Note, Written
from pipelines.crm.iteras.reading import IterasSource
from pipelines.crm.iteras.writing import IterasWriter
from pipelines.crm.loading import Loaded, load_entity
from pipelines.crm.vtiger.reading import VtigerSource
from pipelines.crm.vtiger.writing import VtigerWriter
from pipelines.http.client import Patience
from pipelines.sandbox.iteras.simulator import Iteras
from pipelines.sandbox.vtiger.simulator import Vtiger
from pipelines.warehouse import Warehouse

QUICK = Patience(max_attempts=3, wait=lambda seconds: None)
MOMENT = datetime.datetime(2026, 11, 20, 23, 30, tzinfo=datetime.UTC)
Rows = list[dict[str, str | None]]


def vtiger_connection(crm: Vtiger, **more: Any) -> VtigerConnection:
    modules = {name.lower(): VtigerEntity(module=name) for name in ("Leads", "Contacts", "Accounts")}
    return VtigerConnection(
        kind="vtiger",
        url=crm.url,
        username=crm.username,
        access_key=SecretStr(crm.access_key),
        entities=modules,
        **more,
    )


def rows_of(source: VtigerSource | IterasSource, entity: str, since: str | None = None) -> Rows:
    with closing(source):
        return [
            dict(zip(page.columns, row, strict=True)) for page in source.extract(entity, since) for row in page.rows
        ]


def vtiger_rows(crm: Vtiger, tmp_path: Path, entity: str = "leads", **more: Any) -> Rows:
    return rows_of(VtigerSource("crm", vtiger_connection(crm, **more), tmp_path / ".locks", patience=QUICK), entity)


@contextmanager
def vtiger_writer(crm: Vtiger, tmp_path: Path, **more: Any) -> Iterator[VtigerWriter]:
    with closing(VtigerWriter("crm", vtiger_connection(crm, **more), tmp_path / ".locks", patience=QUICK)) as writer:
        yield writer


def vtiger_load(crm: Vtiger, root: Path, **more: Any) -> tuple[Home, Loaded]:
    settings = {
        "kind": "vtiger",
        "url": crm.url,
        "username": crm.username,
        "access_key": crm.access_key,
        "entities": {"leads": {"module": "Leads"}},
    }
    root.mkdir(exist_ok=True)
    (root / "connections.yaml").write_text(yaml.safe_dump({"connections": {"crm": settings | more}}))
    home = load_home(root, environ={})
    return home, load_entity(home, Warehouse(home), "crm", "leads", "run")


def table(home: Home) -> list[tuple[Any, ...]]:
    with Warehouse(home).open() as database:
        return database.execute("select * from crm_crm.leads order by all").fetchall()


# Vtiger, reading


@pytest.mark.parametrize("order", ["observed", "by_id", "mixed"])
@pytest.mark.parametrize("sessions", [1, 4])
def test_every_lead_comes_once_whatever_the_order_of_the_server(
    vtiger_simulator: Vtiger, tmp_path: Path, order: str, sessions: int
) -> None:
    vtiger_simulator.turn(order=order)
    keys = vtiger_simulator.add_records("Leads", [{"lastname": str(number)} for number in range(361)])
    rows = vtiger_rows(vtiger_simulator, tmp_path, sessions=sessions)
    assert [row["id"] for row in rows] == list(keys)


@pytest.mark.parametrize("how", ["idle", "expired", "forgotten"])
def test_sessions_that_end_while_we_read_are_replaced(
    vtiger_simulator: Vtiger, tmp_path: Path, how: Literal["idle", "expired", "forgotten"]
) -> None:
    keys = vtiger_simulator.add_records("Leads", [{"lastname": str(number)} for number in range(250)])
    connection = vtiger_connection(vtiger_simulator)
    with closing(VtigerSource("crm", connection, tmp_path / ".locks", patience=QUICK)) as source:
        pages = source.extract("leads")
        found = list(next(pages).rows)
        assert vtiger_simulator.end_sessions(how) == 1
        for page in pages:
            found += page.rows
    assert len(found) == len(keys)


def test_custom_fields_are_read_by_their_labels(vtiger_simulator: Vtiger, tmp_path: Path) -> None:
    leads = {"leads": VtigerEntity(module="Leads", columns=("Email Opt Out", "Assigned To"))}
    name = vtiger_simulator.add_field("Leads", "Newsletter", "boolean")
    vtiger_simulator.add_records("Leads", [{"lastname": "a", "emailoptout": "1", "assigned_user_id": "20x3"}])
    connection = vtiger_connection(vtiger_simulator)
    source = VtigerSource("crm", connection.model_copy(update={"entities": leads}), tmp_path, patience=QUICK)
    (row,) = rows_of(source, "leads")
    assert name.startswith("cf_")
    assert row["Email Opt Out"] == "1"
    assert (row["Assigned To"], row["Assigned To_name"]) == ("20x3", "Marketing Group")


@pytest.mark.parametrize("zone_of_user", ["never", "shown", "shown_and_compared"])
@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Pacific/Auckland"])
def test_no_change_is_missed_in_any_zone_that_the_contract_leaves_open(
    vtiger_simulator: Vtiger, tmp_path: Path, zone_of_user: str, zone: str
) -> None:
    vtiger_simulator.turn(zone_of_user=zone_of_user)
    vtiger_simulator.edit_user("admin", time_zone=zone)
    keys = vtiger_simulator.add_records("Leads", [{"lastname": str(number)} for number in range(5)])
    vtiger_load(vtiger_simulator, tmp_path / "home", timezone=zone)
    vtiger_simulator.edit(keys[0], lastname="changed")
    vtiger_simulator.delete(keys[1])
    vtiger_simulator.create("Leads", lastname="new", assigned_user_id="19x1")
    home, loaded = vtiger_load(vtiger_simulator, tmp_path / "home", timezone=zone)
    assert loaded.how.startswith("what changed since")
    assert table(home) == table(vtiger_load(vtiger_simulator, tmp_path / "fresh", timezone=zone)[0])


def test_a_converted_lead_goes_and_comes_back_as_a_contact_without_its_opt_out(
    vtiger_simulator: Vtiger, tmp_path: Path
) -> None:
    """A hazard of Vtiger's own, kept visible: only the ledger can know that this person objected."""
    (lead, _) = vtiger_simulator.add_records(
        "Leads", [{"lastname": "a", "email": "a@leads.example", "emailoptout": "1"}, {"lastname": "b"}]
    )
    vtiger_load(vtiger_simulator, tmp_path / "home")
    vtiger_simulator.convert(lead)
    home, loaded = vtiger_load(vtiger_simulator, tmp_path / "home")
    assert loaded.rows == 1
    assert lead not in str(table(home))
    (contact,) = vtiger_rows(vtiger_simulator, tmp_path, "contacts")
    assert (contact["email"], contact["emailoptout"]) == ("a@leads.example", "0")


# Vtiger, writing


def one(outcomes: Iterator[Written]) -> Written:
    (written,) = outcomes
    return written


@pytest.mark.parametrize("value", ["1", "yes", "true"])
def test_an_opt_out_is_written_as_a_yes_in_every_module(vtiger_simulator: Vtiger, tmp_path: Path, value: str) -> None:
    (lead,) = vtiger_simulator.add_records("Leads", [{"lastname": "a"}])
    (account,) = vtiger_simulator.add_records("Accounts", [{"accountname": "A"}])
    edits = [Edit("leads", lead, {"emailoptout": value}), Edit("accounts", account, {"Email Opt Out": value})]
    with vtiger_writer(vtiger_simulator, tmp_path, sessions=2) as writer:
        first = list(writer.edit(edits))
        stamps = [(vtiger_simulator.record(key) or {})["modifiedtime"] for key in (lead, account)]
        second = list(writer.edit(edits))
    assert [written.outcome for written in first] == ["applied", "applied"]
    assert [written.outcome for written in second] == ["unchanged", "unchanged"]
    assert [(vtiger_simulator.record(key) or {})["emailoptout"] for key in (lead, account)] == ["1", "1"]
    assert [(vtiger_simulator.record(key) or {})["modifiedtime"] for key in (lead, account)] == stamps


def test_what_the_database_can_t_hold_is_told(vtiger_simulator: Vtiger, tmp_path: Path) -> None:
    vtiger_simulator.turn(takes_emoji=False)
    (lead,) = vtiger_simulator.add_records("Leads", [{"lastname": "a"}])
    with vtiger_writer(vtiger_simulator, tmp_path) as writer:
        written = one(writer.edit([Edit("leads", lead, {"description": "🚲"})]))
    assert (written.outcome, written.code) == ("refused", "not_kept")


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("kind", ["drop", "empty", "truncated"])
def test_a_write_whose_answer_is_lost_happens_once(
    vtiger_simulator: Vtiger, tmp_path: Path, kind: str, applied: bool
) -> None:
    (lead,) = vtiger_simulator.add_records("Leads", [{"lastname": "a"}])
    note = Note("leads", lead, "enlist 7", "Received\nopened")
    event = CalendarEvent("leads", lead, "enlist 7", "Call back", MOMENT, minutes=90)
    with vtiger_writer(vtiger_simulator, tmp_path) as writer:
        for path in ("revise", "create"):
            vtiger_simulator.fail(kind=kind, path=path, applied=applied, times=1)
        assert one(writer.edit([Edit("leads", lead, {"emailoptout": "1"})])).outcome == "applied"
        assert one(writer.note([note])).outcome == "applied"
        vtiger_simulator.fail(kind=kind, path="create", applied=applied, times=1)
        assert one(writer.plan_event([event])).outcome == "applied"
        assert one(writer.note([note])).outcome == "unchanged"
        assert one(writer.plan_event([event])).outcome == "unchanged"
    (comment,) = vtiger_simulator.records("ModComments")
    assert (comment["related_to"], comment["commentcontent"]) == (lead, "Received\nopened\n[enlist 7]")
    (planned,) = vtiger_simulator.records("Events")
    assert (planned["parent_id"], planned["date_start"], planned["due_date"]) == (lead, "2026-11-20", "2026-11-21")
    assert (planned["time_start"], planned["time_end"]) == ("23:30:00", "01:00:00")


def test_a_deleted_record_is_refused_in_every_kind_of_write(vtiger_simulator: Vtiger, tmp_path: Path) -> None:
    (lead,) = vtiger_simulator.add_records("Leads", [{"lastname": "a"}])
    vtiger_simulator.delete(lead)
    with vtiger_writer(vtiger_simulator, tmp_path) as writer:
        written = [
            one(writer.edit([Edit("leads", lead, {"emailoptout": "1"})])),
            one(writer.note([Note("leads", lead, "m", "x")])),
            one(writer.plan_event([CalendarEvent("leads", lead, "m", "x", MOMENT)])),
        ]
    assert [(each.outcome, each.code) for each in written] == [("refused", "missing_record")] * 3
    assert vtiger_simulator.records("ModComments") == vtiger_simulator.records("Events") == []


# Iteras


def iteras_connection(crm: Iteras, **more: Any) -> IterasConnection:
    return IterasConnection(kind="iteras", url=crm.url, api_key=SecretStr(crm.api_key), **more)


def iteras_rows(crm: Iteras, tmp_path: Path, since: str | None = None, **more: Any) -> Rows:
    source = IterasSource("iteras", iteras_connection(crm, **more), tmp_path / ".locks", patience=QUICK)
    return rows_of(source, "customers", since)


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("ids_are_numbers", [False, True])
def test_customers_are_read_in_every_shape_that_the_contract_leaves_open(
    iteras_simulator: Iteras, tmp_path: Path, flat: bool, ids_are_numbers: bool
) -> None:
    iteras_simulator.turn(flat=flat, ids_are_numbers=ids_are_numbers)
    iteras_simulator.add_field("Kundetype", "text")
    (key,) = iteras_simulator.add_customers(
        [{"data": {"name": "Anna", "email": "a@people.example", ":Kundetype": "Skole"}}]
    )
    (row,) = iteras_rows(iteras_simulator, tmp_path)
    shown = (row["id"], row["name"], row["email"], row[":Kundetype"], row["subscription_status"])
    assert shown == (str(key), "Anna", "a@people.example", "Skole", "none")


def test_too_many_calls_wait_as_long_as_iteras_says(iteras_simulator: Iteras, tmp_path: Path) -> None:
    iteras_simulator.turn(calls_per_minute=1, retry_after=7)
    iteras_simulator.add_customers([{"data": {"name": "Anna"}}])
    iteras_rows(iteras_simulator, tmp_path)
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        iteras_simulator.turn(calls_per_minute=0)

    patience = Patience(max_attempts=2, wait=wait, jitter=lambda: 0.0)
    source = IterasSource("iteras", iteras_connection(iteras_simulator), tmp_path / ".locks", patience=patience)
    assert len(rows_of(source, "customers")) == 1
    assert waits == [7.0]


def test_changes_since_are_those_that_iteras_names(iteras_simulator: Iteras, tmp_path: Path) -> None:
    iteras_simulator.turn(since_param="changed")
    keys = iteras_simulator.add_customers([{"data": {"name": "Anna"}}, {"data": {"name": "Bo"}}])
    now = datetime.datetime.now(datetime.UTC)
    settings: dict[str, Any] = {"since_param": "changed", "since_format": "%Y-%m-%dT%H:%M:%S%z"}
    later = (now + datetime.timedelta(hours=1)).isoformat()
    assert iteras_rows(iteras_simulator, tmp_path, later, **settings) == []
    iteras_simulator.edit(str(keys[0]), name="Anna Maria")
    names = [row["name"] for row in iteras_rows(iteras_simulator, tmp_path, now.isoformat(), **settings)]
    assert "Anna Maria" in names


@pytest.mark.parametrize("unknown_id", ["left_out", "refused"])
@pytest.mark.parametrize("errors_by_position", [True, False])
def test_customers_are_changed_or_told_why_not(
    iteras_simulator: Iteras, tmp_path: Path, unknown_id: str, errors_by_position: bool
) -> None:
    iteras_simulator.turn(unknown_id=unknown_id, errors_by_position=errors_by_position)
    iteras_simulator.add_field("Antal", "number")
    (key,) = map(str, iteras_simulator.add_customers([{"data": {"name": "Anna"}}]))
    edits = [
        Edit("customers", key, {"name": "Anna Maria"}),
        Edit("customers", key, {":Antal": "ti"}),
        Edit("customers", "99999999", {"name": "x"}),
        Edit("customers", key, {"name": "Anna Maria"}),
    ]
    connection = iteras_connection(iteras_simulator)
    with closing(IterasWriter("iteras", connection, tmp_path / ".locks", patience=QUICK)) as writer:
        written = list(writer.edit(edits))
    assert [(each.outcome, each.code) for each in written] == [
        ("applied", None),
        ("refused", "refused_by_crm"),
        ("refused", "missing_record"),
        ("unchanged", None),
    ]
    assert ":Antal" in str(written[1].detail)
