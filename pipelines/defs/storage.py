"""Dagster's own SQLite storage, with the one database that all runs share kept open.

Belongs here: that difference. Does not: anything of ours. The home's dagster.yaml names the class; a home that names
none has Dagster's, with the same files.

Dagster opens and closes a database for each statement, about six for every event of a run, and SQLite tidies its log
whenever the last connection closes. That was a quarter of the work of a plan for few people. A run's own file is opened
and closed as before: the UI follows a run by the changes of that file.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool


class EventLog(SqliteEventLogStorage):
    """Dagster's event log, whose index is opened once."""

    _index: Connection | None = None

    def index_connection(self) -> AbstractContextManager[Connection]:
        """The index within a transaction, for one thread at a time."""
        return self._transaction()

    def dispose(self) -> None:
        """Close what is open."""
        with self._db_lock:
            self._close()
        super().dispose()

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._db_lock:
            self._index = self._index or self._open()
            try:
                with self._index.begin():
                    yield self._index
            except BaseException:
                self._close()  # the next one begins anew, whatever went wrong
                raise

    def _open(self) -> Connection:
        settings = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False}
        location = self.conn_string_for_shard(INDEX_SHARD_NAME)
        return create_engine(location, poolclass=NullPool, connect_args=settings).connect()

    def _close(self) -> None:
        if self._index is not None:
            self._index.close()
            self._index = None


class Storage(DagsterSqliteStorage):
    """Dagster's SQLite storage with that event log."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        self._event_log_storage.dispose()
        self._event_log_storage = EventLog(self._event_log_storage._base_dir)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Any) -> "Storage":
        """As dagster.yaml says it: base_dir is the folder of runs, events and schedules."""
        return cls.from_local(inst_data=inst_data, **config_value)
