"""A database as a CRM: tables and queries read through SQLAlchemy, page by page, every value as text.

Belongs here: opening the database, reading rows, saying in one sentence why it did not work. Does not: the meaning of
any column, uniqueness of keys (a dbt test), landing files.

A driver's own words are passed on only where they are about names or grammar: words about values may quote people,
words about connections may quote secrets. So no SQLAlchemy error is ever chained to ours.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.pool import NullPool

from pipelines.config.connections import SqlConnection, SqlEntity
from pipelines.crm.base import End, Extract, Page, Source
from pipelines.crm.records import as_text, binary_column, key_position, page_of, settings_of
from pipelines.errors import ConfigError, PermanentError, ProviderError, TransientError

CONNECT_SECONDS = 15
# How each driver calls its connect time-out; others keep their own, or take it from the URL.
CONNECT_TIMEOUTS: Mapping[str, str] = {
    "psycopg": "connect_timeout",
    "psycopg2": "connect_timeout",
    "pymysql": "connect_timeout",
    "mysqldb": "connect_timeout",
    "mysqlconnector": "connection_timeout",
    "pyodbc": "timeout",
    "oracledb": "tcp_connect_timeout",
}
LOGIN_WORDS = (
    "password",
    "access denied",
    "authentication",
    "login failed",
    "cannot open database",
    "unknown database",
    "does not exist",
    "ora-01017",
)
BUSY_WORDS = ("locked", "busy", "timeout", "timed out", "gone away", "lost connection", "disk i/o")


class SqlSource(Source):
    """The entities of one SQL connection. The database is opened when an entity is read, SQLite files read-only."""

    def __init__(self, name: str, connection: SqlConnection, home_root: Path) -> None:
        self._name = name
        self._entities = connection.entities
        self._fetch_size = connection.fetch_size
        setting = f"connections.yaml, {name}"
        url = _parsed(connection.url.get_secret_value(), setting)
        self._file = _sqlite_file(url, home_root, setting)
        self._engine = _engine(url, self._file, setting)

    def key(self, entity: str) -> str:
        """The key column of the settings."""
        return settings_of(self._entities, entity, self._name).key

    def extract(self, entity: str, since: str | None = None) -> Extract:
        """All rows of the table or query, columns under their own names, whatever `since` says."""
        settings = settings_of(self._entities, entity, self._name)
        where = f"{self._name}.{entity}"
        size = self._fetch_size
        with self._connected(where) as connection, closing(_execute(connection, settings, where, size)) as result:
            columns = tuple(result.keys())
            at = key_position(columns, settings.key, where)
            rows = _fetch(result, size, where)
            yield _page(columns, rows, at, 1, where)
            first = 1 + len(rows)
            while rows := _fetch(result, size, where):
                yield _page(columns, rows, at, first, where)
                first += len(rows)
        return End()

    def close(self) -> None:
        """Let go of connections."""
        self._engine.dispose()

    def _connected(self, where: str) -> sa.Connection:
        if self._file is not None and not self._file.is_file():
            raise ConfigError(
                f"There is no SQLite database at {self._file}.",
                where=where,
                do="Correct the url in connections.yaml; a relative path starts at the home.",
            )
        try:
            return self._engine.connect()
        except exc.DBAPIError as error:
            raise connect_error(error, where) from None


def connect_error(error: exc.DBAPIError, where: str) -> ProviderError:
    """Our error for a connection that did not come about; never the driver's words, they may hold secrets."""
    if _speaks_of(error, LOGIN_WORDS):
        return PermanentError(
            "The database refused the login.",
            where=where,
            do="Check the user, the password and the database name of the url in connections.yaml.",
        )
    return TransientError(
        "The database can't be reached.",
        where=where,
        do="Check the host and the port of the url in connections.yaml, and that the server is up.",
    )


def read_error(error: exc.DBAPIError, where: str, *, is_first_answer: bool) -> ConfigError | ProviderError:
    """Our error for a query that was refused (the first answer), or rows that could not be read."""
    if error.connection_invalidated or _speaks_of(error, BUSY_WORDS):
        return TransientError(
            "The database was busy or broke off the reading.", where=where, do="Try again; nothing was changed."
        )
    if isinstance(error, exc.DataError) or _speaks_of(error, ("could not decode",)):
        return PermanentError(
            "The database holds a value that it can't hand over.",
            where=where,
            do="Cast the column to text in a query, or correct the text encoding of the connection.",
        )
    if is_first_answer:
        words = str(error.orig).strip().split("\n")[0]
        return ConfigError(
            f"The database refused the query: {words}.", where=where, do="Correct table or query in connections.yaml."
        )
    return TransientError("The reading broke off before the last row.", where=where, do="Try again.")


def _speaks_of(error: exc.DBAPIError, words: Sequence[str]) -> bool:
    said = str(error.orig).lower()
    return any(word in said for word in words)


def _parsed(url: str, where: str) -> sa.URL:
    try:
        return sa.make_url(url)
    except (exc.ArgumentError, ValueError):
        raise ConfigError(
            "The url can't be read.",
            where=where,
            do="Write it as SQLAlchemy does: driver://user:password@host:port/database, "
            "with special characters of the password as %40 and the like.",
        ) from None


def _sqlite_file(url: sa.URL, home_root: Path, where: str) -> Path | None:
    """The file of a SQLite URL; None for other databases, and for a SQLite URI that says itself how to open."""
    if url.get_backend_name() != "sqlite" or (url.database or "").startswith("file:"):
        return None
    if not url.database or url.database == ":memory:":
        raise ConfigError("The url names no file.", where=where, do="Write sqlite:///path/to/file.db.")
    return (home_root / url.database).resolve()


def _engine(url: sa.URL, file: Path | None, where: str) -> sa.Engine:
    if file is not None:
        # Otherwise SQLite makes an empty database where there is none, and a CRM without people empties an audience.
        url = url.set(database=f"file:{quote(str(file))}").update_query_dict({"mode": "ro", "uri": "true"})
    try:
        timeout = CONNECT_TIMEOUTS.get(url.get_dialect().driver)
        arguments = {timeout: CONNECT_SECONDS} if timeout and timeout not in url.query else {}
        return sa.create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=arguments)
    except (exc.NoSuchModuleError, ImportError):
        raise ConfigError(
            f"The driver for {url.drivername} is not installed.",
            where=where,
            do="Install it beside Enlist, such as PyMySQL for mysql+pymysql or psycopg for postgresql+psycopg.",
        ) from None
    except exc.ArgumentError:
        raise ConfigError(f"{url.drivername} does not understand the url.", where=where, do="Correct it.") from None


def _execute(connection: sa.Connection, entity: SqlEntity, where: str, size: int) -> sa.CursorResult[Any]:
    # no_parameters: a % or :name in a query is the user's own. sqlite_raw_colnames: SQLAlchemy would cut "a.b" to "b".
    options = {"stream_results": True, "max_row_buffer": size, "no_parameters": True, "sqlite_raw_colnames": True}
    connection = connection.execution_options(**options)
    try:
        if entity.query is not None:
            return connection.exec_driver_sql(entity.query.rstrip().rstrip(";"))
        schema, _, table = str(entity.table).rpartition(".")
        named = sa.table(table, schema=schema or None)
        return connection.execute(sa.select(sa.literal_column("*")).select_from(named))
    except exc.DBAPIError as error:
        raise read_error(error, where, is_first_answer=True) from None


def _fetch(result: sa.CursorResult[Any], size: int, where: str) -> Sequence[Sequence[Any]]:
    try:
        return result.fetchmany(size)
    except exc.DBAPIError as error:
        raise read_error(error, where, is_first_answer=False) from None


def _page(columns: tuple[str, ...], rows: Sequence[Sequence[Any]], at: int, first: int, where: str) -> Page:
    """The rows as text, the first one being number `first`; refuses binary data."""
    try:
        texts = [[value if value is None else as_text(value) for value in row] for row in rows]
    except TypeError:
        column = binary_column(columns, rows)
        raise ConfigError(
            f"Column {column} holds binary data, which can't be text.",
            where=where,
            do="Leave it out: write a query that names the columns you need.",
        ) from None
    return page_of(columns, at, [(f"row {first + number}", row) for number, row in enumerate(texts)], ())
