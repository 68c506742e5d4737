"""One read of an entity into its landing: everything, or what changed since the last one put over it.

Belongs here: which of the two, the sweep over all ids, what a read that may not count looks like. Does not: reading
one kind of CRM (its module), the warehouse (loading.py).

Changes alone never say who is gone. So first all ids are read, then the changes: a record of the last extract whose
id is not there any more is gone, and one that is there without being known or changed (somebody got the right to see
it) makes the read begin again with everything. The result equals a read of everything.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from pipelines import clock, progress
from pipelines.crm.base import End, Extract, Page, Row, Source
from pipelines.crm.records import ROWS_PER_PAGE
from pipelines.errors import EmptySource, PermanentError
from pipelines.landing import Landed, land, land_query, sql_name


def settings_hash(connection: Any, entity: str) -> str:
    """What tells one way of reading an entity from another; a change of it makes earlier extracts useless."""
    parts = dict(connection.public_parts())
    parts["entities"] = parts["entities"][entity]
    key = connection.entities[entity].key
    return hashlib.sha256(json.dumps([parts, key], sort_keys=True).encode()).hexdigest()[:16]


@dataclass
class _Gathered:
    """What a read leaves behind beside its rows."""

    rows: int = 0
    rejected: list[tuple[str, str, str]] = field(default_factory=list)
    end: End = field(default_factory=End)


class Reading:
    """One read of the entity called `name` (CONNECTION.ENTITY) into `folder`; `check` judges the columns first."""

    def __init__(
        self, source: Source, folder: Path, name: str, settings: str, check: Callable[[Sequence[str]], None]
    ) -> None:
        self._source = source
        self._name = name
        self._entity = name.partition(".")[2]
        self._folder = folder
        self._settings = settings
        self._check = check
        self._began = clock.now()

    def read(self, last: Landed | None) -> tuple[str, Landed]:
        """How it was read, and the complete landing; `last` is one by the same settings."""
        why = self._why_everything(last)
        try:
            if last is not None and not why:
                why, landed = self._changes(last)
                if landed is not None:
                    return f"what changed since {last.facts['read_at']}", landed
            return f"everything: {why}", self._everything()
        finally:
            for part in ("ids", "changes"):  # also those of a run that was killed
                shutil.rmtree(self._aside(part), ignore_errors=True)

    def _why_everything(self, last: Landed | None) -> str:
        every = self._source.full_read_every
        if every is None:
            return "changes alone are not asked for"
        if last is None or last.facts["state"] is None:
            return "the first read with these settings"
        age = self._began - datetime.fromisoformat(last.facts["whole_at"])
        return "" if timedelta(0) <= age < every else "the last read of everything is too old"

    def _everything(self) -> Landed:
        gathered = _Gathered()
        with closing(self._source.extract(self._entity)) as pages:
            first = next(pages)
            self._check(first.columns)
            return land(
                self._folder / self._entity,
                first.columns,
                (page.rows for page in self._counted(first, pages, gathered)),
                lambda: self._facts(gathered, whole_at=clock.text(self._began)),
            )

    def _changes(self, last: Landed) -> tuple[str, Landed | None]:
        """The last landing with the changes put over it; or why everything must be read, and None."""
        ids = land(self._aside("ids"), ("key",), _in_rows(self._source.ids(self._entity)))
        if not ids.rows:
            raise _empty(self._name)
        gathered = _Gathered()
        with closing(self._source.extract(self._entity, last.facts["state"])) as pages:
            first = next(pages)
            self._check(first.columns)
            if first.columns != last.columns:
                return "its columns changed", None
            counted = (page.rows for page in self._counted(first, pages, gathered, may_be_empty=True))
            changes = land(self._aside("changes"), first.columns, counted)
        key = sql_name(self._key)
        if _count(f"select key from {ids.relation} except all ({_keys(last, key)} union {_keys(changes, key)})"):
            return "there are records that neither were known nor changed", None
        gathered.rejected += [tuple(record) for record in last.facts["rejected"]]
        query = f"""
            select * from {last.relation}
            where {key} in (select key from {ids.relation}) and {key} not in ({_keys(changes, key)})
            union all
            select * from {changes.relation}
        """
        facts = self._facts(gathered, whole_at=last.facts["whole_at"])
        return "", land_query(self._folder / self._entity, last.columns, query, facts)

    @property
    def _key(self) -> str:
        return self._source.key(self._entity)

    def _aside(self, part: str) -> Path:
        """A folder beside the entity's own; a dot is in no entity's name."""
        return self._folder / f"{self._entity}.{part}"

    def _facts(self, gathered: _Gathered, whole_at: str) -> Mapping[str, Any]:
        return {
            "settings": self._settings,
            "read_at": clock.text(self._began),
            "whole_at": whole_at,
            "state": gathered.end.state,
            "notes": gathered.end.notes,
            "rejected": gathered.rejected,
        }

    def _counted(
        self, first: Page, pages: Extract, gathered: _Gathered, *, may_be_empty: bool = False
    ) -> Iterator[Page]:
        """The pages as they come; at their end raises for a read that may not take the place of the last one."""
        page: Page = first
        while True:
            gathered.rows += len(page.rows)
            gathered.rejected += [(one.place, one.reason, _json(one.values)) for one in page.rejected]
            progress.advance(f"records of {self._name}", gathered.rows)
            yield page
            try:
                page = next(pages)
            except StopIteration as stop:
                gathered.end = stop.value
                break
        if not may_be_empty and not gathered.rows and not gathered.rejected:
            raise _empty(self._name)
        if len(gathered.rejected) > gathered.rows:
            raise PermanentError(
                f"{len(gathered.rejected):,} records of {self._name} can't be used, and only {gathered.rows:,} can. "
                f"The first one is {gathered.rejected[0][0]}: {gathered.rejected[0][1]}",
                where="connections.yaml",
                do="Look at the CRM and at the entity's settings; the last good extract stays.",
            )


def _empty(name: str) -> EmptySource:
    return EmptySource(
        f"{name} gave no records at all; the last good extract stays and nothing is sent.",
        where="connections.yaml",
        do="Look at the CRM, or at the connection's settings.",
    )


def _json(values: Row) -> str:
    return json.dumps(list(values), ensure_ascii=False)


def _in_rows(keys: Iterator[str]) -> Iterator[Sequence[Row]]:
    rows: list[Row] = []
    for key in keys:
        rows.append((key,))
        if len(rows) >= ROWS_PER_PAGE:
            yield rows
            rows = []
    yield rows


def _keys(landed: Landed, key: str) -> str:
    return f"select {key} as key from {landed.relation}"


def _count(query: str) -> int:
    with closing(duckdb.connect()) as connection:
        return int(connection.execute(f"select count(*) from ({query})").fetchall()[0][0])
