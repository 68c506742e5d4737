"""The Mailchimp simulator at the pace of the real service: 30 ms a call and 2 ms for each member that it carries.

Belongs here: waiting and counting in front of the simulator, in a process of its own. Does not: what a call does.

The simulator's own work counts towards the wait. A member is counted where it travels: in the body of a call that
writes, in the answer of one that reads.

    GET /bench     {"reads": n, "writes": n, "most": calls under way at the same time} since the last GET /bench

Usage: slow_mailchimp.py FOLDER; prints the root URL when it serves, and ends with SIGTERM.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipelines.sandbox.clock import real_clock
from pipelines.sandbox.mailchimp.routes import mount
from pipelines.sandbox.mailchimp.simulator import Mailchimp
from pipelines.sandbox.mailchimp.switches import Switches
from pipelines.sandbox.server import HOST, SEED, listen, server_of

SECONDS_A_CALL = 0.030
SECONDS_A_MEMBER = 0.002
IN_BODY = ("members", "members_to_add", "members_to_remove", "static_segment")


class Pace:
    """An application behind the wait; the counts are its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._counts = {"reads": 0, "writes": 0, "most": 0}
        self._now = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one call."""
        if scope["path"] == "/bench":
            await _send_json(self._counts, send)
            self._counts = {"reads": 0, "writes": 0, "most": 0}
            return
        is_read = scope["method"] == "GET"
        self._counts["reads" if is_read else "writes"] += 1
        self._now += 1
        self._counts["most"] = max(self._counts["most"], self._now)
        try:
            await self._serve(scope, receive, send, is_read=is_read)
        finally:
            self._now -= 1

    async def _serve(self, scope: Scope, receive: Receive, send: Send, *, is_read: bool) -> None:
        started = asyncio.get_running_loop().time()
        body = await _body(receive)
        answer: list[Message] = []

        async def told() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def kept(message: Message) -> None:
            answer.append(message)

        await self._app(scope, told, kept)
        content = b"".join(message.get("body", b"") for message in answer) if is_read else body
        due = SECONDS_A_CALL + SECONDS_A_MEMBER * _members(content, scope["path"])
        await asyncio.sleep(started + due - asyncio.get_running_loop().time())
        for message in answer:
            await send(message)


async def _body(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _members(content: bytes, path: str) -> int:
    document: Any = json.loads(content) if content else {}
    if not isinstance(document, dict):
        return 0
    carried = sum(len(document[name]) for name in IN_BODY if isinstance(document.get(name), list))
    return carried or int("/members/" in path)


async def _send_json(document: Any, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(document).encode()})


def serve(folder: Path) -> None:
    """Serves on a free port until SIGTERM."""
    socket = listen(0)
    url = f"http://{HOST}:{socket.getsockname()[1]}"
    mailchimp = Mailchimp(folder, SEED, real_clock, Switches(), f"{url}/mailchimp")
    server = server_of(Pace(Starlette(routes=[mount(mailchimp)])))
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()
    try:
        server.run(sockets=[socket])
    finally:
        mailchimp.close()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
