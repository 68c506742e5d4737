"""Files as a CRM: what it exports, read when it is complete.

Belongs here: which files, whether they are still being written, their pages. Does not: the formats (formats.py).
"""

import glob
import hashlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipelines.config.connections import FileConnection, FileEntity
from pipelines.crm.base import End, Extract, Page, Rejected, Row, Source
from pipelines.crm.formats import ENDINGS, Table, read_records, read_table
from pipelines.crm.records import ROWS_PER_PAGE, key_position, page_of, paged, settings_of
from pipelines.errors import ConfigError, EmptySource, PermanentError, TransientError

# Names that programs give to what is not complete, and to their own lock files.
PASSING_ENDINGS = (".part", ".partial", ".tmp", ".filepart", ".crdownload")
PASSING_STARTS = ("~$", ".")


class FileSource(Source):
    """The entities of one file connection."""

    def __init__(self, name: str, connection: FileConnection, home_root: Path) -> None:
        self._name = name
        self._entities = connection.entities
        self._settle = connection.settle.total_seconds()
        self._root = home_root

    def key(self, entity: str) -> str:
        """The key column of the settings."""
        return settings_of(self._entities, entity, self._name).key

    def extract(self, entity: str, since: str | None = None) -> Extract:
        """All records of the entity's files, whatever `since` says; raises when a file changes meanwhile."""
        settings = settings_of(self._entities, entity, self._name)
        where = f"{self._name}.{entity}"
        files = self._files(settings, where)
        looks = {file: self._settled(file, where) for file in files}
        kind = _kind(files[0], settings, where)
        files, notes = _without_copies(files)
        if kind in ("json", "ndjson"):
            records = (record for file in files for record in read_records(file, kind, settings, where))
            yield from paged(records, settings.key, where)
        else:
            yield from _tables(files, kind, settings, where, notes)
        for file, look in looks.items():
            if _look(file, where) != look:
                raise _still_written(file, where)
        return End(notes=tuple(notes))

    def close(self) -> None:
        """Nothing is kept open."""

    def _files(self, settings: FileEntity, where: str) -> list[Path]:
        """The files that the entity's path stands for, in the order of their names; at least one."""
        named = self._root / settings.path
        if named.is_file():
            return [named]
        # Not Path.glob, which takes no absolute pattern.
        names = glob.glob(settings.path, root_dir=self._root, recursive=True)  # noqa: PTH207
        found = [path for path in sorted(self._root / name for name in names) if path.is_file() and _is_export(path)]
        if not found:
            raise ConfigError(
                f"There is no file {settings.path}.",
                where=where,
                do="Correct the path in connections.yaml, which starts at the home; or see if the export was made.",
            )
        return found if settings.take == "all" else [max(found, key=lambda path: (path.stat().st_mtime_ns, path.name))]

    def _settled(self, file: Path, where: str) -> tuple[int, int]:
        """Size and time of a file that nobody is writing to any more, after a second look where it is that young."""
        look = _look(file, where)
        if look[0] == 0:
            raise EmptySource(
                f"{file.name} is empty; the last good extract stays and nothing is sent.",
                where=where,
                do="Look at the export.",
            )
        age = time.time() - look[1] / 1e9
        if age < self._settle:
            time.sleep(min(self._settle, self._settle - age))
            if _look(file, where) != look:
                raise _still_written(file, where)
        return look


def _is_export(path: Path) -> bool:
    return not path.name.startswith(PASSING_STARTS) and path.suffix.lower() not in PASSING_ENDINGS


def _look(file: Path, where: str) -> tuple[int, int]:
    try:
        found = file.stat()
    except FileNotFoundError:
        raise _still_written(file, where) from None
    return found.st_size, found.st_mtime_ns


def _still_written(file: Path, where: str) -> TransientError:
    return TransientError(f"{file.name} is still being written.", where=where, do="Try again when it is complete.")


def _kind(file: Path, settings: FileEntity, where: str) -> str:
    kind = settings.format or ENDINGS.get(file.suffix.lower())
    if kind is None:
        raise ConfigError(
            f"The ending of {file.name} says nothing about its format.",
            where=where,
            do="Set format for this entity: csv, xlsx, json, ndjson or parquet.",
        )
    return kind


def _without_copies(files: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """Each content once, and a sentence on every file that is a copy: it would only give every key twice."""
    kept: dict[tuple[int, str], Path] = {}
    notes: list[str] = []
    for file in files if len(files) > 1 else ():
        with file.open("rb") as raw:
            content = (file.stat().st_size, hashlib.file_digest(raw, "sha256").hexdigest())
        if content in kept:
            notes.append(f"{file.name} is the same as {kept[content].name} and was read once.")
        kept.setdefault(content, file)
    return (list(kept.values()) if kept else list(files)), notes


def _tables(files: Sequence[Path], kind: str, settings: FileEntity, where: str, notes: list[str]) -> Iterator[Page]:
    columns: tuple[str, ...] = ()
    for file in files:
        table = read_table(file, kind, settings, where)
        if not columns:
            columns, at = table.columns, key_position(table.columns, settings.key, where)
        yield from _pages(table, _order(table.columns, columns, file, files[0], where), columns, at)
        notes += table.notes


def _order(found: tuple[str, ...], columns: tuple[str, ...], file: Path, first: Path, where: str) -> list[int]:
    """Where each of the first file's columns stands in this one."""
    odd = sorted(set(found) ^ set(columns))
    if odd:
        raise PermanentError(
            f"{file.name} and {first.name} have different columns: {', '.join(odd)}.",
            where=where,
            do="Read files with different columns as entities of their own, or take: newest.",
        )
    return [found.index(name) for name in columns]


def _pages(table: Table, order: Sequence[int], columns: tuple[str, ...], at: int) -> Iterator[Page]:
    is_same = list(order) == list(range(len(columns)))
    rows: list[tuple[str, Row]] = []
    rejected: list[Rejected] = []
    is_first = True
    for item in table.rows:
        if isinstance(item, Rejected):
            rejected.append(item)
        else:
            rows.append(item if is_same else (item[0], [item[1][position] for position in order]))
        if len(rows) + len(rejected) >= ROWS_PER_PAGE:
            yield page_of(columns, at, rows, rejected)
            rows, rejected, is_first = [], [], False
    if rows or rejected or is_first:
        yield page_of(columns, at, rows, rejected)
