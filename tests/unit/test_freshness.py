"""When Dagster calls an asset late: the deadline after each tick of a cron line."""

from datetime import timedelta

import dagster as dg
import pytest
from dagster._core.definitions.freshness import CronFreshnessPolicy, TimeWindowFreshnessPolicy

from pipelines.defs.freshness import policy

HALF_AN_HOUR, TWO_HOURS = timedelta(minutes=30), timedelta(hours=2)


@pytest.mark.parametrize(
    ("line", "deadline", "grace"),
    [
        ("0 * * * *", "30 * * * *", HALF_AN_HOUR),
        ("45 * * * *", "15 * * * *", HALF_AN_HOUR),
        ("15 8-18 * * *", "45 8,9,10,11,12,13,14,15,16,17,18 * * *", HALF_AN_HOUR),
        ("30 5 * * *", "30 7 * * *", TWO_HOURS),
        ("50 23 * * *", "50 1 * * *", TWO_HOURS),
        ("0 6 * * 1-5", "0 8 * * 1-5", TWO_HOURS),
        ("0 0 1 * *", "0 2 1 * *", TWO_HOURS),
    ],
)
def test_late_is_what_was_not_brought_some_time_after_the_tick(line: str, deadline: str, grace: timedelta) -> None:
    """K1-K4: what came at or after the tick is in time; hourly lines have half an hour, daily ones two hours."""
    found = policy(line, "Europe/Rome")
    assert isinstance(found, CronFreshnessPolicy)
    assert (found.deadline_cron, found.lower_bound_delta, found.timezone) == (deadline, grace, "Europe/Rome")


@pytest.mark.parametrize(
    ("line", "window"),
    [
        ("*/10 * * * *", timedelta(minutes=40)),
        ("50 23 * * 1-5", timedelta(days=3, hours=2)),
        ("45 * * * 1-5", timedelta(days=2, hours=1.5)),
    ],
)
def test_a_line_whose_deadlines_no_line_says_has_a_window(line: str, window: timedelta) -> None:
    found = policy(line, "UTC")
    assert isinstance(found, TimeWindowFreshnessPolicy)
    assert found.fail_window.to_timedelta() == window


def test_what_runs_on_demand_is_never_late() -> None:
    assert policy(None, "UTC") is None


def test_a_line_that_comes_almost_never_is_judged_too() -> None:
    assert isinstance(policy("0 0 29 2 *", "UTC"), dg.FreshnessPolicy)
