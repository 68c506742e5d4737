"""The one place that knows what time it is: UTC, or ENLIST_NOW for a rehearsal.

Belongs here: now, and times as text. Does not: time zones of schedules (config), sleeping (http/client.py).
Whether ENLIST_NOW may be used is for config/loading.py to say: it refuses it unless every URL is loopback.
"""

import os
from datetime import UTC, datetime

from pipelines.errors import ConfigError

VARIABLE = "ENLIST_NOW"


def now() -> datetime:
    """The time, aware, in UTC."""
    rehearsed = os.environ.get(VARIABLE)
    if not rehearsed:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(rehearsed)
    except ValueError:
        raise ConfigError(
            f"{rehearsed!r} is not a time.", where=VARIABLE, do="Write it as 2026-11-21T20:00:00+00:00, or unset it."
        ) from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def text(moment: datetime) -> str:
    """A time as ISO 8601 text in UTC, to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def exact_text(moment: datetime) -> str:
    """A time as ISO 8601 text in UTC, to the microsecond: for what is put in order by it."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def naive(moment: datetime) -> datetime:
    """A time as the warehouse's columns hold it: UTC without saying so."""
    return moment.astimezone(UTC).replace(tzinfo=None)
