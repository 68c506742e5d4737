"""How a provider can fail in the middle of a push: faults that pass, and one that stops a call for good.

Belongs here: what a trouble is, switching it on and off at a simulator. Does not: which troubles a provider is put
through, and what must be so afterwards (the tests).
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from push_world import PATIENT, World, is_finished

from pipelines.http.client import Patience
from pipelines.sandbox.simulator import Simulator

FOR_EVER = 10**6

# Where calls of a push are hit and come through in the end: (method, route, calls that pass before, times, whether the
# change takes effect before it goes wrong).
Passing = tuple[str, str, int, int, bool]
Stop = tuple[str, str, int]  # method, route, calls that pass before
Fault = Mapping[str, Any]


@dataclass(frozen=True)
class Trouble:
    """Kinds of faults: those that pass, taken in turn, and the one that stops a route for good after so many calls.

    `is_outright`: a call that meets one that passes never takes effect. `side_by_side` is the fault for calls to
    `parallel` routes, of which several run at a time.
    """

    name: str
    faults: tuple[Fault, ...]
    stops: Stop
    outage: Fault
    passing: tuple[Passing, ...]
    is_outright: bool = False
    side_by_side: Fault | None = None
    parallel: frozenset[str] = frozenset()
    patience: Patience = PATIENT


def problem(status: int) -> Fault:
    return {"kind": "problem", "status": status}


def html(status: int) -> Fault:
    return {"kind": "html", "status": status}


def late(latency_ms: int) -> Fault:
    return {"kind": "latency", "latency_ms": latency_ms}


DROP: Fault = {"kind": "drop"}
EMPTY: Fault = {"kind": "empty", "status": 200}
TRUNCATED: Fault = {"kind": "truncated"}


def usual(passing: tuple[Passing, ...], stops: Mapping[str, Stop]) -> tuple[Trouble, ...]:
    """What every provider is put through; `stops` says by name which call each of them stops for good."""
    return (
        Trouble(
            "overloaded",
            (problem(429), problem(500), problem(503)),
            stops["overloaded"],
            outage={**problem(503), "applied": True},
            passing=passing,
        ),
        Trouble(
            "blocked", (html(403), html(503)), stops["blocked"], outage=html(403), passing=passing, is_outright=True
        ),
        Trouble("dropped_before", (DROP,), stops["dropped_before"], outage=DROP, passing=passing, is_outright=True),
        Trouble("dropped_after", (DROP,), stops["dropped_after"], outage={**DROP, "applied": True}, passing=passing),
    )


def slow(passing: tuple[Passing, ...], stop: Stop, **side_by_side: Any) -> Trouble:
    """Answers that come after the time-out, each route once; a busy machine may make a few more of them late."""
    patience = Patience(read_timeout=0.5, max_attempts=6, wait=lambda seconds: time.sleep(0.2))
    return Trouble("slow", (late(650),), stop, late(650), once(passing), patience=patience, **side_by_side)


def once(passing: tuple[Passing, ...]) -> tuple[Passing, ...]:
    """Each route once, so that no call meets two in a row."""
    return tuple({(method, path): (method, path, skip, 1, True) for method, path, skip, _, _ in passing}.values())


def start(simulator: Simulator[Any, Any], trouble: Trouble) -> None:
    """Switch on the faults that pass, and the one that does not."""
    for (method, path, skip, times, applied), fault in zip(trouble.passing, cycle(trouble.faults), strict=False):
        fault = trouble.side_by_side if trouble.side_by_side and path in trouble.parallel else fault
        is_applied = applied and not trouble.is_outright
        simulator.fail(**fault, method=method, path=path, skip=skip, times=times, applied=is_applied)
    method, path, skip = trouble.stops
    simulator.fail(**trouble.outage, method=method, path=path, skip=skip, times=FOR_EVER)


def end_outage(simulator: Simulator[Any, Any]) -> None:
    """Switch off the fault that does not pass, and leave those that the push did not come to."""
    (outage,) = [fault for fault in simulator.faults.waiting() if fault.times > 1000]
    assert outage.times < FOR_EVER - 2, "it stopped the push"
    later = [fault for fault in simulator.faults.waiting() if fault is not outage]
    simulator.faults.clear()
    for fault in later:
        simulator.faults.add(fault)


def break_off(world: World[Any], simulator: Simulator[Any, Any], trouble: Trouble) -> None:
    """A push that meets the trouble and is stopped by it; then what stopped it is over."""
    start(simulator, trouble)
    with world.provider(trouble.patience) as provider:
        assert not is_finished(world, provider, "now-1")
    end_outage(simulator)


def finish(world: World[Any], simulator: Simulator[Any, Any], trouble: Trouble) -> None:
    """The next run: it meets what is left of the trouble, and every change gets an answer."""
    result = world.run("now-2", patience=trouble.patience)
    assert not simulator.faults.waiting(), "each was met"
    assert result.outcomes["failed"] == 0
