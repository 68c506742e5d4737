"""Tokens, rights, the rate limit and refusals of the MailUp simulator (sections 2 and 3)."""

import base64
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from mailup_simulator_caller import REST, MailupCaller

from pipelines.sandbox.mailup import limits
from pipelines.sandbox.mailup.simulator import Mailup
from pipelines.sandbox.server import Sandbox

TOKEN = "/Authorization/OAuth/Token"


@pytest.fixture
def call(mailup_simulator_call: MailupCaller) -> MailupCaller:
    return mailup_simulator_call


@pytest.fixture
def pass_seconds(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """The rate limit's time stands still, however long calls take, but for the seconds that are passed to this."""
    now = [1_000.0]
    monkeypatch.setattr(limits, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def pass_some(seconds: float) -> None:
        now[0] += seconds

    return pass_some


def refusal(answer: requests.Response) -> tuple[int, str]:
    """Status and description of an error body; its form is checked (section 3)."""
    body = answer.json()
    assert list(body) == ["ErrorCode", "ErrorDescription", "ErrorName", "ErrorStack"]
    assert body["ErrorCode"] == str(answer.status_code) and body["ErrorStack"] is None
    return answer.status_code, body["ErrorDescription"]


def test_a_pair_of_tokens_is_given_for_a_form_a_query_and_basic_alike(call: MailupCaller) -> None:
    pair = call.token().json()
    assert list(pair) == ["access_token", "expires_in", "refresh_token"] and pair["expires_in"] == 3600
    assert call.host("POST", TOKEN, params=call.credentials()).status_code == 200
    assert call.host("GET", TOKEN, params=call.credentials()).json()["error"] == "invalid_request"
    form = call.credentials()
    secret = f"{form.pop('client_id')}:{form.pop('client_secret')}"
    basic = {"Authorization": f"Basic {base64.b64encode(secret.encode()).decode()}"}
    assert call.host("POST", TOKEN, data=form, headers=basic).status_code == 200
    assert call.host("POST", TOKEN, data=form).json()["error"] == "invalid_client"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"password": "sbagliata"}, "invalid_grant"),
        ({"username": "m1"}, "invalid_grant"),
        ({"client_secret": "x"}, "invalid_client"),
        ({"grant_type": "magic"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "invalid_grant"),
        ({"grant_type": "refresh_token"}, "invalid_grant"),
        ({"grant_type": "authorization_code", "code": "x"}, "invalid_grant"),
    ],
)
def test_wrong_credentials_are_a_400_and_never_a_401(call: MailupCaller, changes: dict[str, str], error: str) -> None:
    answer = call.token(**changes)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    call.simulator.turn(oauth_refusals=False)
    assert refusal(call.token(**changes))[0] == 400


def test_the_refresh_token_rotates(call: MailupCaller) -> None:
    first = call.login()
    second = call.token(grant_type="refresh_token", refresh_token=first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"] and second["access_token"] != first["access_token"]
    used = call.token(grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert used.json()["error"] == "invalid_grant"
    assert call("GET", "/User/Lists").status_code == 200, "the access token of before lives on"
    call.simulator.turn(rotation_kills_old=False, refresh_revokes_access=True)
    third = {"grant_type": "refresh_token", "refresh_token": second["refresh_token"]}
    assert call.token(**third).status_code == call.token(**third).status_code == 200


def test_an_access_token_lives_an_hour(call: MailupCaller, mailchimp_simulator_server: Sandbox) -> None:
    call.login()
    mailchimp_simulator_server.clock.advance(timedelta(minutes=59).total_seconds())
    assert call("GET", "/User/Lists").status_code == 200
    mailchimp_simulator_server.clock.advance(61)
    expired = call("GET", "/User/Lists")
    assert refusal(expired) == (401, "Authorization error: Access token is expired")
    assert expired.json()["ErrorName"] == "Unauthorized"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer nonsense", "MailUp {token}", "Basic {token}", "bearer  "])
def test_a_missing_or_malformed_token_is_a_400(call: MailupCaller, header: str) -> None:
    """Section 12.2; the type "MailUp" is no longer accepted."""
    token = str(call.session.headers["Authorization"]).removeprefix("Bearer ")
    answer = call("GET", "/User/Lists", headers={"Authorization": header.format(token=token) or None})
    assert refusal(answer)[0] == 400


def test_a_revoked_token_is_a_401_and_its_refresh_token_is_dead(call: MailupCaller) -> None:
    pair = call.login()
    call.simulator.expire_tokens("revoke")
    assert refusal(call("GET", "/User/Lists"))[0] == 401
    assert call.token(grant_type="refresh_token", refresh_token=pair["refresh_token"]).status_code == 400


def test_unsigned_terms_are_a_403(call: MailupCaller) -> None:
    call.simulator.turn(terms_signed=False)
    answer = call("GET", "/User/Lists")
    assert refusal(answer)[1].startswith("Authorization error: Contract not signed, please login in console")
    assert (answer.status_code, answer.json()["ErrorName"]) == (403, "Forbidden")


def test_the_code_flow_leads_through_the_login_page_to_a_token(call: MailupCaller) -> None:
    """Requirement A4: linking an account by logging in at the provider."""
    query = {"client_id": call.simulator.client_id, "response_type": "code", "redirect_uri": "https://us.example/back"}
    page = call.host("GET", "/Authorization/OAuth/LogOn", params=query)
    assert page.status_code == 200 and "<form" in page.text
    form = {"Username": call.simulator.username, "Password": "sbagliata"}
    assert "Wrong" in call.host("POST", "/Authorization/OAuth/LogOn", params=query, data=form).text
    form["Password"] = call.simulator.password
    back = call.host("POST", "/Authorization/OAuth/LogOn", params=query, data=form)
    location = urlsplit(back.headers["Location"])
    assert (back.status_code, location.hostname) == (302, "us.example")
    (code,) = parse_qs(location.query)["code"]
    exchange = {"code": code, "grant_type": "authorization_code"}
    pair = call.host("GET", TOKEN, params=exchange).json()
    headers = {"Authorization": f"Bearer {pair['access_token']}"}
    assert call("GET", "/User/Lists", headers=headers).status_code == 200
    assert call.host("GET", TOKEN, params=exchange).json()["error"] == "invalid_grant", "a code works once"


def test_five_calls_a_second_pass_for_each_method_and_token(
    call: MailupCaller, pass_seconds: Callable[[float], None]
) -> None:
    call.simulator.turn(calls_per_second=5)
    answers = [call("GET", "/User/Lists") for _ in range(8)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
    body = answers[-1].json()
    assert body["ErrorDescription"] == (
        "Authorization error (too_many_requests): Too many requests. Max:5 calls per second , actual:8."
    )
    assert (body["ErrorCode"], body["ErrorName"]) == ("429", None) and "Retry-After" not in answers[-1].headers
    assert call("GET", "/List").status_code == 200, "another method has its own five"
    first = call.session.headers["Authorization"]
    call.login()
    assert call("GET", "/User/Lists").status_code == 200, "another token too"
    call.session.headers["Authorization"] = first
    pass_seconds(0.5)
    assert call("GET", "/User/Lists").status_code == 429, "the second is not over"
    pass_seconds(0.5)
    assert call("GET", "/User/Lists").status_code == 200


@pytest.mark.usefixtures("pass_seconds")
def test_a_path_template_is_one_method_whatever_the_ids_in_it(call: MailupCaller) -> None:
    call.simulator.turn(calls_per_second=5)
    answers = [call("POST", f"/Group/1/Subscribe/{18 + number}?confirmSubscription=false") for number in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]


def test_unknown_paths_and_verbs_are_html_pages(call: MailupCaller) -> None:
    for method, path, status in (
        ("GET", f"{REST}/ConsoleService.svc/Console/Groups", 404),
        ("GET", f"{REST}/ConsoleService.svc/Message/1/Count/Views", 404),
        ("GET", f"{REST}/MailStatisticsService.svc/Console/User/Lists", 404),
        ("GET", "/API/v1.0/Rest/ConsoleService.svc/Console/User/Lists", 404),
        ("DELETE", f"{REST}/ConsoleService.svc/Console/List/1", 405),
        ("PUT", TOKEN, 405),
    ):
        answer = call.host(method, path)
        assert (answer.status_code, answer.headers["Content-Type"][:9]) == (status, "text/html"), path


def test_what_can_not_be_read_is_a_400(call: MailupCaller) -> None:
    assert refusal(call("POST", "LIST/Group", data="{"))[0] == 400
    assert refusal(call("POST", "LIST/Group", data=""))[0] == 400
    assert refusal(call("POST", "LIST/Group", json=["Soci"]))[0] == 400
    assert refusal(call("POST", "LIST/Group", json={"Notes": ""}))[0] == 400
    assert refusal(call("POST", "LIST/Recipients", json={"Email": "a@b.example"}))[0] == 400
    assert refusal(call("GET", "/List/uno/Groups"))[0] == 400
    assert refusal(call("GET", "LIST/Groups?PageSize=0"))[0] == 400
    assert refusal(call("GET", "LIST/Groups?PageNumber=-1"))[0] == 400


@pytest.mark.parametrize("status", [404, 400])
def test_an_id_that_names_nothing_is_refused_as_the_switch_says(call: MailupCaller, status: int) -> None:
    call.simulator.turn(unknown_status=status)
    for method, path in (
        ("GET", "/List/99/Groups"),
        ("GET", "/Group/99/Recipients"),
        ("DELETE", "LIST/Group/99"),
        ("DELETE", "LIST/Unsubscribe/99999"),
        ("GET", "/Import/99"),
        ("GET", "LIST/Email/99"),
        ("DELETE", "/Recipients/99999"),
    ):
        assert refusal(call(method, path))[0] == status, path


def test_slashes_are_escaped_and_numbers_bare(call: MailupCaller, mailup_simulator: Mailup) -> None:
    answer = call("GET", "/Authentication/Info")
    assert b"https:\\/\\/" in answer.content and answer.json()["Username"] == mailup_simulator.username
    made = call("POST", "LIST/Recipient", json={"Email": "a@b.example", "Name": ""})
    assert made.content.isdigit()
    assert call("DELETE", f"LIST/Unsubscribe/{made.text}").content == b""
