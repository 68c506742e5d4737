"""Values on their way into Vtiger: what a field of a type takes, and when what it shows is what was asked for.

Belongs here: one field's value at a time. Does not: which field a column is (describe.py), sending (writing.py).

Vtiger keeps what it can't take as something else, and says success: "yes" is no in a boolean, text is 0 in a number.
And it shows one value in its own form: 1000 in a currency comes back as 1000.00000000.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal

from pipelines.crm.vtiger.describe import Field
from pipelines.errors import ConfigError

YES = frozenset({"1", "true", "yes", "on"})
NO = frozenset({"0", "false", "no", "off", ""})
CHOICES_SEPARATOR = " |##| "
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Form:
    """A type of which one value has several spellings; `plain` gives the same for all, `ValueError` for no value."""

    plain: Callable[[str], str]
    noun: str
    example: str
    empty: str = ""


def _boolean(text: str) -> str:
    if text.lower() not in YES | NO:
        raise ValueError
    return "1" if text.lower() in YES else "0"


def _number(text: str) -> str:
    if not NUMBER.fullmatch(text.strip()):
        raise ValueError
    plain = f"{Decimal(text.strip()):f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def _whole(text: str) -> str:
    number = _number(text)
    if "." in number:
        raise ValueError
    return number


def _date(text: str) -> str:
    return date.fromisoformat(text.strip()).isoformat()


def _datetime(text: str) -> str:
    moment = datetime.fromisoformat(text.strip())
    if moment.tzinfo is not None:
        raise ValueError
    return moment.isoformat(sep=" ")


def _time(text: str) -> str:
    return time.fromisoformat(text.strip()).isoformat()


def _choices(text: str) -> str:
    return CHOICES_SEPARATOR.join(sorted(text.split(CHOICES_SEPARATOR)))


DECIMAL = Form(_number, "number", "1000.50", empty="0")
FORMS: Mapping[str, Form] = {
    "boolean": Form(_boolean, "yes or a no", "1 or 0", empty="0"),
    "currency": DECIMAL,
    "double": DECIMAL,
    "number": DECIMAL,
    "integer": Form(_whole, "whole number", "1000", empty="0"),
    "date": Form(_date, "date", "2026-12-01"),
    "datetime": Form(_datetime, "date with a time", "2026-12-01 09:00:00"),
    "time": Form(_time, "time", "09:00:00"),
}


def prepared(field: Field, value: str, where: str) -> str:
    """The value as it is sent; `ConfigError` where Vtiger would keep something else without saying so."""
    name = f"{field.label} ({field.name})"
    if not field.editable or field.name == "id":
        raise ConfigError(f"Vtiger does not let {name} be changed.", where=where, do="Choose another field.")
    if field.mandatory and field.type != "boolean" and not value:
        raise ConfigError(f"{name} can't be empty in Vtiger.", where=where, do="Give it a value.")
    if field.type in ("picklist", "multipicklist") and value and field.choices:
        _check_choices(field, value, where)
    form = FORMS.get(field.type)
    if form is None:
        return value
    try:
        return form.plain(value) if value else form.empty
    except ValueError:
        raise ConfigError(f"{name} is a {form.noun}.", where=where, do=f"Write it as {form.example}.") from None


def is_same(field: Field, one: str, other: str) -> bool:
    """Whether two texts are one value of the field."""
    return one == other or _plain(field, one) == _plain(field, other)


def _plain(field: Field, text: str) -> str:
    """One spelling of the value; what is none of the field's type stays as it is."""
    if field.type == "multipicklist":
        return _choices(text)
    try:
        return FORMS[field.type].plain(text)
    except (KeyError, ValueError):
        return text


def _check_choices(field: Field, value: str, where: str) -> None:
    chosen = value.split(CHOICES_SEPARATOR) if field.type == "multipicklist" else [value]
    if unknown := sorted(set(chosen) - set(field.choices)):
        raise ConfigError(
            f"{field.label} ({field.name}) has no choice {', '.join(unknown)}.",
            where=where,
            do=f"Choose among: {', '.join(field.choices)}.",
        )
