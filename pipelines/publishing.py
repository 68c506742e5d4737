"""analytics.duckdb: a copy of the published tables, replaced whole and atomically.

Belongs here: which tables are published, and how. Does not: making them (dbt's marts, the stages).

The file is written beside the old one and moved over it: somebody who has the old one open keeps reading it. It is
replaced when rows, columns or descriptions are others.
"""

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipelines import dictionary
from pipelines.config import Home
from pipelines.dictionary import PUBLISHED
from pipelines.errors import ConfigError
from pipelines.landing import sql_text
from pipelines.warehouse import PUBLISHED_STORAGE, Warehouse, has_table

SAID = """
    select schema_name, table_name, null as column_name, comment from duckdb_tables()
    union all
    select schema_name, table_name, column_name, comment from duckdb_columns() where not internal
"""

Comments = Mapping[str | None, str | None]
Print = tuple[str, str | None, tuple[tuple[str, str, str | None], ...]]


@dataclass(frozen=True)
class Publication:
    """What was published: how many tables and rows, and whether the file had to be replaced."""

    tables: int
    rows: int
    is_replaced: bool


def publish(home: Home, warehouse: Warehouse) -> Publication:
    """Bring analytics.duckdb up to the warehouse; untouched when nothing that is published changed."""
    with warehouse.open() as connection:
        tables = [(schema, table) for schema, table in PUBLISHED if has_table(connection, schema, table)]
        counts = {pair: _count(connection, *pair) for pair in tables}
        described = dictionary.tables(tuple(tables))
        prints = {pair: _fingerprint(connection, *pair, _comments(described, *pair)) for pair in tables}
        if home.analytics.exists() and _prints_of(home.analytics) == prints:
            return Publication(len(tables), sum(counts.values()), is_replaced=False)
        draft = home.analytics.with_suffix(".draft")
        _remove(draft)
        connection.execute(f"attach {sql_text(str(draft))} as draft (storage_version '{PUBLISHED_STORAGE}')")
        for schema, table in tables:
            connection.execute(f"create schema if not exists draft.{schema}")
            connection.execute(f"create table draft.{schema}.{table} as from {schema}.{table}")
        dictionary.comment(connection, "draft", described)
        connection.execute("detach draft")
    try:
        draft.replace(home.analytics)
    except OSError as error:
        do = "Make room on the disk, or mend the rights of its folder; the run after it publishes again."
        raise ConfigError(f"it can't be replaced ({error.strerror}).", where=home.analytics.name, do=do) from error
    return Publication(len(tables), sum(counts.values()), is_replaced=True)


def _count(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> int:
    return int(connection.execute(f"select count(*) from {schema}.{table}").fetchall()[0][0])


def _fingerprint(connection: duckdb.DuckDBPyConnection, schema: str, table: str, comments: Comments) -> Print:
    """A sum over the rows that does not depend on their order, and all columns with what is said of them."""
    query = f"select count(*) || ':' || coalesce(sum(hash(t)::hugeint % 1000000007), 0) from {schema}.{table} as t"
    rows = str(connection.execute(query).fetchall()[0][0])
    columns = connection.execute(f"select column_name, column_type from (describe {schema}.{table})").fetchall()
    return rows, comments.get(None), tuple((name, str(kind), comments.get(name)) for name, kind in columns)


def _comments(described: Iterable[dictionary.Table], schema: str, table: str) -> Comments:
    """What the file is to say of a table, under None, and of its columns."""
    found = next((one for one in described if (one.schema, one.name) == (schema, table)), None)
    return {None: found.description, **{column.name: column.description for column in found.columns}} if found else {}


def _prints_of(path: Path) -> dict[tuple[str, str], Print] | None:
    """The fingerprints of all tables of the published file, None when it can't be read."""
    with contextlib.suppress(duckdb.Error), duckdb.connect(str(path), read_only=True) as connection:
        said: dict[tuple[str, str], dict[str | None, str | None]] = {}
        for schema, table, column, comment in connection.execute(SAID).fetchall():
            said.setdefault((schema, table), {})[column] = comment
        return {pair: _fingerprint(connection, *pair, comments) for pair, comments in said.items()}
    return None


def _remove(path: Path) -> None:
    for leftover in (path, path.with_name(path.name + ".wal")):
        leftover.unlink(missing_ok=True)
