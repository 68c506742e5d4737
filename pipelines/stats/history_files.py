"""The files of the history: one Parquet file with all that is kept of one thing, and a small manifest that names it.

Belongs here: names, manifests, putting a file in place, telling a damaged one. Does not: what is kept of what, the
warehouse (history.py).

The manifest is put in place in a single step, once the disk has the file that it names; the file before it goes
afterwards. So whatever a kill leaves is the thing as it was kept before, or nothing, and files that nobody names,
which the next writing of the same thing sweeps away.
"""

import contextlib
import glob
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from pipelines.errors import ConfigError
from pipelines.ledger.files import newer, settle

FORMAT = 1


@dataclass(frozen=True)
class State:
    """A thing as the warehouse has it: whose it is, how new it is (ISO time; text), and a print of its rows."""

    connection: str
    key: str
    stamp: str
    print: str

    @property
    def name(self) -> str:
        """What its files are called: never the same for two things, on a disk that ignores case neither."""
        digest = hashlib.sha256(f"{self.connection}\n{self.key}".encode()).hexdigest()
        return "-".join(re.sub(r"[^A-Za-z0-9_]", "_", part)[:40] for part in (self.connection, self.key, digest[:10]))


@dataclass(frozen=True)
class Kept:
    """A thing as it was kept: its state then, its file (name, bytes, sha256), and the columns of each of its tables."""

    state: State
    file: str
    bytes: int
    sha256: str
    tables: Mapping[str, Sequence[str]]


def everything(folder: Path) -> dict[str, Kept | None]:
    """All that is kept in the folder by name; None for what has a damaged manifest.

    Copies of a manifest under another name, as programs that copy folders leave them, don't count.
    """
    found = {path.stem: find(folder, path.stem) for path in sorted(folder.glob("*.json"))}
    return {name: kept for name, kept in found.items() if kept is None or kept.state.name == name}


def find(folder: Path, name: str) -> Kept | None:
    """What is kept under the name, None if there is nothing or its manifest is damaged.

    Raises `ConfigError` when a newer version of Enlist wrote it.
    """
    path = folder / f"{name}.json"
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found = told.pop("format")
        if found > FORMAT:
            raise newer(_place(folder, name), found, FORMAT, "a campaign")
        return Kept(**{**told, "state": State(**told["state"])})
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def put(folder: Path, state: State, tables: Mapping[str, Sequence[str]], copy: Callable[[Path], None]) -> None:
    """Keep what `copy` writes to the path that it is given, in place of what was kept of the same thing.

    Raises `ConfigError` when the disk does not take it; what was kept before stays.
    """
    draft = folder / f"{state.name}.draft"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        copy(draft)
        digest = _digest(draft)
        file = folder / f"{state.name}.{digest[:16]}.parquet"
        kept = Kept(state, file.name, draft.stat().st_size, digest, tables)
        settle(draft, file)
        draft.write_text(json.dumps({"format": FORMAT, **asdict(kept)}, ensure_ascii=False), encoding="utf-8")
        settle(draft, folder / f"{state.name}.json")
        for other in folder.glob(f"{state.name}.*.parquet"):
            if other != file:
                other.unlink()
    except (OSError, duckdb.IOException) as error:
        reason = error.strerror if isinstance(error, OSError) else "the disk does not take it"
        raise ConfigError(
            f"it can't be written ({reason}).",
            where=_place(folder, state.name),
            do="Make room, or mend the rights: the warehouse has it, and the next pull writes it down here.",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()


def is_there(folder: Path, kept: Kept) -> bool:
    """Whether its file looks as it should, without reading it."""
    try:
        return (folder / kept.file).stat().st_size == kept.bytes
    except OSError:
        return False


def is_whole(folder: Path, kept: Kept) -> bool:
    """Whether its file is what was written, to the last byte."""
    return is_there(folder, kept) and _digest(folder / kept.file) == kept.sha256


def damaged(folder: Path, name: str) -> ConfigError:
    """The error for what can't be read back, and is nowhere else."""
    return ConfigError(
        "this file of the history, or the one that it names, is damaged, and the warehouse does not have it either.",
        where=_place(folder, name),
        do=f"Put both back from a backup; or delete this one and {folder.parent.name}/read/, and what the provider "
        "still has is read anew.",
    )


def pattern(folder: Path, kept: Kept) -> str:
    """Its file as DuckDB is to be told: a home may have [, * or ? in its path."""
    return glob.escape(str(folder / kept.file))


def _place(folder: Path, name: str) -> str:
    return f"{folder.parent.name}/{folder.name}/{name}.json"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
