"""Vtiger as a `Writer`: fields by `revise`, notes as ModComments, events in the owner's calendar.

Belongs here: these three. Does not: the order of looking and sending (crm/writing.py), what a field takes
(values.py), who is written to.

Vtiger ignores unknown fields, stores any choice and any owner, and says success to all of it. So names and values
are held against `describe` before, and the record is read again after. A `revise` that changes nothing still moves
modifiedtime, so nothing is sent that is there already. No call is idempotent: notes and events carry a marker, and are
looked up by it first, also after an answer that was lost.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pipelines.config.connections import VtigerConnection
from pipelines.crm.base import CalendarEvent, Edit, Note, Written
from pipelines.crm.records import as_text, settings_of
from pipelines.crm.vtiger.describe import Describing, Field, Module
from pipelines.crm.vtiger.query import Queries, Record, literal
from pipelines.crm.vtiger.reading import open_transport
from pipelines.crm.vtiger.session import DENIED, VtigerRefused
from pipelines.crm.vtiger.values import is_same, prepared
from pipelines.crm.writing import MISSING, NOT_KEPT, REFUSED, EditingWriter, Refused, failed, refused
from pipelines.errors import ConfigError, TransientError
from pipelines.http.client import Patience
from pipelines.http.threads import Threads

GONE = DENIED | {"RECORD_NOT_FOUND", "INVALID_ID_ATTRIBUTE"}
NOTES, EVENTS = "ModComments", "Events"


class VtigerWriter(EditingWriter):
    """Writing to the modules of one Vtiger connection. `patience` replaces the connection's, for tests."""

    def __init__(
        self, name: str, connection: VtigerConnection, locks: Path, *, patience: Patience | None = None
    ) -> None:
        self._name = name
        self._connection = connection
        self._transport = open_transport(connection, locks, patience)
        self._describing = Describing(self._transport)
        self._queries = Queries(self._transport, connection.page_size, 1)
        self._threads = Threads(connection.sessions, f"vtiger-write-{name}")

    def check(self, entity: str, values: Mapping[str, str]) -> Sequence[str]:
        """See `Writer`."""
        module, where = self._module(entity)
        found = []
        for column, value in values.items():
            try:
                prepared(module.field(column, where), value, where)
            except ConfigError as error:
                found.append(str(error))
        return found

    def edit(self, edits: Iterable[Edit]) -> Iterator[Written]:
        """See `Writer`."""
        return self._threads.in_order(self.edited, edits)

    def note(self, notes: Iterable[Note]) -> Iterator[Written]:
        """See `Writer`. A note is a comment on the record, by the integration user."""
        if not self._describing.has(NOTES):
            raise ConfigError(
                "This Vtiger has no comments, or its user may not see them.",
                where=f"connections.yaml, {self._name}",
                do="Install the module Comments, or give the user's role the right to it.",
            )
        return self._threads.in_order(self._note, notes)

    def plan_event(self, events: Iterable[CalendarEvent]) -> Iterator[Written]:
        """See `Writer`. One that is there already stays as it is: people move their appointments."""
        return self._threads.in_order(self._event, events)

    def close(self) -> None:
        """Log out, and let go of connections and threads."""
        self._threads.close()
        self._queries.close()
        self._transport.close()

    # What EditingWriter asks for

    def prepared(self, edit: Edit) -> Mapping[str, str]:
        """See `EditingWriter`."""
        module, where = self._module(edit.entity)
        return {column: prepared(module.field(column, where), value, where) for column, value in edit.values.items()}

    def read(self, edit: Edit, columns: tuple[str, ...]) -> Mapping[str, str]:
        """See `EditingWriter`."""
        module, where = self._module(edit.entity)
        record = self._retrieve(edit.key)
        return {column: _held(record, module.field(column, where)) for column in columns}

    def is_same(self, edit: Edit, column: str, stored: str, wanted: str) -> bool:
        """See `EditingWriter`."""
        module, where = self._module(edit.entity)
        return is_same(module.field(column, where), stored, wanted)

    def write(self, edit: Edit, values: Mapping[str, str]) -> None:
        """See `EditingWriter`."""
        module, where = self._module(edit.entity)
        self._revise(edit.key, {module.field(column, where).name: value for column, value in values.items()})

    # Notes and events

    def _note(self, note: Note) -> Written:
        content = f"{note.text}\n[{note.marker}]"

        def look() -> Record | None:
            return self._marked(NOTES, "commentcontent", "related_to", note.key, note.marker)

        def create() -> None:
            self._retrieve(note.key)  # Vtiger would take a comment on a record that is gone
            element = {"commentcontent": content, "related_to": note.key, "assigned_user_id": self._transport.user_id()}
            self._create(NOTES, element)

        def change(there: Record) -> None:
            self._revise(str(there["id"]), {"commentcontent": content})

        return self._brought_up(look, create, lambda there: _same(there["commentcontent"], content), change)

    def _event(self, event: CalendarEvent) -> Written:
        module, where = self._module(event.entity)
        events = self._describing.module(EVENTS, where)
        link = _link(events, module, where)

        def look() -> Record | None:
            return self._marked(EVENTS, "description", link, event.key, event.marker)

        def create() -> None:
            owner = self._retrieve(event.key).get("assigned_user_id") or self._transport.user_id()
            self._create(EVENTS, {**self._event_fields(event, events), link: event.key, "assigned_user_id": str(owner)})

        return self._brought_up(look, create, lambda there: True, lambda there: None)

    def _event_fields(self, event: CalendarEvent, events: Module) -> dict[str, str]:
        zone = ZoneInfo(self._connection.timezone)
        start = event.starts_at.astimezone(zone)
        end = (event.starts_at + timedelta(minutes=event.minutes)).astimezone(zone)
        kinds = events.fields["activitytype"].choices if "activitytype" in events.fields else ()
        return {
            "subject": event.subject,
            "date_start": start.strftime("%Y-%m-%d"),
            "time_start": start.strftime("%H:%M:%S"),
            "due_date": end.strftime("%Y-%m-%d"),
            "time_end": end.strftime("%H:%M:%S"),
            "duration_hours": str(event.minutes // 60),
            "duration_minutes": str(event.minutes % 60),
            "eventstatus": "Held" if event.held else "Planned",
            "activitytype": "Call" if "Call" in kinds or not kinds else kinds[0],
            "description": f"{event.text}\n[{event.marker}]".strip(),
        }

    def _brought_up(
        self,
        look: Callable[[], Record | None],
        create: Callable[[], None],
        is_right: Callable[[Record], bool],
        change: Callable[[Record], None],
    ) -> Written:
        """Create what is not there, change what is not right, each looked at again afterwards."""
        try:
            first = there = look()
            if there is not None and is_right(there):
                return Written("unchanged", kept={"id": str(there["id"])})
            for _ in range(self.attempts):
                answered = _answered(create if there is None else partial(change, there))
                there = look()
                if there is not None and is_right(there):
                    return Written("applied", found=_id_of(first), kept=_id_of(there))
                if answered:
                    return refused(NOT_KEPT, "What was written can't be found again.", _id_of(first))
        except Refused as no:
            return refused(no.code, no.detail)
        except TransientError as error:
            return failed(error)
        return failed(TransientError("no usable answer came.", where="Vtiger", do="Try again later."))

    def _marked(self, module: str, field: str, link: str, key: str, marker: str) -> Record | None:
        """The record's note or event with the marker; the oldest, should there be several."""
        for page in self._queries.pages(module, ("id", field), (f"{link}={literal(key)}",)):
            for record in page:
                if str(record.get(field) or "").rstrip().endswith(f"[{marker}]"):
                    return record
        return None

    # Calls

    def _module(self, entity: str) -> tuple[Module, str]:
        where = f"{self._name}.{entity}"
        return self._describing.module(settings_of(self._connection.entities, entity, self._name).module, where), where

    def _retrieve(self, key: str) -> Mapping[str, Any]:
        try:
            record: Mapping[str, Any] = self._transport.get("retrieve", id=key)
        except VtigerRefused as no:
            # A deleted record, one that is out of the user's sight and a malformed id all get the same answer.
            raise Refused(MISSING if no.code in GONE else REFUSED, no.message) from None
        return record

    def _revise(self, key: str, values: Mapping[str, str]) -> None:
        self._post("revise", element=_json({"id": key, **values}))

    def _create(self, module: str, element: Mapping[str, str]) -> None:
        self._post("create", elementType=module, element=_json(element))

    def _post(self, operation: str, **parameters: str) -> None:
        try:
            self._transport.post(operation, **parameters)
        except VtigerRefused as no:
            raise Refused(REFUSED, no.message) from None


def _answered(write: Callable[[], None]) -> bool:
    try:
        write()
    except TransientError:
        return False
    return True


def _id_of(record: Record | None) -> dict[str, str]:
    return {} if record is None else {"id": str(record["id"])}


def _json(element: Mapping[str, str]) -> str:
    return json.dumps(element, ensure_ascii=False)


def _same(stored: Any, content: str) -> bool:
    return "\n".join(str(stored or "").splitlines()).strip() == content.strip()


def _held(record: Mapping[str, Any], field: Field) -> str:
    value = record.get(field.name)
    return "" if value is None else as_text(value)


def _link(events: Module, module: Module, where: str) -> str:
    """The field that ties an event to a record of this module."""
    for name in ("contact_id", "parent_id"):
        if name in events.fields and module.name in events.fields[name].refers_to:
            return name
    raise ConfigError(
        f"Vtiger's calendar can't be tied to records of {module.name}.",
        where=where,
        do="Ask for events of contacts, leads or accounts.",
    )
