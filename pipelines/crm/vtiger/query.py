"""Vtiger's query language, as far as it can be relied on: trivial conditions, keyset paging by id.

Belongs here: query texts, pages. Does not: which fields (describe.py), what records mean (reading.py).

A page has at most 100 records whatever LIMIT says; without ORDER BY any order; offsets lose records when others come
and go; `count(*)` answers nothing; an empty literal is an internal error. So: `id > 'last' order by id`, to the first
empty page.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from pipelines.crm.vtiger.session import Transport
from pipelines.errors import TransientError
from pipelines.http.threads import Threads

Record = dict[str, Any]
RANGES_PER_SESSION = 4


def literal(value: str) -> str:
    """A value in a condition; it must not be empty, because Vtiger can't compare with an empty one."""
    if not value:
        raise ValueError("Vtiger refuses an empty literal")
    return "'" + value.replace("'", "''") + "'"


def select(fields: Sequence[str], module: str, conditions: Sequence[str], size: int, order: str = "id") -> str:
    """A query text, with the semicolon that Vtiger wants."""
    where = f" where {' and '.join(conditions)}" if conditions else ""
    return f"select {','.join(fields)} from {module}{where} order by {order} limit {size};"


def number_of(record_id: str) -> int:
    """The number of an id such as 10x402."""
    found = re.fullmatch(r"\d+x(\d+)", record_id)
    if found is None:
        raise TransientError("a record came without an id.", where="Vtiger", do="Try again.")
    return int(found[1])


class Queries:
    """Reading all records of a module that fulfil some conditions, with as many sessions as there are threads."""

    def __init__(self, transport: Transport, page_size: int, sessions: int) -> None:
        self._transport = transport
        self._size = page_size
        self._sessions = sessions
        self._threads = Threads(sessions, "vtiger")

    def pages(
        self, module: str, fields: Sequence[str], conditions: Sequence[str] = (), prefix: str | None = None
    ) -> Iterator[Sequence[Record]]:
        """Pages in the order of ids; ends after an empty page, so that whoever hears the end has all.

        With the `prefix` of the module's ids, several sessions share the work.
        """
        if self._sessions == 1 or prefix is None:
            yield from self._chain(module, fields, conditions)
            return

        def read(bounds: tuple[int, int | None]) -> list[Sequence[Record]]:
            return list(self._chain(module, fields, conditions, prefix, bounds))

        for pages in self._threads.in_order(read, self._ranges(module, prefix)):
            yield from pages

    def run(self, query: str) -> Sequence[Record]:
        """The records of one query."""
        found = self._transport.get("query", query=query)
        if not isinstance(found, list):
            raise TransientError("Vtiger answered a query with no list.", where=self._transport.where, do="Try again.")
        return found

    def close(self) -> None:
        """Let go of the threads."""
        self._threads.close()

    def _chain(
        self,
        module: str,
        fields: Sequence[str],
        conditions: Sequence[str],
        prefix: str | None = None,
        bounds: tuple[int, int | None] = (0, None),
    ) -> Iterator[Sequence[Record]]:
        """Page after page within the bounds of id numbers: above the first, up to the second."""
        low, high = bounds
        last = f"{prefix}x{low}" if prefix is not None else None
        within = [f"id <= '{prefix}x{high}'"] if high is not None else []
        at = low
        while True:
            after = [f"id > '{last}'"] if last is not None else []
            page = self.run(select(fields, module, [*conditions, *after, *within], self._size))
            if not page:
                return
            for record in page:
                last = str(record.get("id"))
                if number_of(last) <= at:
                    raise TransientError(
                        f"Vtiger gave records of {module} twice or out of order.",
                        where=self._transport.where,
                        do="Try again; the last good extract stays.",
                    )
                at = number_of(last)
            yield page

    def _ranges(self, module: str, prefix: str) -> list[tuple[int, int | None]]:
        """Bounds of id numbers that together hold every id, those that are yet to come too."""
        newest = self.run(select(("id",), module, (), 1, "id desc"))
        highest = number_of(str(newest[0].get("id"))) if newest else 0
        width = highest // (self._sessions * RANGES_PER_SESSION) + 1
        starts = range(0, highest + 1, width)
        return [(start, start + width if start != starts[-1] else None) for start in starts]
