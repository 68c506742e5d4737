"""When an asset counts as late: some time after each tick of the cron line that should have brought it.

Belongs here: a sync's cron lines as Dagster's freshness policies. Does not: schedules (running.py), which assets have
one (plan.py, stats.py, write_back.py).

Dagster's daemon judges them (`FreshnessPolicy`; the older checks of last updates are superseded), and the UI shows what
is late. A line that is null makes nothing late: such a sync runs on demand.
"""

from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise

import dagster as dg
from cronsim import CronSim

from pipelines.config import SyncConfig
from pipelines.defs import names

SOON, LATER = timedelta(minutes=30), timedelta(hours=2)
RARE = timedelta(hours=6)  # lines that come less often than this may take until LATER
MOST_TICKS, LOOK_AHEAD = 2000, timedelta(days=35)  # of a line, to know how far apart they are
MISSED = 3  # ticks of a line whose deadlines no cron line says
HOURS = range(24)
_MONDAY = datetime(2026, 1, 5)


def of(sync: SyncConfig, line: names.Line) -> dg.FreshnessPolicy | None:
    """The policy of what one of a sync's lines brings; a sync that is switched off is never late."""
    cron = getattr(sync.schedule, line) if sync.enabled else None
    return policy(cron, sync.schedule.timezone)


@cache
def policy(cron: str | None, timezone: str) -> dg.FreshnessPolicy | None:
    """Late is what was not brought since the line's last tick, half an hour or, for rare lines, two hours after it."""
    if cron is None:
        return None
    gaps = _gaps(cron)
    grace = LATER if min(gaps) >= RARE else SOON
    deadline = _shifted(cron, grace) if min(gaps) > grace else None
    if deadline is None:
        return dg.FreshnessPolicy.time_window(fail_window=max(MISSED * min(gaps), max(gaps) + grace))
    return dg.FreshnessPolicy.cron(deadline_cron=deadline, lower_bound_delta=grace, timezone=timezone)


def _gaps(cron: str) -> list[timedelta]:
    """Between the ticks of the next weeks, or the next two of a line that comes less often."""
    ticks: list[datetime] = []
    for tick in CronSim(cron, _MONDAY):
        ticks.append(tick)
        if len(ticks) == MOST_TICKS or (len(ticks) > 2 and tick > _MONDAY + LOOK_AHEAD):
            break
    return [later - earlier for earlier, later in pairwise(ticks)] or [LOOK_AHEAD]


def _shifted(cron: str, grace: timedelta) -> str | None:
    """The line that comes `grace` after each tick; None where no single line says it."""
    line = CronSim(cron, _MONDAY)
    minutes = int(grace.total_seconds()) // 60
    times = {divmod(hour * 60 + minute + minutes, 60) for hour in line.hours for minute in line.minutes}
    on_all_days = cron.split()[2:] == ["*", "*", "*"]
    if on_all_days:
        times = {(hour % len(HOURS), minute) for hour, minute in times}
    hours, rest = sorted({hour for hour, _ in times}), sorted({minute for _, minute in times})
    if hours[-1] not in HOURS or len(times) != len(hours) * len(rest):
        return None
    told = "*" if hours == list(HOURS) else ",".join(map(str, hours))
    return " ".join([",".join(map(str, rest)), told, *cron.split()[2:]])
