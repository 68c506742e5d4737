"""The Mailchimp simulator as one object: what the server calls, and what tests and rehearsals hold.

Belongs here: what only this system has, helpers for tests. Does not: what all simulators have (sandbox/simulator.py),
HTTP (sandbox/http.py), the rules of the API (the module of each theme).
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipelines.sandbox.clock import Clock
from pipelines.sandbox.http import Answer, Call
from pipelines.sandbox.mailchimp import acts, batch_results, batch_runs, members, routes
from pipelines.sandbox.mailchimp.member_document import Renderer
from pipelines.sandbox.mailchimp.model import Json
from pipelines.sandbox.mailchimp.problems import Problem
from pipelines.sandbox.mailchimp.seeding import API_KEY, AUDIENCE, seed
from pipelines.sandbox.mailchimp.state import State
from pipelines.sandbox.mailchimp.switches import Switches
from pipelines.sandbox.simulator import Simulator

TITLES = {
    403: "Forbidden",
    429: "TooManyRequests",
    500: "InternalServerError",
    502: "BadGateway",
    503: "ServiceUnavailable",
}
TOO_MANY = "You have exceeded the limit of 10 simultaneous connections."


class Mailchimp(Simulator[State, Switches]):
    """The imitated account. `url` is what a connection names: the root above /3.0."""

    api_key = API_KEY
    problem = Problem

    def __init__(self, folder: Path, seed: int, clock: Clock, switches: Switches, url: str) -> None:
        super().__init__(State(folder / "mailchimp.sqlite", clock, seed, switches, url), url)

    def _seed(self) -> None:
        seed(self._state)

    def _answer(self, call: Call) -> Answer:
        return routes.answer(self._state, call)

    def crowded(self, call: Call, connections: int) -> Answer | None:
        """429 for one connection too many, without Retry-After, as Mailchimp does."""
        switches = self._state.switches
        if connections <= switches.max_connections or call.route == batch_results.ROUTE:
            return None
        if switches.too_many_title is None:
            return Answer(429)
        return routes.problem_answer(Problem(429, switches.too_many_title, TOO_MANY))

    def broken(self, call: Call, status: int) -> Answer:
        """A problem document for a status that a fault asks for."""
        detail = TOO_MANY if status == 429 else "An unexpected internal error has occurred."
        return routes.problem_answer(Problem(status, TITLES.get(status, "Error"), detail))

    def _settle(self) -> None:
        with self._state.request("people"):
            acts.settle(self._state)
        with self._state.request("api"):
            batch_runs.settle(self._state)

    @property
    def list_id(self) -> str:
        """Id of the audience that every fresh sandbox has."""
        return self.audience_id(AUDIENCE)

    def audience_id(self, name: str) -> str:
        """Id of the audience of this name. Raises LookupError."""
        with self._lock:
            found = [audience.id for audience in self._state.audiences if audience.name == name]
        if not found:
            raise LookupError(f"The sandbox has no audience {name}.")
        return found[0]

    def member(self, list_id: str, email: str) -> Json | None:
        """The member's document as the API shows it, None when there is none."""
        with self._settled() as state:
            member = state.members.at(list_id, email)
            return Renderer(state, list_id).full(member) if member else None

    def members(self, list_id: str) -> list[Json]:
        """Documents of all members, whatever their status, without _links."""
        with self._settled() as state:
            show = Renderer(state, list_id, with_links=False).full
            return [show(member) for member in state.members.of(list_id).values()]

    def add_members(self, list_id: str, bodies: Iterable[Mapping[str, Any]], source: str = "Import") -> None:
        """Puts many members there at once, each a body of POST /members; outside the history."""
        with self._lock, self._state.request("seed"):
            for body in bodies:
                status = body.get("status", "subscribed")
                members.add(self._state, list_id, dict(body), status, skip=True, source=source)

    def act(self, list_id: str, email: str, act: str, **options: Any) -> Json | None:
        """Lets a person or a marketer do something (see acts.py); the member afterwards, None when it is gone."""
        with self._by_hand(act) as state:
            member = acts.perform(state, list_id, email, act, options)
            return Renderer(state, list_id).full(member) if member else None
