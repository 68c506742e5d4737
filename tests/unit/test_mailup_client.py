"""One call to MailUp: tokens, what each refusal means, the pace of each method, keys in any letter case."""

import json
import multiprocessing
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from loopback import Loopback, Received, Reply, loopback

from pipelines.config.connections import MailupConnection
from pipelines.config.sync import NewAudience
from pipelines.errors import PermanentError, TransientError
from pipelines.http.client import Patience, RefusedError
from pipelines.providers import connect, traits_of
from pipelines.providers.mailup.client import CONSOLE, STATISTICS, Client, operation
from pipelines.providers.mailup.provider import MailupProvider
from pipelines.providers.mailup.tokens import PATH

ADDRESS = "ann.example@people.example"
EXPIRED = {"ErrorCode": "401", "ErrorDescription": "Authorization error: Access token is expired", "ErrorStack": None}
MALFORMED = {"ErrorCode": "400", "ErrorDescription": "Authorization error: malformed access token", "ErrorName": None}
TERMS = {
    "ErrorCode": "403",
    "ErrorDescription": "Authorization error: Contract not signed, please login in console "
    "and accept terms of service.",
    "ErrorName": "Forbidden",
}
SCOPE = {"ErrorCode": "403", "ErrorDescription": "The user has no rights on this resource.", "ErrorName": "Forbidden"}


class Door:
    """A token endpoint that hands out numbered pairs, each refresh token once, and `service` behind it."""

    def __init__(self, service: Callable[[Received], Reply]) -> None:
        self.service = service
        self.asked: list[dict[str, str]] = []
        self.alive = 0
        self.lifetime: float = 3600
        self._lock = threading.Lock()

    def __call__(self, request: Received) -> Reply:
        if request.path != PATH:
            if request.headers["Authorization"] != f"Bearer access-{self.alive}":
                return Reply(401, EXPIRED)
            return self.service(request)
        with self._lock:
            form = dict(part.split("=", 1) for part in request.body.split("&"))
            self.asked.append(form)
            if form["client_secret"] != "s3cret":
                return Reply(400, {"error": "invalid_client", "error_description": "no such client"})
            if form["grant_type"] == "password" and form["password"] != "right":
                return Reply(400, {"error": "invalid_grant", "error_description": "wrong password"})
            if form["grant_type"] == "refresh_token" and form["refresh_token"] != f"refresh-{self.alive}":
                return Reply(400, {"error": "invalid_grant"})
            self.alive += 1
            pair = {"access_token": f"access-{self.alive}", "refresh_token": f"refresh-{self.alive}"}
            return Reply(200, {**pair, "expires_in": self.lifetime})

    @property
    def grants(self) -> list[str]:
        return [form["grant_type"] for form in self.asked]


def connection(server: Loopback, **more: Any) -> MailupConnection:
    named = {"username": "m1", "password": "right", "client_id": "app", "client_secret": "s3cret"}
    return MailupConnection(kind="mailup", **{**named, "url": server.url, "rate_per_second": None, **more})


@contextmanager
def client(server: Loopback, folder: Path, waits: list[float] | None = None, **more: Any) -> Iterator[Client]:
    noted = [] if waits is None else waits
    patience = Patience(connect_timeout=2, read_timeout=2, max_attempts=3, least_pause=1, wait=noted.append)
    made = Client("mailup", connection(server, **more), folder, patience=patience)
    try:
        yield made
    finally:
        made.close()


def fine(_: Received) -> Reply:
    return Reply(body={"OK": True})


# Tokens


def test_one_log_in_serves_many_calls_and_clients(tmp_path: Path) -> None:
    door = Door(fine)
    with loopback(door) as server:
        for _ in range(2):
            with client(server, tmp_path) as one:
                assert [one.get("/x") for _ in range(3)] == [{"ok": True}] * 3
    assert door.grants == ["password"]
    form, headers = door.asked[0], server.received[0].headers
    assert (form["username"], form["password"], form["client_id"]) == ("m1", "right", "app")
    assert headers["Authorization"].startswith("Basic "), "as MailUp's own samples do"
    assert not server.received[0].query, "no secret in a URL"


def test_both_tokens_are_replaced_together_and_the_file_is_the_owners_alone(tmp_path: Path) -> None:
    door = Door(fine)
    with loopback(door) as server, client(server, tmp_path) as one:
        one.get("/x")
        (file,) = tmp_path.glob("*.token")
        first = json.loads(file.read_text())
        door.service = lambda _: Reply(body={})
        with loopback_expired(door):
            one.get("/x")
        second = json.loads(file.read_text())
    assert door.grants == ["password", "refresh_token"]
    assert (first["access"], first["refresh"]) == ("access-1", "refresh-1")
    assert (second["access"], second["refresh"]) == ("access-2", "refresh-2")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "right" not in file.name and "s3cret" not in file.name


@contextmanager
def loopback_expired(door: Door) -> Iterator[None]:
    """The next call finds its token expired, whoever makes it."""
    left, service = [1], door.service

    def once(request: Received) -> Reply:
        return Reply(401, EXPIRED) if left and left.pop() else service(request)

    door.service = once
    yield
    door.service = service


def test_a_token_near_its_end_is_refreshed_before_it_is_used(tmp_path: Path) -> None:
    door = Door(fine)
    door.lifetime = 30
    with loopback(door) as server, client(server, tmp_path) as one:
        one.get("/x")
        one.get("/x")
    assert door.grants == ["password", "refresh_token"]


def test_a_refresh_token_that_is_dead_leads_to_a_new_log_in(tmp_path: Path) -> None:
    door = Door(fine)
    with loopback(door) as server, client(server, tmp_path) as one:
        one.get("/x")
        door.alive = 7  # somebody else refreshed: both tokens of ours are dead
        assert one.get("/x") == {"ok": True}
    assert door.grants == ["password", "refresh_token", "password"]


def test_a_malformed_token_is_told_by_a_400_and_mended_by_a_log_in(tmp_path: Path) -> None:
    replies = [Reply(400, MALFORMED), Reply(body=[])]
    door = Door(lambda _: replies.pop(0))
    with loopback(door) as server, client(server, tmp_path) as one:
        assert one.get("/x") == []
    assert door.grants == ["password", "password"]


def test_a_call_that_stays_refused_is_told_after_one_new_token(tmp_path: Path) -> None:
    door = Door(lambda _: Reply(401, EXPIRED))
    with loopback(door) as server, client(server, tmp_path) as one, pytest.raises(RefusedError) as caught:
        one.get("/x")
    assert (caught.value.status, door.grants) == (401, ["password", "refresh_token"])
    assert "token is expired" in caught.value.what and caught.value.do


@pytest.mark.parametrize(
    ("wrong", "named"),
    [({"password": "wrong"}, "`username` and `password`"), ({"client_secret": "no"}, "`client_id` and")],
)
def test_wrong_credentials_say_which(tmp_path: Path, wrong: dict[str, str], named: str) -> None:
    with (
        loopback(Door(fine)) as server,
        client(server, tmp_path, **wrong) as one,
        pytest.raises(PermanentError) as caught,
    ):
        one.get("/x")
    assert named in caught.value.do
    assert not any(secret in str(caught.value) for secret in ("right", "s3cret"))


def test_a_corrected_password_is_tried_though_an_old_token_lives(tmp_path: Path) -> None:
    door = Door(fine)
    with loopback(door) as server:
        with client(server, tmp_path) as one:
            one.get("/x")
        with client(server, tmp_path, password="wrong") as one, pytest.raises(PermanentError):
            one.get("/x")


def test_a_spoilt_token_file_only_costs_a_log_in(tmp_path: Path) -> None:
    door = Door(fine)
    with loopback(door) as server:
        with client(server, tmp_path) as one:
            one.get("/x")
        for file in tmp_path.glob("*.token"):
            file.write_text('{"access": ')
        with client(server, tmp_path) as one:
            one.get("/x")
    assert door.grants == ["password", "password"]


def _call(url: str, folder: Path, ready: Any) -> None:
    settings = {"username": "m1", "password": "right", "client_id": "app", "client_secret": "s3cret"}
    made = MailupConnection(kind="mailup", url=url, rate_per_second=None, **settings)
    one = Client("mailup", made, folder)
    ready.wait()
    for _ in range(5):
        one.get("/x")
    one.close()


def test_many_processes_log_in_once(tmp_path: Path) -> None:
    door = Door(fine)
    context = multiprocessing.get_context("fork")
    ready = context.Barrier(4)
    with loopback(door) as server:
        runs = [context.Process(target=_call, args=(server.url, tmp_path, ready)) for _ in range(4)]
        for run in runs:
            run.start()
        for run in runs:
            run.join()
    assert [run.exitcode for run in runs] == [0] * 4
    assert door.grants == ["password"]
    assert len(server.calls("GET")) == 20


def test_an_unreachable_log_in_is_a_passing_failure(tmp_path: Path) -> None:
    with loopback(lambda _: Reply(503, {})) as server, client(server, tmp_path) as one, pytest.raises(TransientError):
        one.get("/x")


# Refusals


def test_unsigned_terms_a_small_role_and_a_missing_thing_have_remedies_of_their_own(tmp_path: Path) -> None:
    remedies = {}
    for name, reply in {"terms": Reply(403, TERMS), "scope": Reply(403, SCOPE), "gone": Reply(404, {})}.items():
        door = Door(lambda _, reply=reply: reply)  # type: ignore[misc]
        with loopback(door) as server, client(server, tmp_path / name) as one, pytest.raises(RefusedError) as caught:
            one.get("/x")
        remedies[name] = caught.value.do
        assert door.grants == ["password"], "a new token helps none of them"
    assert "terms of service" in remedies["terms"]
    assert "Administrator" in remedies["scope"]
    assert len(set(remedies.values())) == 3


def test_words_of_mailup_are_told_without_addresses(tmp_path: Path) -> None:
    body = {"ErrorDescription": f"The recipient {ADDRESS} is not valid", "ErrorName": None}
    door = Door(lambda _: Reply(400, body))
    with loopback(door) as server, client(server, tmp_path) as one, pytest.raises(RefusedError) as caught:
        one.call("POST", f"{CONSOLE}/x", json={})
    assert "The recipient [address] is not valid" in str(caught.value)


@pytest.mark.parametrize("status", [429, 503])
def test_overload_is_waited_out_for_a_second_and_more(tmp_path: Path, status: int) -> None:
    replies = [Reply(status, {"ErrorDescription": "too_many_requests"}), Reply(body={})]
    waits: list[float] = []
    with loopback(Door(lambda _: replies.pop(0))) as server, client(server, tmp_path, waits) as one:
        one.get("/x")
    assert len(waits) == 1 and 1 <= waits[0] <= 2


# Keys, bodies, pace


def test_keys_come_in_lower_case_however_deep_and_values_as_they_are(tmp_path: Path) -> None:
    body = {"idList": 1, "IdGroup": 2, "Items": [{"Fields": [{"Id": 3, "Value": "AbC"}]}]}
    with loopback(Door(lambda _: Reply(body=body))) as server, client(server, tmp_path) as one:
        assert one.get("/x") == {"idlist": 1, "idgroup": 2, "items": [{"fields": [{"id": 3, "value": "AbC"}]}]}


def test_an_empty_body_is_an_answer_only_where_it_may_be_one(tmp_path: Path) -> None:
    with loopback(Door(lambda _: Reply(body=""))) as server, client(server, tmp_path) as one:
        assert one.call("DELETE", "/x", empty=True) is None
        with pytest.raises(TransientError):
            one.get("/x")


def test_ids_don_t_make_another_method() -> None:
    assert operation("GET", f"{CONSOLE}/List/12/Recipients/Subscribed") == "get-list-_-recipients-subscribed"
    assert operation("DELETE", f"{CONSOLE}/Group/7/Unsubscribe/12") == "delete-group-_-unsubscribe-_"
    assert operation("GET", f"{STATISTICS}/Message/3/Count/Views") == "get-message-_-count-views"


def test_each_method_has_a_pace_of_its_own_over_all_clients(tmp_path: Path) -> None:
    with (
        loopback(Door(fine)) as server,
        client(server, tmp_path, rate_per_second=20) as one,
        client(server, tmp_path, rate_per_second=20) as two,
    ):
        one.get(f"{CONSOLE}/List/1/Groups")
        started = time.monotonic()
        for number in range(5):
            one.get(f"{CONSOLE}/List/{number}/Groups")
            two.get(f"{CONSOLE}/List/{number}/Groups")
        same = time.monotonic() - started
        others = []
        for round_ in ("F", "G", "H", "I", "J"):
            started = time.monotonic()
            for name in ("A", "B", "C", "D", "E"):
                one.get(f"{CONSOLE}/{round_}{name}")
                two.get(f"{CONSOLE}/{round_}{name}{name}")
            others.append(time.monotonic() - started)
    assert same > 0.45, "ten calls of one method"
    assert min(others) < same / 2, "ten calls of ten methods; the best of five, for a machine may be busy"


# What needs an account of its own kind


def answers(paths: dict[str, Reply]) -> Callable[[Received], Reply]:
    def answer(request: Received) -> Reply:
        found = paths.get(f"{request.method} {request.path.removeprefix(CONSOLE)}")
        return found or Reply(body={"Items": [], "TotalElementsCount": 0})

    return answer


INFO = Reply(body={"Company": "Soci", "UID": "388", "ExpiryDate": "2016-12-09 00:00:00.000", "Username": "m1"})
LISTS = Reply(body={"Items": [{"idList": 4, "Name": "Soci", "Company": "x"}], "TotalElementsCount": 1})


def provider(server: Loopback, folder: Path, waits: list[float] | None = None) -> MailupProvider:
    patience = Patience(2, 2, 3, wait=[].append if waits is None else waits.append)
    return MailupProvider("mailup", connection(server), folder, patience=patience)


def test_a_user_who_is_no_administrator_and_an_expired_account_are_problems(tmp_path: Path) -> None:
    """A5."""
    paths = {
        "GET /Authentication/Info": INFO,
        "GET /User/Lists": LISTS,
        "GET /Recipient/DynamicFields": Reply(403, SCOPE),
        "GET /List/4/Recipients/EmailOptins": Reply(403, SCOPE),
    }
    with loopback(Door(answers(paths))) as server:
        account = provider(server, tmp_path).account()
    assert (account.account_id, account.name, account.role) == ("388", "Soci", "restricted")
    assert len(account.problems) == 3 and "2016-12-09" in account.problems[0]
    assert all("Administrator" in problem for problem in account.problems[1:])


def test_a_new_list_is_waited_for(tmp_path: Path) -> None:
    """A1; a list answers 403 for its first minute."""
    young = [Reply(403, SCOPE), Reply(403, SCOPE)]

    def answer(request: Received) -> Reply:
        if request.method == "POST":
            return (
                Reply(body={"IdList": 9, "Name": "Nuova"}) if request.path.endswith("Console/List") else Reply(404, {})
            )
        if request.path.endswith("Console/User/Lists"):
            return Reply(body={"Items": [], "IsPaginated": False, "TotalElementsCount": 0})
        return young.pop() if young else Reply(body="null")

    data = NewAudience(company="Soci APS", sender_name="Soci", sender_email="soci@soci.example")
    waits: list[float] = []
    with loopback(Door(answer)) as server:
        made = provider(server, tmp_path, waits).create_audience("Nuova", data)
        body = server.calls("POST", "Console/List")[0].body
    assert (made.audience_id, made.name, len(waits)) == ("9", "Nuova", 2)
    assert (body["Name"], body["OwnerEmail"], body["UseDefaultSettings"]) == ("Nuova", "soci@soci.example", True)


@pytest.mark.parametrize("is_made", [True, False])
def test_a_list_whose_making_was_not_answered_is_not_made_twice(tmp_path: Path, is_made: bool) -> None:
    """A1."""
    made: list[str] = []

    def answer(request: Received) -> Reply:
        if request.method == "POST" and not request.path.endswith("Console/List"):
            return Reply(404, {})
        if request.method == "POST":
            is_first = len(server.calls("POST", "Console/List")) == 1
            if is_made or not is_first:
                made.append("Nuova")
            return Reply(503, {}) if is_first else Reply(body={"IdList": 9, "Name": "Nuova"})
        if request.path.endswith("Console/User/Lists"):
            found = [{"IdList": 9, "Name": name} for name in made]
            return Reply(body={"Items": found, "IsPaginated": False, "TotalElementsCount": len(found)})
        return Reply(body="null")

    data = NewAudience(company="Soci APS", sender_name="Soci", sender_email="soci@soci.example")
    with loopback(Door(answer)) as server:
        assert provider(server, tmp_path, []).create_audience("Nuova", data).audience_id == "9"
    assert made == ["Nuova"]


def test_a_connection_of_the_kind_mailup_opens_this_provider(tmp_path: Path) -> None:
    made = MailupConnection(
        kind="mailup", username="m1", password="p", client_id="i", client_secret="s", url="http://127.0.0.1:9"
    )
    assert traits_of("mailup", made).default_exit == "leave_groups"
    opened = connect("mailup", made, tmp_path)
    assert isinstance(opened, MailupProvider) and opened.calls == 0
    opened.close()
