"""The Vtiger simulator as one object: what the server calls, and what tests and rehearsals hold.

Belongs here: one call at a time, the switches, helpers for tests. Does not: HTTP (sandbox/http.py), the rules of
the API (the module of each theme).
"""

import logging
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from pipelines.sandbox.clock import Clock
from pipelines.sandbox.faults import Fault, Faults, Traffic
from pipelines.sandbox.http import Answer, Call
from pipelines.sandbox.vtiger import catalogue, conversion, records, routes, seeding, sessions
from pipelines.sandbox.vtiger.model import Json, User
from pipelines.sandbox.vtiger.problems import Problem
from pipelines.sandbox.vtiger.seeding import ACCESS_KEY, USERNAME, seed
from pipelines.sandbox.vtiger.state import State
from pipelines.sandbox.vtiger.switches import Switches

logger = logging.getLogger(__name__)


class Vtiger:
    """The imitated installation. `url` is what a connection names: the folder of webservice.php.

    Safe to use from any thread. Calls come one after another, as they do on one session of Vtiger's.
    """

    username = USERNAME
    access_key = ACCESS_KEY

    def __init__(self, folder: Path, seed: int, clock: Clock, switches: Switches, url: str) -> None:
        self.url = url
        self.faults = Faults()
        self.traffic = Traffic()
        self.operations: Counter[str] = Counter()
        self._lock = threading.RLock()
        self._state = State(folder / "vtiger.sqlite", clock, seed, switches)
        self._first_switches = switches
        self._seed_if_fresh()

    def _seed_if_fresh(self) -> None:
        if self._state.is_fresh:
            with self._state.request("seed"):
                seed(self._state)

    def handle(self, call: Call) -> Answer:
        """Does what the call says; its route is the operation."""
        with self._lock, self._state.request("api", call.route):
            try:
                return routes.answer(self._state, call)
            except Exception:
                logger.exception("The Vtiger simulator failed at %s %s", call.method, call.route)
                return routes.fatal_answer()

    def crowded(self, call: Call, connections: int) -> Answer | None:
        """Never: the contract knows no limit of connections."""
        return None

    def broken(self, call: Call, status: int) -> Answer:
        """What a web server or a proxy says; PHP's own 500 has no body."""
        return routes.broken_answer(status)

    @contextmanager
    def _by_hand(self, what: str, user_name: str = USERNAME, actor: str = "hand") -> Iterator[tuple[State, User]]:
        with self._lock, self._state.request(actor, what):
            try:
                yield self._state, sessions.visitor(self._state, user_name)
            except Problem as problem:
                raise ValueError(problem.message) from None

    def add_records(self, module: str, rows: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
        """Puts many records there at once, outside the history; their ids (see seeding.add_records)."""
        with self._by_hand("seed", actor="seed") as (state, user):
            return seeding.add_records(state, user, catalogue.module_named(module), rows)

    def record(self, record_id: str) -> Json | None:
        """The record as retrieve shows it, None when it is missing or deleted."""
        with self._lock:
            try:
                user = sessions.visitor(self._state, USERNAME)
                return records.retrieve(self._state, user, record_id)
            except Problem:
                return None

    def records(self, module: str) -> list[Json]:
        """Every record of the module that a query could find, by id."""
        with self._by_hand("read") as (state, user):
            found = catalogue.module_named(module)
            return [records.document(state, user, record, found) for record in state.shelf(found).above(0)]

    def create(self, module: str, user_name: str = USERNAME, **values: Any) -> str:
        """A CRM user makes a record by hand; its id. Raises ValueError."""
        with self._by_hand("create", user_name) as (state, user):
            made = records.create(state, user, catalogue.module_named(module), values, source="CRM")
            return str(made["id"])

    def edit(self, record_id: str, user_name: str = USERNAME, **values: Any) -> Json:
        """A CRM user changes a record by hand. Raises ValueError."""
        with self._by_hand("edit", user_name) as (state, user):
            return records.change(state, user, {**values, "id": record_id}, partial=True)

    def delete(self, record_id: str) -> None:
        """A CRM user deletes a record. Raises ValueError."""
        with self._by_hand("delete") as (state, user):
            records.delete(state, user, record_id)

    def convert(self, lead_id: str) -> Json:
        """A CRM user converts a lead; the ids of what came of it, by module. Raises ValueError."""
        with self._by_hand("convert") as (state, user):
            return conversion.convert(state, user, {"leadId": lead_id})

    def end_sessions(self, how: Literal["idle", "expired", "forgotten"] = "idle") -> int:
        """Ends every session; how many there were."""
        with self._by_hand("sessions") as (state, _):
            return sessions.end_all(state, how)

    def add_field(self, module: str, label: str, kind: str = "string", values: Iterable[str] = ()) -> str:
        """An administrator makes a custom field; its name. Raises ValueError."""
        with self._by_hand("add_field") as (state, _):
            return seeding.add_field(state, catalogue.module_named(module).name, label, kind, values)

    def add_view(self, module: str, name: str, where: str = "") -> int:
        """A CRM user makes a custom view; its id. `where` is that of a query. Raises ValueError."""
        with self._by_hand("add_view") as (state, _):
            return seeding.add_view(state, catalogue.module_named(module).name, name, where)

    def add_user(self, user_name: str, access_key: str = ACCESS_KEY, **about: Any) -> str:
        """An administrator makes a user, with the fields of model.User; the id."""
        with self._by_hand("add_user") as (state, _):
            return seeding.add_user(state, user_name, access_key, about)

    def add_group(self, name: str, description: str = "") -> str:
        """An administrator makes a group; the id."""
        with self._by_hand("add_group") as (state, _):
            return seeding.add_group(state, name, description)

    def edit_user(self, user_name: str, **about: Any) -> None:
        """An administrator changes a user's settings or rights, such as sees_all. Raises TypeError, ValueError."""
        with self._by_hand("edit_user", user_name) as (state, user):
            state.users.put(User(**{**vars(user), **about}))

    def history(self, after: int = 0, count: int = -1) -> list[Json]:
        """What changed and through what, oldest first; `after` is the last `seq` that is known."""
        with self._lock:
            return self._state.history(after, count)

    def stats(self) -> Json:
        """Counts of calls by operation, statuses and simultaneous connections since the start."""
        return {**self.traffic.report(), "operations": dict(self.operations)}

    def fail(self, **fault: Any) -> None:
        """Switches a fault on for the next matching calls (see faults.Fault); `path` is an operation."""
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
            self.operations.clear()
            self._state.switches = self._first_switches
            self._state.clear()
            self._seed_if_fresh()

    def close(self) -> None:
        """Lets the state's file go."""
        with self._lock:
            self._state.close()
