"""warehouse.duckdb: the only file that opens it, but for dbt.

Belongs here: opening the warehouse one writer at a time, its Python-written tables. Does not: what is written (each
stage), models (dbt_project/), the published copy (publishing.py), in-memory databases that touch no file of a home.

DuckDB lets one process write and then shuts out all others, readers too. So everybody holds the
warehouse briefly and never across a call to an API; `reserved` is for dbt, which opens the file itself.
"""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from hashlib import md5
from importlib.resources import files
from pathlib import Path

import duckdb

from pipelines import locks
from pipelines.config import Home
from pipelines.errors import Busy, ConfigError

WAIT_SECONDS = 60.0
MOST_MEMORY = 2_500_000_000  # bytes; what the models need beyond that goes through files (tests/benchmark)
PUBLISHED_STORAGE = "v1.0.0"  # what DuckDB 1.x tools can open


class Warehouse:
    """warehouse.duckdb of a home; `wait` is how long (seconds) to wait for others before `Busy`: WAIT_SECONDS."""

    def __init__(self, home: Home, *, wait: float | None = None) -> None:
        self.path = home.warehouse
        self.wait = WAIT_SECONDS if wait is None else wait
        self._lock = home.locks / "warehouse"

    @contextmanager
    def reserved(self) -> Iterator[Path]:
        """Keep all other Enlist processes out while somebody else (dbt) opens the file."""
        with locks.held(self._lock, wait=self.wait, busy=f"{self.path.name} is in use by another run."):
            yield self.path

    @contextmanager
    def open(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection that may write; every table of tables.sql exists."""
        with self.reserved():
            connection = self._connect()
            try:
                yield connection
            finally:
                connection.close()

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The same, all or nothing."""
        with self.open() as connection:
            connection.begin()
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    def _connect(self) -> duckdb.DuckDBPyConnection:
        give_up = time.monotonic() + self.wait
        while True:
            try:
                connection = duckdb.connect(str(self.path), config={"autoinstall_known_extensions": False})
                _make_tables(connection)
                return connection
            except duckdb.IOException as error:
                if "lock" not in str(error):
                    raise unreadable(self.path) from error
                if time.monotonic() >= give_up:
                    raise Busy(
                        f"{self.path.name} is open in another program.",
                        do="Close it there; analysts open analytics.duckdb.",
                    ) from error
                time.sleep(0.2)
            except duckdb.Error as error:
                raise unreadable(self.path) from error


def _make_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """All of tables.sql, unless a comment in the file says that they are those already: a run opens it often."""
    tables, digest = _tables()
    query = "select comment from duckdb_tables() where schema_name = 'plan' and table_name = 'plans'"
    if connection.execute(query).fetchall() != [(digest,)]:
        connection.execute(tables)
        connection.execute(f"comment on table plan.plans is '{digest}'")


@cache
def _tables() -> tuple[str, str]:
    text = files("pipelines").joinpath("tables.sql").read_text(encoding="utf-8")
    return text, md5(text.encode(), usedforsecurity=False).hexdigest()


def memory_limit() -> str:
    """What dbt's models may use, as DuckDB writes it: MOST_MEMORY, or DuckDB's own limit where a machine has less."""
    with closing(duckdb.connect()) as connection:
        query = "select parse_formatted_bytes(current_setting('memory_limit'))"
        own = int(connection.execute(query).fetchall()[0][0])
    return f"{min(own, MOST_MEMORY)}B"


def unreadable(path: Path) -> ConfigError:
    """The error for a file that is not a warehouse."""
    return ConfigError(
        "it is not a warehouse that this version can read.",
        where=path.name,
        do="Delete it: the next run builds it anew, and the ledger remembers what matters.",
    )


def has_table(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> bool:
    """Whether the table or view exists."""
    found = connection.execute(
        "select count(*) from information_schema.tables where table_schema = ? and table_name = ?", [schema, table]
    ).fetchall()
    return bool(found[0][0])


def rows(connection: duckdb.DuckDBPyConnection, query: str, parameters: object = None) -> list[dict[str, object]]:
    """The answer to a query as dictionaries keyed by column name."""
    answer = connection.execute(query, parameters)
    names = [column[0] for column in answer.description or []]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]
