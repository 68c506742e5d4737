"""What comes from an API or a CRM lands in files first; the warehouse loads them afterwards in one short transaction.

Belongs here: writing text pages as Parquet parts, putting a complete landing in place of the last one, finding it
again. Does not: reading a source, the warehouse, deciding whether an extract is good enough.

A landing is a folder with `landing.json`, which names the one subfolder that counts and is replaced in a single
step. A read that broke off leaves a subfolder that nobody names; the next complete landing sweeps it away.
One writer per folder at a time: the caller holds the lock.
"""

import glob
import json
import os
import shutil
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from pipelines.errors import ConfigError, PermanentError

ROWS_PER_PART = 20_000
MANIFEST = "landing.json"

Row = Sequence[str | None]


@dataclass(frozen=True, slots=True)
class Landed:
    """A complete landing: the pattern its Parquet parts match, how many rows, and the columns in their order.

    `facts` is what its writer wanted to be known with it.
    """

    files: str
    rows: int
    columns: tuple[str, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def relation(self) -> str:
        """SQL text that stands for the landed rows in a `from`; every column is varchar."""
        # hive_partitioning would turn a folder called "a=b" somewhere above into a column.
        return f"read_parquet({sql_text(self.files)}, hive_partitioning = false)"


def land(
    folder: Path,
    columns: Sequence[str],
    pages: Iterable[Sequence[Row]],
    facts: Callable[[], Mapping[str, Any]] = dict,
) -> Landed:
    """Write all pages as text and put them in place of the folder's last landing once the last page is read.

    Values come back as they went in, None and "" apart. Whatever `pages` raises passes through, and the last
    landing stays. `facts` is asked after the last page for what is kept with the landing, JSON-ready.

    Raises `ConfigError` for columns that can't stand side by side in a table, `PermanentError` for a
    record with too many or too few values.
    """
    names = tuple(columns)
    _check_columns(names, folder.name)
    return _landing(folder, names, lambda parts: _write_parts(parts, names, pages), facts)


def land_query(folder: Path, columns: Sequence[str], query: str, facts: Mapping[str, Any]) -> Landed:
    """The same for the rows of an SQL query over other landings, whose columns are these, all text."""
    return _landing(folder, tuple(columns), lambda parts: _copy_query(parts, query), lambda: facts)


def last_landing(folder: Path) -> Landed | None:
    """The folder's complete landing, None if there never was one."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    columns, facts = tuple(manifest["columns"]), manifest.get("facts", {})
    return _landed(folder / manifest["parts"], manifest["rows"], columns, facts)


def sql_text(value: str) -> str:
    """`value` as an SQL text literal."""
    return "'" + value.replace("'", "''") + "'"


def sql_name(name: str) -> str:
    """`name` as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _landing(
    folder: Path, columns: tuple[str, ...], write: Callable[[Path], int], facts: Callable[[], Mapping[str, Any]]
) -> Landed:
    """`write` the parts into a folder of their own, then put that in place; returns what landed."""
    parts = folder / uuid.uuid4().hex
    parts.mkdir(parents=True)
    try:
        rows, known = write(parts), dict(facts())
    except BaseException:
        shutil.rmtree(parts, ignore_errors=True)
        raise
    _put_in_place(folder, {"parts": parts.name, "rows": rows, "columns": columns, "facts": known})
    return _landed(parts, rows, columns, known)


def _landed(parts: Path, rows: int, columns: tuple[str, ...], facts: Mapping[str, Any]) -> Landed:
    # DuckDB reads the same wildcards as Python's glob; a home may have [, * or ? in its path.
    return Landed(f"{glob.escape(str(parts.resolve()))}{os.sep}part-*.parquet", rows, columns, facts)


def _check_columns(columns: tuple[str, ...], where: str) -> None:
    """DuckDB's names ignore case: `Email` beside `email` would come back as `email_1`."""
    if not columns or not all(columns):
        raise ConfigError(
            "A column has no name." if columns else "There are no columns.",
            where=where,
            do="Name every column, in a query with `as`.",
        )
    twins = sorted(name for name, count in Counter(name.lower() for name in columns).items() if count > 1)
    if twins:
        raise ConfigError(
            f"Several columns are called {', '.join(twins)} (upper and lower case count as the same).",
            where=where,
            do="Name each column once, in a query with `as`.",
        )


def _write_parts(parts: Path, columns: tuple[str, ...], pages: Iterable[Sequence[Row]]) -> int:
    total = 0
    with closing(duckdb.connect()) as connection:
        for number, rows in enumerate(_chunks(pages, len(columns), parts.parent.name)):
            _write_part(connection, parts / f"part-{number:06d}.parquet", columns, rows)
            total += len(rows)
    return total


def _chunks(pages: Iterable[Sequence[Row]], width: int, where: str) -> Iterator[list[Row]]:
    """Gather small pages and cut large ones; at least one chunk, so that the columns are kept without rows too."""
    waiting: list[Row] = []
    written = False
    for page in pages:
        if any(len(row) != width for row in page):
            raise PermanentError(
                f"A record has another number of values than the {width} columns.",
                where=where,
                do="Nothing was sent. What gave the record is broken: please report it.",
            )
        waiting.extend(page)
        while len(waiting) >= ROWS_PER_PART:
            yield waiting[:ROWS_PER_PART]
            written = True
            del waiting[:ROWS_PER_PART]
    if waiting or not written:
        yield waiting


def _write_part(connection: duckdb.DuckDBPyConnection, part: Path, columns: tuple[str, ...], rows: list[Row]) -> None:
    try:
        _copy(connection, part, columns, rows)
    except duckdb.InvalidInputException:
        # JSON may hold half of a surrogate pair (an emoji cut in two), which no UTF-8 file can.
        _copy(connection, part, columns, [[_mended(value) for value in row] for row in rows])


def _mended(value: str | None) -> str | None:
    return None if value is None else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _copy(connection: duckdb.DuckDBPyConnection, part: Path, columns: tuple[str, ...], rows: list[Row]) -> None:
    # Numbered columns: pandas and DuckDB would each have their own ideas about odd names.
    frame = pd.DataFrame(rows, columns=[f"c{at}" for at in range(len(columns))], dtype="str")
    selected = ", ".join(f"c{at}::varchar as {sql_name(name)}" for at, name in enumerate(columns))
    connection.register("page", frame)
    try:
        connection.execute(f"copy (select {selected} from page) to {sql_text(str(part))} (format parquet)")
    finally:
        connection.unregister("page")


def _copy_query(parts: Path, query: str) -> int:
    with closing(duckdb.connect()) as connection:
        target = sql_text(str(parts / "part-000000.parquet"))
        copied = connection.execute(f"copy ({query}) to {target} (format parquet)").fetchall()
    return int(copied[0][0])


def _put_in_place(folder: Path, manifest: dict[str, object]) -> None:
    draft = folder / f"{manifest['parts']}.json"
    draft.write_text(json.dumps(manifest, ensure_ascii=False), encoding="utf-8")
    draft.replace(folder / MANIFEST)
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name != manifest["parts"]:
            shutil.rmtree(entry, ignore_errors=True)
