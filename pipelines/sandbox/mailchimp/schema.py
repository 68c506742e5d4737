"""Whether a member's body has the form that the API demands, before any rule looks at it.

Belongs here: types and allowed values of one member's body. Does not: rules about the member (members.py).
"""

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any

from pipelines.sandbox.clock import parse_time
from pipelines.sandbox.mailchimp.model import Json
from pipelines.sandbox.mailchimp.problems import INVALID, Problem
from pipelines.sandbox.mailchimp.values import NO_SCHEMA, fits_schema

STATUSES = ("subscribed", "unsubscribed", "cleaned", "pending", "transactional")

KINDS: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),
    (str, "string"),
    (int, "integer"),
    (float, "double"),
    (list, "array"),
    (dict, "object"),
)


def kind_of(value: Any) -> str:
    """The JSON kind of a value as Mailchimp names it."""
    return next((name for kind, name in KINDS if isinstance(value, kind)), "NULL")


def problem_of_member(
    body: Any, *, required: tuple[str, ...] = (), statuses: tuple[str, ...] = STATUSES
) -> Problem | None:
    """The 400 for a body that does not fit, with every fault in `errors`; None when it fits."""
    if not isinstance(body, dict):
        errors = [("", f"Schema describes object, {kind_of(body)} found")]
    else:
        missing = [name for name in required if name not in body]
        errors = [("", f"Required fields were not provided: {', '.join(missing)}")] if missing else []
        errors += [error for name, value in body.items() for error in _errors(name, value, statuses)]
    if not errors:
        return None
    listed = [{"field": field, "message": message} for field, message in errors]
    return Problem(400, "Invalid Resource", INVALID, errors=listed)


def _errors(name: str, value: Any, statuses: tuple[str, ...]) -> list[tuple[str, str]]:
    wanted = TYPES.get(name)
    if wanted is None:
        return []
    if kind_of(value) not in wanted.split("|"):
        return [(name, f"Schema describes {wanted}, {kind_of(value)} found")]
    return _value_errors(name, value, statuses)


def _value_errors(name: str, value: Any, statuses: tuple[str, ...]) -> list[tuple[str, str]]:
    match name:
        case "status" | "status_if_new":
            return _not_among(name, value, statuses)
        case "email_type":
            return _not_among(name, value, ("html", "text", ""))
        case "merge_fields":
            return [(f"merge_fields.{tag}", NO_SCHEMA) for tag, item in value.items() if not fits_schema(item)]
        case "interests":
            return _inner(name, value, "boolean")
        case "location":
            return _inner(name, value, "double|integer")
        case "tags":
            is_good = all(isinstance(tag, str) and tag.strip() for tag in value)
            return [] if is_good else [(name, "Schema describes an array of strings")]
        case "ip_signup" | "ip_opt":
            return _unreadable(name, value, ipaddress.ip_address, "Value must be a valid IP address")
        case "timestamp_signup" | "timestamp_opt":
            return _unreadable(name, value, parse_time, "Value must be a date and time in ISO 8601 format")
    return []


def _not_among(name: str, value: str, allowed: tuple[str, ...]) -> list[tuple[str, str]]:
    return (
        [] if value in allowed else [(name, f"Value must be one of the following: {', '.join(filter(None, allowed))}")]
    )


def _inner(name: str, value: Mapping[str, Any], wanted: str) -> list[tuple[str, str]]:
    kinds = {key: kind_of(item) for key, item in value.items()}
    return [
        (f"{name}.{key}", f"Schema describes {wanted}, {kind} found")
        for key, kind in kinds.items()
        if kind not in wanted.split("|")
    ]


def _unreadable(name: str, value: str, read: Callable[[str], object], message: str) -> list[tuple[str, str]]:
    try:
        if value:
            read(value)
    except ValueError:
        return [(name, message)]
    return []


TYPES: Json = {
    "email_address": "string",
    "status": "string",
    "status_if_new": "string",
    "email_type": "string",
    "merge_fields": "object",
    "interests": "object",
    "language": "string",
    "vip": "boolean",
    "location": "object",
    "ip_signup": "string",
    "ip_opt": "string",
    "timestamp_signup": "string",
    "timestamp_opt": "string",
    "tags": "array",
}
