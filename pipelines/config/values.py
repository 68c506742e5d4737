"""The small values that both kinds of file are made of: names, percentages, durations, cron lines, URLs.

Belongs here: types that read one YAML scalar, and the base of all models. Does not: keys of a particular file
(connections.py, sync.py), positions and messages (document.py, problems.py).

The loader hands every scalar over as text or None, so that a tag named No stays a name; types here and pydantic's own
turn text into numbers and booleans where a key wants them. Python code may pass the real types.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from pipelines.config.cron import check_cron

NAME_PATTERN = r"^[a-z][a-z0-9_]*$"
ENTITY_PATTERN = r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$"
PERCENT_PATTERN = r"^\d+(\.\d+)?%$"
DURATION_PATTERN = r"^\d+[smhd]$"

_DURATION_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Strict(BaseModel):
    """Frozen, and a key that it does not know is an error that carries the keys it does know."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, data: Any) -> Any:
        if isinstance(data, Mapping):
            known = tuple(field.alias or name for name, field in cls.model_fields.items())
            unknown = tuple(key for key in data if key not in known)
            if unknown:
                raise PydanticCustomError("unknown_keys", "unknown keys", {"unknown": unknown, "known": known})
        return data


def wrong_key(key: str, message: str) -> PydanticCustomError:
    """An error of a whole model that stands at one of its keys; `message` goes on after the key's name."""
    return PydanticCustomError("wrong_key", "{message}", {"key": key, "message": message})


def _percent(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if not re.fullmatch(PERCENT_PATTERN, value):
        raise ValueError("must be a percentage, such as 5%")
    return float(value[:-1]) / 100


def _duration(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if not re.fullmatch(DURATION_PATTERN, value):
        raise ValueError("must be a number and a unit, such as 30s, 15m, 6h or 2d")
    return timedelta(**{_DURATION_UNITS[value[-1]]: int(value[:-1])})


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (OSError, ValueError, KeyError):
        raise ValueError("must be the name of a time zone, such as Europe/Amsterdam") from None
    return value


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment:
        raise ValueError("must be the root of a host, such as https://crm.example, without ? or #")
    if parts.username or parts.password:
        raise ValueError("must not hold a user name or password: they have keys of their own")
    return value.rstrip("/")


def is_loopback(url: str) -> bool:
    """Whether an http(s) URL can only reach this machine."""
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or re.fullmatch(r"127(\.\d{1,3}){3}", host) is not None


Name = Annotated[str, Field(pattern=NAME_PATTERN)]
EntityName = Annotated[str, Field(pattern=ENTITY_PATTERN)]
Text = Annotated[str, Field(min_length=1)]
AddressWarning = Literal["typo_domain", "disposable_domain", "mixed_scripts", "role_address"]
Expression = Annotated[str, Field(min_length=1)]
Percent = Annotated[
    float,
    BeforeValidator(_percent, json_schema_input_type=Annotated[str, Field(pattern=PERCENT_PATTERN)]),
    Field(ge=0, le=1),
]
Growth = Annotated[
    float,
    BeforeValidator(_percent, json_schema_input_type=Annotated[str, Field(pattern=PERCENT_PATTERN)]),
    Field(ge=0),
]
Duration = Annotated[
    timedelta, BeforeValidator(_duration, json_schema_input_type=Annotated[str, Field(pattern=DURATION_PATTERN)])
]
CronLine = Annotated[str, AfterValidator(check_cron)]
TimeZone = Annotated[str, AfterValidator(_timezone)]
Url = Annotated[str, AfterValidator(_url)]


class Limit(Strict):
    """At most `percent` (0 to 1) of what is there, and at most `number` where one is given: the smaller wins."""

    percent: Percent = Field(description="Share of what is there, such as 5%.")
    number: int | None = Field(default=None, ge=0, description="Absolute number that also holds.")


def _limit(value: Any) -> Any:
    if isinstance(value, str):
        return {"percent": value}
    if isinstance(value, list | tuple):
        if len(value) != 2:
            raise ValueError("must be a percentage, or a list of a percentage and a number, such as [5%, 500]")
        return {"percent": value[0], "number": value[1]}
    return value


_PercentText = Annotated[str, Field(pattern=PERCENT_PATTERN)]
LimitRule = Annotated[
    Limit,
    BeforeValidator(_limit, json_schema_input_type=_PercentText | tuple[_PercentText, Annotated[int, Field(ge=0)]]),
]
