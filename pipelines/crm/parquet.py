"""Parquet files as rows of text: columns with types, nested ones as columns of their own.

Belongs here: what types become. Does not: which files (file.py), the other formats (formats.py).
"""

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipelines.crm.base import Row
from pipelines.crm.records import as_text, binary_column, flattened
from pipelines.errors import ConfigError, PermanentError

FETCH = 5_000
LISTS = ("list", "array")


def read_parquet(path: Path, where: str) -> tuple[tuple[str, ...], Iterator[tuple[str, Row]]]:
    """The file's columns, and its rows with their places. Nested data becomes columns as that of JSON does."""
    import duckdb

    connection = duckdb.connect()
    # DuckDB takes a path for a pattern.
    query = "select * from read_parquet(?, hive_partitioning = false)"
    try:
        result = connection.execute(query, [glob.escape(str(path))])
    except duckdb.Error:
        connection.close()
        raise PermanentError(
            f"{path.name} is not a whole Parquet file.", where=where, do="Make the export again."
        ) from None
    kinds = {name: kind for name, kind, *_ in result.description or ()}
    columns = tuple(dict.fromkeys(one for name, kind in kinds.items() for one in _columns(name, kind)))
    return columns, _rows(connection, kinds, columns, path, where)


def _columns(name: str, kind: Any) -> Iterator[str]:
    """The columns that values of a type become, as `flattened` names them; a MAP is one, whatever its keys."""
    if kind.id == "struct":
        for child, inner in kind.children:
            yield from _columns(f"{name}_{child}", inner)
        return
    yield name
    if kind.id in LISTS and _inner(kind).id == "struct":
        yield from _columns(name, _inner(kind))


def _inner(kind: Any) -> Any:
    """The type of a list's values."""
    return kind.children[0][1]


def _rows(
    connection: Any, kinds: dict[str, Any], columns: Sequence[str], path: Path, where: str
) -> Iterator[tuple[str, Row]]:
    nested = any(kind.id in ("struct", "map", *LISTS) for kind in kinds.values())
    number = 0
    with connection:
        while rows := connection.fetchmany(FETCH):
            for row in rows:
                number += 1
                try:
                    texts = _nested(row, kinds, columns) if nested else _flat(row)
                except TypeError:
                    column = binary_column(tuple(kinds), [row])
                    raise ConfigError(
                        f"Column {column} of {path.name} holds binary data, which can't be text.",
                        where=where,
                        do="Leave it out of the export.",
                    ) from None
                yield f"{path.name}, row {number}", texts


def _flat(row: Sequence[Any]) -> Row:
    return [None if value is None else as_text(value) for value in row]


def _nested(row: Sequence[Any], kinds: dict[str, Any], columns: Sequence[str]) -> Row:
    record = {name: _plain(value, kind) for value, (name, kind) in zip(row, kinds.items(), strict=True)}
    found = flattened(record)
    return [found.get(column) for column in columns]


def _plain(value: Any, kind: Any) -> Any:
    """A value in which every MAP is text."""
    if value is None:
        return None
    if kind.id == "map":
        return as_text(value)
    if kind.id == "struct":
        return {child: _plain(value[child], inner) for child, inner in kind.children}
    return [_plain(one, _inner(kind)) for one in value] if kind.id in LISTS else value
