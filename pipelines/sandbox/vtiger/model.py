"""The documents of the Vtiger simulator, as they are kept; plain fields only, so that they are stored as JSON.

Belongs here: shapes. Does not: rules, and how a document looks in an answer.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]


@dataclass
class Installation:
    """The one installation and its numbering: records, custom fields, module numbers, sessions, tokens, views."""

    name: str
    counters: dict[str, int] = field(default_factory=dict)


@dataclass
class User:
    """Somebody who can log in. `sees_all` False: only records that the user owns (sharing rules)."""

    number: int
    user_name: str
    access_key: str
    last_name: str
    email1: str
    first_name: str = ""
    is_admin: str = "off"
    status: Literal["Active", "Inactive"] = "Active"
    time_zone: str = "UTC"
    date_format: str = "yyyy-mm-dd"
    hour_format: str = "12"
    sees_all: bool = True


@dataclass
class Group:
    """A group of users that can own records."""

    number: int
    groupname: str
    description: str = ""


@dataclass
class Challenge:
    """The one open challenge of a user; moments in seconds since 1970."""

    user: int
    token: str
    expires: int


@dataclass
class Session:
    """A login; `fate` is what the next call will hear when somebody ended it by hand."""

    name: str
    user: int
    started: float
    used: float
    fate: Literal["", "idle", "expired"] = ""


@dataclass
class CustomField:
    """A field made by an administrator; its number is unique in the installation."""

    number: int
    module: str
    label: str
    type: str
    values: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """`cf_<n>`."""
        return f"cf_{self.number}"


@dataclass
class Record:
    """One record. Of its values only those are kept that are not empty.

    Text as it came, times in UTC, references as ids on the wire, the owner as the bare number that the database has.
    """

    number: int
    module: str
    values: dict[str, str] = field(default_factory=dict)
    owner: int = 0
    deleted_at: str = ""
    converted: bool = False


@dataclass
class View:
    """A custom view: its conditions are those of a query's where, "" for all records."""

    number: int
    module: str
    name: str
    where: str = ""
