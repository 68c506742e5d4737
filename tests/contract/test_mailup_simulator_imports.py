"""Asynchronous imports of the MailUp simulator: options, counters, lateness, what can happen to them (6.2)."""

from typing import Any

import pytest
from mailup_simulator_caller import MailupCaller

from pipelines.sandbox.server import Sandbox

ALBA = "alba.conti@postaprivata.example"  # subscribed
BRUNO = "bruno.ferri@postaprivata.example"
MARIO = "mario.fonte@giornale.example"  # has left by the link in a message
NEW = "piero.neri@posta.example"
WAITING, RUNNING, DONE, FAILED = 1, 2, 3, 4


@pytest.fixture
def call(mailup_simulator_call: MailupCaller) -> MailupCaller:
    return mailup_simulator_call


def row(email: str, **fields: str) -> dict[str, Any]:
    """A recipient with values by field id, as `f12="77"`."""
    values = [{"Id": int(name[1:]), "Value": value, "Description": ""} for name, value in fields.items()]
    return {"Email": email, "Name": "", "Fields": values}


def known(call: MailupCaller, email: str) -> dict[str, Any]:
    found = call.simulator.recipient(call.list_id, email)
    assert found is not None
    return found


def start(call: MailupCaller, *rows: dict[str, Any], path: str = "LIST/Recipients", **query: Any) -> int:
    answer = call("POST", path, json=list(rows), params=query)
    assert answer.status_code == 200 and answer.content.isdigit()
    return int(answer.text)


def test_an_import_takes_effect_later_and_tells_counts_only(
    call: MailupCaller, mailchimp_simulator_server: Sandbox
) -> None:
    number = start(call, row(NEW, f12="77"), row(ALBA, f12="1"), row(MARIO, f12="2"), row("nessuno"), row(NEW.upper()))
    before = call("GET", f"/Import/{number}").json()
    assert before.pop("idImport") == number and before.pop("Completed") is False and set(before.values()) == {0}
    assert NEW not in call.statuses()
    mailchimp_simulator_server.clock.advance(2)
    assert call("GET", f"/Import/{number}").json() == {
        "idImport": number,
        "Completed": True,
        "CreatedRecipients": 1,
        "ImportedRecipients": 4,
        "NotValidRecipients": 1,
        "UpdatedRecipients": 2,
        "ValidRecipients": 4,
    }
    statuses = call.statuses()
    assert (statuses[NEW], statuses[ALBA], statuses[MARIO], len(statuses)) == ("OPTIN", "OPTIN", "OPTOUT", 13)
    assert [known(call, email)["fields"]["12"] for email in (NEW, ALBA, MARIO)] == ["77", "1", "2"]
    assert call.simulator.resubscribed() == []


def test_an_import_also_finishes_while_the_rehearsal_clock_stands_still(
    call: MailupCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    call.simulator.turn(import_seconds=0)
    monkeypatch.setenv("ENLIST_NOW", "2030-01-01T00:00:00Z")
    call.login()
    number = start(call, row(NEW))
    while not call("GET", f"/Import/{number}").json()["Completed"]:
        pass
    assert call.statuses()[NEW] == "OPTIN"


def test_completed_can_lag_behind_the_effect(call: MailupCaller, mailchimp_simulator_server: Sandbox) -> None:
    call.simulator.turn(import_late=60)
    number = start(call, row(NEW))
    mailchimp_simulator_server.clock.advance(2)
    assert NEW in call.statuses() and call("GET", f"/Import/{number}").json()["Completed"] is False
    mailchimp_simulator_server.clock.advance(60)
    assert call("GET", f"/Import/{number}").json()["Completed"] is True


def test_empty_values_are_kept_out_unless_the_import_clears(call: MailupCaller) -> None:
    call.imported("LIST/Recipients", [row(NEW, f2="Neri", f12="77")])
    call.imported("LIST/Recipients", [row(NEW, f2="")])
    assert known(call, NEW)["fields"] == {"2": "Neri", "12": "77"}
    call.imported("LIST/Recipients", [row(NEW, f12="78")], clearMissingOrEmptyFields="true")
    assert known(call, NEW)["fields"] == {"12": "78"}


def test_a_group_import_adds_and_never_takes_anybody_out(call: MailupCaller) -> None:
    """Section 12.12."""
    soci = call.simulator.add_group(call.list_id, "Soci")
    call.imported(f"/Group/{soci}/Recipients", [row(NEW), row(ALBA), row(MARIO)])
    call.imported(f"/Group/{soci}/Recipients", [row(NEW)])
    emails = {item["Email"] for item in call.items(f"/Group/{soci}/Recipients")}
    assert emails == {NEW, ALBA, MARIO}
    assert known(call, ALBA)["groups"] == ["Aggiunti a mano", "Soci"] and call.statuses()[MARIO] == "OPTOUT"


def test_a_group_import_can_take_people_out_of_the_other_groups_of_the_list(call: MailupCaller) -> None:
    soci = call.simulator.add_group(call.list_id, "Soci")
    call.imported(f"/Group/{soci}/Recipients", [row(ALBA)], removeFromPrevGroups="true")
    assert known(call, ALBA)["groups"] == ["Soci"] and known(call, BRUNO)["groups"] == ["Aggiunti a mano"]


def test_as_optout_unsubscribes_and_keeps_earlier_reasons(call: MailupCaller) -> None:
    call.imported("LIST/Recipients", [row(NEW), row(ALBA), row(MARIO)], importType="asOptout")
    assert {call.statuses()[email] for email in (NEW, ALBA, MARIO)} == {"OPTOUT"}
    assert [known(call, email)["optout_type"] for email in (NEW, ALBA, MARIO)] == [4, 4, 2]
    assert known(call, ALBA)["objects"] is False


def test_as_optin_forces_people_back_but_for_bounces_and_complaints(call: MailupCaller) -> None:
    call.simulator.act(call.list_id, ALBA, "hard_bounce")
    call.simulator.act(call.list_id, BRUNO, "complain")
    call.imported("LIST/Recipients", [row(ALBA), row(BRUNO), row(MARIO)], importType="AsOptin")
    assert [call.statuses()[email] for email in (ALBA, BRUNO, MARIO)] == ["OPTOUT", "OPTOUT", "OPTIN"]
    (entry,) = call.simulator.resubscribed()
    assert entry["recipient_id"] == known(call, MARIO)["id"] and entry["change"] == "force_subscribe"
    assert call("POST", "LIST/Recipients", json=[], params={"importType": "asOptimum"}).status_code == 400


def test_a_confirmation_mailing_is_made_but_not_sent(call: MailupCaller) -> None:
    number = start(call, row(NEW), row(ALBA), row(MARIO), ConfirmEmail="true")
    assert call("GET", f"/Import/{number}/Sending").status_code == 404
    call.simulator.finish_imports()
    statuses = call.statuses()
    assert (statuses[NEW], statuses[ALBA], statuses[MARIO]) == ("PENDING", "OPTIN", "PENDING")
    sending = call("GET", f"/Import/{number}/Sending").json()["idSending"]
    (waiting,) = call.items("/Email/Sendings/Undefined")
    assert (waiting["idSending"], waiting["Recipients"]) == (sending, 2)
    assert call("POST", f"/Email/Sendings/{sending}/Immediate").status_code == 200
    assert call.items("/Email/Sendings/Undefined") == []
    assert call("POST", f"/Email/Sendings/{sending}/Immediate").status_code == 400
    call.simulator.act(call.list_id, MARIO, "confirm")
    assert call.statuses()[MARIO] == "OPTIN" and call.simulator.resubscribed() == []


def test_a_mobile_number_of_somebody_else_makes_a_row_invalid_unless_ignored(call: MailupCaller) -> None:
    mobile = {"MobilePrefix": "39", "MobileNumber": "3331234567"}
    call.imported("LIST/Recipients", [{**row(NEW), **mobile}])
    assert call.imported("LIST/Recipients", [{**row(ALBA), **mobile}])["NotValidRecipients"] == 1
    counts = call.imported("LIST/Recipients", [{**row(ALBA), **mobile}], ignoreMobile="true")
    assert counts["UpdatedRecipients"] == 1 and known(call, ALBA)["mobile"] == ""


def test_imports_run_one_after_the_other(call: MailupCaller, mailchimp_simulator_server: Sandbox) -> None:
    call.simulator.turn(import_seconds=10)
    first, second = start(call, row(NEW)), start(call, row("altro@posta.example"))
    assert [item["statusCode"] for item in call.items("/Imports")] == [RUNNING, WAITING]
    mailchimp_simulator_server.clock.advance(15)
    assert [item["statusCode"] for item in call.items("/Imports")] == [DONE, RUNNING]
    mailchimp_simulator_server.clock.advance(10)
    assert [item["idImport"] for item in call.items("/Imports", filterby="statusCode==3")] == [first, second]
    call.simulator.turn(second_import="refused")
    start(call, row(ALBA))
    assert call("POST", "LIST/Recipients", json=[row(BRUNO)]).status_code == 400


def test_an_import_can_stall_fail_or_lose_half_of_its_rows(
    call: MailupCaller, mailchimp_simulator_server: Sandbox
) -> None:
    call.simulator.next_imports("half", "fail", "stall")
    rows = [row(f"p{number}@posta.example") for number in range(4)]
    half, failed, stalled = start(call, *rows), start(call, *rows), start(call, *rows)
    behind = start(call, row(NEW))
    mailchimp_simulator_server.clock.advance(3000)
    numbers = (half, failed, stalled, behind)
    states = {number: call("GET", f"/Import/{number}").json() for number in numbers}
    assert [states[number]["Completed"] for number in numbers] == [True, True, False, False]
    assert [states[number]["CreatedRecipients"] for number in numbers] == [2, 0, 0, 0]
    assert call("GET", f"/Imports/{failed}").json()["StatusCode"] == FAILED
    call.simulator.turn(failed_import_completes=False)
    assert call("GET", f"/Import/{failed}").json()["Completed"] is False
    call.simulator.finish_imports()
    assert call("GET", f"/Import/{stalled}").json()["UpdatedRecipients"] == 2 and NEW in call.statuses()
    with pytest.raises(ValueError, match="fate"):
        call.simulator.next_imports("explode")  # type: ignore[arg-type]


def test_details_of_an_import_have_their_own_spelling(call: MailupCaller) -> None:
    number = start(call, row(NEW), row(""), row("x"), row(NEW), path="/Group/1/Recipients", importType="asOptout")
    assert call("GET", f"/Imports/{number}").json()["EndDate"] == ""
    call.simulator.finish_imports()
    found = call("GET", f"/Imports/{number}").json()
    assert (found["IdImport"], found["IdList"], found["IdGroups"]) == (number, call.list_id, [1])
    assert found["ImportAsUnsubscribed"] is True and found["EndDate"]
    assert found["Rows"]["Total"] == 4
    assert (found["Rows"]["Invalid"]["InvalidEmail"], found["Rows"]["Invalid"]["WithoutEmail"]) == (1, 1)
    assert (found["Rows"]["Valid"]["EmailNew"], found["Rows"]["Valid"]["RepeatedEmail"]) == (1, 1)


@pytest.mark.parametrize(
    "body", [[{"Email": NEW}], [[]], ["x"], [{"Email": 3, "Name": ""}], [{"Email": NEW, "Name": 1}]]
)
def test_a_body_of_the_wrong_form_refuses_the_whole_import(call: MailupCaller, body: list[Any]) -> None:
    assert call("POST", "LIST/Recipients", json=body).status_code == 400
    assert call.items("/Imports") == []


def test_too_many_rows_are_refused(call: MailupCaller) -> None:
    call.simulator.turn(max_import_rows=2)
    assert call("POST", "LIST/Recipients", json=[row(NEW)] * 3).status_code == 400
