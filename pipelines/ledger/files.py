"""Append-only files of JSON lines: what is written here is on the disk before anything else happens.

Belongs here: bytes and lines. Does not: what the lines mean.
"""

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pipelines.errors import ConfigError

# Written into every line that may stand first in a file. What older formats lack is empty when they are read.
FORMAT = 1
# Stands below a line that a crash tore off: without it, a line that can't be read is damage.
TORN = {"line": "torn"}


def append(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Write the records as lines at the end of the file and wait until the disk has them.

    A line that an earlier crash tore off is closed and marked first, so that it spoils no line but itself.
    """
    lines = "".join(_line(record) for record in records)
    if not lines:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    try:
        with path.open("ab+") as file:
            if _is_torn(file):
                lines = "\n" + _line(TORN) + lines
            file.write(lines.encode())
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            _sync_folder(path.parent)
    except OSError as error:
        raise ConfigError(
            f"it can't be written ({error.strerror}).",
            where=f"ledger/{path.name}",
            do="Nothing is sent that can't be written down first: make room, or mend the rights.",
        ) from error


def read(path: Path, needs: Collection[str] = ()) -> Iterator[dict[str, Any]]:
    """The records of a file of the ledger's own folder in their order; a missing file is empty.

    `needs` are keys that each record must have. What a crash tore off is left out. Raises `ConfigError` when any other
    line can't be read, or when a newer version of Enlist wrote it.
    """
    if not path.exists():
        return
    where = place(path.parent, path)
    with path.open("rb") as file:
        lines = file.readlines()
    records = [_record(line) for line in lines]
    for number, (line, record, below) in enumerate(zip(lines, records, [*records[1:], None], strict=True), start=1):
        is_torn = record is None and (below == TORN or not line.endswith(b"\n"))
        if is_torn or record == TORN or not line.strip():
            continue
        if record is not None:
            raise_if_newer(where, record.get("format"))
        if record is None or not record.keys() >= set(needs):
            raise damaged(where, number)
        yield record


def place(ledger: Path, path: Path) -> str:
    """How errors name a file of the ledger."""
    return f"ledger/{path.relative_to(ledger)}"


def raise_if_newer(where: str, format_found: Any) -> None:
    """Raise `ConfigError` when the file has lines in a format that only a newer version of Enlist understands."""
    if isinstance(format_found, int) and format_found > FORMAT:
        raise newer(where, format_found, FORMAT, "an opt-out")


def damaged(where: str, number: int) -> ConfigError:
    """The error for a line that can't be read, though no crash tore it off."""
    return ConfigError(
        "this line is damaged: what it said can't be known.",
        where=f"{where}:{number}",
        do="Put the file back from a backup, or delete the line if you know what it said; nothing is planned or sent "
        "before.",
    )


def newer(where: str, format_found: int, known: int, what: str) -> ConfigError:
    """The error for a file of a newer format; `what` might be forgotten with it."""
    return ConfigError(
        f"a newer version of Enlist wrote it (format {format_found}; this version reads up to {known}).",
        where=where,
        do=f"Update Enlist: what it can't read it might forget, {what} among it.",
    )


def settle(draft: Path, path: Path) -> None:
    """Put a file that was written aside in its place, in a single step, once the disk has all of it."""
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Wait until the disk has the names of the folder's files."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _line(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _is_torn(file: Any) -> bool:
    if file.seek(0, os.SEEK_END) == 0:
        return False
    file.seek(-1, os.SEEK_END)
    return bool(file.read(1) != b"\n")
