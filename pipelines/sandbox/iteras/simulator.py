"""The Iteras simulator as one object: what the server calls, and what tests and rehearsals hold.

Belongs here: what only this system has, helpers for tests. Does not: what all simulators have (sandbox/simulator.py),
HTTP (sandbox/http.py), the rules of the API (the module of each theme).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipelines.sandbox.clock import Clock
from pipelines.sandbox.http import Answer, Call
from pipelines.sandbox.iteras import changes, customers, routes, seeding
from pipelines.sandbox.iteras.model import Customer, Json, Kind
from pipelines.sandbox.iteras.problems import Problem
from pipelines.sandbox.iteras.seeding import API_KEY, seed
from pipelines.sandbox.iteras.state import State
from pipelines.sandbox.iteras.switches import Switches
from pipelines.sandbox.simulator import Simulator


class Iteras(Simulator[State, Switches]):
    """The imitated account. `url` is what a connection names: the root above /api/."""

    api_key = API_KEY
    problem = Problem

    def __init__(self, folder: Path, clock: Clock, switches: Switches, url: str) -> None:
        super().__init__(State(folder / "iteras.sqlite", clock, switches), url)
        self._asked: Counter[str] = Counter()
        self._limit = routes.Limit()

    def _seed(self) -> None:
        seed(self._state)

    def _answer(self, call: Call) -> Answer:
        self._count(call)
        return routes.answer(self._state, self._limit, call)

    def _count(self, call: Call) -> None:
        if "iteras-key" in call.query:
            self._asked["key in the URL"] += 1
        if call.route == routes.CUSTOMERS:
            self._asked.update(customers.asked_fields(call.query))

    def broken(self, call: Call, status: int) -> Answer:
        """An error body for a status that a fault asks for."""
        return routes.problem_answer(self._state, Problem(status, "Something went wrong."))

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

    def stats(self) -> Json:
        """Also what was asked for: `fields`, a key in the URL."""
        return {**super().stats(), "asked": dict(self._asked)}

    def reset(self) -> None:
        """Also what was asked for, and the calls of this minute."""
        with self._lock:
            super().reset()
            self._asked.clear()
            self._limit.clear()
