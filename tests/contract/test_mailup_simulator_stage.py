"""The back stage of the MailUp simulator: history, faults, switches, restarts, and how quick its pages are."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from mailup_simulator_caller import MailupCaller

from pipelines.errors import ConfigError
from pipelines.sandbox.mailup.simulator import Mailup
from pipelines.sandbox.mailup.switches import Switches
from pipelines.sandbox.server import Sandbox

ALBA = "alba.conti@postaprivata.example"
MARIO = "mario.fonte@giornale.example"
NEW = "piero.neri@posta.example"


@pytest.fixture
def call(mailup_simulator_call: MailupCaller) -> MailupCaller:
    return mailup_simulator_call


def backstage(call: MailupCaller, method: str, page: str, status: int = 200, **options: Any) -> Any:
    root = call.simulator.url.removesuffix("/mailup")
    answer = requests.request(method, f"{root}/sandbox/mailup/{page}", timeout=9, **options)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_a_fresh_sandbox_holds_one_list_with_private_people_of_whom_one_opted_out(call: MailupCaller) -> None:
    """Requirement B4 needs people whom no CRM knows."""
    people = call.simulator.recipients(call.list_id)
    assert len(people) == 12 and all(person["email"].endswith(".example") for person in people)
    assert [person["email"] for person in people if person["status"] != "Subscribed"] == [MARIO]
    assert call.simulator.history() == []


def test_the_history_tells_what_changed_through_which_call_and_names_nobody(call: MailupCaller) -> None:
    number = call("POST", "LIST/Recipient", json={"Email": NEW, "Name": ""}).json()
    call("PUT", "/Recipient/Detail", json={"Email": NEW, "Fields": [{"Id": 2, "Value": "Neri"}]})
    call("PUT", "/Recipient/Detail", json={"Email": NEW, "Fields": [{"Id": 2, "Value": "Neri"}]})
    call("POST", f"/Group/1/Subscribe/{number}?confirmSubscription=false")
    call("GET", "LIST/Recipients/Subscribed")
    call("DELETE", f"LIST/Unsubscribe/{number}")
    call.simulator.act(call.list_id, ALBA, "opt_out", type=32)
    call.imported("LIST/Recipients", [{"Email": "a@b.example", "Name": ""}])
    history = [item for item in call.simulator.history() if item["change"] not in ("import_add",)]
    told = [(item["actor"], item["method"], item["change"], item.get("status_after", "-")) for item in history]
    assert told == [
        ("api", "POST", "create", "-"),
        ("api", "POST", "subscribe", "Subscribed"),
        ("api", "PUT", "update", "-"),
        ("api", "POST", "group_join", "-"),
        ("api", "DELETE", "unsubscribe", "Unsubscribed"),
        ("hand", "ACT", "opt_out", "Unsubscribed"),
        ("api", "POST", "create", "-"),
        ("api", "POST", "subscribe", "Subscribed"),
    ]
    assert history[4]["path"] == "/Console/List/{id_list}/Unsubscribe/{id_recipient}"
    assert history[-1]["path"] == "/Console/List/{id_list}/Recipients", "the call that started the import"
    assert {item["recipient_id"] for item in history[:5]} == {number} and history[5]["optout_type"] == 32
    assert "posta.example" not in json.dumps(history) and "Neri" not in json.dumps(history)
    later = backstage(call, "GET", f"history?after={history[4]['seq']}&count=1")["history"]
    assert later == [history[5]]


def test_rehearsals_reach_everything_over_http(call: MailupCaller) -> None:
    other = backstage(call, "POST", "lists", json={"name": "Altra"})["list_id"]
    group = backstage(call, "POST", "groups", json={"list_id": other, "name": "Soci", "deletable": False})["group_id"]
    recipients = [{"Email": NEW, "Name": "Piero", "Fields": [{"Id": 12, "Value": "7"}]}]
    backstage(call, "POST", "people", json={"list_id": other, "recipients": recipients, "group_id": group})
    act = {"list_id": other, "email": NEW, "act": "opt_out", "type": 64}
    assert backstage(call, "POST", "act", json=act)["recipient"]["optout_type"] == 64
    (person,) = backstage(call, "GET", f"people?list_id={other}")["recipients"]
    assert (person["status"], person["groups"], person["objects"]) == ("Unsubscribed", ["Soci"], True)
    assert backstage(call, "GET", f"people?list_id={other}&email={NEW}")["recipient"] == person
    backstage(call, "POST", "fields", json={"id": 12, "description": "Klantnummer"})
    assert call.items("/Recipient/DynamicFields", filterby="Id==12")[0]["Description"] == "klantnummer"
    campaign = {"list_id": call.list_id, "subject": "S", "content": "c", "group_ids": [1]}
    sent = backstage(call, "POST", "campaigns", json=campaign)
    assert (sent["Sent"], call.items("LIST/Emails")[0]["idMessage"]) == (11, sent["idMessage"])
    backstage(call, "POST", "campaigns", 400, json={**campaign, "group_ids": [99]})
    backstage(call, "DELETE", "groups", json={"group_id": group})
    assert call.items(f"/List/{other}/Groups") == []
    backstage(call, "POST", "imports", json={"next": ["fail"], "finish": True})
    backstage(call, "POST", "imports", 400, json={"next": ["explode"]})
    call("POST", f"/List/{other}/Subscribe/{person['id']}")
    (entry,) = backstage(call, "GET", "resubscribed")["resubscribed"]
    assert entry["recipient_id"] == person["id"] and entry["against_will"] is True
    backstage(call, "POST", "tokens", json={"how": "revoke"})
    assert call("GET", "/List").status_code == 401
    backstage(call, "POST", "tokens", 400, json={"how": "burn"})
    assert backstage(call, "GET", "stats")["statuses"]["401"] == 1


@pytest.mark.parametrize(
    ("act", "options"),
    [
        ("dance", {}),
        ("opt_out", {"email": "nessuno@posta.example"}),
        ("opt_out", {"list_id": 99}),
        ("open", {}),
        ("opt_out", {"message_id": 5}),
        ("confirm", {}),
        ("add_by_hand", {}),
        ("add_by_hand", {"email": NEW, "status": "Happy"}),
        ("change_email", {"new_email": MARIO}),
        ("edit_fields", {"fields": {"39": "x"}}),
        ("join_group", {"group_id": 99}),
        ("click", {"url": "x"}),
    ],
)
def test_an_act_that_can_not_be_is_a_sentence(call: MailupCaller, act: str, options: dict[str, Any]) -> None:
    body = {"list_id": call.list_id, "email": ALBA, "act": act, **options}
    assert backstage(call, "POST", "act", 400, json=body)["error"].strip("'").endswith(".")


def test_marketers_change_people_by_hand(call: MailupCaller) -> None:
    act = call.simulator.act
    made = act(
        call.list_id, NEW, "add_by_hand", status="Unsubscribed", type=2, name="P", fields={"12": "7"}, group_id=1
    )
    assert made and (made["status"], made["objects"], made["groups"]) == ("Unsubscribed", True, ["Aggiunti a mano"])
    edited = act(call.list_id, NEW, "edit_fields", fields={"12": "8", "Name": "Piero"})
    assert edited and (edited["name"], edited["fields"]) == ("Piero", {"12": "8"})
    renamed = act(call.list_id, NEW, "change_email", new_email="p.neri@posta.example")
    assert renamed and renamed["id"] == made["id"] and call.simulator.recipient(call.list_id, NEW) is None
    left = act(call.list_id, ALBA, "leave_group", group_id=1)
    assert left and left["groups"] == []
    removed = act(call.list_id, ALBA, "remove_by_hand")
    assert removed and removed["status"] == ""
    assert act(call.list_id, ALBA, "erase_by_hand") is None


def test_a_list_that_is_deleted_in_the_console_is_gone_with_its_messages_and_its_people_stay(
    call: MailupCaller,
) -> None:
    other = call.simulator.add_list("Altra")
    group = call.simulator.add_group(other, "Soci")
    call.simulator.add_recipients(other, [{"Email": ALBA}, {"Email": NEW}], group)
    call.simulator.send_campaign(other, "S", "c")
    before = call.simulator.recipient(call.list_id, ALBA)
    backstage(call, "DELETE", "lists", json={"list_id": other})
    backstage(call, "DELETE", "lists", 400, json={"list_id": other})
    assert [item["IdList"] for item in call.items("/List")] == [call.list_id]
    assert call("GET", f"/List/{other}/Emails").status_code == 404
    assert call("GET", f"/Group/{group}/Recipients").status_code == 404
    assert call.simulator.recipient(call.list_id, ALBA) == before
    known = call.simulator.recipient(call.list_id, NEW)
    assert known and (known["status"], known["groups"]) == ("", [])


def test_faults_meet_the_calls_they_are_meant_for_and_no_others(call: MailupCaller) -> None:
    fault = {"kind": "problem", "status": 503, "method": "GET", "path": "/Console/User/Lists", "times": 2, "skip": 1}
    backstage(call, "POST", "faults", json=fault)
    paths = ("/User/Lists", "/List", "/User/Lists", "/User/Lists", "/User/Lists")
    answers = [call("GET", path) for path in paths]
    assert [answer.status_code for answer in answers] == [200, 200, 503, 503, 200]
    assert answers[2].json()["ErrorCode"] == "503" and answers[2].json()["ErrorName"] == "ServiceUnavailable"
    backstage(call, "POST", "faults", json=fault)
    assert backstage(call, "DELETE", "faults") == {"faults": []}
    backstage(call, "POST", "faults", 400, json={"kind": "fire"})


@pytest.mark.parametrize(("status", "name"), [(401, "Unauthorized"), (403, "Forbidden"), (429, None), (500, None)])
def test_a_fault_speaks_as_mailup_does(call: MailupCaller, status: int, name: str | None) -> None:
    call.simulator.fail(kind="problem", status=status)
    body = call("GET", "/List").json()
    assert body["ErrorCode"] == str(status) and body["ErrorStack"] is None
    assert status == 500 or body["ErrorName"] == name


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("kind", ["drop", "problem", "html", "empty"])
def test_a_fault_strikes_before_or_after_the_change_took_effect(call: MailupCaller, kind: str, applied: bool) -> None:
    call.simulator.fail(kind=kind, applied=applied, status=502)
    body = {"Email": NEW, "Name": ""}
    if kind == "drop":
        with pytest.raises(requests.ConnectionError):
            call("POST", "LIST/Recipient", json=body)
    else:
        answer = call("POST", "LIST/Recipient", json=body)
        assert answer.status_code == 502
        assert {"problem": b'"ErrorCode":"502"', "html": b"Access Denied", "empty": b""}[kind] in answer.content
    assert (call.simulator.recipient(call.list_id, NEW) is not None) is applied


def test_a_truncated_answer_is_no_json(call: MailupCaller) -> None:
    call.simulator.fail(kind="truncated")
    with pytest.raises(requests.JSONDecodeError):
        call("GET", "/List").json()
    call.simulator.fail(kind="truncated")
    assert call("POST", "LIST/Recipient", json={"Email": NEW, "Name": ""}).content == b"", "half of 30 would be 3"


def test_open_points_of_the_contract_are_switches_until_the_next_reset(call: MailupCaller) -> None:
    assert backstage(call, "POST", "switches", json={"max_page_size": 3})["max_page_size"] == 3
    assert len(call.items("LIST/Recipients/Subscribed")) == 3
    backstage(call, "POST", "switches", 400, json={"nothing": True})
    wrong = {"second_import": "explodes", "terms_signed": "no", "import_seconds": "1", "max_page_size": True}
    for name, value in wrong.items():
        assert name in backstage(call, "POST", "switches", 400, json={name: value})["error"]
    call.simulator.reset()
    assert call.simulator.switches == Switches()


def test_the_state_survives_a_restart(mailchimp_simulator_home: Path) -> None:
    switches = Switches(calls_per_second=0, import_seconds=3600)
    with Sandbox(mailchimp_simulator_home, port=0, mailup_switches=switches) as sandbox:
        with MailupCaller(sandbox.mailup) as call:
            headers = dict(call.session.headers)
            group = call("POST", "LIST/Group", json={"Name": "Soci"}).json()["idGroup"]
            call.imported(f"/Group/{group}/Recipients", [{"Email": NEW, "Name": "", "MobileNumber": "3"}])
            message = call("POST", "LIST/Email", json={"Subject": "S", "Content": "c"}).json()["idMessage"]
            call("POST", f"LIST/Email/{message}/Send")
            waiting = call("POST", "LIST/Recipients", json=[{"Email": "a@b.example", "Name": ""}]).json()
            views = call.statistics(f"/Message/{message}/List/Views")
            sandbox.mailup.act(call.list_id, ALBA, "opt_out")
            call("DELETE", f"LIST/Recipient/{sandbox.mailup.recipient(call.list_id, ALBA)['id']}")  # type: ignore[index]
        before = sandbox.mailup.recipients(1), sandbox.mailup.history()
    with Sandbox(mailchimp_simulator_home, port=0, mailup_switches=switches) as sandbox:
        assert (sandbox.mailup.recipients(1), sandbox.mailup.history()) == before
        with MailupCaller(sandbox.mailup) as call:
            call.session.headers.update(headers)
            assert call.statistics(f"/Message/{message}/List/Views") == views, "with the token of before"
            assert call("GET", f"/Import/{waiting}").json()["Completed"] is False
            mobile = {"Email": "b@b.example", "Name": "", "MobileNumber": "3"}
            assert call("POST", "LIST/Recipient", json=mobile).status_code == 400
            call.imported("LIST/Recipients", [{"Email": ALBA, "Name": ""}])
            assert call.statuses()["a@b.example"] == "OPTIN"
        assert [entry["against_will"] for entry in sandbox.mailup.resubscribed()] == [True]


def test_a_state_that_is_no_state_is_a_clear_error(mailchimp_simulator_home: Path) -> None:
    mailchimp_simulator_home.mkdir()
    broken = mailchimp_simulator_home / "mailup.sqlite"
    broken.write_text("no database " * 100)
    with pytest.raises(ConfigError, match="Delete this file"):
        Sandbox(mailchimp_simulator_home, port=0).start()
    broken.unlink()
    with Sandbox(mailchimp_simulator_home, port=0):
        pass


def test_a_reset_forgets_everything(call: MailupCaller) -> None:
    call.simulator.act(call.list_id, ALBA, "opt_out")
    call.simulator.reset()
    assert call("GET", "/List").status_code == 400, "the token is gone"
    call.login()
    assert call.statuses()[ALBA] == "OPTIN" and call.simulator.history() == []


def test_two_fresh_sandboxes_of_one_seed_are_the_same(tmp_path: Path) -> None:
    found = []
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        with Sandbox(tmp_path / folder, port=0, seed=seed) as sandbox, MailupCaller(sandbox.mailup) as call:
            found.append(call("GET", "/User/Lists").json()["Items"][0]["listGuid"])
    assert found[0] == found[1] != found[2]


def test_any_page_of_100000_recipients_costs_about_what_one_of_1000_does(
    call: MailupCaller, mailup_simulator: Mailup
) -> None:
    """The best of several rounds; what looks at everybody would cost a hundred times as much."""
    bodies = [
        {"Email": f"p{number:06}@massa.example", "Name": "", "Fields": [{"Id": 12, "Value": str(number)}]}
        for number in range(100_000)
    ]
    paths = ("LIST/Recipients/Subscribed", "LIST/Recipients/EmailOptins", "/Group/1/Recipients")

    def best(path: str, page: int, of: int) -> float:
        times = []
        for _ in range(7):
            start = time.perf_counter()
            answer = call("GET", f"{path}?PageSize=200&PageNumber={page}").json()
            times.append(time.perf_counter() - start)
            assert len(answer["Items"]) == 200 and answer["TotalElementsCount"] >= of
        return min(times)

    mailup_simulator.add_recipients(call.list_id, bodies[:1_000], group_id=1)
    few = {path: best(path, 0, of=1_000) for path in paths}
    mailup_simulator.add_recipients(call.list_id, bodies[1_000:], group_id=1)
    for path in paths:
        for page in (0, 250, 499):
            assert best(path, page, of=100_000) < 5 * few[path], (path, page)
    assert len(call.items("LIST/Recipients/Subscribed", filterby="Email=='p050000@massa.example'")) == 1
