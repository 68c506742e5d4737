"""Writes to the Vtiger simulator: sections 3, 6, 7 and 8 of the contract, and the losses of views (9)."""

import json
from typing import Any

import pytest
from vtiger_simulator_caller import VtigerCaller, refusal, result

from pipelines.sandbox.clock import MovableClock
from pipelines.sandbox.server import Sandbox

DENIED = ("ACCESS_DENIED", "Permission to perform the operation is denied")
EVENT = {
    "date_start": "2026-11-20",
    "time_start": "09:00:00",
    "due_date": "2026-11-20",
    "time_end": "09:05:00",
    "duration_hours": "0",
    "eventstatus": "Held",
    "activitytype": "Meeting",
}


@pytest.fixture
def call(vtiger_simulator_call: VtigerCaller) -> VtigerCaller:
    return vtiger_simulator_call


def lead(call: VtigerCaller, **values: Any) -> str:
    return str(call.create("Leads", **{"lastname": "Rossi", **values})["id"])


def write(call: VtigerCaller, operation: str, element: Any, **form: str) -> Any:
    return call.post(operation, element=json.dumps(element), **form)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [(True, "1"), (1, "1"), ("1", "1"), ("on", "1"), ("yes", "0"), ("true", "0"), (False, "0"), ("0", "0"), ("", "0")],
)
def test_only_four_values_set_a_boolean_and_the_others_are_0_with_success(
    call: VtigerCaller, sent: Any, stored: str
) -> None:
    made = lead(call, emailoptout="1" if stored == "0" else "0")
    assert call.revise(made, emailoptout=sent)["emailoptout"] == stored
    (row,) = call.query(f"select id,emailoptout from Leads where emailoptout='{stored}';")
    assert row == {"id": made, "emailoptout": stored}


def test_unknown_fields_are_ignored_and_unknown_picklist_values_and_owners_are_stored(call: VtigerCaller) -> None:
    made = call.create("Leads", lastname="a", nope="1", leadstatus="NoSuch", assigned_user_id="19x99", id="10x77")
    assert "nope" not in made
    assert (made["leadstatus"], made["assigned_user_id"], made["id"]) == ("NoSuch", "99", "10x2")
    assert call.create("Leads", lastname="b", assigned_user_id="20x3")["assigned_user_id"] == "20x3"


def test_fields_that_are_not_editable_keep_their_values(call: VtigerCaller) -> None:
    made = call.create("Leads", lastname="a", lead_no="X9", createdtime="2001-01-01 00:00:00", source="ME")
    assert (made["lead_no"], made["source"]) == ("LEA1", "WEBSERVICE")
    assert made["createdtime"] == made["modifiedtime"] != "2001-01-01 00:00:00"


def test_text_is_kept_raw_and_only_the_label_is_escaped(call: VtigerCaller) -> None:
    raw = {"lastname": 'O\'Brien & <b>"x"</b>', "email": " spaced@leads.example ", "description": "a\nb  "}
    made = call.create("Leads", **raw)
    assert {name: made[name] for name in raw} == raw
    assert made["label"] == "O&#039;Brien &amp; &lt;b&gt;&quot;x&quot;&lt;/b&gt;"
    assert "label" not in call.query("select * from Leads;")[0]


def test_what_utf8mb3_can_not_hold_becomes_question_marks_with_success(call: VtigerCaller) -> None:
    assert call.create("Leads", lastname="Hoera 🎉 è")["lastname"] == "Hoera ?? è"
    call.simulator.turn(takes_emoji=True)
    assert call.create("Leads", lastname="🎉")["lastname"] == "🎉"


def test_numbers_and_blanks_look_as_the_database_has_them(call: VtigerCaller) -> None:
    made = call.create("Leads", lastname="a", annualrevenue="12.5", noofemployees="many", cf_853=["Sport", "Art"])
    assert (made["annualrevenue"], made["noofemployees"]) == ("12.50000000", "0")
    assert (made["cf_853"], made["cf_855"]) == ("Sport |##| Art", "")
    assert call.query("select id,cf_855 from Leads;") == [{"id": made["id"], "cf_855": None}]
    assert call.revise(made["id"], email=None)["email"] == ""


def test_mandatory_fields_are_asked_for_on_create_and_update_and_on_revise_only_if_sent(call: VtigerCaller) -> None:
    missing = ("MANDATORY_FIELDS_MISSING", "lastname does not have a value")
    assert refusal(write(call, "create", {"assigned_user_id": "19x1", "lastname": ""}, elementType="Leads")) == missing
    made = lead(call, city="Torino")
    assert refusal(write(call, "update", {"id": made, "assigned_user_id": "19x1"})) == missing
    assert refusal(write(call, "revise", {"id": made, "lastname": ""})) == missing
    assert call.revise(made, firstname="Anna")["lastname"] == "Rossi"
    changed = result(write(call, "update", {"id": made, "lastname": "Verdi", "assigned_user_id": "19x1"}))
    assert (changed["lastname"], changed["city"]) == ("Verdi", "Torino")


def test_a_duplicate_is_refused_with_the_number_0_as_its_code(call: VtigerCaller) -> None:
    first = call.create("Accounts", accountname="Bottega")["id"]
    second = call.create("Accounts", accountname="Officina")["id"]
    taken = write(call, "create", {"accountname": "BOTTEGA", "assigned_user_id": "19x1"}, elementType="Accounts")
    assert refusal(taken) == (0, "Duplicate(s) detected!")
    assert refusal(write(call, "revise", {"id": second, "accountname": "Bottega"}))[0] == 0
    assert call.revise(first, accountname="Bottega")["accountname"] == "Bottega"
    call.simulator.delete(first)
    assert call.revise(second, accountname="Bottega")["accountname"] == "Bottega"


def test_ids_of_no_record_and_of_another_module_are_refused(call: VtigerCaller) -> None:
    made = lead(call)
    number = made.partition("x")[2]
    for operation in ("revise", "update"):
        assert refusal(write(call, operation, {"id": "10x9999", "city": "x"})) == DENIED
        assert refusal(write(call, operation, {"id": f"12x{number}"}))[0] == "INVALID_ID_ATTRIBUTE"
        assert refusal(write(call, operation, {"city": "x"}))[0] == "ACCESS_DENIED"
    assert refusal(call.post("delete", id="10x9999")) == DENIED
    assert refusal(write(call, "create", {}, elementType="Nope"))[1].endswith("for name : Nope")
    wrong = {"lastname": "a", "assigned_user_id": "19x1", "account_id": made}
    assert refusal(write(call, "create", wrong, elementType="Contacts"))[0] == "INVALID_ID_ATTRIBUTE"


@pytest.mark.parametrize("element", ["", "{", "[]", "null", '"text"'])
def test_an_element_that_is_no_json_object_kills_php(call: VtigerCaller, element: str) -> None:
    answer = call.post("create", elementType="Leads", element=element)
    assert (answer.status_code, answer.content) == (500, b"")


def test_a_revise_that_changes_nothing_moves_modifiedtime(
    call: VtigerCaller, mailchimp_simulator_server: Sandbox
) -> None:
    """Section 5: a write-back that touches every row makes every next pull a full pull."""
    clock: MovableClock = mailchimp_simulator_server.clock
    made = call.create("Leads", lastname="a", emailoptout="1")
    clock.advance(5)
    again = call.revise(made["id"], emailoptout="1")
    assert again["modifiedtime"] > made["modifiedtime"] == made["createdtime"]
    assert call.simulator.history()[-1]["changed"] == []
    call.revise(made["id"], donotcall="1", starred="0", city="Torino")
    assert call.simulator.history()[-1]["changed"] == ["city"]


def test_converting_a_lead_loses_its_opt_out(call: VtigerCaller) -> None:
    """Section 7: the most dangerous thing that Vtiger does to consent."""
    made = lead(call, firstname="Anna", email="anna@leads.example", company="Bottega", emailoptout="1")
    found = result(write(call, "convertlead", {"leadId": made, "entities": {"Contacts": {}, "Accounts": {}}}))
    contact = result(call.get("retrieve", id=found["Contacts"]))
    assert (contact["email"], contact["emailoptout"]) == ("anna@leads.example", "0")
    assert (contact["account_id"], contact["isconvertedfromlead"]) == (found["Accounts"], "1")
    assert result(call.get("retrieve", id=made))["emailoptout"] == "1"
    assert call.query("select id from Leads;") == []
    assert refusal(write(call, "convertlead", {"leadId": made})) == DENIED


def test_a_conversion_uses_the_organisation_that_is_there(call: VtigerCaller) -> None:
    account = call.create("Accounts", accountname="Bottega")["id"]
    made = call.simulator.convert(lead(call, company="bottega"))
    assert made["Accounts"] == account
    (contact,) = call.simulator.convert(lead(call, assigned_user_id="19x99")).values()
    assert result(call.get("retrieve", id=contact))["assigned_user_id"] == "99"


def test_events_and_notes_are_found_by_what_they_hang_on(call: VtigerCaller) -> None:
    """Section 8."""
    person = call.create("Contacts", lastname="a")["id"]
    parent = lead(call)
    event = call.create("Events", subject="Sent: Spring", parent_id=parent, **EVENT)
    assert (event["duration_hours"], event["duration_minutes"], event["contact_id"]) == ("0", "5", "")
    held = call.create("Events", subject="Opened", contact_id=person, **EVENT)["id"]
    assert call.query(f"select id,subject from Events where parent_id='{parent}';") == [
        {"id": event["id"], "subject": "Sent: Spring"}
    ]
    assert [row["id"] for row in call.query(f"select id from Events where contact_id='{person}';")] == [held]
    note = call.create("ModComments", commentcontent="Unsubscribed", related_to=person)
    assert (note["creator"], note["parent_comments"]) == ("19x1", None)
    assert call.query(f"select id,commentcontent from ModComments where related_to='{person}';") == [
        {"id": note["id"], "commentcontent": "Unsubscribed"}
    ]
    missing = {"subject": "x", "assigned_user_id": "19x1", **EVENT, "eventstatus": ""}
    assert refusal(write(call, "create", missing, elementType="Events"))[1] == "eventstatus does not have a value"


def test_related_records_are_tasks_comments_and_contacts_but_never_events(call: VtigerCaller) -> None:
    account = call.create("Accounts", accountname="Bottega")["id"]
    person = call.create("Contacts", lastname="a", account_id=account)["id"]
    call.create("Events", subject="Sent", parent_id=account, **EVENT)
    task = {"date_start": "2026-11-22", "time_start": "09:00:00", "due_date": "2026-11-22", "taskstatus": "Deferred"}
    made = call.create("Calendar", subject="Call", parent_id=account, **task)["id"]

    def related(label: str, module: str) -> list[str]:
        rows = result(call.get("retrieve_related", id=account, relatedLabel=label, relatedType=module))
        return [row["id"] for row in rows]

    assert related("Activities", "Calendar") == [made]
    assert related("Contacts", "Contacts") == [person]
    assert related("ModComments", "ModComments") == []
    assert refusal(call.get("retrieve_related", id=account, relatedLabel="X", relatedType="Contacts")) == DENIED


def test_custom_fields_are_numbered_per_installation_and_only_describe_knows_their_labels(call: VtigerCaller) -> None:
    name = call.simulator.add_field("Leads", "Newsletter", "picklist", ["Ja", "Nee"])
    assert name == "cf_871"
    fields = {field["label"]: field for field in result(call.get("describe", elementType="Leads"))["fields"]}
    assert fields["Newsletter"]["name"] == name and fields["Interests"]["name"] == "cf_853"
    assert call.create("Leads", lastname="a", cf_871="Ja")[name] == "Ja"
    with pytest.raises(ValueError, match="has a type of Vtiger's"):
        call.simulator.add_field("Leads", "Wrong", "picklist")


@pytest.mark.parametrize(("size", "shown"), [(104, 100), (88, 84), (27, 26), (20, 20), (0, 0)])
def test_the_pages_of_a_view_lose_every_21st_row_and_repeat_others(call: VtigerCaller, size: int, shown: int) -> None:
    """Section 9: the observed numbers."""
    vtiger = call.simulator
    vtiger.add_records("Leads", [{"lastname": str(number), "leadstatus": "Hot"} for number in range(size)])
    vtiger.add_records("Leads", [{"lastname": "other"}])
    view = vtiger.add_view("Leads", "Hot", "leadstatus = 'Hot'")
    ids, more, page = [], True, 0
    while more:
        page += 1
        elements = json.dumps({"module": "Leads", "filterid": str(view), "page": str(page)})
        found = result(call.post("mobile.listmodulerecords", elements=elements))
        ids += [row["id"] for row in found["records"] or ()]
        more = found["moreRecords"]
    assert len(ids) == shown
    assert len(set(ids)) < shown or size <= 20
    filters = result(call.post("mobile.fetchmodulefilters", module="Leads"))["filters"]
    assert [item["name"] for item in filters["Mine"]] == ["Hot"]
    assert [item["name"] for item in filters["Shared"]] == ["All"]
