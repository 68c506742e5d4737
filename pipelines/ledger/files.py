"""Append-only files of JSON lines: what is written here is on the disk before anything else happens.

Belongs here: bytes and lines. Does not: what the lines mean.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pipelines.errors import ConfigError

# Written into every line that may stand first in a file. What older formats lack is empty when they are read.
FORMAT = 1


def append(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Write the records as lines at the end of the file and wait until the disk has them.

    A line that an earlier crash tore off is closed first, so that it spoils no line but itself.
    """
    lines = "".join(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n" for record in records)
    if not lines:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    try:
        with path.open("ab+") as file:
            if _is_torn(file):
                lines = "\n" + lines
            file.write(lines.encode())
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            sync_folder(path.parent)
    except OSError as error:
        raise ConfigError(
            f"it can't be written ({error.strerror}).",
            where=f"ledger/{path.name}",
            do="Nothing is sent that can't be written down first: make room, or mend the rights.",
        ) from error


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The records of the file in their order; a torn line is left out, a missing file is empty.

    Raises `ConfigError` when a newer version of Enlist wrote it.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                raise_if_newer(path, record.get("format"))
                yield record


def raise_if_newer(path: Path, format_found: Any) -> None:
    """Raise `ConfigError` when the file has lines in a format that only a newer version of Enlist understands."""
    if isinstance(format_found, int) and format_found > FORMAT:
        raise newer(f"ledger/{path.name}", format_found, FORMAT, "an opt-out")


def newer(where: str, format_found: int, known: int, what: str) -> ConfigError:
    """The error for a file of a newer format; `what` might be forgotten with it."""
    return ConfigError(
        f"a newer version of Enlist wrote it (format {format_found}; this version reads up to {known}).",
        where=where,
        do=f"Update Enlist: what it can't read it might forget, {what} among it.",
    )


def sync_folder(folder: Path) -> None:
    """Wait until the disk has the names of the folder's files."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_torn(file: Any) -> bool:
    if file.seek(0, os.SEEK_END) == 0:
        return False
    file.seek(-1, os.SEEK_END)
    return bool(file.read(1) != b"\n")
