"""A push to MailUp killed with kill -9 at each call that changes something, and two pushes at once.

Belongs here: processes. Does not: faults of the provider (test_mailup_faults.py), the verdict (mailup_push_world.py).

As for Mailchimp (test_push_kills.py): the push is killed while the call is under way, so that nobody ever wrote down
what became of it; the call then takes effect or does not, in turn. The next run has to finish the work.
"""

import multiprocessing
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from mailup_push_world import Person, Stage, assert_as_wanted, assert_remembered, prepare, push_home, staged
from mailup_world import MailupWorld, push_updates
from push_world import wait_until
from soaking import some_always

from pipelines.sandbox.mailup.simulator import Mailup

# Just enough of each role for every way that a change can go: more than fifty are imported.
PEOPLE = Person.some(
    **{"same": 1, "changed": 52, "emptied": 1, "entering": 1, "parting": 1, "closing": 51, "objecting": 2, "coming": 52}
)
# Calls that change something, of the push that nothing happens to: a group, four imports, and one of each single call.
CALLS = {"POST": 6, "DELETE": 3, "PUT": 1}
POSITIONS = [(method, number) for method, count in CALLS.items() for number in range(1, count + 1)]
# Forked from a server without threads, which has loaded what takes long.
PUSHES = multiprocessing.get_context("forkserver")
PUSHES.set_forkserver_preload(["pytest", "pipelines.sandbox.server", "pipelines.sync.push", "pipelines.crm.loading"])
RATE = 20


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    root = tmp_path_factory.mktemp("prepared")
    return root, prepare(root, PEOPLE)[1]


@pytest.fixture
def stage(prepared: tuple[Path, int], tmp_path: Path) -> Iterator[Stage]:
    with staged(*prepared, tmp_path, PEOPLE) as found:
        yield found


def test_the_positions_are_all_there_are(stage: Stage) -> None:
    with stage.world.provider() as provider:
        stage.world.push(provider, "now")
    calls: Counter[str] = Counter()
    for route, count in stage.mailup.stats()["calls"].items():
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
    stage.mailup.fail(kind=kind, latency_ms=300, method=method, skip=number - 1)
    child = PUSHES.Process(target=push_home, args=(stage.world.home.root, "killed"))
    child.start()
    wait_until(lambda: not stage.mailup.faults.waiting() or not child.is_alive())
    child.kill()
    child.join()
    assert child.exitcode == -signal.SIGKILL, "it ended by itself"
    wait_until(lambda: stage.mailup.stats()["connections"] == 0)
    assert stage.world.run("next").outcomes["failed"] == 0
    assert_as_wanted(stage)
    assert_remembered(stage)


def test_two_processes_that_push_at_once_stay_within_the_rate_of_each_method(
    mailup_simulator: Mailup, tmp_path: Path
) -> None:
    """A12: the limit is the account's, whoever calls."""
    world = MailupWorld(mailup_simulator, tmp_path)
    try:
        names = [f"person{number}@people.example" for number in range(50)]
        world.put(names)
        world.read()
        mailup_simulator.turn(calls_per_second=RATE + 5)
        settings = mailup_simulator.url, world.locks, world.audience_id, RATE
        children = [PUSHES.Process(target=push_updates, args=(*settings, names[at::2])) for at in range(2)]
        for child in children:
            child.start()
        for child in children:
            child.join()
        assert [child.exitcode for child in children] == [0, 0]
        assert {member.fields["nome"] for email, member in world.read().items() if email in names} == {"Other"}
    finally:
        world.close()
    stats = mailup_simulator.stats()
    assert stats["calls"]["PUT /Console/Recipient/Detail"] == len(names)
    assert stats["statuses"].get("429", 0) == 0
