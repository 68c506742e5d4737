"""Faults that a rehearsal switches on for the next calls, and the counts of the calls that came.

Belongs here: which call gets which fault, and counting. Does not: how a fault looks on the wire (http.py).
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

Kind = Literal["latency", "problem", "html", "empty", "drop", "truncated"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to the next `times` matching calls, after the first `skip` matching ones passed unharmed.

    kind     latency: only slow; problem, html, empty: `status` with that body; drop: the connection breaks off
             without an answer; truncated: the JSON of the real answer ends half-way
    applied  the change takes effect before it goes wrong (always so for latency and truncated)
    method   None: any; path: a route such as "/lists/{list_id}/members", None: any
    """

    kind: Kind = "latency"
    times: int = 1
    skip: int = 0
    method: str | None = None
    path: str | None = None
    status: int = 500
    applied: bool = False
    latency_ms: int = 0

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> "Fault":
        """From a JSON object. Raises ValueError with a sentence."""
        unknown = sorted(set(body) - set(cls.__dataclass_fields__))
        if unknown:
            raise ValueError(f"Unknown keys of a fault: {', '.join(unknown)}.")
        fault = cls(**body)
        if fault.kind not in get_args(Kind):
            raise ValueError(f"A fault's kind is one of {', '.join(get_args(Kind))}.")
        if not all(isinstance(number, int) for number in (fault.times, fault.skip, fault.status, fault.latency_ms)):
            raise ValueError("times, skip, status and latency_ms of a fault are whole numbers.")
        return fault

    def matches(self, method: str, path: str) -> bool:
        """Whether this call is meant."""
        return self.method in (None, method) and self.path in (None, path)


class Faults:
    """The faults that are switched on; the first that matches a call is used up by it."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Switches it on, behind those that are already on."""
        self._waiting.append(fault)

    def clear(self) -> None:
        """Switches all of them off."""
        self._waiting.clear()

    def waiting(self) -> tuple[Fault, ...]:
        """What is still switched on, with what is left of `times` and `skip`."""
        return tuple(self._waiting)

    def take(self, method: str, path: str) -> Fault | None:
        """The fault that this call meets, None for none."""
        for place, fault in enumerate(self._waiting):
            if not fault.matches(method, path):
                continue
            if fault.skip:
                self._waiting[place] = replace(fault, skip=fault.skip - 1)
                continue
            if fault.times > 1:
                self._waiting[place] = replace(fault, times=fault.times - 1)
            else:
                del self._waiting[place]
            return fault
        return None


class Traffic:
    """Calls by route and status, and how many were under way at the same time."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Starts counting anew."""
        self._calls: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._now = 0
        self._most = 0

    @contextmanager
    def slot(self, method: str, path: str) -> Iterator[int]:
        """Counts the call; gives the number of calls under way, this one included."""
        self._calls[f"{method} {path}"] += 1
        self._now += 1
        self._most = max(self._most, self._now)
        try:
            yield self._now
        finally:
            self._now -= 1

    def answered(self, status: int) -> None:
        """Counts the status of an answer; 0 for a connection that was dropped."""
        self._statuses[str(status)] += 1

    def report(self) -> dict[str, Any]:
        """{calls: {route: n}, total_calls, statuses: {status: n}, connections, max_connections}."""
        return {
            "calls": dict(self._calls),
            "total_calls": self._calls.total(),
            "statuses": dict(self._statuses),
            "connections": self._now,
            "max_connections": self._most,
        }
