"""Opt-out codes, times, keys and field values, from MailUp's words to ours and back.

Belongs here: pure conversions. Does not: calls.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pipelines.providers.base import Objection, Status

FIELD_LENGTH = 200  # nvarchar(200): UTF-16 units, not bytes
NEVER = "0001-01-01"

_ADDRESS = re.compile(r"[^\s\"'<>,;()=]+@[^\s\"'<>,;()]+")


@dataclass(frozen=True, slots=True)
class Cause:
    """Why somebody is unsubscribed: our word, our status, and what the person did, None where another did it."""

    reason: str
    status: Status = "unsubscribed"
    objection: Objection | None = "opted_out"

    @property
    def is_complaint(self) -> bool:
        """Whether the person called the mail spam."""
        return self.objection == "complained"


_ADMINISTRATOR = Cause("administrator", objection=None)
_LINK = Cause("link in a message")
_IMPORT = Cause("imported as unsubscribed", objection=None)
_COMPLAINT = Cause("spam complaint", objection="complained")
_BUTTON = Cause("unsubscribe button of the mail client")
_BLOCKED = Cause("blocked")
CAUSES: Mapping[int, Cause] = {
    **dict.fromkeys((0, 1), _ADMINISTRATOR),
    **dict.fromkeys((2, 20, 21, 22), _LINK),
    **dict.fromkeys((4, 41, 42), _IMPORT),
    **dict.fromkeys((8, 80), Cause("wrong address", "bounced")),
    81: Cause("wrong syntax of the address", "bounced"),
    82: Cause("domain gone", "bounced"),
    83: Cause("abandoned mailbox", "bounced"),
    **dict.fromkeys((16, 161, 162), _COMPLAINT),
    **dict.fromkeys((32, 321, 64, 640, 641, 642), _BUTTON),
    128: Cause("inactive"),
    **dict.fromkeys((256, 2561, 2562, 2563), _BLOCKED),
    512: Cause("repeated soft bounces", "bounced"),
    1024: Cause("right to be forgotten", objection="erased"),
}
UNKNOWN_CAUSE = Cause("unsubscribed", objection=None)
# What an unsubscribe of ours leaves behind, by call and by import; a clerk in the console leaves the same.
BY_THE_HOUSE = frozenset({_ADMINISTRATOR, _IMPORT})


def cause(code: Any, subcode: Any = None) -> Cause:
    """What an opt-out's type and subtype mean; the subtype says it more exactly where it is known."""
    for value in (subcode, code):
        text = "" if value is None else str(value).strip()
        if text.isdigit() and (text != "0" or value is code) and int(text) in CAUSES:
            return CAUSES[int(text)]
    return UNKNOWN_CAUSE


def folded(value: Any) -> Any:
    """A JSON document with all keys in lower case: MailUp writes idList here and IdList there."""
    if isinstance(value, dict):
        return {str(key).lower(): folded(content) for key, content in value.items()}
    if isinstance(value, list):
        return [folded(content) for content in value]
    return value


def same(email: str) -> str:
    """The form in which MailUp tells addresses apart."""
    return email.strip().lower()


def masked(words: str) -> str:
    """Words of MailUp with the addresses in them taken out."""
    return _ADDRESS.sub("[address]", words)


def utc(time: Any, zone: ZoneInfo) -> str | None:
    """ISO 8601 in UTC with seconds; None for "" and for the year 1, with which MailUp says never."""
    if not time or str(time).startswith(NEVER):
        return None
    parsed = datetime.fromisoformat(str(time).strip())
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).astimezone(UTC).isoformat(timespec="seconds")


def fitted(text: str) -> str:
    """As much of a value as a field holds; a pair of UTF-16 units is never cut in two."""
    if len(text) <= FIELD_LENGTH // 2:
        return text
    return text.encode("utf-16-le")[: 2 * FIELD_LENGTH].decode("utf-16-le", "ignore")
