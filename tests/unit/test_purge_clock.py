"""The clock of F6: what the plan purges, what stops a clock, and that people are told the same.

Belongs here: clocks that are stopped, and sync/purges.py. Does not: clocks that run out (test_plan_policies.py).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from plan_models import synced
from plan_world import World, address, person

from pipelines.ledger import load
from pipelines.sync import purges

CLOCK = {"do": "unsubscribe", "then": "archive", "after_days": 60}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """anna, bert and carl left; their clocks run. dora is still there."""
    with pytest.MonkeyPatch.context() as patch:
        made = World(patch, tmp_path, on_exit=CLOCK)
        made.want(*(person(name) for name in ("anna", "bert", "carl", "dora")))
        made.sync_once()
        made.drop("anna", "bert", "carl")
        made.sync_once()
        yield made
        made.database.close()


def clocks(world: World) -> set[str]:
    """Whose clock people are told of."""
    load.load(world.database, world.ledger)
    return {key.removesuffix("@b.example") for key in purges.waiting(world.database, world.sync)}


def block(event: str, name: str, **more: Any) -> dict[str, Any]:
    place = {"connection": None, "audience_id": None, "sync": None, "scope": "home", "source": "admin"}
    return {"event": event, "name": name, "reason": "blocked"} | place | more


def purged(world: World) -> list[tuple[str, str, str]]:
    """What the plan does 61 days later."""
    world.later(days=61)
    return world.plan().told


def test_a_clock_is_told_before_and_after_the_audience_was_read_again(world: World) -> None:
    assert clocks(world) == {"anna", "bert", "carl"}
    world.plan()
    assert clocks(world) == {"anna", "bert", "carl"}
    due = purges.waiting(world.database, world.sync)
    assert {(moment - world.now.replace(tzinfo=None)).days for moment in due.values()} == {59}


def test_what_is_told_is_what_the_plan_purges(world: World) -> None:
    """One came back in the CRM, one signed up again, one waits."""
    world.want(person("bert"))
    world.turn("carl", "subscribed")
    world.plan()
    assert clocks(world) == {"anna"}
    assert ("archive", "anna", "purge_due") in (told := purged(world))
    assert [row for row in told if row[2] == "purge_due"] == [("archive", "anna", "purge_due")]


def test_without_then_in_the_sync_every_clock_stands_still(world: World) -> None:
    """F6: an administrator takes `then: archive` out of the file, and nobody is purged; put back, it goes on."""
    world.sync = synced(on_exit={"do": "unsubscribe"})
    assert clocks(world) == set()
    assert purged(world) == []
    world.sync = synced(on_exit=CLOCK)
    assert clocks(world) == {"anna", "bert", "carl"}
    assert [op for op, _, reason in world.plan().told if reason == "purge_due"] == ["archive"] * 3


def test_a_block_stops_the_clock_of_one_person_until_it_is_lifted(world: World) -> None:
    """Whoever stays unsubscribed at the provider can't be imported there by somebody else."""
    world.says(**block("block", "anna"))
    assert clocks(world) == {"bert", "carl"}
    assert [name for _, name, _ in purged(world)] == ["bert", "carl"]
    world.says(**block("release", "anna"))
    assert clocks(world) == {"anna", "bert", "carl"}
    assert [name for _, name, _ in world.plan().told] == ["anna", "bert", "carl"]


def test_a_block_stops_the_clock_also_beside_a_graver_reason(world: World) -> None:
    world.says(**block("complaint", "anna", reason="complained"))
    assert "anna" in clocks(world)
    world.says(**block("block", "anna"))
    assert clocks(world) == {"bert", "carl"}
    assert [name for _, name, _ in purged(world)] == ["bert", "carl"]


@pytest.mark.parametrize(
    ("place", "stops"),
    [
        ({"scope": "audience", "connection": "chimp", "audience_id": "A1"}, True),
        ({"scope": "audience", "connection": "chimp", "audience_id": "A2"}, False),
        ({"scope": "account", "connection": "chimp", "audience_id": "A2"}, True),
        ({"scope": "account", "connection": "other", "audience_id": "A1"}, False),
    ],
)
def test_a_block_stops_a_clock_where_it_reaches(world: World, place: dict[str, str], stops: bool) -> None:
    world.says(**block("block", "anna", **place))
    assert ("anna" not in clocks(world)) is stops
    assert ("anna" not in [name for _, name, _ in purged(world)]) is stops


def test_who_was_opted_out_by_hand_at_the_provider_has_no_clock_there(world: World) -> None:
    """Gone or archived at the provider: nothing is left to purge."""
    world.turn("anna", "archived")
    del world.audience[address("bert")]
    world.plan()
    assert clocks(world) == {"carl"}
    assert [name for _, name, _ in purged(world)] == ["carl"]


def test_an_older_clock_does_not_go_on_after_a_return(world: World) -> None:
    """anna came back, and left again by an objection, which starts no clock."""
    world.want(person("anna"))
    world.sync_once()
    world.want(person("anna", Stop="1"))
    assert world.sync_once().told == [("unsubscribe", "anna", "opt_out_in_crm")]
    world.want(person("anna", Flag="Nee"))
    world.sync_once()
    assert clocks(world) == {"bert", "carl"}
    assert [name for _, name, _ in purged(world)] == ["bert", "carl"]
