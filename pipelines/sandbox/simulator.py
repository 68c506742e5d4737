"""A simulator as one object, as far as all of them are alike: what the server calls, and what rehearsals hold.

Belongs here: one call at a time, faults and counts, switches, the history, starting anew. Does not: HTTP (http.py),
what one system answers or lets people do (that system's own simulator.py).
"""

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Generic, TypeVar

from pipelines.sandbox.faults import Fault, Faults, Traffic
from pipelines.sandbox.http import Answer, Call
from pipelines.sandbox.state import SimulatorState, SwitchesT

StateT = TypeVar("StateT", bound=SimulatorState[Any, Any])

logger = logging.getLogger(__name__)


class Simulator(ABC, Generic[StateT, SwitchesT]):
    """One imitated account. `url` is what a connection names. Safe to use from any thread.

    `problem` is the system's own refusal, whose text is a sentence.
    """

    problem: ClassVar[type[Exception]]

    def __init__(self, state: StateT, url: str) -> None:
        self.url = url
        self.faults = Faults()
        self.traffic = Traffic()
        self._lock = threading.RLock()
        self._state = state
        self._first_switches: SwitchesT = state.switches
        self._seed_if_fresh()

    @abstractmethod
    def _seed(self) -> None:
        """Fills an empty state."""

    @abstractmethod
    def _answer(self, call: Call) -> Answer:
        """What the system would answer to this call, after doing it."""

    @abstractmethod
    def broken(self, call: Call, status: int) -> Answer:
        """The error body that this system has for a status that a fault asks for."""

    def _crashed(self, call: Call) -> Answer:
        """What the system says when it failed itself."""
        return self.broken(call, 500)

    def _settle(self) -> None:
        """Does what has fallen due by now."""

    def _seed_if_fresh(self) -> None:
        if self._state.is_fresh:
            with self._state.request("seed"):
                self._seed()

    @contextmanager
    def _settled(self) -> Iterator[StateT]:
        """Alone with the state, after everything that has fallen due."""
        with self._lock:
            self._settle()
            yield self._state

    @contextmanager
    def _by_hand(self, what: str, actor: str = "hand") -> Iterator[StateT]:
        """Alone with the state, which somebody changes without the API. A refusal becomes a ValueError."""
        with self._settled() as state, state.request(actor, "ACT", what):
            try:
                yield state
            except self.problem as problem:
                raise ValueError(str(problem)) from None

    def handle(self, call: Call) -> Answer:
        """Does what the call says, after what has fallen due by now."""
        with self._settled() as state, state.request("api", call.method, call.route):
            try:
                return self._answer(call)
            except Exception:
                logger.exception("The %s simulator failed at %s %s", type(self).__name__, call.method, call.route)
                return self._crashed(call)

    def crowded(self, call: Call, connections: int) -> Answer | None:
        """The refusal if so many simultaneous connections are too many; None: the contract knows no limit of them."""
        return None

    def history(self, after: int = 0, count: int = -1) -> list[dict[str, Any]]:
        """What changed and through what, oldest first; `after` is the last `seq` that is known."""
        with self._settled() as state:
            return state.history(after, count)

    def stats(self) -> dict[str, Any]:
        """Counts of calls, statuses and simultaneous connections since the start."""
        return self.traffic.report()

    def fail(self, **fault: Any) -> None:
        """Switches a fault on for the next matching calls (see faults.Fault)."""
        self.faults.add(Fault.read(fault))

    @property
    def switches(self) -> SwitchesT:
        """How the open points of the contract are decided now."""
        switches: SwitchesT = self._state.switches
        return switches

    def turn(self, **changes: Any) -> SwitchesT:
        """Decides open points differently from now on, until the next reset or start."""
        with self._lock:
            self._state.switches = self._state.switches.turned(changes)
            return self.switches

    def reset(self) -> None:
        """As if it were new: state, history, faults, counts, switches."""
        with self._lock:
            self.faults.clear()
            self.traffic.reset()
            self._state.switches = self._first_switches
            self._state.clear()
            self._seed_if_fresh()

    def close(self) -> None:
        """Lets the state's file go."""
        with self._lock:
            self._state.close()
