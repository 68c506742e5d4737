"""What a field takes, keeps and shows: sections 3 and 6 of the contract.

Belongs here: one value at a time. Does not: which fields a record has to have (records.py), conditions (query.py).
"""

import html
import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pipelines.sandbox.vtiger.fields import Field
from pipelines.sandbox.vtiger.model import Record, User
from pipelines.sandbox.vtiger.modules import BY_PREFIX, MODULES, Module
from pipelines.sandbox.vtiger.problems import denied, wrong_id
from pipelines.sandbox.vtiger.state import ID, State

Shown = str | None
FORMAT = "%Y-%m-%d %H:%M:%S"
SEPARATOR = " |##| "
NUMBER = re.compile(r"[0-9]{1,18}")
LEADING_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,9})?")
ZEROS = {"boolean": "0", "integer": "0", "currency": "0.00000000"}
# Comments answer null where events answer "" (recorded exchanges 71 to 73).
NULL_REFERENCES = ("parent_comments", "customer", "userid")
# A task has no reminder until one is set; an event's is 0 (71, 72).
BLANK_NUMBERS = (("Calendar", "reminder_time"),)


def split_id(text: str) -> tuple[Module, int]:
    """Module and number of `<prefix>x<number>`. Raises Problem for what is no id."""
    prefix, _, number = text.partition("x")
    if prefix not in BY_PREFIX or not NUMBER.fullmatch(number):
        raise denied(" for id")
    return BY_PREFIX[prefix], int(number)


def wire_id(module: str, number: int) -> str:
    """The id as the API shows it."""
    return f"{MODULES[module].prefix}x{number}"


def owner_id(state: State, number: int) -> str:
    """Of a user or a group; the bare number when there is neither (64)."""
    if state.users.get(str(number)):
        return wire_id("Users", number)
    return wire_id("Groups", number) if state.groups.get(str(number)) else str(number)


def read_owner(value: Any) -> int:
    """Stored without asking whether there is such a user."""
    module, number = split_id(str(value))
    if module.name not in ("Users", "Groups"):
        raise wrong_id()
    return number


def read_value(state: State, field: Field, value: Any) -> str:
    """The text that is stored for what was sent; raw, but for booleans, numbers and what the database can't hold."""
    if field.type == "boolean":
        # Everything else, also "yes" and "true", is stored as 0 with success.
        return "1" if value is True or str(value) in ("1", "on") else "0"
    if isinstance(value, list):
        value = SEPARATOR.join(map(str, value))
    text = "" if value is None else str(value)
    if field.type in ("integer", "currency"):
        return _read_number(field, text)
    if field.type == "reference" and text:
        module, number = split_id(text)
        if module.name not in field.refers_to:
            raise wrong_id()
        return wire_id(module.name, number)
    return text if state.switches.takes_emoji else "".join("??" if ord(sign) > 0xFFFF else sign for sign in text)


def _read_number(field: Field, text: str) -> str:
    number = as_number(text)
    return f"{number:.8f}" if field.type == "currency" else str(int(number))


def as_number(text: str) -> float:
    """As the database reads text where it wants a number: as far as it is one, 0 for what is none."""
    found = LEADING_NUMBER.match(text)
    return float(found[0]) if found else 0.0


def show(state: State, record: Record, field: Field, user: User, *, in_query: bool) -> Shown:
    """A value as the API gives it; empty dates and references are null in a query, "" elsewhere."""
    if field.name == ID:
        return wire_id(record.module, record.number)
    if field.type == "owner":
        return owner_id(state, record.owner)
    found = record.values.get(field.name, "")
    if found:
        return _in_zone(state, found, user) if field.type == "datetime" else found
    if field.type in ZEROS and (record.module, field.name) not in BLANK_NUMBERS:
        return ZEROS[field.type]
    if field.name in NULL_REFERENCES or (in_query and field.type in ("date", "reference")):
        return None
    return ""


def _in_zone(state: State, text: str, user: User) -> str:
    if state.switches.zone_of_user == "never" or user.time_zone == "UTC":
        return text
    moment = datetime.strptime(text + "+0000", FORMAT + "%z")
    return moment.astimezone(ZoneInfo(user.time_zone)).strftime(FORMAT)


def from_zone(state: State, text: str, user: User) -> str:
    """A literal of a condition on a time, as the database keeps it."""
    if state.switches.zone_of_user != "shown_and_compared" or user.time_zone == "UTC":
        return text
    try:
        moment = datetime.strptime(text, FORMAT).replace(tzinfo=ZoneInfo(user.time_zone))
    except ValueError:
        return text
    return moment.astimezone(ZoneInfo("UTC")).strftime(FORMAT)


def label(module: Module, record: Record) -> str:
    """The record's name, escaped for HTML, unlike its fields."""
    parts = (record.values.get(name, "") for name in module.label_fields)
    return html.escape(" ".join(part for part in parts if part)).replace("&#x27;", "&#039;")
