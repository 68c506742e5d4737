"""What a caller writes about one recipient, read and checked: address, name, mobile number, dynamic fields.

Belongs here: the form of one recipient in a body, and which of its values are kept. Does not: subscriptions
(recipients.py), the fields' own endpoint (fields.py).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pipelines.sandbox.mailup.model import Recipient
from pipelines.sandbox.mailup.problems import bad_request
from pipelines.sandbox.mailup.query import text_of
from pipelines.sandbox.mailup.state import State

LONGEST_VALUE = 200
NAME_FIELD = "1"
ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
ADDRESS = re.compile(rf"(?=.{{1,254}}$){ATOM}(?:\.{ATOM})*@(?:{LABEL}\.)+[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]")

Blanks = Literal["kept", "cleared", "all cleared"]


@dataclass(frozen=True, slots=True)
class Row:
    """One recipient as a body gives it; `values` has every known field that was sent, also empty ones.

    `name` is None when it was not sent.
    """

    email: str
    name: str | None
    mobile_prefix: str
    mobile_number: str
    values: Mapping[str, str]


def is_address(text: str) -> bool:
    """Whether MailUp takes it for an address."""
    return ADDRESS.fullmatch(text) is not None


def read_row(state: State, item: Any) -> Row:
    """From a body's object; a wrong form is a Problem."""
    if not isinstance(item, dict):
        raise bad_request("A recipient must be an object.")
    values = _values(state, item.get("Fields") or [])
    name = _fitting(state, text_of(item, "Name")) if item.get("Name") is not None else None
    if state.switches.name_is_field_1:
        name = values.get(NAME_FIELD, name)
        values |= {NAME_FIELD: name} if name is not None else {}
    prefix, number = text_of(item, "MobilePrefix"), text_of(item, "MobileNumber")
    return Row(text_of(item, "Email").strip(), name, prefix.strip(), number.strip(), values)


def _values(state: State, sent: Any) -> dict[str, str]:
    if not isinstance(sent, list) or not all(isinstance(item, dict) for item in sent):
        raise bad_request("'Fields' must be a list of objects.")
    values: dict[str, str] = {}
    for item in sent:
        number, value = str(item.get("Id", 0)), item.get("Value")
        if isinstance(value, dict | list):
            raise bad_request("The 'Value' of a field must be a text.")
        if number in state.account.fields:
            values[number] = _fitting(state, "" if value is None else str(value))
        elif state.switches.unknown_field == "refused":
            raise bad_request(f"There is no dynamic field {number}.")
    return values


def _fitting(state: State, value: str) -> str:
    if len(value) > LONGEST_VALUE and state.switches.long_values == "refused":
        raise bad_request(f"A value may have at most {LONGEST_VALUE} characters.")
    return value[:LONGEST_VALUE]


def write(state: State, recipient: Recipient, row: Row, blanks: Blanks) -> list[str]:
    """Puts the row's values into the recipient; which changed, as field ids and "Name".

    blanks: empty values are left alone, or blank what was there, or those not sent blank it as well.
    """
    before = {"Name": recipient.name, **recipient.values}
    sent = {**row.values} if row.name is None else {"Name": row.name, **row.values}
    if blanks == "all cleared":
        sent = {"Name": "", **dict.fromkeys(state.account.fields, ""), **sent}
    after = {**before, **{key: value for key, value in sent.items() if value or blanks != "kept"}}
    recipient.name = after.pop("Name")
    recipient.values = {key: value for key, value in after.items() if value}
    after = {"Name": recipient.name, **after}
    return sorted(key for key in after if after[key] != before.get(key, ""))
