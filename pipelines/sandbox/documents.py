"""A simulator's state: documents in memory, written through to one SQLite file that survives a kill -9.

Belongs here: storage and the history table. Does not: what the documents mean (each simulator's own model).
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from pipelines.errors import Busy, ConfigError

T = TypeVar("T")

LAYOUT = 1

TABLES = (
    "create table if not exists documents (collection text, id text, body text, primary key (collection, id))",
    "create table if not exists history (seq integer primary key, body text)",
)

UPSERT = (
    "insert into documents values (?, ?, ?) on conflict (collection, id) do update set body = excluded.body"
    # an upsert keeps the row's place, and the place is the order in which members are listed
)


class Documents:
    """One SQLite file of JSON documents and one append-only history.

    Nothing is on disk before `commit`; after it, everything survives the end of the process. Only one process may
    hold the file. Raises Busy when another one does, ConfigError when the file is not ours to read.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._pending: dict[tuple[str, str], object | None] = {}
        self._pending_history: list[Mapping[str, Any]] = []
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=0.5)
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._connection.close()
            raise _unusable(path, error) from error

    def _prepare(self) -> None:
        run = self._connection.execute
        run("pragma locking_mode = exclusive")
        run("pragma journal_mode = wal")
        # The page cache of the system outlives the process; only a power cut could lose a rehearsal.
        run("pragma synchronous = off")
        (layout,) = run("pragma user_version").fetchone()
        if layout not in (0, LAYOUT):
            raise sqlite3.DatabaseError(f"layout {layout}")
        run("begin immediate")
        for table in TABLES:
            run(table)
        run(f"pragma user_version = {LAYOUT}")
        run("commit")

    def load(self, collection: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every document of the collection, in the order in which they were first written."""
        query = "select id, body from documents where collection = ? order by rowid"
        for key, body in self._connection.execute(query, (collection,)):
            yield key, json.loads(body)

    def write(self, collection: str, key: str, item: object | None) -> None:
        """Remembers the item, a plain dataclass instance, for the next commit; None deletes it."""
        self._pending[collection, key] = item

    def append_history(self, entry: Mapping[str, Any]) -> None:
        """Remembers one entry of the history for the next commit."""
        self._pending_history.append(entry)

    def commit(self) -> None:
        """Writes what is pending in one transaction."""
        if not self._pending and not self._pending_history:
            return
        gone = [key for key, item in self._pending.items() if item is None]
        kept = [(*key, json.dumps(vars(item))) for key, item in self._pending.items() if item is not None]
        run = self._connection
        run.execute("begin")
        run.executemany("delete from documents where collection = ? and id = ?", gone)
        run.executemany(UPSERT, kept)
        entries = ((json.dumps(entry),) for entry in self._pending_history)
        run.executemany("insert into history (body) values (?)", entries)
        run.execute("commit")
        self._pending.clear()
        self._pending_history.clear()

    def history(self, after: int = 0, count: int = -1) -> list[dict[str, Any]]:
        """Entries with `seq` above `after`, oldest first; -1 means all of them."""
        query = "select seq, body from history where seq > ? order by seq limit ?"
        return [{"seq": seq} | json.loads(body) for seq, body in self._connection.execute(query, (after, count))]

    def clear(self) -> None:
        """Forgets every document and the whole history."""
        self._pending.clear()
        self._pending_history.clear()
        self._connection.executescript("begin; delete from documents; delete from history; commit;")

    def close(self) -> None:
        """Writes what is pending and lets the file go."""
        self.commit()
        self._connection.close()


class Collection(Generic[T]):
    """Documents of one kind by id, in the order of their creation. After changing one in place, `put` it again."""

    def __init__(self, documents: Documents, name: str, kind: Callable[..., T], key: Callable[[T], str]) -> None:
        self._documents = documents
        self._name = name
        self._key = key
        self._items: dict[str, T] = {found: kind(**body) for found, body in documents.load(name)}

    def __iter__(self) -> Iterator[T]:
        return iter(self._items.values())

    def __len__(self) -> int:
        return len(self._items)

    def get(self, key: str) -> T | None:
        """The document, or None."""
        return self._items.get(key)

    def put(self, item: T) -> T:
        """Adds it or writes its change down; gives it back."""
        key = self._key(item)
        self._items[key] = item
        self._documents.write(self._name, key, item)
        return item

    def remove(self, item: T) -> None:
        """Deletes it."""
        key = self._key(item)
        del self._items[key]
        self._documents.write(self._name, key, None)


def _unusable(path: Path, error: sqlite3.Error) -> Exception:
    if "locked" in str(error):
        return Busy(
            "Another sandbox already works on this home.", where=str(path), do="Use that one, or stop it and try again."
        )
    return ConfigError(
        f"The sandbox can't read its state ({error}).", where=str(path), do="Delete this file; a new sandbox seeds it."
    )
