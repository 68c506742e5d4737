"""A push of several hundred changes of every op, killed with kill -9 at each call that changes something.

Belongs here: people and calls. Does not: killing (push_kills.py), faults of the provider (test_mailchimp_faults.py),
signals that ask (test_push_stops.py).
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mailchimp_push_judge import Stage, assert_as_wanted, assert_remembered, prepare, staged
from mailchimp_push_world import Person, push_home
from push_kills import at_each, changing_calls, kill_at

PEOPLE = Person.some(
    **{"same": 10, "changed": 80, "tagged": 50, "untagged": 50, "joining": 30, "parting": 12, "leaving": 3},
    **{"deleted": 2, "objecting": 40, "moving": 3, "returning": 3, "coming": 70, "forgotten": 1},
)
PORTION = 120
# Calls that change something, of the push that nothing happens to.
CALLS = {"POST": 11, "DELETE": 4, "PATCH": 2, "PUT": 2}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    root = tmp_path_factory.mktemp("prepared")
    plan, port = prepare(root, PEOPLE, PORTION)
    assert plan.size > 500
    assert {count["op"] for count in plan.counts} == {
        *("unsubscribe", "archive", "rename", "update", "add", "join", "leave", "tag", "untag")
    }
    return root, port


@pytest.fixture
def stage(prepared: tuple[Path, int], tmp_path: Path) -> Iterator[Stage]:
    with staged(*prepared, tmp_path, PEOPLE) as found:
        yield found


def test_the_positions_are_all_there_are(stage: Stage) -> None:
    with stage.world.provider() as provider:
        stage.world.push(provider, "now")
    assert changing_calls(stage.mailchimp) == CALLS


@at_each(CALLS)
def test_a_push_killed_at_a_call_is_finished_by_the_next_run(stage: Stage, method: str, number: int) -> None:
    """Nothing lost, nothing twice, nobody subscribed against their will: all of it from the simulator's history."""
    kill_at(stage.mailchimp, push_home, stage.world.home.root, method, number)
    assert stage.world.run("next").outcomes["failed"] == 0
    assert_as_wanted(stage)
    assert_remembered(stage)
    if number % 2:  # what took effect without anybody knowing
        assert stage.world.plan().size == 0
