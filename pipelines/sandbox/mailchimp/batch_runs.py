"""How batches get on: one at a time, in the order in which they came, as far as the clock allows.

Belongs here: the statuses of a batch, pages, the order of operations, performing them. Does not: /batches itself
(batches.py).

    pending        for `batch_step` seconds, and for as long as an earlier batch is at work
    preprocessing  for `batch_step` seconds; then a GET that has pages becomes one operation for each page
    started        `batch_rate` operations a second, in an order that the seed decides
    finalizing     for `batch_step` and `batch_late` seconds; everything has been done
    finished       until it is forgotten, seven days later
"""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pipelines.sandbox.clock import stamp
from pipelines.sandbox.http import Answer, Call
from pipelines.sandbox.mailchimp import routes
from pipelines.sandbox.mailchimp.batches import KEPT
from pipelines.sandbox.mailchimp.model import Batch, Operation
from pipelines.sandbox.mailchimp.state import State
from pipelines.sandbox.people import Dice


def settle(state: State) -> None:
    """Lets every batch get as far as it is by now."""
    now = state.now()
    free = 0.0
    for batch in list(state.batches):
        if batch.status != "finished":
            free = _go_on(state, batch, now.timestamp(), max(batch.turn_at, free))
        elif datetime.fromisoformat(batch.completed_at) + KEPT <= now:
            state.batches.remove(batch)


def _go_on(state: State, batch: Batch, now: float, turn: float) -> float:
    """Does what is due of it by now; the moment from which the next batch can begin."""
    switches = state.switches
    if now < turn:
        return math.inf
    if batch.status == "pending":
        batch.status, batch.turn_at = "preprocessing", turn
        state.batches.save(batch)
    start = batch.turn_at + switches.batch_step
    if now < start:
        return math.inf
    if batch.status == "preprocessing":
        _prepare(state, batch)
    due = int((now - start) * switches.batch_rate)
    for operation in state.batches.operations(batch.id)[batch.finished : due]:
        _perform(state, batch, operation)
    if batch.finished < batch.total:
        return math.inf
    done = start + batch.total / switches.batch_rate
    completed = done + switches.batch_step + switches.batch_late
    batch.status = "finalizing"
    if now >= completed:
        batch.status = "finished"
        batch.completed_at = stamp(datetime.fromtimestamp(completed, state.now().tzinfo))
    state.batches.save(batch)
    return done


def _prepare(state: State, batch: Batch) -> None:
    """Cuts operations into pages and shuffles them."""
    operations = [page for operation in state.batches.operations(batch.id) for page in _pages(state, batch, operation)]
    dice = Dice(state.seed, batch.id)
    order = sorted(range(len(operations)), key=lambda place: dice.throw(f"operation {place}"))
    state.batches.set_operations(batch.id, (operations[place] for place in order))
    batch.status, batch.total = "started", len(operations)
    state.batches.save(batch)


def _pages(state: State, batch: Batch, operation: Operation) -> list[Operation]:
    """One operation for each page of a collection that is asked for without `count`; else the operation itself."""
    if operation.method != "GET" or "count" in _query(operation):
        return [operation]
    whole = {name: value for name, value in _query(operation).items() if name not in ("fields", "exclude_fields")}
    first = json.loads(_answer(state, batch, replace(operation, query={**whole, "count": "1"})).body)
    lists = [len(value) for name, value in first.items() if isinstance(value, list) and name != "_links"]
    if "total_items" not in first or max(lists, default=0) > 1:  # collections without pages ignore the count
        return [operation]
    start, size = int(whole.get("offset", 0)), state.switches.batch_page_size
    return [
        replace(operation, query={**operation.query, "count": str(size), "offset": str(offset)})
        for offset in range(start, max(first["total_items"], start + 1), size)
    ]


def _perform(state: State, batch: Batch, operation: Operation) -> None:
    answer = _answer(state, batch, operation)
    operation.status_code, operation.response = answer.status, answer.body.decode()
    batch.finished += 1
    batch.errored += answer.status >= 400
    state.batches.save_operation(operation)
    state.batches.save(batch)


def _query(operation: Operation) -> Mapping[str, str]:
    return {**dict(parse_qsl(urlsplit(operation.path).query)), **operation.query}


def _answer(state: State, batch: Batch, operation: Operation) -> Answer:
    """What the API answers to the operation; a batch within a batch is unknown to it."""
    path = unquote(f"/{urlsplit(operation.path).path.strip('/')}")
    route, params = routes.found_at(path)
    if route.startswith("/batches"):
        route, params = routes.UNKNOWN, {}
    headers: dict[str, Any] = {}
    call = Call(operation.method, route, params, _query(operation), headers, operation.body.encode(), batch.ip)
    with state.request("api", operation.method, route):
        return routes.perform(state, call)
