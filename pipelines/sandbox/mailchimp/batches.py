"""Batch requests: many calls handed over in one, performed in the background.

Belongs here: /batches. Does not: performing them (batch_runs.py), their answers (batch_results.py), POST /lists/{id},
which is a call of its own (batch.py).
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pipelines.sandbox.clock import stamp
from pipelines.sandbox.mailchimp import problems
from pipelines.sandbox.mailchimp.batch_results import signed_url
from pipelines.sandbox.mailchimp.links import link, links
from pipelines.sandbox.mailchimp.lookup import batch_at
from pipelines.sandbox.mailchimp.model import Batch, Json, Operation
from pipelines.sandbox.mailchimp.problems import Problem
from pipelines.sandbox.mailchimp.query import Asked, page_of
from pipelines.sandbox.mailchimp.schema import kind_of
from pipelines.sandbox.mailchimp.state import State

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
KEPT = timedelta(days=7)


def batch_document(state: State, batch: Batch) -> Json:
    """The batch as the API shows it; every look at a finished one gives a new address of its results."""
    path = f"/batches/{batch.id}"
    return {
        "id": batch.id,
        "status": batch.status,
        "total_operations": batch.total,
        "finished_operations": batch.finished,
        "errored_operations": batch.errored,
        "submitted_at": batch.submitted_at,
        "completed_at": batch.completed_at,
        "response_body_url": signed_url(state, batch.id) if batch.status == "finished" else "",
        "_links": [
            link("parent", "/batches", schema="Batches/CollectionResponse"),
            link("self", path, schema="Batches/Response"),
            link("delete", path, "DELETE"),
        ],
    }


def get_batches(state: State, asked: Asked) -> Json:
    """GET /batches: those of the last seven days."""
    since = stamp(state.now() - KEPT)
    items = [batch for batch in state.batches if batch.submitted_at >= since]
    return {
        "batches": [batch_document(state, batch) for batch in page_of(items, asked.query)],
        "total_items": len(items),
        "_links": links("/batches", "/", changes=False),
    }


def post_batch(state: State, asked: Asked) -> Json:
    """POST /batches {operations}: taken as it is; what an operation lacks shows in its own answer."""
    operations = asked.object("operations")["operations"]
    errors = _errors(operations)
    if errors:
        raise Problem(400, "Invalid Resource", problems.INVALID, errors=errors)
    waiting = sum(batch.status != "finished" for batch in state.batches)
    if waiting >= state.switches.max_batches:
        raise problems.too_many_batches(state.switches.max_batches)
    turn_at = state.now().timestamp() + state.switches.batch_step
    batch = Batch(state.new_id("batch"), state.stamp(), turn_at, asked.ip)
    state.batches.save(batch)
    state.batches.set_operations(batch.id, [_operation(batch.id, item) for item in operations])
    state.remember("batch_add", ids=[batch.id])
    return batch_document(state, batch)


def _errors(operations: Any) -> list[dict[str, str]]:
    if not isinstance(operations, list):
        return [{"field": "operations", "message": f"Schema describes array, {kind_of(operations)} found"}]
    found = [(place, name, message) for place, item in enumerate(operations) for name, message in _faults(item)]
    return [{"field": f"operations.item:{place}{name}", "message": message} for place, name, message in found]


def _faults(item: Any) -> list[tuple[str, str]]:
    if not isinstance(item, dict):
        return [("", f"Schema describes object, {kind_of(item)} found")]
    missing = [name for name in ("method", "path") if name not in item]
    if missing:
        return [("", f"Required fields were not provided: {', '.join(missing)}")]
    wanted = {"method": "string", "path": "string", "operation_id": "string", "params": "object", "body": "string"}
    kinds = {name: kind_of(item[name]) for name in wanted if name in item}
    wrong = [
        (f".{name}", f"Schema describes {wanted[name]}, {kind} found")
        for name, kind in kinds.items()
        if kind != wanted[name]
    ]
    if not wrong and item["method"] not in METHODS:
        return [(".method", f"Value must be one of the following: {', '.join(METHODS)}")]
    return wrong


def _operation(batch_id: str, item: Mapping[str, Any]) -> Operation:
    return Operation(
        batch_id=batch_id,
        place=0,
        method=item["method"],
        path=item["path"],
        query={name: _text(value) for name, value in item.get("params", {}).items()},
        body=item.get("body", ""),
        operation_id=item.get("operation_id", ""),
    )


def _text(value: Any) -> str:
    """A parameter as a query holds it."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def get_batch(state: State, asked: Asked) -> Json:
    """GET /batches/{batch_id}."""
    return batch_document(state, batch_at(state, asked))


def delete_batch(state: State, asked: Asked) -> None:
    """DELETE /batches/{batch_id}: stops it; what it did stays done, its answers are gone."""
    batch = batch_at(state, asked)
    state.batches.remove(batch)
    state.remember("batch_delete", ids=[batch.id])
    if batch.status in ("preprocessing", "started"):
        _let_the_next_begin(state)


def _let_the_next_begin(state: State) -> None:
    """Those behind a batch that was stopped have waited until now, so that nothing of them is due already."""
    now = state.now().timestamp()
    for batch in state.batches:
        if batch.status == "pending":
            batch.turn_at = max(batch.turn_at, now)
            state.batches.save(batch)
