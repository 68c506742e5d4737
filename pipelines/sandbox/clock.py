"""The time as the simulators see it: UTC, honouring ENLIST_NOW, movable in a rehearsal.

Belongs here: reading and writing moments. Does not: time-outs and latencies of the server, which are real.
"""

import math
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from pipelines.errors import ConfigError

Clock = Callable[[], datetime]


def real_clock() -> datetime:
    """The moment in UTC; the environment's ENLIST_NOW (ISO 8601) when it is set. Raises ConfigError for other text."""
    fixed = os.environ.get("ENLIST_NOW")
    try:
        return parse_time(fixed) if fixed else datetime.now(UTC)
    except ValueError:
        raise ConfigError(
            "The rehearsal clock is no date and time in ISO 8601.",
            where="ENLIST_NOW",
            do='Write it like "2026-11-21T20:00:00+00:00", or unset it.',
        ) from None


class MovableClock:
    """A clock that can be put forward, so that people's reactions and purges fall due without waiting."""

    def __init__(self, base: Clock = real_clock) -> None:
        self._base = base
        self._offset = timedelta()

    def __call__(self) -> datetime:
        """The moment in UTC."""
        return self._base() + self._offset

    def ticks(self) -> float:
        """Seconds that also pass while ENLIST_NOW stands still: for what only takes a while, such as an import."""
        return time.time() + self._offset.total_seconds()

    def advance(self, seconds: float) -> None:
        """Moves the time by `seconds`, from now on."""
        self._offset += timedelta(seconds=seconds)

    def reset(self) -> None:
        """Back to the base clock."""
        self._offset = timedelta()


def parse_time(text: str) -> datetime:
    """ISO 8601 in any form that Python reads, also `...13.999Z`; no zone means UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def stamp(moment: datetime) -> str:
    """`2021-11-23T22:51:56+00:00`: whole seconds, so that stamps sort as text."""
    return moment.astimezone(UTC).replace(microsecond=0).isoformat()


def stamp_above(moment: datetime) -> str:
    """The first whole second that is not before `moment`."""
    return stamp(moment + timedelta(seconds=math.ceil(moment.microsecond / 1e6), microseconds=-moment.microsecond))
