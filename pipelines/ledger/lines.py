"""Lines of the ledger's files as a table: every one of them, or an error that says which one can't be read.

Belongs here: reading lines, telling what a crash tore off from what is damaged. Does not: what lines mean (load.py),
writing them (files.py).

Only the last line of a file may be torn, and one that `files.append` closed and marked. What else can't be read might
be somebody's no: then nothing of the ledger is believed, and nothing planned or sent, until a person has looked.
"""

import glob
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from pipelines.ledger import files

# One row for each line that is not blank, in their order; all its columns are null when it is no JSON object.
READ = """
create or replace temp table lines as
select * from read_ndjson($paths, columns = $columns, ignore_errors = true, filename = true)
"""
FORMATS = """
select filename, max(format)
from read_ndjson($paths, columns = $columns, ignore_errors = true, filename = true)
group by filename
"""
# The first line of each file that can't be read and that no mark follows, counted among those that are not blank.
SUSPECTS = f"""
with numbered as (
    select
        filename,
        line,
        coalesce({{whole}}, false) as is_whole,
        row_number() over file as number,
        lead(line) over file is not distinct from '{files.TORN["line"]}' as was_closed,
    from lines
    window file as (partition by filename order by rowid)
)
select filename, min(number) as number,
from numbered
where not is_whole and not was_closed and line is distinct from '{files.TORN["line"]}'
group by filename
order by filename
"""
LONGEST = 1 << 24  # bytes, DuckDB's own limit


@dataclass(frozen=True)
class Kind:
    """A kind of file: the columns of its lines, `line` among them, and SQL that is true of each line that is whole."""

    columns: Mapping[str, str]
    whole: str


@contextmanager
def reading(
    connection: duckdb.DuckDBPyConnection, ledger: Path, sizes: Mapping[Path, int], kind: Kind
) -> Iterator[None]:
    """The lines of these files as the table `lines`, with their `filename`, while the block lasts.

    `sizes` are the bytes that the files had before: what is written meanwhile may be half there. Raises `ConfigError`
    for a line that is damaged.
    """
    _scan(connection, ledger, sizes, READ, kind.columns)
    is_broken = f"not coalesce({kind.whole}, false)"
    if connection.execute(f"select 1 from lines where {is_broken} limit 1").fetchall():
        for name, number in connection.execute(SUSPECTS.format(whole=kind.whole)).fetchall():
            _raise_unless_torn(ledger, Path(name), number, sizes[Path(name)])
        connection.execute(f"delete from lines where {is_broken}")
    yield
    connection.execute("drop table lines")


def raise_if_newer(connection: duckdb.DuckDBPyConnection, ledger: Path, sizes: Mapping[Path, int]) -> None:
    """Raise `ConfigError` when a newer version of Enlist wrote one of the files.

    Nothing else of the lines is looked at: a newer format may have other columns under the same names.
    """
    for name, format_found in _scan(connection, ledger, sizes, FORMATS, {"format": "BIGINT"}):
        files.raise_if_newer(files.place(ledger, Path(name)), format_found)


def _scan(
    connection: duckdb.DuckDBPyConnection, ledger: Path, paths: Iterable[Path], query: str, columns: Mapping[str, str]
) -> list[Any]:
    escaped = [glob.escape(str(path)) for path in paths]
    try:
        return connection.execute(query, {"paths": escaped, "columns": dict(columns)}).fetchall()
    except duckdb.InvalidInputException as error:
        raise _too_long(ledger, paths) or error from error


def _raise_unless_torn(ledger: Path, path: Path, number: int, size: int) -> None:
    """Raise unless the line, counted among those that are not blank, ends where the file did when it was looked at."""
    end = 0
    with path.open("rb") as file:
        for place, line in enumerate(file, start=1):
            end += len(line)
            number -= bool(line.strip(b" \t\r\n"))
            if number == 0:
                if line.endswith(b"\n") and end <= size:
                    raise files.damaged(files.place(ledger, path), place)
                return


def _too_long(ledger: Path, paths: Iterable[Path]) -> Exception | None:
    """The error for the first line that is longer than any of ours, such as the zeros that a broken disk gives."""
    for path in paths:
        with path.open("rb") as file:
            for place, line in enumerate(file, start=1):
                if len(line) > LONGEST:
                    return files.damaged(files.place(ledger, path), place)
    return None
