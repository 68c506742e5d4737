"""Iteras as a `Writer`: fields of customers. It has no notes and no calendar.

Belongs here: changing a customer. Does not: reading the list (reading.py), when to look and when to send
(crm/writing.py).

Iteras answers 200 to operations that failed, and pairs errors with operations by position only. So every operation
travels alone: then no error can be another customer's.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.config.connections import IterasConnection
from pipelines.crm.base import CalendarEvent, Edit, Note, Written
from pipelines.crm.iteras.reading import CUSTOMERS, STATUS, open_http
from pipelines.crm.records import flattened, record_list, settings_of
from pipelines.crm.writing import MISSING, REFUSED, EditingWriter, Refused
from pipelines.errors import ConfigError
from pipelines.http.client import Patience, RefusedError

UPDATE = "/customers/update/"
DERIVED = ("active_subscriptions", "subscriptions", STATUS)


class IterasWriter(EditingWriter):
    """Writing to the customers of one Iteras account. `patience` replaces the connection's, for tests."""

    def __init__(
        self, name: str, connection: IterasConnection, locks: Path, *, patience: Patience | None = None
    ) -> None:
        self._name = name
        self._connection = connection
        self._http = open_http(connection, locks, patience)

    def check(self, entity: str, values: Mapping[str, str]) -> Sequence[str]:
        """See `Writer`. Which fields exist, only Iteras knows: it refuses the others customer by customer."""
        key = settings_of(self._connection.entities, entity, self._name).key
        return tuple(
            f"{column} is not one of the customer's own fields and can't be changed."
            for column in values
            if column == key or column.startswith(DERIVED)
        )

    def edit(self, edits: Iterable[Edit]) -> Iterator[Written]:
        """See `Writer`."""
        return map(self.edited, edits)

    def note(self, notes: Iterable[Note]) -> Iterator[Written]:
        """Refused: Iteras has no notes."""
        raise self._has_no("notes")

    def plan_event(self, events: Iterable[CalendarEvent]) -> Iterator[Written]:
        """Refused: Iteras has no calendar."""
        raise self._has_no("calendar")

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def prepared(self, edit: Edit) -> Mapping[str, str]:
        """See `EditingWriter`."""
        wrong = self.check(edit.entity, edit.values)
        if wrong:
            raise ConfigError(wrong[0], where=f"{self._name}.{edit.entity}", do="Take it out of write_back.")
        return dict(edit.values)

    def read(self, edit: Edit, columns: tuple[str, ...]) -> Mapping[str, str]:
        """See `EditingWriter`."""
        where = f"{self._name}.{edit.entity}"
        try:
            document = self._http.call("GET", CUSTOMERS, query={"id": edit.key, "fields": "data"}).body
        except RefusedError as no:
            if no.status != 404:
                raise
            raise Refused(MISSING, "Iteras has no such customer.") from None
        customers = record_list(document, self._connection.records_path, where)
        key = settings_of(self._connection.entities, edit.entity, self._name).key
        found = [flattened(customer, unpacked="data") for customer in customers if isinstance(customer, dict)]
        found = [customer for customer in found if customer.get(key) == edit.key]
        if len(found) != 1:
            raise Refused(MISSING, "Iteras has no such customer.")
        return {column: found[0].get(column) or "" for column in columns}

    def write(self, edit: Edit, values: Mapping[str, str]) -> None:
        """See `EditingWriter`."""
        operation = {"operation": "updatecustomer", "id": edit.key, "data": dict(values)}
        try:
            answer = self._http.call("POST", UPDATE, json={"operations": [operation]}, attempts=1).body
        except RefusedError as no:
            raise Refused(REFUSED, no.what) from None
        if not isinstance(answer, dict) or answer.get("failed") != 0 or answer.get("succeeded") != 1:
            raise Refused(REFUSED, _words(answer))

    def _has_no(self, thing: str) -> ConfigError:
        return ConfigError(
            f"Iteras has no {thing} to write to.", where=f"connections.yaml, {self._name}", do="Take it out."
        )


def _words(answer: Any) -> str:
    """Iteras's own words for what went wrong; those under an empty key belong to no field."""
    errors = answer.get("errors") if isinstance(answer, dict) else None
    found = [error for error in errors or () if isinstance(error, dict)]
    sentences = [
        f"{name}: {text}" if name else str(text)
        for error in found
        for name, texts in error.items()
        for text in (texts if isinstance(texts, list) else [texts])
    ]
    return " ".join(sentences) or "Iteras said neither that the change was made nor why not."
