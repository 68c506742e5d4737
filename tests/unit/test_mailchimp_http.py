"""Http and Slots: patience with what passes, none with what does not, and never too many at once."""

import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from loopback import Loopback, Received, Reply, in_turn, loopback
from pydantic import SecretStr
from requests.auth import HTTPBasicAuth

from pipelines.config.connections import MailchimpConnection
from pipelines.errors import Busy, PermanentError, TransientError
from pipelines.http.client import Http, Patience, RefusedError
from pipelines.http.slots import Pace, Slots, fingerprint

ADDRESS = "ann.example@people.example"
HASH = "0123456789abcdef0123456789abcdef"


@contextmanager
def client(
    server: Loopback,
    waits: list[float] | None = None,
    attempts: int = 4,
    read_timeout: float = 30.0,
    **more: object,
) -> Iterator[Http]:
    noted = [] if waits is None else waits
    patience = Patience(
        connect_timeout=30, read_timeout=read_timeout, max_attempts=attempts, wait=noted.append, jitter=lambda: 0.5
    )
    http = Http(server.url, service="Postal", patience=patience, **more)  # type: ignore[arg-type]
    try:
        yield http
    finally:
        http.close()


def test_json_goes_in_and_comes_out_with_a_user_agent_and_the_credentials() -> None:
    with loopback(lambda _: Reply(body={"ok": True})) as server, client(server, auth=HTTPBasicAuth("any", "k")) as http:
        answer = http.call("POST", "/things", query={"a": "1+1"}, json={"name": "Zoë"})
    assert (answer.status, answer.body, answer.attempts) == (200, {"ok": True}, 1)
    request = server.received[0]
    assert (request.method, request.path, request.query, request.body) == (
        "POST",
        "/things",
        {"a": "1+1"},
        {"name": "Zoë"},
    )
    assert request.headers["User-Agent"].startswith("enlist/0.1 (+")
    assert request.headers["Authorization"].startswith("Basic ")


def test_one_connection_is_kept_for_many_calls() -> None:
    with loopback(lambda _: Reply()) as server, client(server) as http:
        for _ in range(50):
            http.call("GET", "/x")
    assert (len(server.received), server.connections) == (50, 1)


@pytest.mark.parametrize(
    "passing",
    [
        Reply(429, {"title": "TooManyRequests"}),
        Reply(429, ""),
        Reply(408, {}),
        Reply(500, {"title": "InternalServerError"}),
        Reply(502, "<html>Bad gateway</html>"),
        Reply(503, "<html>Request Blocked</html>"),
        Reply(403, "<html>Access Denied</html>"),
        Reply(200, "<html>Maintenance</html>"),
        Reply(200, '{"members": [{"id"'),
        Reply(200, ""),
        Reply(200, {"members": []}, cut=True),
        Reply(drop=True),
    ],
)
def test_what_passes_is_waited_out(passing: Reply) -> None:
    waits: list[float] = []
    with loopback(in_turn(passing, passing, Reply(body={"ok": 1}))) as server, client(server, waits) as http:
        answer = http.call("GET", "/x")
        assert (answer.body, answer.attempts, http.calls) == ({"ok": 1}, 3, 3)
    assert waits == [0.5, 1.0], "full jitter (here always the half) of 1, 2, 4 ... seconds"


def test_a_time_out_is_waited_out() -> None:
    release = threading.Event()
    first = threading.Lock()

    def answer(_: Received) -> Reply:
        if first.acquire(blocking=False):
            release.wait(30)
        return Reply()

    with loopback(answer) as server, client(server, read_timeout=1.0) as http:
        assert http.call("GET", "/x").attempts == 2
        release.set()


def test_a_server_that_says_how_long_to_stay_away_is_obeyed_within_reason() -> None:
    waits: list[float] = []
    replies = in_turn(Reply(429, {}, {"Retry-After": "7"}), Reply(429, {}, {"Retry-After": "9999"}), Reply())
    with loopback(replies) as server, client(server, waits) as http:
        http.call("GET", "/x")
    assert waits == [7.0, 60.0]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 422, 426])
def test_a_4xx_is_never_tried_again(status: int) -> None:
    waits: list[float] = []
    body = {"title": "Invalid Resource", "detail": f"{ADDRESS} looks fake"}
    advice = {401: "Check the key."}
    with loopback(lambda _: Reply(status, body)) as server, client(server, waits, advice=advice) as http:
        with pytest.raises(RefusedError) as caught:
            http.call("PUT", f"/lists/a1/members/{HASH}", json={"email_address": ADDRESS})
        assert http.calls == 1
    assert waits == []
    assert isinstance(caught.value, PermanentError)
    assert (caught.value.status, caught.value.body) == (status, body)
    assert caught.value.what == f"Postal refused PUT /lists/a1/members/… ({status} Invalid Resource)."
    assert caught.value.do == ("Check the key." if status == 401 else "")


def test_a_refusal_without_json_is_still_a_refusal() -> None:
    with (
        loopback(lambda _: Reply(404, "<html>no</html>")) as server,
        client(server) as http,
        pytest.raises(RefusedError) as caught,
    ):
        http.call("GET", "/x")
    assert caught.value.body == {}


def test_a_redirect_is_not_followed_with_the_key_in_hand() -> None:
    with (
        loopback(lambda _: Reply(302, {}, {"Location": "/elsewhere"})) as server,
        client(server) as http,
        pytest.raises(PermanentError, match="redirect"),
    ):
        http.call("POST", "/x", json={})
    assert [call.path for call in server.received] == ["/x"]


def test_attempts_are_bounded_and_the_last_failure_is_named() -> None:
    waits: list[float] = []
    with (
        loopback(lambda _: Reply(503, "")) as server,
        client(server, waits) as http,
        pytest.raises(TransientError, match="in 4 attempts; the last one ended with status 503") as caught,
    ):
        http.call("GET", "/x")
    assert len(server.received) == 4 and len(waits) == 3
    assert caught.value.status == 503


def test_an_unreachable_host_is_a_transient_error() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with client(Loopback(url)) as http, pytest.raises(TransientError):
        http.call("GET", "/x")


def test_a_url_that_is_none_is_a_permanent_error() -> None:
    with client(Loopback("htp:/nowhere")) as http, pytest.raises(PermanentError, match="Check `url`"):
        http.call("GET", "/x")


def test_204_and_allowed_emptiness_have_no_body() -> None:
    with loopback(in_turn(Reply(204), Reply(200, ""))) as server, client(server) as http:
        assert http.call("DELETE", "/x").body is None
        assert http.call("POST", "/x", form={"grant_type": "password"}, may_be_empty=True).body is None
    assert server.received[1].body == "grant_type=password"


def test_no_address_hash_or_query_reaches_a_message_or_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="pipelines")
    paths = (f"/lists/a1/members/{HASH}/tags", f"/lists/a1/members/{ADDRESS}", "/lists/a1/members/ann%40people.example")
    with loopback(lambda _: Reply(500, {"detail": ADDRESS})) as server, client(server) as http:
        for path in paths:
            with pytest.raises(TransientError) as caught:
                http.call("GET", path, query={"email": ADDRESS})
            caplog.records.append(logging.makeLogRecord({"msg": str(caught.value)}))
            assert caught.value.__cause__ is None
    text = " ".join(record.getMessage() for record in caplog.records)
    assert "/lists/a1/members/…" in text
    for personal in (HASH, ADDRESS, "people.example", "email="):
        assert personal not in text


def test_threads_share_one_client_and_never_exceed_the_slots(tmp_path: Path) -> None:
    gauge = Gauge()
    with loopback(gauge.answer) as server:
        slots = Slots(tmp_path, "acc", 3)
        with client(server, slots=slots, pool_size=12) as http:
            threads = [threading.Thread(target=http.call, args=("GET", "/x")) for _ in range(12)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    assert len(server.received) == 12
    assert gauge.most == 3


def test_processes_share_the_slots_too(tmp_path: Path) -> None:
    gauge = Gauge()
    with loopback(gauge.answer) as server:
        spawn = multiprocessing.get_context("spawn")
        processes = [spawn.Process(target=_three_calls, args=(server.url, tmp_path)) for _ in range(2)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
    assert len(server.received) == 6
    assert gauge.most == 1


def test_a_killed_process_gives_its_slot_back(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    held = spawn.Event()
    process = spawn.Process(target=_hold, args=(tmp_path, held))
    process.start()
    assert held.wait(20)
    with pytest.raises(Busy, match="1 connections"), Slots(tmp_path, "acc", 1, patience=0.05).hold():
        pass
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    with Slots(tmp_path, "acc", 1, patience=0.05).hold():
        pass


def test_a_slot_is_given_back_when_its_call_fails(tmp_path: Path) -> None:
    slots = Slots(tmp_path, "acc", 1, patience=0.05)
    with pytest.raises(ValueError, match="inside"), slots.hold():
        raise ValueError("inside")
    with slots.hold():
        pass


def test_other_accounts_have_other_slots_and_file_names_do_not_tell_the_key(tmp_path: Path) -> None:
    first, second = fingerprint("key-us1"), fingerprint("key-us2")
    with Slots(tmp_path, first, 1, patience=0).hold(), Slots(tmp_path, second, 1, patience=0).hold():
        names = [file.name for file in tmp_path.iterdir()]
    assert first != second and not any("key" in name for name in names)


def test_pace_spreads_calls_over_everybody_who_shares_the_folder(tmp_path: Path) -> None:
    waits: list[float] = []
    paces = [Pace(tmp_path, "acc", 2, wait=waits.append, clock=lambda: 100.0) for _ in range(3)]
    for pace in paces:
        pace.turn()
    assert waits == pytest.approx([0.5, 1.0])


def test_a_pace_noted_before_the_machine_started_anew_is_forgotten(tmp_path: Path) -> None:
    waits: list[float] = []
    Pace(tmp_path, "acc", 1, clock=lambda: 1_000_000.0, wait=waits.append).turn()
    Pace(tmp_path, "acc", 1, clock=lambda: 5.0, wait=waits.append).turn()
    assert waits == []


class Gauge:
    """Counts how many requests are being answered at the same time."""

    def __init__(self) -> None:
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()

    def answer(self, _: Received) -> Reply:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(0.03)
        with self._lock:
            self._now -= 1
        return Reply()


def _three_calls(url: str, folder: Path) -> None:
    with client(Loopback(url), slots=Slots(folder, "acc", 1)) as http:
        for _ in range(3):
            http.call("GET", "/x")


def _hold(folder: Path, held: "multiprocessing.synchronize.Event") -> None:
    with Slots(folder, "acc", 1).hold():
        held.set()
        time.sleep(60)


def test_no_proxy_is_asked_for_this_machine_under_any_of_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.2 is this machine as well, as the settings have it."""
    with loopback(lambda _: Reply(body={})) as server:
        for variable in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(variable, server.url)
        for variable in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(variable, raising=False)
        http = Http("http://127.0.0.2:9", service="Postal", patience=Patience(max_attempts=1))
        with closing(http), pytest.raises(TransientError):
            http.call("GET", "/things")
        assert server.received == []


def test_a_connection_that_sets_no_limits_is_met_with_the_usual_patience() -> None:
    """One set of defaults, whether it comes from the settings or from nowhere."""
    key = SecretStr(f"{HASH}-us1")
    assert Patience.of(MailchimpConnection(kind="mailchimp", api_key=key)) == Patience()
    limits = {"connect_timeout": 3, "read_timeout": 4, "max_attempts": 2}
    patience = Patience.of(MailchimpConnection(kind="mailchimp", api_key=key, **limits), least_pause=1)
    assert patience == Patience(**limits, least_pause=1)
