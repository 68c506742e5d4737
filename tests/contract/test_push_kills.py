"""A push of several hundred changes of every op, killed with kill -9 at each call that changes something.

Belongs here: kills. Does not: faults of the provider (test_mailchimp_faults.py), signals that ask (test_push_stops.py).

Each push is a process of its own. It is killed while the call is under way, so that nobody ever wrote down what became
of it; the call then takes effect or does not, in turn. The next run has to finish the work.
"""

import multiprocessing
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from mailchimp_push_judge import Stage, assert_as_wanted, assert_remembered, prepare, staged
from mailchimp_push_world import Person, push_home
from push_world import wait_until
from soaking import some_always

PEOPLE = Person.some(
    **{"same": 10, "changed": 80, "tagged": 50, "untagged": 50, "joining": 30, "parting": 12, "leaving": 3},
    **{"deleted": 2, "objecting": 40, "moving": 3, "returning": 3, "coming": 70, "forgotten": 1},
)
PORTION = 120
# Calls that change something, of the push that nothing happens to.
CALLS = {"POST": 11, "DELETE": 4, "PATCH": 2, "PUT": 2}
POSITIONS = [(method, number) for method, count in CALLS.items() for number in range(1, count + 1)]
# Forked from a server without threads, which has loaded what takes long.
PUSHES = multiprocessing.get_context("forkserver")
PUSHES.set_forkserver_preload(["pytest", "pipelines.sandbox.server", "pipelines.sync.push", "pipelines.crm.loading"])


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
    calls: Counter[str] = Counter()
    for route, count in stage.mailchimp.stats()["calls"].items():
        calls[route.partition(" ")[0]] += count
    del calls["GET"]
    assert calls == CALLS


@pytest.mark.parametrize(
    ("method", "number"),
    some_always(POSITIONS, every=3),
    ids=[f"{method}-{number}" for method, number in POSITIONS],
)
def test_a_push_killed_at_a_call_is_finished_by_the_next_run(stage: Stage, method: str, number: int) -> None:
    """Nothing lost, nothing twice, nobody subscribed against their will: all of it from the simulator's history."""
    kind = "latency" if number % 2 else "drop"  # both wait, but what is dropped then never takes effect
    stage.mailchimp.fail(kind=kind, latency_ms=300, method=method, skip=number - 1)
    child = PUSHES.Process(target=push_home, args=(stage.world.home.root, "killed"))
    child.start()
    wait_until(lambda: not stage.mailchimp.faults.waiting() or not child.is_alive())
    child.kill()
    child.join()
    assert child.exitcode == -signal.SIGKILL, "it ended by itself"
    wait_until(lambda: stage.mailchimp.stats()["connections"] == 0)
    assert stage.world.run("next").outcomes["failed"] == 0
    assert_as_wanted(stage)
    assert_remembered(stage)
    if number % 2:  # what took effect without anybody knowing
        assert stage.world.plan().size == 0
