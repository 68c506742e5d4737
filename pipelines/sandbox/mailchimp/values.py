"""What a merge field takes and what it keeps of it.

Belongs here: one value of one field (section 7 of the contract). Does not: the fields themselves (fields.py), which
fields a member has. Messages that the contract does not quote are assumed.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from pipelines.sandbox.mailchimp.model import Json, MergeField

MAX_BYTES = 255
DATE_FORMS = ("%Y-%m-%d", "%Y/%m/%d", "%d-%m-%Y", "%m/%d/%Y")
ADDRESS_KEYS = ("addr1", "addr2", "city", "state", "zip", "country")
ADDRESS_REQUIRED = ("addr1", "city", "state", "zip")
NO_SCHEMA = "Data did not match any of the schemas described in anyOf."


class Refused(ValueError):
    """The value does not fit; the text is Mailchimp's message."""


def fits_schema(value: Any) -> bool:
    """Whether a value may be sent at all: text, a number or an object, never a boolean, null or a list."""
    return isinstance(value, str | int | float | dict) and not isinstance(value, bool)


def kept(field: MergeField, value: Any) -> Any:
    """The value as the member will show it. Raises Refused."""
    if value == "":
        return ""
    if isinstance(value, dict) and field.type != "address":
        raise Refused("Please enter a value")
    return KEEPERS[field.type](field, value)


def problem_of(field: MergeField, value: Any) -> str:
    """What is wrong with a stored value that the update did not mention, "" if nothing."""
    if field.required and value == "":
        return "Please enter a value"
    # A stored incomplete address stops later updates (observed with WooCommerce shops).
    if field.type == "address" and value != "" and not _is_complete(value):
        return "Please enter a complete address"
    return ""


def _text(_: MergeField, value: Any) -> str:
    return str(value).encode()[:MAX_BYTES].decode(errors="ignore")


def _number(_: MergeField, value: Any) -> int | float:
    if isinstance(value, int | float):
        return value
    if not isinstance(value, str) or not re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)\s*", value):
        raise Refused("Please enter a number")
    number = float(value)
    return int(number) if number.is_integer() else number


def _date(_: MergeField, value: Any) -> str:
    for form in DATE_FORMS:
        try:
            return datetime.strptime(str(value), form).date().isoformat()
        except ValueError:
            continue
    raise Refused("Please enter the date")


def _birthday(_: MergeField, value: Any) -> str:
    found = re.fullmatch(r"(\d{1,2})/(\d{1,2})", str(value))
    try:
        # 2024 was a leap year: 02/29 is somebody's birthday.
        day = date(2024, int(found[1]), int(found[2])) if found else None
    except ValueError:
        day = None
    if day is None:
        raise Refused("Please enter the month and day")
    return f"{day:%m/%d}"


def _is_complete(value: Any) -> bool:
    return isinstance(value, Mapping) and all(value.get(part) for part in ADDRESS_REQUIRED)


def _address(_: MergeField, value: Any) -> Json:
    if not _is_complete(value) or not all(isinstance(part, str) for part in value.values()):
        raise Refused("Please enter a complete address")
    return {part: value.get(part, "") for part in ADDRESS_KEYS}


def _zip(_: MergeField, value: Any) -> str:
    if not re.fullmatch(r"\d{5}", str(value)):
        raise Refused("Please enter a 5-digit zip code")
    return str(value)


def _phone(field: MergeField, value: Any) -> str:
    if field.options.get("phone_format") == "US" and not re.fullmatch(r"\D*(\d{3})\D*(\d{3})\D*(\d{4})", str(value)):
        raise Refused("Please enter a phone number")
    return _text(field, value)


def _url(field: MergeField, value: Any) -> str:
    if not re.fullmatch(r"https?://[^\s/]+\.[^\s]+", str(value)):
        raise Refused("Please enter a valid URL")
    return _text(field, value)


def _choice(field: MergeField, value: Any) -> str:
    choices: Iterable[str] = field.options.get("choices", ())
    if str(value) not in choices:
        raise Refused("Please select one of the choices")
    return str(value)


KEEPERS: dict[str, Callable[[MergeField, Any], Any]] = {
    "text": _text,
    "number": _number,
    "date": _date,
    "birthday": _birthday,
    "address": _address,
    "zip": _zip,
    "phone": _phone,
    "url": _url,
    "imageurl": _url,
    "radio": _choice,
    "dropdown": _choice,
}
