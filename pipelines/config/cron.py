"""Cron lines: whether one is usable, and when it comes next.

Belongs here: what cronsim says, in our sentences. Does not: schedules (Dagster runs them). cronsim loads in 20 ms where
Dagster's own parser loads Dagster; a test holds the two together.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

_ANY_DAY = datetime(2026, 1, 1)


def check_cron(line: str) -> str:
    """The line with single spaces; ValueError with a sentence about what is wrong."""
    parts = line.split()
    if len(parts) != 5:
        raise ValueError('must be a cron line of five fields, such as "15 8-18 * * *"')
    # Dagster knows neither LW nor 5L, and refuses a day that no month has even beside a day of the week.
    if any(mark in " ".join(parts).upper() for mark in ("LW", *(f"{day}L" for day in range(8)))):
        raise ValueError("is no cron line: LW and 5L are not known here")
    try:
        CronSim(" ".join(parts), _ANY_DAY)
        CronSim(" ".join([*parts[:4], "*"]), _ANY_DAY)
    except CronSimError as error:
        raise ValueError(f"is no cron line: {str(error).lower()}") from None
    return " ".join(parts)


def next_time(line: str, timezone: str, now: datetime) -> datetime:
    """When the line comes next after `now`, in the time zone's own clock."""
    return next(CronSim(line, now.astimezone(ZoneInfo(timezone))))
