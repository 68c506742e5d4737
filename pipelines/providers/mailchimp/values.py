"""Statuses, times, ids and field values, from Mailchimp's words to ours and back.

Belongs here: pure conversions. Does not: calls.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from pipelines.errors import PermanentError
from pipelines.providers.base import Status

STATUSES: Mapping[str, Status] = {
    "subscribed": "subscribed",
    "unsubscribed": "unsubscribed",
    "cleaned": "bounced",
    "pending": "pending",
    "archived": "archived",
    "transactional": "transactional",
}
WORDS: Mapping[str, str] = {ours: theirs for theirs, ours in STATUSES.items()}


def status(word: str) -> Status:
    """Our status for Mailchimp's; an unknown one raises, because guessing it could mail somebody who said no."""
    try:
        return STATUSES[word]
    except KeyError:
        raise PermanentError(
            f"a member has a status that Enlist does not know: {word!r}.",
            where="Mailchimp",
            do="Nothing was sent. Please report this; the release after it will know the status.",
        ) from None


def member_id(email: str) -> str:
    """The id of a member whose own id is not known: the MD5 of the lower-cased address."""
    return hashlib.md5(email.strip().lower().encode(), usedforsecurity=False).hexdigest()


def member_ids(known: str | None, email: str) -> tuple[str, ...]:
    """Where to look for a member: the id that was read, then that of the address, new after a rename in this push."""
    return tuple(dict.fromkeys(identity for identity in (known, member_id(email)) if identity))


def same(email: str) -> str:
    """The form in which Mailchimp tells addresses apart."""
    return email.strip().lower()


def utc(time: str | None) -> str | None:
    """ISO 8601 in UTC with seconds; None for the "" that Mailchimp writes where there is no time."""
    if not time:
        return None
    parsed = datetime.fromisoformat(time)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="seconds")


def just_before(time: str) -> str:
    """One second earlier: Mailchimp's `since` filters say "after", ours mean "at or after"."""
    return (datetime.fromisoformat(time) - timedelta(seconds=1)).astimezone(UTC).isoformat(timespec="seconds")


def to_text(value: Any) -> str:
    """A merge value as text: numbers without a trailing .0, an address as compact JSON of its filled-in parts."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        text = format(Decimal(repr(value)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, Mapping):
        parts = {part: to_text(content) for part, content in value.items()}
        return _compact({part: text for part, text in parts.items() if text})
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return str(value)


def from_text(text: str, *, is_address: bool) -> Any:
    """What to send for a text. Mailchimp takes numbers and dates as text, but an address only as an object."""
    if not (is_address and text.startswith("{")):
        return text
    try:
        parts = json.loads(text)
    except json.JSONDecodeError:
        return text  # refused by Mailchimp, with its own words
    return {part: to_text(content) for part, content in parts.items()}


def _compact(parts: Mapping[str, str]) -> str:
    return json.dumps(parts, ensure_ascii=False, sort_keys=True, separators=(",", ":")) if parts else ""
