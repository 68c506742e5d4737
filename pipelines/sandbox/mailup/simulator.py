"""The MailUp simulator as one object: what the server calls, and what tests and rehearsals hold.

Belongs here: what only this system has, helpers for tests. Does not: what all simulators have (sandbox/simulator.py),
HTTP (sandbox/http.py), the rules of the API (the module of each theme).
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pipelines.sandbox.clock import MovableClock
from pipelines.sandbox.http import Answer, Call
from pipelines.sandbox.mailup import acts, console, imports, problems, recipients, routes, sendings
from pipelines.sandbox.mailup.limits import RateLimit
from pipelines.sandbox.mailup.model import Fate, Json
from pipelines.sandbox.mailup.people_document import person_document
from pipelines.sandbox.mailup.problems import Problem
from pipelines.sandbox.mailup.seeding import CLIENT_ID, CLIENT_SECRET, LIST, PASSWORD, USERNAME, seed
from pipelines.sandbox.mailup.state import State
from pipelines.sandbox.mailup.switches import Switches
from pipelines.sandbox.mailup.values import read_row
from pipelines.sandbox.simulator import Simulator


class Mailup(Simulator[State, Switches]):
    """The imitated account. `url` is what a connection names: the root of the host."""

    username = USERNAME
    password = PASSWORD
    client_id = CLIENT_ID
    client_secret = CLIENT_SECRET
    problem = Problem

    def __init__(self, folder: Path, seed: int, clock: MovableClock, switches: Switches, url: str) -> None:
        super().__init__(State(folder / "mailup.sqlite", clock, seed, switches), url)
        self._limit = RateLimit()

    def _seed(self) -> None:
        seed(self._state)

    def _answer(self, call: Call) -> Answer:
        return routes.answer(self._state, self._limit, call)

    def _settle(self) -> None:
        with self._state.request("people"):
            acts.settle(self._state)
        with self._state.request("api"):
            imports.settle(self._state)
            sendings.settle(self._state)

    def broken(self, call: Call, status: int) -> Answer:
        """An error body for a status that a fault asks for."""
        return routes.problem_answer(problems.broken(status))

    @property
    def list_id(self) -> int:
        """Id of the list that every fresh sandbox has."""
        return self.list_named(LIST)

    def list_named(self, name: str) -> int:
        """Id of the list of this name. Raises LookupError."""
        with self._lock:
            return console.list_named(self._state, name)

    def group_named(self, list_id: int, name: str) -> int:
        """Id of the list's group of this name. Raises LookupError."""
        with self._lock:
            return console.group_named(self._state, list_id, name)

    def recipient(self, list_id: int, email: str) -> Json | None:
        """What the account knows of an address: see people_document.py. None when it is in no list nor the book."""
        with self._settled() as state:
            found = state.book.at(email)
            return person_document(state, found, list_id) if found else None

    def recipients(self, list_id: int) -> list[Json]:
        """The same for everybody in the list, whatever their status."""
        with self._settled() as state:
            ids = state.subscriptions.roster(list_id).ids()
            return [person_document(state, found, list_id) for found in state.recipients(ids)]

    def add_recipients(self, list_id: int, bodies: Iterable[Mapping[str, Any]], group_id: int = 0) -> None:
        """Puts many people there at once, each a recipient as the API takes it; outside the history."""
        with self._lock, self._state.request("seed"):
            for body in bodies:
                recipient, _ = recipients.save(self._state, read_row(self._state, dict(body)), "kept")
                recipients.enter(self._state, recipient, list_id, confirm=False)
                if group_id:
                    recipients.join_group(self._state, recipient, group_id)

    def act(self, list_id: int, email: str, act: str, **options: Any) -> Json | None:
        """Lets a person or a marketer do something (see acts.py); the person afterwards, None when gone."""
        with self._by_hand(act) as state:
            found = acts.perform(state, list_id, email, act, options)
            return person_document(state, found, list_id) if found else None

    def name_field(self, number: int, description: str) -> None:
        """Names a dynamic field in the console, a new or a known one. Raises ValueError."""
        with self._by_hand("name_field") as state:
            console.name_field(state, number, description)

    def add_list(self, name: str) -> int:
        """Makes a list in the console, usable at once; its id."""
        with self._by_hand("add_list") as state:
            return console.add_list(state, name)

    def delete_list(self, list_id: int) -> None:
        """Deletes a list in the console, with all that it has. Raises LookupError."""
        with self._by_hand("delete_list") as state:
            console.delete_list(state, list_id)

    def add_group(self, list_id: int, name: str, *, deletable: bool = True) -> int:
        """Makes a group in the console; its id. Raises LookupError."""
        with self._by_hand("add_group") as state:
            return console.add_group(state, list_id, name, deletable=deletable)

    def delete_group(self, group_id: int) -> None:
        """Deletes a group in the console, also a protected one. Raises LookupError."""
        with self._by_hand("delete_group") as state:
            console.delete_group(state, group_id)

    def add_sms_message(self, list_id: int, text: str) -> int:
        """Writes a text message in the console; its id."""
        with self._by_hand("add_sms_message") as state:
            return console.add_sms_message(state, list_id, text)

    def send_campaign(self, list_id: int, subject: str, content: str = "", group_ids: Sequence[int] = ()) -> Json:
        """Writes a message and sends it to the list or its groups; {idMessage, Sent, ...}. Raises LookupError."""
        with self._by_hand("send_campaign") as state:
            return console.send_campaign(state, list_id, subject, content, group_ids)

    def archive_message(self, message_id: int) -> None:
        """Archives a message in the console. Raises LookupError."""
        with self._by_hand("archive_message") as state:
            console.archive_message(state, message_id)

    def expire_tokens(self, how: Literal["expire", "revoke"] = "expire") -> None:
        """Ends every access token; `revoke` ends the refresh tokens too."""
        with self._by_hand("tokens") as state:
            console.end_tokens(state, how)

    def next_imports(self, *fates: Fate) -> None:
        """What becomes of the next imports, one each: stall, fail, or only half of the rows."""
        with self._by_hand("imports") as state:
            console.set_fates(state, fates)

    def finish_imports(self) -> None:
        """Lets every import that waits, also a stalled one, be done now."""
        with self._by_hand("imports") as state:
            console.finish_imports(state)

    def resubscribed(self) -> list[Json]:
        """Entries of the history in which a call of the API subscribed somebody who was unsubscribed or had said no.

        Somebody who was removed and imported again is told too.
        """
        entries = (
            item for item in self.history() if item["actor"] == "api" and item.get("status_after") == "Subscribed"
        )
        return [item for item in entries if item["against_will"] or item["status_before"] == "Unsubscribed"]

    def reset(self) -> None:
        """Also the calls of this second."""
        with self._lock:
            super().reset()
            self._limit.clear()
