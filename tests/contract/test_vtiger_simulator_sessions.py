"""Challenge, login and session of the Vtiger simulator (contract, section 2), and the method of each operation."""

from pathlib import Path

import pytest
import requests
from vtiger_simulator_caller import VtigerCaller, refusal, result

from pipelines.sandbox.clock import MovableClock
from pipelines.sandbox.server import Sandbox

BAD_LOGIN = ("INVALID_USER_CREDENTIALS", "Invalid username or password")
INVALID = ("INVALID_SESSIONID", "Session Identifier provided is Invalid")
READS = ("listtypes", "describe", "retrieve", "query", "sync", "relatedtypes", "retrieve_related", "getchallenge")
WRITES = ("login", "logout", "create", "update", "revise", "delete", "convertlead", "mobile.fetchmodulefilters")


@pytest.fixture
def call(vtiger_simulator_call: VtigerCaller) -> VtigerCaller:
    return vtiger_simulator_call


@pytest.fixture
def clock(mailchimp_simulator_server: Sandbox) -> MovableClock:
    return mailchimp_simulator_server.clock


def test_two_logins_at_once_as_one_user_make_the_first_fail(call: VtigerCaller) -> None:
    first, second = call.challenge(), call.challenge()
    assert refusal(call.answer(first)) == BAD_LOGIN
    assert result(call.answer(second))["userId"] == "19x1"


def test_challenges_of_different_users_do_not_disturb_each_other(call: VtigerCaller) -> None:
    call.simulator.add_user("integration")
    first, other = call.challenge(), call.challenge("integration")
    assert result(call.answer(first))["username"] == "admin"
    assert result(call.answer(other, "integration"))["username"] == "integration"


def test_a_challenge_lives_for_five_minutes_and_a_login_needs_one(call: VtigerCaller, clock: MovableClock) -> None:
    token = call.challenge()
    clock.advance(299)
    assert result(call.answer(token))
    clock.advance(2)
    assert refusal(call.answer(token))[0] == "INVALID_AUTH_TOKEN"
    call.simulator.add_user("new")
    assert refusal(call.answer(token, "new"))[0] == "INVALID_AUTH_TOKEN"


def test_a_wrong_key_an_inactive_and_an_unknown_user_are_refused(call: VtigerCaller) -> None:
    call.challenge()
    assert refusal(call.post("login", username="admin", accessKey="0" * 32)) == BAD_LOGIN
    call.simulator.add_user("former", status="Inactive")
    assert refusal(call.answer(call.challenge("former"), "former")) == BAD_LOGIN
    assert refusal(call.get("getchallenge", username="nobody")) == ("ACCESS_DENIED", "username does not exists")


def test_a_session_lives_while_it_is_used_and_a_day_at_most(call: VtigerCaller, clock: MovableClock) -> None:
    for _ in range(48):
        clock.advance(1799)
        call.query("select id from Leads;")
    clock.advance(60)
    assert refusal(call.get("listtypes"))[0] == "SESSION_EXPIRED"
    assert refusal(call.get("listtypes")) == INVALID


def test_a_session_left_idle_for_half_an_hour_is_dead(call: VtigerCaller, clock: MovableClock) -> None:
    clock.advance(1801)
    assert refusal(call.get("listtypes"))[0] == "SESSION_LEFT_IDLE"
    assert refusal(call.get("listtypes")) == INVALID
    call.login()
    assert call.query("select id from Leads;") == []


@pytest.mark.parametrize(
    ("how", "code"),
    [("idle", "SESSION_LEFT_IDLE"), ("expired", "SESSION_EXPIRED"), ("forgotten", "INVALID_SESSIONID")],
)
def test_a_rehearsal_can_end_every_session(call: VtigerCaller, how: str, code: str) -> None:
    url = call.simulator.url.replace("/vtiger", "/sandbox/vtiger/sessions")
    assert requests.post(url, json={"how": how}, timeout=9).json() == {"ended": 1}
    assert refusal(call.get("listtypes"))[0] == code
    assert requests.post(url, json={"how": "later"}, timeout=9).status_code == 400


@pytest.mark.parametrize("name", ["", "null", "NULL"])
def test_without_a_session_authentication_is_required(call: VtigerCaller, name: str) -> None:
    assert refusal(call.get("listtypes", sessionName=name)) == ("AUTHENTICATION_REQUIRED", "Authencation required")


def test_sessions_and_records_survive_a_restart(tmp_path: Path) -> None:
    with Sandbox(tmp_path, port=0) as first, VtigerCaller(first.vtiger) as caller:
        name, made = caller.session_name, caller.create("Leads", lastname="Blijft")
    with Sandbox(tmp_path, port=0) as second, VtigerCaller(second.vtiger) as caller:
        assert result(caller.get("retrieve", id=made["id"], sessionName=name)) == made
        assert caller.create("Leads", lastname="Volgende")["id"] == "10x3"


@pytest.mark.parametrize("operation", READS)
def test_reading_operations_are_refused_by_post(call: VtigerCaller, operation: str) -> None:
    message = f"Permission to perform the operation is denied for {operation}"
    assert refusal(call.post(operation)) == ("ACCESS_DENIED", message)


@pytest.mark.parametrize("operation", WRITES)
def test_writing_operations_are_refused_by_get(call: VtigerCaller, operation: str) -> None:
    message = f"Permission to perform the operation is denied for {operation}"
    assert refusal(call.get(operation)) == ("ACCESS_DENIED", message)


@pytest.mark.parametrize("operation", ["nosuch", "", "sync", "wsapp_get"])
def test_what_php_can_not_do_is_a_500_without_a_body(call: VtigerCaller, operation: str) -> None:
    answer = call.get(operation, elementType="Leads", modifiedTime="0")
    assert (answer.status_code, answer.content) == (500, b"")


def test_open_source_has_no_rest_api(call: VtigerCaller) -> None:
    url = f"{call.simulator.url}/restapi/v1/vtiger/default/me"
    assert requests.get(url, auth=("admin", call.simulator.access_key), timeout=9).status_code == 404
