"""The imports of one batch: changes as rows, chunk by chunk, and what each chunk came to.

Belongs here: rows, halving where one row spoils an import, outcomes of those that were not taken, how far all that is.
Does not: one import (imports.py), who may be named in it (writing.py, newcomers.py), what became of those who were
taken (settling.py).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pipelines import progress
from pipelines.errors import ProviderError
from pipelines.providers.base import Change, Outcome
from pipelines.providers.mailup.fields import NAME, Fields
from pipelines.providers.mailup.imports import Counted, Imports
from pipelines.providers.mailup.refusals import failed, of_answer, refused
from pipelines.providers.rows import chunks, is_of_row, raise_if_nothing_answered, split

Values = Callable[[Change], Mapping[str, str]]
Result = Counted | ProviderError


class BatchImports:
    """Imports that belong together; after one without an answer no other is begun.

    `counted` is what MailUp counted, `outcomes` are those of changes that it did not take, and `whole` holds the
    email_keys of imports of which it called every row valid.
    """

    def __init__(self, imports: Imports, fields: Fields, size: int) -> None:
        self.counted: list[Counted] = []
        self.outcomes: dict[str, Outcome] = {}
        self.whole: set[str] = set()
        self._imports = imports
        self._fields = fields
        self._size = size
        self._results: list[object] = []
        self._failure: ProviderError | None = None
        self._done = self._expected = 0

    def expect(self, rows: int) -> None:
        """Say of how many rows all imports of the batch are, before the first of several."""
        self._expected = rows

    def run(
        self,
        path: str,
        changes: Sequence[Change],
        options: Mapping[str, str] | None = None,
        values: Values | None = None,
    ) -> list[Change]:
        """Import all rows into the list or group at `path`; the changes that MailUp took.

        `values` are the fields of a row, those that the change names if not given.
        """
        taken: list[Change] = []
        self._expected = max(self._expected, self._done + len(changes))
        for rows, result in self._chunks(path, changes, options, values or _values):
            self._done += len(rows)
            self._tell()
            self._results.append(None if is_of_row(result) else result)
            if isinstance(result, Counted):
                self._count(rows, result)
                taken.extend(rows)
            elif is_of_row(result):
                self.outcomes.update((change.change_id, refused(change, of_answer(result))) for change in rows)
            else:
                self.outcomes.update((change.change_id, failed(change, result.what)) for change in rows)
        return taken

    @property
    def not_valid(self) -> int:
        """How many rows MailUp called not valid."""
        return sum(one.not_valid for one in self.counted)

    def raise_if_nothing_answered(self) -> None:
        """Raise where not one import was answered."""
        raise_if_nothing_answered(self._results)

    def naming(self, outcomes: Mapping[str, Outcome]) -> dict[str, Outcome]:
        """The same; whoever was not kept is told the imports to look at in MailUp's page Import, and their counts."""
        ids = ", ".join(str(one.import_id) for one in self.counted)
        valid = sum(one.valid for one in self.counted)
        told = f"import {ids}: {valid:,} rows valid, {self.not_valid:,} not"
        return {
            change_id: replace(one, detail=f"{one.detail}; {told}" if one.detail else told)
            if one.code == "not_kept"
            else one
            for change_id, one in outcomes.items()
        }

    def _chunks(
        self, path: str, changes: Sequence[Change], options: Mapping[str, str] | None, values: Values
    ) -> Iterator[tuple[Sequence[Change], Result]]:
        for chunk in chunks(changes, self._size):
            if self._failure:
                yield chunk, self._failure
                continue
            for rows, result in split(chunk, lambda rows: self._import(path, self._rows(rows, values), options)):
                if isinstance(result, ProviderError) and not is_of_row(result):
                    self._failure = result
                yield rows, result

    def _import(self, path: str, rows: list[dict[str, Any]], options: Mapping[str, str] | None) -> Counted:
        return self._imports.run(path, rows, options, self._tell)

    def _tell(self, under_way: int = 0) -> None:
        """A batch may take an hour, and the push counts its changes only after it."""
        progress.advance(progress.ROWS_IMPORTED, min(self._done + under_way, self._expected), self._expected)

    def _count(self, rows: Sequence[Change], counted: Counted) -> None:
        self.counted.append(counted)
        if counted.valid >= len(rows):
            self.whole.update(change.email_key for change in rows)

    def _rows(self, changes: Sequence[Change], values: Values) -> list[dict[str, Any]]:
        # No mobile number, ever: it is a second key, and one that belongs to another person refuses the row.
        return [
            {"Email": change.email, NAME: "", **self._fields.body(values(change), with_empty=False)}
            for change in changes
        ]


def _values(change: Change) -> Mapping[str, str]:
    return change.after.get("fields") or {} if change.op in ("add", "update") else {}
