"""The two paths of the imitated API, the key, the limit of calls, the envelope.

Belongs here: who may call what. Does not: what a call does (customers.py, changes.py).
"""

import json
from collections import deque
from typing import Any

from starlette.routing import Mount, Route

from pipelines.sandbox.http import Answer, Api, Call, Gate
from pipelines.sandbox.iteras import changes, customers
from pipelines.sandbox.iteras.problems import Problem, bad_request
from pipelines.sandbox.iteras.state import State

CUSTOMERS = "/api/customers/"
UPDATE = "/api/customers/update/"
UNKNOWN = "/{unknown:path}"
METHODS = {CUSTOMERS: "GET", UPDATE: "POST"}


class Limit:
    """The calls of the last minute."""

    def __init__(self) -> None:
        self._calls: deque[float] = deque()

    def check(self, state: State) -> None:
        """Counts a call. Raises Problem when it is one too many."""
        most, now = state.switches.calls_per_minute, state.epoch()
        while self._calls and self._calls[0] <= now - 60:
            self._calls.popleft()
        if most and len(self._calls) >= most:
            raise Problem(429, "Too many requests.")
        self._calls.append(now)

    def clear(self) -> None:
        """Forgets all calls."""
        self._calls.clear()


def mount(api: Api) -> Mount:
    """The imitated host below /iteras."""
    return Mount("/iteras", routes=[Route(path, Gate(api, path)) for path in (CUSTOMERS, UPDATE, UNKNOWN)])


def answer(state: State, limit: Limit, call: Call) -> Answer:
    """What Iteras would answer to this call, after doing it."""
    try:
        return document_answer(_perform(state, limit, call))
    except Problem as problem:
        return problem_answer(state, problem)


def _perform(state: State, limit: Limit, call: Call) -> Any:
    if call.route == UNKNOWN:
        raise Problem(404, "Not found.")
    key = call.headers.get("x-iteras-key") or call.query.get("iteras-key", "")
    if key != state.account.api_key:
        raise Problem(state.switches.auth_status, "Invalid key.")
    limit.check(state)
    if call.method != METHODS[call.route]:
        raise bad_request("Method not allowed.")
    if call.route == CUSTOMERS:
        return customers.get_customers(state, call.query)
    operations = changes.read_operations(call.body, call.headers.get("content-type", ""))
    return changes.post_changes(state, operations)


def document_answer(document: Any) -> Answer:
    """200 with the document."""
    return Answer(200, json.dumps(document, ensure_ascii=False).encode(), {"Content-Type": "application/json"})


def problem_answer(state: State, problem: Problem) -> Answer:
    """The refusal as JSON; a server error is the framework's HTML."""
    if problem.status >= 500:
        page = f"<!doctype html><html><body><h1>Server Error ({problem.status})</h1></body></html>"
        return Answer(problem.status, page.encode(), {"Content-Type": "text/html; charset=utf-8"})
    headers = {"Content-Type": "application/json"}
    if problem.status == 429 and state.switches.retry_after:
        headers["Retry-After"] = str(state.switches.retry_after)
    return Answer(problem.status, json.dumps(problem.body()).encode(), headers)
