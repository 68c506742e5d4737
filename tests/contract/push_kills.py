"""A push that is killed with kill -9 at one of the calls that change something: the same for every provider.

Belongs here: the processes, which calls there are, killing at one of them. Does not: which people and calls a provider
has, and what must be so afterwards (the tests).

Each push is a process of its own. It is killed while the call is under way, so that nobody ever wrote down what became
of it; the call then takes effect or does not, in turn. The next run has to finish the work.
"""

import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from push_world import at_fault, wait_until
from soaking import some_always

from pipelines.sandbox.simulator import Simulator

# Forked from a server without threads, which has loaded what takes long.
PUSHES = multiprocessing.get_context("forkserver")
PUSHES.set_forkserver_preload(["pytest", "pipelines.sandbox.server", "pipelines.sync.push", "pipelines.crm.loading"])


def at_each(calls: Mapping[str, int]) -> pytest.MarkDecorator:
    """A test for each call, as `method` and `number`, of so many with each method."""
    positions = [(method, number) for method, count in calls.items() for number in range(1, count + 1)]
    return pytest.mark.parametrize(
        ("method", "number"),
        some_always(positions, every=3),
        ids=[f"{method}-{number}" for method, number in positions],
    )


def changing_calls(simulator: Simulator[Any, Any]) -> Counter[str]:
    """How many calls with each method the simulator got, those that only read left out."""
    calls: Counter[str] = Counter()
    for route, count in simulator.stats()["calls"].items():
        calls[route.partition(" ")[0]] += count
    del calls["GET"]
    return calls


def as_here(environ: Mapping[str, str], push: Callable[[Path, str], int], home: Path) -> None:
    """The push with the environment of its test: the server that it is forked from has that of an earlier one."""
    os.environ.clear()
    os.environ.update(environ)
    push(home, "killed")


def kill_at(
    simulator: Simulator[Any, Any], push: Callable[[Path, str], int], home: Path, method: str, number: int
) -> None:
    """Let `push` (of a home, under a run id) die during its call of this number with this method."""
    kind = "latency" if number % 2 else "drop"  # both wait, but what is dropped then never takes effect
    simulator.fail(kind=kind, latency_ms=100, method=method, skip=number - 1)
    child = PUSHES.Process(target=as_here, args=(dict(os.environ), push, home))
    with at_fault(simulator, signal.SIGKILL) as strike:
        child.start()
        strike.at(child.pid)
        child.join()
    assert child.exitcode == -signal.SIGKILL, "it ended by itself"
    wait_until(lambda: simulator.stats()["connections"] == 0)
