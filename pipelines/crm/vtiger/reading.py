"""Vtiger as a `Source`: modules as entities, changes by modifiedtime, owners by their names.

Belongs here: records as rows, the state between two extracts. Does not: paging (query.py), fields (describe.py).

Values stay as Vtiger stores them: booleans "0" and "1", several choices as `Sport |##| Music`, text with its blanks.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipelines.config.connections import VtigerConnection
from pipelines.crm.base import End, Extract, Page, Source
from pipelines.crm.records import as_text, page_of, settings_of
from pipelines.crm.vtiger.describe import Describing, Field, Module
from pipelines.crm.vtiger.query import Queries, Record
from pipelines.crm.vtiger.restapi import RestApi
from pipelines.crm.vtiger.session import DENIED, Transport, VtigerRefused, WebService
from pipelines.http.client import Patience

CHANGED = "modifiedtime"
TIME = "%Y-%m-%d %H:%M:%S"
# In which zone Vtiger compares for a user who is not in UTC is not known; no two zones are further apart than this.
OTHER_ZONES = timedelta(hours=26)


def open_transport(connection: VtigerConnection, locks: Path, patience: Patience | None = None) -> Transport:
    """The way to the CRM that the connection names; nothing is called yet."""
    kind = RestApi if connection.transport == "restapi" else WebService
    return kind(connection, locks, patience)


class VtigerSource(Source):
    """The modules of one Vtiger connection. `patience` replaces the connection's, for tests."""

    def __init__(
        self, name: str, connection: VtigerConnection, locks: Path, *, patience: Patience | None = None
    ) -> None:
        self.full_read_every = connection.full_read_every
        self._name = name
        self._connection = connection
        self._transport = open_transport(connection, locks, patience)
        self._queries = Queries(self._transport, connection.page_size, connection.sessions)
        self._describing = Describing(self._transport)

    @property
    def calls(self) -> int:
        """Requests sent so far."""
        return self._transport.http.calls

    def key(self, entity: str) -> str:
        """Always id."""
        return settings_of(self._connection.entities, entity, self._name).key

    def extract(self, entity: str, since: str | None = None) -> Extract:
        """All records, or with `since` those whose modifiedtime is not before it and the overlap."""
        where = f"{self._name}.{entity}"
        settings = settings_of(self._connection.entities, entity, self._name)
        module = self._describing.module(settings.module, where)
        columns = module.columns(settings.columns, where)
        owners, notes = self._owners(columns)
        names = (*columns, *(owner_column(name) for name, field in columns.items() if field.type == "owner"))
        asked = ["*"] if settings.columns is None else [field.name for field in columns.values()]
        conditions = [f"{CHANGED} >= '{self._reach_back(since)}'"] if since else []
        newest = since or ""
        is_first = True
        for records in self._queries.pages(module.name, asked, conditions, module.prefix):
            newest = max([newest, *(str(record.get(CHANGED) or "") for record in records)])
            yield _page(names, columns, records, owners)
            is_first = False
        if is_first:
            yield Page(names, ())
        return End(state=newest or None, notes=notes)

    def ids(self, entity: str) -> Iterator[str]:
        """The ids of all records that the user may see."""
        where = f"{self._name}.{entity}"
        module = self._module(entity, where)
        for records in self._queries.pages(module.name, ("id",), prefix=module.prefix):
            for record in records:
                yield str(record["id"])

    def close(self) -> None:
        """Log out, and let go of connections and threads."""
        self._queries.close()
        self._transport.close()

    def _module(self, entity: str, where: str) -> Module:
        settings = settings_of(self._connection.entities, entity, self._name)
        return self._describing.module(settings.module, where)

    def _reach_back(self, since: str) -> str:
        more = timedelta(0) if self._connection.timezone == "UTC" else OTHER_ZONES
        return (datetime.strptime(since, TIME) - self._connection.overlap - more).strftime(TIME)

    def _owners(self, columns: Mapping[str, Field]) -> tuple[Mapping[str, str], tuple[str, ...]]:
        """Names of users and groups by id, and a note where they can't be read."""
        if not any(field.type == "owner" for field in columns.values()):
            return {}, ()
        try:
            return {**self._users(), **self._groups()}, ()
        except VtigerRefused as refused:
            if refused.code not in DENIED:
                raise
            return {}, (f"Owners stay ids, because Users or Groups can't be read: {refused.message}.",)

    def _users(self) -> dict[str, str]:
        try:
            users = self._all("Users", ("id", "user_name", "first_name", "last_name"))
        except VtigerRefused as refused:
            if refused.code not in DENIED:
                raise
            users = self._all("Users", ("id", "user_name"))
        return {str(user["id"]): _full_name(user) for user in users}

    def _groups(self) -> dict[str, str]:
        return {str(group["id"]): str(group["groupname"]) for group in self._all("Groups", ("id", "groupname"))}

    def _all(self, module: str, fields: Sequence[str]) -> list[Record]:
        return [record for page in self._queries.pages(module, fields) for record in page]


def owner_column(column: str) -> str:
    """The column with the owner's name beside the one with his id: assigned_user_name beside assigned_user_id."""
    return f"{column.removesuffix('_id')}_name"


def _full_name(user: Mapping[str, Any]) -> str:
    full = f"{user.get('first_name') or ''} {user.get('last_name') or ''}".strip()
    return full or str(user.get("user_name") or user["id"])


def _page(
    names: tuple[str, ...], columns: Mapping[str, Field], records: Sequence[Record], owners: Mapping[str, str]
) -> Page:
    rows = []
    for record in records:
        values = [record.get(field.name) for field in columns.values()]
        of_owners = [
            owners.get(str(record.get(field.name)), record.get(field.name))
            for field in columns.values()
            if field.type == "owner"
        ]
        row = [None if value is None else as_text(value) for value in (*values, *of_owners)]
        rows.append((f"record {record['id']}", row))
    return page_of(names, names.index("id"), rows, ())
