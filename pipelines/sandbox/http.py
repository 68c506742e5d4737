"""What a simulator gets and gives: a call, an answer, and the gate between them and the wire.

Belongs here: reading requests, sending answers, faults on the wire, the limit of simultaneous connections. Does not:
anything that one provider's API does (its own folder), the server itself (server.py).
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from pipelines.sandbox.faults import Fault, Faults, Traffic

TRANSPORT = "enlist.transport"

BLOCKED = (
    b"<HTML><HEAD><TITLE>Access Denied</TITLE></HEAD><BODY><H1>Access Denied</H1>"
    b"You don't have permission to access this server.<P>Reference Number: 18.5dd4c017.1700000000</BODY></HTML>"
)


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `route` is the template that its path matched ("" for none), `params` what filled it."""

    method: str
    route: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    caller_ip: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One response, ready to be sent."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Api(Protocol):
    """What the gate needs of a simulator. All four are called in the server's thread."""

    faults: Faults
    traffic: Traffic

    def handle(self, call: Call) -> Answer:
        """Does what the call says."""

    def crowded(self, call: Call, connections: int) -> Answer | None:
        """The refusal if so many connections are too many, else None."""

    def broken(self, call: Call, status: int) -> Answer:
        """The error body that this API has for a status of its own making."""


class Gate:
    """One route of a simulator as an ASGI application: all verbs, faults, counting and the connection limit."""

    def __init__(self, api: Api, route: str) -> None:
        self._api = api
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        request = Request(scope, receive)
        with self._api.traffic.slot(request.method, self._route) as connections:
            call = Call(
                method=request.method,
                route=self._route,
                params=dict(request.path_params),
                query=dict(request.query_params),
                headers=dict(request.headers),
                body=b"",
                caller_ip=request.client.host if request.client else "127.0.0.1",
            )
            answer = self._api.crowded(call, connections)
            if answer is None:
                answer = await self._serve(replace(call, body=await request.body()))
            self._api.traffic.answered(answer.status if answer else 0)
            if answer is None:
                await drop_connection(scope, receive)
            else:
                await send_answer(answer, send)

    async def _serve(self, call: Call) -> Answer | None:
        fault = self._api.faults.take(call.method, call.route)
        if fault is None:
            return self._api.handle(call)
        await asyncio.sleep(fault.latency_ms / 1000)
        applied = fault.applied or fault.kind in ("latency", "truncated")
        return spoil(fault, call, self._api.handle(call) if applied else None, self._api)


def spoil(fault: Fault, call: Call, answer: Answer | None, api: Api) -> Answer | None:
    """What the caller sees of it; None means no answer at all."""
    match fault.kind:
        case "drop":
            return None
        case "html":
            return Answer(fault.status, BLOCKED, {"Content-Type": "text/html"})
        case "empty":
            return Answer(fault.status)
        case "truncated" if answer is not None:
            return replace(answer, body=half_of(answer.body))
        case "problem":
            return api.broken(call, fault.status)
        case _:
            return answer


def half_of(body: bytes) -> bytes:
    """The first half; nothing of a bare number, since half of one would be another number."""
    return b"" if body.isdigit() else body[: len(body) // 2]


async def send_answer(answer: Answer, send: Send) -> None:
    """Puts the answer on the wire; a 204 has no body and no length."""
    headers = {"Content-Length": str(len(answer.body))} if answer.status != 204 else {}
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in {**headers, **answer.headers}.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": pairs})
    await send({"type": "http.response.body", "body": answer.body})


async def drop_connection(scope: Scope, receive: Receive) -> None:
    """Breaks the connection off without a byte of answer."""
    scope["state"][TRANSPORT].abort()
    while (await receive())["type"] != "http.disconnect":
        pass
