"""What is written to a CRM is written once, read back, and only what differs (H1, I7, I8)."""

import datetime
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from loopback import Loopback, Received, Reply, loopback
from pydantic import SecretStr
from vtiger_stub import ACCESS_KEY, VtigerStub, vtiger_stub

from pipelines.config.connections import FileConnection, FileEntity, IterasConnection, VtigerConnection, VtigerEntity
from pipelines.crm import open_writer
from pipelines.crm.base import CalendarEvent, Edit, Note
from pipelines.crm.iteras.writing import IterasWriter
from pipelines.crm.vtiger.describe import Field
from pipelines.crm.vtiger.values import is_same, prepared
from pipelines.crm.vtiger.writing import VtigerWriter
from pipelines.errors import ConfigError
from pipelines.http.client import Patience

QUICK = Patience(max_attempts=2, wait=lambda seconds: None)
MOMENT = datetime.datetime(2026, 11, 20, 9, 30, tzinfo=datetime.UTC)


@pytest.fixture
def crm() -> Iterator[VtigerStub]:
    with vtiger_stub() as stub:
        yield stub


@contextmanager
def vtiger(crm: VtigerStub, tmp_path: Path, sessions: int = 1) -> Iterator[VtigerWriter]:
    connection = VtigerConnection(
        kind="vtiger",
        url=crm.server.url,
        username="admin",
        access_key=SecretStr(ACCESS_KEY),
        sessions=sessions,
        entities={name.lower(): VtigerEntity(module=name) for name in ("Leads", "Contacts", "Accounts")},
    )
    with closing(VtigerWriter("crm", connection, tmp_path / ".locks", patience=QUICK)) as writer:
        yield writer


def edit(key: str, **values: str) -> Edit:
    return Edit("leads", key, values)


# Fields in Vtiger


def test_what_differs_is_revised_and_read_back(crm: VtigerStub, tmp_path: Path) -> None:
    key = crm.add("Leads", firstname="Zoë", emailoptout="0")
    with vtiger(crm, tmp_path) as writer:
        (written,) = writer.edit([edit(key, emailoptout="1", **{"First Name": "Zoë"})])
    assert (written.outcome, written.found["emailoptout"], written.kept["emailoptout"]) == ("applied", "0", "1")
    (call,) = [asked for asked in crm.asked if asked["operation"] == "revise"]
    assert call["element"] == f'{{"id": "{key}", "emailoptout": "1"}}'


def test_what_is_there_already_is_not_sent(crm: VtigerStub, tmp_path: Path) -> None:
    """A revise that changes nothing would move modifiedtime and make the next pull a full one."""
    key = crm.add("Leads", emailoptout="1", modifiedtime="2026-01-01 00:00:00")
    with vtiger(crm, tmp_path) as writer:
        (written,) = writer.edit([edit(key, emailoptout="yes")])
    assert (written.outcome, crm.count("revise")) == ("unchanged", 0)


@pytest.mark.parametrize("value", ["1", "true", "yes", "on", "Yes"])
def test_a_yes_is_never_stored_as_a_no(crm: VtigerStub, tmp_path: Path, value: str) -> None:
    key = crm.add("Leads")
    with vtiger(crm, tmp_path) as writer:
        (written,) = writer.edit([edit(key, emailoptout=value)])
    assert (written.outcome, crm.find(key)["emailoptout"]) == ("applied", "1")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"emailoptout": "perhaps"}, "is a yes or a no"),
        ({"nope": "1"}, "has no field nope"),
        ({"modifiedtime": "x"}, "does not let Modified Time"),
        ({"id": "10x5"}, "does not let leadid"),
        ({"lastname": ""}, "can't be empty"),
        ({"leadstatus": "Lukewarm"}, "has no choice Lukewarm.*Hot"),
        ({"cf_853": "Art |##| Sport"}, "has no choice Sport"),
    ],
)
def test_what_vtiger_would_silently_ignore_or_garble_is_refused_before(
    crm: VtigerStub, tmp_path: Path, values: dict[str, str], words: str
) -> None:
    key = crm.add("Leads")
    with vtiger(crm, tmp_path) as writer:
        (problem,) = writer.check("leads", values)
        with pytest.raises(ConfigError, match=words):
            list(writer.edit([edit(key, **values)]))
    assert problem
    assert crm.count("revise") == 0


def test_a_value_that_is_not_kept_is_a_refusal(crm: VtigerStub, tmp_path: Path) -> None:
    key = crm.add("Leads")
    with vtiger(crm, tmp_path) as writer:
        (written,) = writer.edit([edit(key, firstname="Zoë 🚲")])
    assert (written.outcome, written.code, written.kept["firstname"]) == ("refused", "not_kept", "Zoë ??")


def test_a_record_that_is_gone_is_a_refusal_and_the_others_go_on(crm: VtigerStub, tmp_path: Path) -> None:
    key = crm.add("Leads")
    with vtiger(crm, tmp_path, sessions=2) as writer:
        gone, there = writer.edit([edit("10x999", emailoptout="1"), edit(key, emailoptout="1")])
    assert (gone.outcome, gone.code, gone.can_retry) == ("refused", "missing_record", False)
    assert there.outcome == "applied"


def test_a_change_whose_answer_was_lost_counts_by_what_stands_there(crm: VtigerStub, tmp_path: Path) -> None:
    key = crm.add("Leads")
    crm.after = lambda operation: Reply(500, "") if operation == "revise" else None
    with vtiger(crm, tmp_path) as writer:
        (written,) = writer.edit([edit(key, emailoptout="1")])
    assert (written.outcome, crm.count("revise")) == ("applied", 1)


def test_a_change_that_never_arrives_fails_and_may_be_tried_again(crm: VtigerStub, tmp_path: Path) -> None:
    key = crm.add("Leads")
    crm.fault = lambda operation, count: Reply(500, "") if operation == "revise" else None
    with vtiger(crm, tmp_path) as writer:
        (written,) = writer.edit([edit(key, emailoptout="1")])
    assert (written.outcome, written.can_retry, crm.count("revise")) == ("failed", True, 3)


def test_a_field_that_shows_a_value_in_its_own_form_is_not_sent_the_same_again(crm: VtigerStub, tmp_path: Path) -> None:
    """I7: what an extract shows without blanks was not changed by anybody."""
    key = crm.add("Leads", firstname=" Zoë ", cf_855="2026-12-01")
    named = Edit("leads", key, {"firstname": "Ann"}, {"firstname": "Zoë"})
    with vtiger(crm, tmp_path) as writer:
        outcomes = [written.outcome for written in writer.edit([edit(key, cf_855="20261201"), named])]
    assert (outcomes, crm.count("revise")) == (["unchanged", "applied"], 1)


def field(kind: str) -> Field:
    return Field("cf_1", "Own", kind, editable=True, mandatory=False, refers_to=(), choices=())


@pytest.mark.parametrize(
    ("kind", "asked", "sent", "shown"),
    [
        *((kind, "1000", "1000", "1000.00000000") for kind in ("currency", "double", "number")),
        ("currency", "-0.50", "-0.5", "-0.50000000"),
        ("currency", "", "0", "0.00000000"),
        ("integer", "007", "7", "7"),
        ("boolean", "no", "0", ""),
        ("date", "20261201", "2026-12-01", "2026-12-01"),
        ("datetime", "2026-12-01T09:00", "2026-12-01 09:00:00", "2026-12-01 09:00:00"),
        ("time", "09:00", "09:00:00", "09:00:00"),
        ("multipicklist", "Sport |##| Art", "Sport |##| Art", "Art |##| Sport"),
        ("string", "1000", "1000", "1000"),
    ],
)
def test_a_value_is_sent_in_one_form_and_known_in_the_one_that_vtiger_shows(
    kind: str, asked: str, sent: str, shown: str
) -> None:
    """Sections 3 and 6 of the contract."""
    assert prepared(field(kind), asked, "") == sent
    assert is_same(field(kind), shown, sent)


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("string", "1000", "1000.00000000"),
        ("string", "x", "x "),
        ("phone", "0123", "123"),
        ("currency", "", "0"),
        ("currency", "1000.01000000", "1000"),
        ("boolean", "1", "0"),
        ("multipicklist", "Art", "Art |##| Sport"),
    ],
)
def test_what_only_looks_alike_is_another_value(kind: str, one: str, other: str) -> None:
    assert not is_same(field(kind), one, other)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *(("currency", value) for value in ("much", "1.000,50", "1e5", "1_000", "NaN")),
        *(("integer", value) for value in ("1.5", "ten")),
        *(("date", value) for value in ("01-12-2026", "2026-02-30", "soon")),
        *(("datetime", value) for value in ("tomorrow", "2026-12-01T09:00+01:00")),
        ("time", "nine"),
    ],
)
def test_what_vtiger_would_store_as_another_value_is_refused(kind: str, value: str) -> None:
    with pytest.raises(ConfigError, match=r"Own \(cf_1\) is a"):
        prepared(field(kind), value, "")


# Notes and events in Vtiger


def test_a_note_is_written_once_however_often_it_is_sent(crm: VtigerStub, tmp_path: Path) -> None:
    key = crm.add("Leads", lastname="x")
    note = Note("leads", key, "enlist campaign 7", "Received: Spring\nnot opened")
    outcomes = []
    for _ in range(2):
        with vtiger(crm, tmp_path) as writer:
            outcomes += [written.outcome for written in writer.note([note])]
    assert outcomes == ["applied", "unchanged"]
    (stored,) = crm.records["ModComments"].values()
    assert (stored["commentcontent"], stored["related_to"]) == (f"{note.text}\n[enlist campaign 7]", key)


def test_a_note_that_has_news_is_changed_not_added(crm: VtigerStub, tmp_path: Path) -> None:
    """I8: the note shows opened and clicked, which come after it was written."""
    key = crm.add("Leads")
    crm.add("ModComments", related_to=key, commentcontent="by a person [enlist campaign 7] indeed")
    with vtiger(crm, tmp_path) as writer:
        texts = ("Received", "Received, opened")
        outcomes = [next(iter(writer.note([Note("leads", key, "m7", text)]))).outcome for text in texts]
    assert outcomes == ["applied", "applied"]
    assert [note["commentcontent"] for note in crm.records["ModComments"].values()] == [
        "by a person [enlist campaign 7] indeed",
        "Received, opened\n[m7]",
    ]


def test_a_note_whose_answer_was_lost_is_not_written_twice(crm: VtigerStub, tmp_path: Path) -> None:
    key = crm.add("Leads")
    crm.after = lambda operation: Reply(500, "") if operation == "create" else None
    with vtiger(crm, tmp_path) as writer:
        (written,) = writer.note([Note("leads", key, "m7", "Received")])
    assert (written.outcome, len(crm.records["ModComments"])) == ("applied", 1)


def test_a_note_on_a_record_that_is_gone_is_refused(crm: VtigerStub, tmp_path: Path) -> None:
    with vtiger(crm, tmp_path) as writer:
        (written,) = writer.note([Note("leads", "10x999", "m7", "Received")])
    assert (written.outcome, written.code, crm.count("create")) == ("refused", "missing_record", 0)


@pytest.mark.parametrize(
    ("entity", "link"), [("leads", "parent_id"), ("accounts", "parent_id"), ("contacts", "contact_id")]
)
def test_an_event_stands_in_the_owners_calendar_once(crm: VtigerStub, tmp_path: Path, entity: str, link: str) -> None:
    """I7."""
    key = crm.add(entity.capitalize(), assigned_user_id="20x3")
    event = CalendarEvent(entity, key, "m7", "Call back", MOMENT, minutes=75, text="clicked the price list")
    with vtiger(crm, tmp_path) as writer:
        outcomes = [next(iter(writer.plan_event([event]))).outcome for _ in range(2)]
    assert outcomes == ["applied", "unchanged"]
    (stored,) = crm.records["Events"].values()
    wanted = {
        "subject": "Call back",
        link: key,
        "assigned_user_id": "20x3",
        "date_start": "2026-11-20",
        "time_start": "09:30:00",
        "due_date": "2026-11-20",
        "time_end": "10:45:00",
        "duration_hours": "1",
        "duration_minutes": "15",
        "eventstatus": "Planned",
        "activitytype": "Call",
        "description": "clicked the price list\n[m7]",
    }
    assert {name: stored[name] for name in wanted} == wanted


def test_an_event_that_somebody_moved_stays_where_it_is(crm: VtigerStub, tmp_path: Path) -> None:
    key = crm.add("Leads")
    crm.add("Events", parent_id=key, description="moved\n[m7]", subject="Other")
    with vtiger(crm, tmp_path) as writer:
        (written,) = writer.plan_event([CalendarEvent("leads", key, "m7", "Call back", MOMENT)])
    assert (written.outcome, len(crm.records["Events"])) == ("unchanged", 1)


# Iteras


class Customers:
    """A little Iteras that can be changed."""

    def __init__(self) -> None:
        self.data: dict[str, dict[str, Any]] = {"1": {"name": "Anna", ":Samtykke": "ja"}, "2": {"name": "Bo"}}
        self.refuses: dict[str, Any] | None = None
        self.ignores = False

    def answer(self, request: Received) -> Reply:
        if request.headers["X-Iteras-Key"] != "KEY":
            return Reply(404, {})
        if request.method == "GET":
            ids = request.query["id"].split(",")
            return Reply(body=[{"id": key, "data": self.data[key]} for key in ids if key in self.data])
        (operation,) = request.body["operations"]
        if self.refuses is not None or operation["id"] not in self.data:
            errors = {"": ["Customer does not exist."]} if self.refuses is None else self.refuses
            return Reply(body={"succeeded": 0, "failed": 1, "errors": [errors], "ids": [None]})
        if not self.ignores:
            self.data[operation["id"]] |= operation["data"]
        return Reply(body={"succeeded": 1, "failed": 0, "errors": [], "ids": [operation["id"]]})


@contextmanager
def iteras(customers: Customers, tmp_path: Path) -> Iterator[tuple[IterasWriter, Loopback]]:
    with loopback(customers.answer) as server:
        connection = IterasConnection(kind="iteras", url=server.url, api_key=SecretStr("KEY"))
        with closing(IterasWriter("iteras", connection, tmp_path / ".locks", patience=QUICK)) as writer:
            yield writer, server


def test_customers_are_changed_one_operation_a_call_and_read_back(tmp_path: Path) -> None:
    customers = Customers()
    edits = [
        Edit("customers", "1", {":Samtykke": "nej"}),
        Edit("customers", "2", {"name": "Bo"}),
        Edit("customers", "9", {"name": "x"}),
    ]
    with iteras(customers, tmp_path) as (writer, server):
        written = list(writer.edit(edits))
    assert [one.outcome for one in written] == ["applied", "unchanged", "refused"]
    assert customers.data["1"] == {"name": "Anna", ":Samtykke": "nej"}
    (call,) = server.calls("POST")
    assert call.body == {"operations": [{"operation": "updatecustomer", "id": "1", "data": {":Samtykke": "nej"}}]}


@pytest.mark.parametrize(
    ("errors", "words"),
    [
        ({":Dato": ["Enter a valid date."]}, ":Dato: Enter a valid date."),
        ({"": ["Customer does not exist."]}, "Customer does not exist."),
        ({}, "neither"),
    ],
)
def test_an_operation_that_failed_with_200_is_a_refusal_in_iteras_words(
    tmp_path: Path, errors: dict[str, Any], words: str
) -> None:
    customers = Customers()
    customers.refuses = errors
    with iteras(customers, tmp_path) as (writer, _):
        (written,) = writer.edit([Edit("customers", "1", {"name": "x"})])
    assert (written.outcome, written.code) == ("refused", "refused_by_crm")
    assert words in str(written.detail)


def test_success_without_effect_is_a_refusal_too(tmp_path: Path) -> None:
    customers = Customers()
    customers.ignores = True
    with iteras(customers, tmp_path) as (writer, _):
        (written,) = writer.edit([Edit("customers", "1", {"name": "x"})])
    assert (written.outcome, written.code) == ("refused", "not_kept")


@pytest.mark.parametrize("column", ["id", "subscription_status", "subscriptions_product"])
def test_what_iteras_derives_is_not_written(tmp_path: Path, column: str) -> None:
    with iteras(Customers(), tmp_path) as (writer, server):
        assert len(writer.check("customers", {column: "x", "name": "y"})) == 1
        with pytest.raises(ConfigError, match=column):
            list(writer.edit([Edit("customers", "1", {column: "x"})]))
    assert server.received == []


def test_iteras_has_neither_notes_nor_a_calendar(tmp_path: Path) -> None:
    with iteras(Customers(), tmp_path) as (writer, _):
        with pytest.raises(ConfigError, match="no notes"):
            writer.note([])
        with pytest.raises(ConfigError, match="no calendar"):
            writer.plan_event([])


def test_a_kind_that_is_only_read_has_no_writer(tmp_path: Path) -> None:
    connection = FileConnection(kind="file", entities={"a": FileEntity(path="a.csv", key="Id")})
    with pytest.raises(ConfigError, match="does not write to connections of kind file"):
        open_writer("members", connection, tmp_path)
