"""The Iteras simulator as one object: what the server calls, and what tests and rehearsals hold.

Belongs here: one call at a time, the switches, helpers for tests. Does not: HTTP (sandbox/http.py), the rules of
the API (the module of each theme).
"""

import logging
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipelines.sandbox.clock import Clock
from pipelines.sandbox.faults import Fault, Faults, Traffic
from pipelines.sandbox.http import Answer, Call
from pipelines.sandbox.iteras import changes, customers, routes, seeding
from pipelines.sandbox.iteras.model import Customer, Json, Kind
from pipelines.sandbox.iteras.problems import Problem
from pipelines.sandbox.iteras.seeding import API_KEY, seed
from pipelines.sandbox.iteras.state import State
from pipelines.sandbox.iteras.switches import Switches

logger = logging.getLogger(__name__)


class Iteras:
    """The imitated account. `url` is what a connection names: the root above /api/. Safe to use from any thread."""

    api_key = API_KEY

    def __init__(self, folder: Path, clock: Clock, switches: Switches, url: str) -> None:
        self.url = url
        self.faults = Faults()
        self.traffic = Traffic()
        self._asked: Counter[str] = Counter()
        self._limit = routes.Limit()
        self._lock = threading.RLock()
        self._state = State(folder / "iteras.sqlite", clock, switches)
        self._first_switches = switches
        self._seed_if_fresh()

    def _seed_if_fresh(self) -> None:
        if self._state.is_fresh:
            with self._state.request("seed"):
                seed(self._state)

    def handle(self, call: Call) -> Answer:
        """Does what the call says."""
        with self._lock, self._state.request("api", call.route):
            self._count(call)
            try:
                return routes.answer(self._state, self._limit, call)
            except Exception:
                logger.exception("The Iteras simulator failed at %s %s", call.method, call.route)
                return self.broken(call, 500)

    def _count(self, call: Call) -> None:
        if "iteras-key" in call.query:
            self._asked["key in the URL"] += 1
        if call.route == routes.CUSTOMERS:
            self._asked.update(customers.asked_fields(call.query))

    def crowded(self, call: Call, connections: int) -> Answer | None:
        """Never: the contract knows no limit of connections."""
        return None

    def broken(self, call: Call, status: int) -> Answer:
        """An error body for a status that a fault asks for."""
        return routes.problem_answer(self._state, Problem(status, "Something went wrong."))

    @contextmanager
    def _by_hand(self, what: str, actor: str = "hand") -> Iterator[State]:
        with self._lock, self._state.request(actor, what):
            yield self._state

    def _at(self, customer_id: str) -> Customer:
        found = self._state.customers.get(customer_id)
        if found is None:
            raise LookupError(f"There is no customer {customer_id}.")
        return found

    def add_customers(self, rows: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
        """Puts many customers {id?, data, subscriptions?} there at once, outside the history; their ids."""
        with self._by_hand("seed", actor="seed") as state:
            return seeding.add_customers(state, rows)

    def customer(self, customer_id: str) -> Json | None:
        """Id, data and whole subscriptions; None when there is no such customer."""
        with self._lock:
            found = self._state.customers.get(customer_id)
            return {"id": found.id, "data": found.data, "subscriptions": found.subscriptions} if found else None

    def edit(self, customer_id: str, **data: Any) -> None:
        """Somebody changes a customer in Iteras's own pages. Raises LookupError."""
        with self._by_hand("edit") as state:
            changes.change(state, self._at(customer_id), data)

    def delete(self, customer_id: str) -> None:
        """Somebody deletes a customer. Raises LookupError."""
        with self._by_hand("delete") as state:
            state.customers.remove(self._at(customer_id))
            state.remember("delete", id=customer_id)

    def subscribe(self, customer_id: str, **given: Any) -> str:
        """A new subscription (see model.subscription); its id. Raises LookupError, ValueError."""
        with self._by_hand("subscribe") as state:
            customer = self._at(customer_id)
            made = seeding.subscribe(state, customer, given)
            state.save(customer)
            state.remember("subscribe", id=customer_id, subscription=made)
            return made

    def stop(self, customer_id: str, subscription_id: str) -> None:
        """The customer asks to end a subscription, whose paid period runs on. Raises LookupError."""
        with self._by_hand("stop") as state:
            customer = self._at(customer_id)
            seeding.stop(state, customer, subscription_id)
            state.save(customer)
            state.remember("stop", id=customer_id, subscription=subscription_id)

    def add_field(self, name: str, kind: Kind = "text", values: Iterable[str] = ()) -> None:
        """A custom field. Raises ValueError."""
        with self._by_hand("add_field") as state:
            seeding.add_field(state, name, kind, values)

    def history(self, after: int = 0, count: int = -1) -> list[Json]:
        """What changed and through what, oldest first; `after` is the last `seq` that is known."""
        with self._lock:
            return self._state.history(after, count)

    def stats(self) -> Json:
        """Counts of calls and statuses since the start, and of what was asked for: `fields`, a key in the URL."""
        return {**self.traffic.report(), "asked": dict(self._asked)}

    def fail(self, **fault: Any) -> None:
        """Switches a fault on for the next matching calls (see faults.Fault)."""
        self.faults.add(Fault.read(fault))

    @property
    def switches(self) -> Switches:
        """How the open points of the contract are decided now."""
        return self._state.switches

    def turn(self, **changes: Any) -> Switches:
        """Decides open points differently from now on, until the next reset or start."""
        with self._lock:
            self._state.switches = self._state.switches.turned(changes)
            return self._state.switches

    def reset(self) -> None:
        """As if it were new: state, history, faults, counts, switches."""
        with self._lock:
            self.faults.clear()
            self.traffic.reset()
            self._asked.clear()
            self._limit.clear()
            self._state.switches = self._first_switches
            self._state.clear()
            self._seed_if_fresh()

    def close(self) -> None:
        """Lets the state's file go."""
        with self._lock:
            self._state.close()
