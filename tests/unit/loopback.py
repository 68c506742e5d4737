"""A real HTTP server on loopback whose answers a test writes itself.

Belongs here: receiving, recording, answering, breaking off. Does not: any knowledge of a provider.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Received:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Reply:
    """What to answer: `body` as JSON, or text as it is. `cut` promises more than it sends, `drop` sends nothing."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    drop: bool = False


@dataclass
class Loopback:
    """The server's address, what it received and how many connections were made so far."""

    url: str
    received: list[Received] = field(default_factory=list)
    connections: int = 0

    def calls(self, method: str, path: str = "") -> list[Received]:
        return [call for call in self.received if call.method == method and path in call.path]


@contextmanager
def loopback(answer: Callable[[Received], Reply]) -> Iterator[Loopback]:
    """Serve on a free port until the block ends; `answer` may be called from several threads."""
    server = Loopback("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            server.connections += 1
            super().setup()

        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            text = self.rfile.read(length).decode()
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
            request = Received(
                self.command, parts.path, query, dict(self.headers), json.loads(text) if text.startswith("{") else text
            )
            server.received.append(request)
            self.reply(answer(request))

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815

        def reply(self, reply: Reply) -> None:
            if reply.drop:
                self.close_connection = True
                return
            text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
            content = b"" if reply.status == 204 else text.encode()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.status != 204:
                self.send_header("Content-Length", str(len(content) + (100 if reply.cut else 0)))
            self.end_headers()
            self.wfile.write(content)
            self.close_connection = reply.cut

        def log_message(self, *args: object) -> None:
            return

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    server.url = f"http://127.0.0.1:{listener.server_address[1]}"
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()


def in_turn(*replies: Reply) -> Callable[[Received], Reply]:
    """Answer with these, one after the other; the last one again and again."""
    left = list(replies)
    lock = threading.Lock()

    def answer(_: Received) -> Reply:
        with lock:
            return left.pop(0) if len(left) > 1 else left[0]

    return answer
