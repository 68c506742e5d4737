"""What a Mailchimp connection says is what its calls do: address, credentials, time-outs, pace, connections.

Belongs here: from connections.yaml to the wire. Does not: how Http waits and tries again (test_mailchimp_http.py).
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from loopback import Received, Reply, loopback

from pipelines.config.connections import MailchimpConnection
from pipelines.errors import TransientError
from pipelines.providers.mailchimp.client import Client

KEY = "0123456789abcdef0123456789abcdef-us21"


@contextmanager
def client(folder: Path, **settings: Any) -> Iterator[Client]:
    connection = MailchimpConnection(kind="mailchimp", **{"api_key": KEY, **settings})
    opened = Client("test", connection, folder)
    try:
        yield opened
    finally:
        opened.close()


def test_the_key_names_the_data_centre_unless_the_connection_has_an_address(tmp_path: Path) -> None:
    with client(tmp_path) as opened:
        assert opened.http.root == "https://us21.api.mailchimp.com/3.0"
    with client(tmp_path, url="https://api.mailchimp.com") as opened:
        assert opened.http.root == "https://api.mailchimp.com/3.0"


@pytest.mark.parametrize(("key", "scheme"), [(KEY, "Basic"), ("an-oauth-token", "Bearer")])
def test_a_key_goes_as_basic_and_a_token_as_bearer(tmp_path: Path, key: str, scheme: str) -> None:
    with loopback(lambda _: Reply()) as server, client(tmp_path, url=server.url, api_key=key) as opened:
        opened.get("/ping")
    (call,) = server.received
    assert call.path == "/3.0/ping"
    assert call.headers["Authorization"].startswith(f"{scheme} ")
    assert call.headers["User-Agent"].startswith("enlist/")
    assert key not in str(call.query)


def test_an_answer_that_does_not_come_ends_with_the_read_time_out(tmp_path: Path) -> None:
    release = threading.Event()

    def answer(_: Received) -> Reply:
        release.wait(60)
        return Reply()

    with (
        loopback(answer) as server,
        client(tmp_path, url=server.url, read_timeout=0.2, max_attempts=1) as opened,
    ):
        started = time.monotonic()
        with pytest.raises(TransientError, match="no answer in time"):
            opened.get("/ping")
        assert time.monotonic() - started < 10
        release.set()


def test_a_connection_that_is_not_made_ends_with_the_connect_time_out(tmp_path: Path) -> None:
    """A host that takes no more connections; the read time-out of two minutes plays no part."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        settings = {"url": f"http://127.0.0.1:{address[1]}", "connect_timeout": 0.2, "max_attempts": 1}
        with client(tmp_path, **settings) as opened:
            started = time.monotonic()
            with pytest.raises(TransientError, match="no answer in time"):
                opened.get("/ping")
            assert time.monotonic() - started < 10
        for one in waiting:
            one.close()


def test_a_rate_is_kept_by_all_who_use_the_account(tmp_path: Path) -> None:
    """A12: four calls of two clients at ten a second."""
    with (
        loopback(lambda _: Reply()) as server,
        client(tmp_path, url=server.url, rate_per_second=10) as one,
        client(tmp_path, url=server.url, rate_per_second=10) as other,
    ):
        started = time.monotonic()
        for opened in (one, other, one, other):
            opened.get("/ping")
        assert time.monotonic() - started >= 0.3
    assert len(server.received) == 4


def test_all_who_use_an_account_share_its_connections(tmp_path: Path) -> None:
    lock, now, most = threading.Lock(), [0], [0]

    def answer(_: Received) -> Reply:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.03)
        with lock:
            now[0] -= 1
        return Reply()

    with (
        loopback(answer) as server,
        client(tmp_path, url=server.url, connections=3) as one,
        client(tmp_path, url=server.url, connections=3) as other,
    ):
        threads = [
            threading.Thread(target=lambda opened=opened: list(opened.in_order(opened.get, ["/ping"] * 9)))  # type: ignore[misc]
            for opened in (one, other)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(server.received) == 18
    assert most == [3]
