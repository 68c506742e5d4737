"""What `status`, `plans` and `show` say of a plan that nobody pushed for a day.

Belongs here: these commands on both sides of that edge. Does not: what a push says of it (contract/test_push_parts.py).
"""

from datetime import timedelta
from typing import Any

import pytest
from rehearsal import SYNC, Rehearsal

from pipelines import clock
from pipelines.warehouse import Warehouse

pytestmark = pytest.mark.slow

DAY = timedelta(hours=24)
MINUTE = timedelta(minutes=1)


def make_old(home: Rehearsal, age: timedelta) -> None:
    """The plan was made that long ago."""
    with Warehouse(home.home()).open() as connection:
        connection.execute("update plan.plans set created_at = ?", [clock.naive(clock.now() - age)])


def told(home: Rehearsal) -> tuple[Any, ...]:
    """The state that each command gives: status, what waits, plans, show."""
    (sync,) = home.enlist("status", "--json").document["result"]["syncs"]
    (listed,) = home.enlist("plans", "--json").document["result"]["plans"]
    shown = home.enlist("show", listed["plan_id"], "--json").document["result"]["plan"]
    return sync["state"], sync["waits_for"], listed["status"], shown["status"]


def test_a_plan_waits_for_a_day_and_is_told_as_expired_from_then_on(warm: Rehearsal) -> None:
    """The command line says what the push will say, and what to do."""
    make_old(warm, DAY - MINUTE)
    state, waits_for, *others = told(warm)
    assert (state, *others) == ("pending", "pending", "pending")
    assert waits_for.endswith("changes waits for you: first_run.")
    for age in (DAY + MINUTE, timedelta(days=30)):
        make_old(warm, age)
        state, waits_for, *others = told(warm)
        assert (state, *others) == ("expired", "expired", "expired")
        assert " expired, and will not be pushed. Make a new one: " in waits_for
        assert waits_for.endswith(f"enlist plan {SYNC}")
    assert warm.query("select status from plan.plans") == [{"status": "pending"}]
    seq = warm.seq()
    done = warm.enlist("push", SYNC, "--accept", "first_run", "--json")
    assert (done.code, warm.seq()) == (3, seq)
    assert "it is older than 24 hours" in done.document["error"]["what"]
    assert told(warm)[0] == "expired"


def test_people_read_that_a_plan_expired_and_how_to_make_a_new_one(warm: Rehearsal) -> None:
    make_old(warm, DAY + MINUTE)
    shown = " ".join(warm.enlist("show", warm.plan().plan_id).out.split())
    assert "It is stale: it will not be pushed. Make a new one: " in shown
    assert f"enlist plan {SYNC}" in shown
    assert "--accept" not in shown
