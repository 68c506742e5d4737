"""The Vtiger simulator as one object: what the server calls, and what tests and rehearsals hold.

Belongs here: what only this system has, helpers for tests. Does not: what all simulators have (sandbox/simulator.py),
HTTP (sandbox/http.py), the rules of the API (the module of each theme).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from pipelines.sandbox.clock import Clock
from pipelines.sandbox.http import Answer, Call
from pipelines.sandbox.simulator import Simulator
from pipelines.sandbox.vtiger import catalogue, conversion, records, routes, seeding, sessions
from pipelines.sandbox.vtiger.model import Json, User
from pipelines.sandbox.vtiger.problems import Problem
from pipelines.sandbox.vtiger.seeding import ACCESS_KEY, USERNAME, seed
from pipelines.sandbox.vtiger.state import State
from pipelines.sandbox.vtiger.switches import Switches


class Vtiger(Simulator[State, Switches]):
    """The imitated installation. `url` is what a connection names: the folder of webservice.php.

    Calls come one after another, as they do on one session of Vtiger's. Faults name an operation as their path.
    """

    username = USERNAME
    access_key = ACCESS_KEY
    problem = Problem

    def __init__(self, folder: Path, seed: int, clock: Clock, switches: Switches, url: str) -> None:
        super().__init__(State(folder / "vtiger.sqlite", clock, seed, switches), url)
        self.operations: Counter[str] = Counter()

    def _seed(self) -> None:
        seed(self._state)

    def _answer(self, call: Call) -> Answer:
        return routes.answer(self._state, call)  # the call's route is the operation

    def _crashed(self, call: Call) -> Answer:
        return routes.fatal_answer()

    def broken(self, call: Call, status: int) -> Answer:
        """What a web server or a proxy says; PHP's own 500 has no body."""
        return routes.broken_answer(status)

    @contextmanager
    def _as_user(self, what: str, user_name: str = USERNAME, actor: str = "hand") -> Iterator[tuple[State, User]]:
        with self._by_hand(what, actor) as state:
            yield state, sessions.visitor(state, user_name)

    def add_records(self, module: str, rows: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
        """Puts many records there at once, outside the history; their ids (see seeding.add_records)."""
        with self._as_user("seed", actor="seed") as (state, user):
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
        with self._as_user("read") as (state, user):
            found = catalogue.module_named(module)
            return [records.document(state, user, record, found) for record in state.shelf(found).above(0)]

    def create(self, module: str, user_name: str = USERNAME, **values: Any) -> str:
        """A CRM user makes a record by hand; its id. Raises ValueError."""
        with self._as_user("create", user_name) as (state, user):
            made = records.create(state, user, catalogue.module_named(module), values, source="CRM")
            return str(made["id"])

    def edit(self, record_id: str, user_name: str = USERNAME, **values: Any) -> Json:
        """A CRM user changes a record by hand. Raises ValueError."""
        with self._as_user("edit", user_name) as (state, user):
            return records.change(state, user, {**values, "id": record_id}, partial=True)

    def delete(self, record_id: str) -> None:
        """A CRM user deletes a record. Raises ValueError."""
        with self._as_user("delete") as (state, user):
            records.delete(state, user, record_id)

    def convert(self, lead_id: str) -> Json:
        """A CRM user converts a lead; the ids of what came of it, by module. Raises ValueError."""
        with self._as_user("convert") as (state, user):
            return conversion.convert(state, user, {"leadId": lead_id})

    def end_sessions(self, how: Literal["idle", "expired", "forgotten"] = "idle") -> int:
        """Ends every session; how many there were."""
        with self._by_hand("sessions") as state:
            return sessions.end_all(state, how)

    def add_field(self, module: str, label: str, kind: str = "string", values: Iterable[str] = ()) -> str:
        """An administrator makes a custom field; its name. Raises ValueError."""
        with self._by_hand("add_field") as state:
            return seeding.add_field(state, catalogue.module_named(module).name, label, kind, values)

    def add_view(self, module: str, name: str, where: str = "") -> int:
        """A CRM user makes a custom view; its id. `where` is that of a query. Raises ValueError."""
        with self._by_hand("add_view") as state:
            return seeding.add_view(state, catalogue.module_named(module).name, name, where)

    def add_user(self, user_name: str, access_key: str = ACCESS_KEY, **about: Any) -> str:
        """An administrator makes a user, with the fields of model.User; the id."""
        with self._by_hand("add_user") as state:
            return seeding.add_user(state, user_name, access_key, about)

    def add_group(self, name: str, description: str = "") -> str:
        """An administrator makes a group; the id."""
        with self._by_hand("add_group") as state:
            return seeding.add_group(state, name, description)

    def edit_user(self, user_name: str, **about: Any) -> None:
        """An administrator changes a user's settings or rights, such as sees_all. Raises TypeError, ValueError."""
        with self._as_user("edit_user", user_name) as (state, user):
            state.users.put(User(**{**vars(user), **about}))

    def stats(self) -> Json:
        """Also the counts of calls by operation."""
        return {**super().stats(), "operations": dict(self.operations)}

    def reset(self) -> None:
        """Also the counts by operation."""
        with self._lock:
            super().reset()
            self.operations.clear()
