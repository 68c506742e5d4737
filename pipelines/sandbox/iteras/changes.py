"""Changing customers: section 3 of the contract.

Belongs here: operations, and what is wrong with each. Does not: HTTP (routes.py).
"""

import json
import re
from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import parse_qs

from pipelines.sandbox.iteras.model import Customer, CustomField, Json
from pipelines.sandbox.iteras.problems import bad_request
from pipelines.sandbox.iteras.state import State

ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
NUMBER = re.compile(r"-?\d+([.,]\d+)?")
UPDATE = "updatecustomer"


def read_operations(body: bytes, content_type: str) -> list[Json]:
    """From a form field or a JSON body. Raises Problem for anything malformed."""
    try:
        text = body.decode()
        if content_type.partition(";")[0].strip() == "application/json":
            found = json.loads(text)["operations"]
        else:
            found = json.loads(parse_qs(text)["operations"][0])
    except (ValueError, LookupError, TypeError):
        raise bad_request("Malformed operations.") from None
    if not isinstance(found, list) or not all(_is_operation(item) for item in found):
        raise bad_request("Malformed operations.")
    return found


def _is_operation(item: Any) -> bool:
    return isinstance(item, dict) and item.get("operation") == UPDATE and isinstance(item.get("data", {}), dict)


def post_changes(state: State, operations: list[Json]) -> Json:
    """Does what is right and tells what was wrong; HTTP 200 in any case."""
    outcomes = [_change(state, operation) for operation in operations]
    errors = [errors for errors, _ in outcomes if errors or state.switches.errors_by_position]
    failed = sum(1 for errors, _ in outcomes if errors)
    ids = [found for _, found in outcomes]
    return {"succeeded": len(outcomes) - failed, "failed": failed, "errors": errors, "ids": ids}


def _change(state: State, operation: Json) -> tuple[Json, str | None]:
    customer = state.customers.get(str(operation.get("id", "")))
    if customer is None:
        return {"": ["Customer does not exist."]}, None
    data = operation.get("data", {})
    errors = check(state, data)
    if errors:
        return errors, None
    change(state, customer, data)
    return {}, customer.id


def change(state: State, customer: Customer, data: Mapping[str, Any]) -> None:
    """Stores the data and remembers that it was changed."""
    changed = sorted(name for name, value in data.items() if customer.data.get(name) != value)
    customer.data = {**customer.data, **data}
    state.save(customer)
    state.remember("change", id=customer.id, fields=sorted(data), changed=changed)


def check(state: State, data: Mapping[str, Any]) -> Json:
    """Sentences by key, {} when all is well."""
    errors: Json = {}
    for name, value in data.items():
        if name == "email" and value and not ADDRESS.fullmatch(str(value)):
            errors[name] = ["Enter a valid email address."]
        elif name.startswith(":"):
            field = state.fields.get(name[1:])
            wrong = "Unknown field." if field is None else _wrong(field, value)
            errors |= {name: [wrong]} if wrong else {}
    return errors


def _wrong(field: CustomField, value: Any) -> str:
    if value in (None, ""):
        return ""
    match field.kind:
        case "date":
            return "" if _is_date(str(value)) else "Enter a valid date."
        case "number":
            return "" if NUMBER.fullmatch(str(value)) else "Enter a number."
        case "choice":
            text = f"Select a valid choice. {value} is not one of the available choices."
            return "" if str(value) in field.values else text
        case _:
            return ""


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
