"""All documents of the Vtiger simulator, indexed, and the history of what changed them.

Belongs here: finding, saving, numbering, time. Does not: any rule of the API.
"""

import hashlib
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any

from pipelines.sandbox.clock import Clock, stamp
from pipelines.sandbox.documents import Collection, Documents
from pipelines.sandbox.vtiger.fields import Field
from pipelines.sandbox.vtiger.model import (
    Challenge,
    CustomField,
    Group,
    Installation,
    Json,
    Record,
    Session,
    User,
    View,
)
from pipelines.sandbox.vtiger.modules import MODULES, Module
from pipelines.sandbox.vtiger.switches import Switches

ID = "id"
NUMBER = attrgetter("number")


class Shelf:
    """The records of one module that a query can find, by number and in the order of their numbers."""

    def __init__(self) -> None:
        self._rows: list[Record] = []

    def above(self, number: int) -> list[Record]:
        """Those with a larger number, smallest first."""
        return self._rows[bisect_right(self._rows, number, key=NUMBER) :]

    def put(self, record: Record) -> None:
        """Adds it unless it is there."""
        if not self._holds(record):
            insort(self._rows, record, key=NUMBER)

    def drop(self, record: Record) -> None:
        """Takes it out, if it is there."""
        if self._holds(record):
            del self._rows[bisect_left(self._rows, record.number, key=NUMBER)]

    def _holds(self, record: Record) -> bool:
        place = bisect_left(self._rows, record.number, key=NUMBER)
        return place < len(self._rows) and self._rows[place].number == record.number


class State:
    """Everything that the simulator knows. Not thread-safe: its simulator serialises the calls."""

    def __init__(self, path: Path, clock: Clock, seed: int, switches: Switches) -> None:
        self._documents = Documents(path)
        self._clock = clock
        self._request = ("", "")
        self.seed = seed
        self.switches = switches
        self._load()

    def _load(self) -> None:
        documents = self._documents
        self._installations: Collection[Installation] = Collection(
            documents, "installation", Installation, lambda found: found.name
        )
        self.users: Collection[User] = Collection(documents, "users", User, lambda found: str(found.number))
        self.groups: Collection[Group] = Collection(documents, "groups", Group, lambda found: str(found.number))
        self.challenges: Collection[Challenge] = Collection(
            documents, "challenges", Challenge, lambda found: str(found.user)
        )
        self.sessions: Collection[Session] = Collection(documents, "sessions", Session, lambda found: found.name)
        self.custom_fields: Collection[CustomField] = Collection(
            documents, "custom_fields", CustomField, lambda found: str(found.number)
        )
        self.views: Collection[View] = Collection(documents, "views", View, lambda found: str(found.number))
        self._records: Collection[Record] = Collection(documents, "records", Record, lambda found: str(found.number))
        self._shelves = {name: Shelf() for name in MODULES}
        for record in self._records:
            self._index(record)
        self._fields: dict[str, dict[str, Field]] = {}

    def _index(self, record: Record) -> None:
        shelf = self._shelves[record.module]
        if record.deleted_at or record.converted:
            shelf.drop(record)
        else:
            shelf.put(record)

    @property
    def is_fresh(self) -> bool:
        """Whether nothing was seeded yet."""
        return not len(self._installations)

    def found(self, name: str) -> None:
        """Makes the installation."""
        self._installations.put(Installation(name))

    def now(self) -> datetime:
        """The moment, in UTC."""
        return self._clock()

    def epoch(self) -> float:
        """The moment in seconds since 1970."""
        return self.now().timestamp()

    def stamp(self) -> str:
        """The moment as the database keeps it: UTC, whole seconds, without a zone."""
        return self.now().astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")

    def number(self, kind: str, first: int = 1, step: int = 1) -> int:
        """The next number of its kind; the same sequence in every sandbox."""
        installation = next(iter(self._installations))
        installation.counters[kind] = max(installation.counters.get(kind, 0) + step, first)
        self._installations.put(installation)
        return installation.counters[kind]

    def reach(self, kind: str, number: int) -> None:
        """The next number of this kind is above `number`."""
        installation = next(iter(self._installations))
        installation.counters[kind] = max(installation.counters.get(kind, 0), number)
        self._installations.put(installation)

    def secret(self, kind: str, length: int) -> str:
        """Hex digits that are new; the same sequence in every sandbox of the same seed."""
        text = f"{self.seed}:{kind}:{self.number(kind)}"
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:length]

    def fields(self, module: Module) -> dict[str, Field]:
        """The module's fields by name as describe lists them: custom ones after the tags, id last."""
        if module.name not in self._fields:
            self._fields[module.name] = {field.name: field for field in self._all_fields(module)}
        return self._fields[module.name]

    def _all_fields(self, module: Module) -> Iterator[Field]:
        for field in module.fields:
            yield field
            if field.name == "tags":
                yield from (
                    Field(made.name, made.label, made.type, tuple(made.values))
                    for made in self.custom_fields
                    if made.module == module.name
                )
        yield Field(ID, module.id_label, "autogenerated", nullable=False, editable=False)

    def add_field(self, made: CustomField) -> None:
        """A new custom field."""
        self.custom_fields.put(made)
        self._fields.clear()

    def record(self, number: int) -> Record | None:
        """The record, also a converted lead, but no deleted one."""
        found = self._records.get(str(number))
        return None if found is None or found.deleted_at else found

    def shelf(self, module: Module) -> Shelf:
        """What a query of this module can find. Users and groups are shelved anew each time: they are few."""
        if module.name not in ("Users", "Groups"):
            return self._shelves[module.name]
        shelf = Shelf()
        members: Iterator[User | Group] = iter(self.users) if module.name == "Users" else iter(self.groups)
        for member in members:
            values = {name: str(value) for name, value in vars(member).items() if name in self.fields(module)}
            shelf.put(Record(member.number, module.name, values))
        return shelf

    def save(self, record: Record) -> Record:
        """Writes a new or changed record down."""
        self._records.put(record)
        self._index(record)
        return record

    @contextmanager
    def request(self, actor: str, operation: str = "") -> Iterator[None]:
        """What changes inside is recorded as this request's doing, and written down at its end."""
        self._request = (actor, operation)
        try:
            yield
        finally:
            self._documents.commit()

    def remember(self, change: str, **what: Any) -> None:
        """Adds to the history: what changed through the present request. Names of fields only, never their values."""
        actor, operation = self._request
        if actor != "seed":
            entry = {"at": stamp(self.now()), "actor": actor, "operation": operation, "change": change, **what}
            self._documents.append_history(entry)

    def history(self, after: int = 0, count: int = -1) -> list[Json]:
        """Entries with `seq` above `after`, oldest first."""
        return self._documents.history(after, count)

    def clear(self) -> None:
        """Forgets everything."""
        self._documents.clear()
        self._load()

    def close(self) -> None:
        """Lets the file go."""
        self._documents.close()
