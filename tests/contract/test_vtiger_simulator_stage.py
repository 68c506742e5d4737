"""The back stage of the Vtiger simulator: seeding, CRM users, faults, history, switches."""

from typing import Any

import pytest
import requests
from vtiger_simulator_caller import VtigerCaller, refusal, result

from pipelines.sandbox.server import Sandbox


@pytest.fixture
def call(vtiger_simulator_call: VtigerCaller) -> VtigerCaller:
    return vtiger_simulator_call


class Stage:
    """The pages below /sandbox/vtiger."""

    def __init__(self, call: VtigerCaller) -> None:
        self._root = call.simulator.url.replace("/vtiger", "/sandbox/vtiger")

    def __call__(self, method: str, page: str, body: Any = None, **query: str) -> Any:
        answer = requests.request(method, f"{self._root}/{page}", json=body, params=query, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def stage(call: VtigerCaller) -> Stage:
    return Stage(call)


def test_records_are_seeded_in_bulk_with_the_values_that_only_vtiger_gives(call: VtigerCaller, stage: Stage) -> None:
    rows = [
        {"id": "10x402", "lastname": "a", "lead_no": "LEA9", "modifiedtime": "2026-01-02 03:04:05", "source": "CRM"},
        {"lastname": "b", "assigned_user_id": "20x3", "emailoptout": "1"},
    ]
    assert stage("POST", "records", {"module": "Leads", "records": rows}) == {"ids": ["10x402", "10x403"]}
    first, second = stage("GET", "records", module="Leads")["records"]
    assert (first["lead_no"], first["modifiedtime"], first["source"]) == ("LEA9", "2026-01-02 03:04:05", "CRM")
    assert (second["lead_no"], second["assigned_user_id"], second["emailoptout"]) == ("LEA10", "20x3", "1")
    assert call.create("Leads", lastname="c")["id"] == "10x404"
    assert [entry["change"] for entry in stage("GET", "history")["history"]] == ["create"]


def test_crm_users_create_edit_delete_and_convert(call: VtigerCaller, stage: Stage) -> None:
    marta = stage("POST", "users", {"user_name": "marta"})["id"]
    made = stage("POST", "create", {"module": "Leads", "values": {"lastname": "a", "assigned_user_id": marta}})["id"]
    edited = stage("POST", "edit", {"id": made, "values": {"city": "Torino"}, "user": "marta"})["record"]
    assert (edited["source"], edited["modifiedby"], edited["city"]) == ("CRM", marta, "Torino")
    contact = stage("POST", "convert", {"id": made})["made"]["Contacts"]
    assert call.query("select id from Contacts;") == [{"id": contact}]
    stage("POST", "delete", {"id": contact})
    assert stage("GET", "records", id=contact) == {"record": None}
    assert stage("GET", "records", id=made)["record"]["city"] == "Torino"
    changes = [(entry["actor"], entry["change"]) for entry in stage("GET", "history")["history"]]
    assert changes == [("hand", what) for what in ("create", "change", "create", "convert", "delete")]


def test_a_wrong_visit_to_the_back_stage_is_told_in_a_sentence(stage: Stage) -> None:
    root = stage._root
    for page, body in (
        ("delete", {"id": "10x9"}),
        ("create", {"module": "Nope", "values": {}}),
        ("switches", {"x": 1}),
    ):
        answer = requests.post(f"{root}/{page}", json=body, timeout=9)
        assert answer.status_code == 400 and answer.json()["error"]


def test_the_history_names_fields_and_never_their_values(call: VtigerCaller) -> None:
    made = call.create("Leads", lastname="Rossi", email="anna@leads.example")["id"]
    call.revise(made, email="anna@leads.example", emailoptout="1")
    first, second = call.simulator.history()
    assert (first["operation"], first["fields"]) == ("create", ["assigned_user_id", "email", "lastname"])
    assert (second["operation"], second["fields"]) == ("revise", ["email", "emailoptout"])
    assert (second["id"], second["module"], second["changed"]) == (made, "Leads", ["emailoptout"])
    assert "anna" not in str(call.simulator.history()) and call.simulator.history(after=second["seq"]) == []


def test_groups_fields_views_and_switches_are_made_on_the_back_stage(call: VtigerCaller, stage: Stage) -> None:
    group = stage("POST", "groups", {"name": "Redazione"})["id"]
    assert {"id": group, "groupname": "Redazione"} in call.query("select id,groupname from Groups;")
    assert stage("POST", "fields", {"module": "Contacts", "label": "Newsletter", "type": "boolean"})["name"] == "cf_871"
    assert stage("POST", "views", {"module": "Contacts", "name": "Soci"})["id"] == 4
    assert stage("POST", "switches", {"page_size": 7})["page_size"] == 7
    call.simulator.add_records("Leads", [{"lastname": "a"}] * 9)
    assert len(call.query("select id from Leads;")) == 7
    stage("POST", "users", {"user_name": "solo"})
    stage("PATCH", "users", {"user_name": "solo", "sees_all": False})
    call.login("solo")
    assert call.query("select id from Leads;") == []


def test_calls_are_counted_by_operation(call: VtigerCaller, stage: Stage) -> None:
    call.query("select id from Leads;")
    call.query("select id from Leads;")
    stats = stage("GET", "stats")
    assert stats["operations"] == {"getchallenge": 1, "login": 1, "query": 2}
    assert stats["calls"] == {"GET /webservice.php": 3, "POST /webservice.php": 1}


def test_a_dropped_write_takes_effect_or_not_as_the_fault_says(call: VtigerCaller, stage: Stage) -> None:
    made = call.create("Leads", lastname="a")["id"]
    for applied, expected in ((False, "0"), (True, "1")):
        stage("POST", "faults", {"kind": "drop", "path": "revise", "applied": applied})
        with pytest.raises(requests.ConnectionError):
            call.revise(made, emailoptout="1")
        assert result(call.get("retrieve", id=made))["emailoptout"] == expected


def test_a_sweep_can_be_broken_off_half_way(call: VtigerCaller) -> None:
    call.simulator.add_records("Leads", [{"lastname": "a"}] * 250)
    call.simulator.fail(kind="empty", status=500, path="query", skip=1, times=1)
    assert len(call.query("select id from Leads where id > '10x0' order by id limit 100;")) == 100
    answer = call.get("query", query="select id from Leads where id > '10x101' order by id limit 100;")
    assert (answer.status_code, answer.content) == (500, b"")
    assert len(call.query("select id from Leads where id > '10x101' order by id limit 100;")) == 100


def test_server_errors_are_pages_or_nothing_and_never_json(call: VtigerCaller) -> None:
    for fault in (
        {"kind": "problem", "status": 500},
        {"kind": "problem", "status": 429},
        {"kind": "html", "status": 503},
    ):
        call.simulator.fail(**fault, method="GET", path="listtypes")
        answer = call.get("listtypes")
        assert answer.status_code == fault["status"] and b"{" not in answer.content
        assert (answer.content == b"") == (fault["status"] == 500)
    call.simulator.fail(kind="html", status=200, path="listtypes")
    assert call.get("listtypes").headers["Content-Type"] == "text/html"
    call.simulator.fail(kind="truncated", path="listtypes")
    with pytest.raises(requests.exceptions.JSONDecodeError):
        call.get("listtypes").json()
    call.simulator.fail(kind="latency", latency_ms=120, path="listtypes")
    assert call.get("listtypes").elapsed.total_seconds() > 0.12


def test_a_reset_leaves_nothing_behind(call: VtigerCaller, mailchimp_simulator_server: Sandbox) -> None:
    call.create("Leads", lastname="a")
    call.simulator.add_field("Leads", "Extra")
    call.simulator.turn(page_size=3)
    mailchimp_simulator_server.reset()
    assert refusal(call.get("listtypes"))[0] == "INVALID_SESSIONID"
    assert (call.simulator.history(), call.simulator.switches.page_size) == ([], 100)
    call.login()
    assert call.query("select id from Leads;") == []
    assert "cf_871" not in [field["name"] for field in result(call.get("describe", elementType="Leads"))["fields"]]
    assert call.create("Leads", lastname="b")["lead_no"] == "LEA1"
