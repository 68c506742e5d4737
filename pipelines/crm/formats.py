"""The formats of files: each read as rows of text under column names, with every trap of spreadsheets and exports.

Belongs here: one file's content, as text formats write it. Does not: cells (workbooks.py), columns with types
(parquet.py), which files (file.py), keys, pages.

Nothing is guessed: DuckDB's sniffer turned 00184 into 184 after 20,000 rows, and every reader has its own idea of
01/02/2026. Text stays as it is written; what has a type (Excel cells, Parquet) becomes text as records.py says.
"""

import codecs
import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from pipelines.config.connections import FileEntity
from pipelines.crm.base import Rejected, Row
from pipelines.crm.parquet import read_parquet
from pipelines.crm.records import flattened, record_list
from pipelines.crm.workbooks import read_sheet
from pipelines.errors import ConfigError, PermanentError, TransientError

ENDINGS: Mapping[str, str] = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv",
    ".xlsx": "xlsx", ".xlsm": "xlsx", ".xls": "xlsx", ".xlsb": "xlsx", ".ods": "xlsx",
    ".json": "json", ".ndjson": "ndjson", ".jsonl": "ndjson", ".parquet": "parquet",
}  # fmt: skip
UTF8_MARK = codecs.BOM_UTF8
MARK = "\ufeff"
# The first line that Excel writes, and reads, to say what stands between the values.
SEPARATOR_LINE = re.compile(r'"?sep=(?P<sign>[^"\r\n])"?[\r\n]*', re.IGNORECASE)
# What a cp1252 file holds where latin-1 has control characters: the euro sign, typographic quotes.
CONTROLS = re.compile("[\x80-\x9f]")

csv.field_size_limit(2**24)  # Python's own limit of 128 KiB is shorter than some CRMs' notes


@dataclass
class Table:
    """A file as rows: iterate `rows` to the end; `notes` are complete then."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[str, Row] | Rejected]
    notes: list[str] = field(default_factory=list)


def read_table(path: Path, kind: str, settings: FileEntity, where: str) -> Table:
    """A csv, xlsx or parquet file. Raises `PermanentError`, `TransientError` or `ConfigError` naming the file."""
    match kind:
        case "csv":
            return _with_header(_csv_lines(path, settings, where), path, settings, where)
        case "xlsx":
            notes: list[str] = []
            table = _with_header(_sheet_lines(path, settings, where, notes), path, settings, where)
            table.notes = notes
            return table
        case _:
            return Table(*read_parquet(path, where))


def read_records(
    path: Path, kind: str, settings: FileEntity, where: str
) -> Iterator[tuple[str, dict[str, str | None]]]:
    """The records of a json or ndjson file with their places, nested ones flattened."""
    with _text(path, settings, where) as stream:
        items = _json_items(stream, path, settings, where) if kind == "json" else _ndjson_items(stream, path, where)
        for place, item in items:
            if not isinstance(item, dict):
                raise PermanentError(f"{place} is not a record (a JSON object).", where=where, do="Mend the export.")
            yield place, flattened(item)


Line = tuple[str, Sequence[str], bool]  # its place, its cells, and whether it may be cut off


def _with_header(lines: Iterator[Line], path: Path, settings: FileEntity, where: str) -> Table:
    header = next(lines, None)
    if header is None or not any(cell.strip() for cell in header[1]):
        raise PermanentError(
            f"{path.name} has no column names in row {settings.header_row}.",
            where=where,
            do="Set header_row to the row that holds them, or look at the export.",
        )
    names = [cell.strip() for cell in header[1]]
    while not names[-1]:
        names.pop()
    columns = tuple(name or f"column_{number}" for number, name in enumerate(names, 1))
    _refuse_wrong_delimiter(columns, settings, path, where)
    return Table(columns, _rows(lines, len(columns), path, where))


def _rows(lines: Iterator[Line], width: int, path: Path, where: str) -> Iterator[tuple[str, Row] | Rejected]:
    for place, cells, may_be_cut in lines:
        if not any(cells):
            continue
        if len(cells) < width and may_be_cut:
            raise TransientError(
                f"{path.name} ends in the middle of a line.",
                where=where,
                do="Wait until the export is complete, or make it again.",
            )
        if len(cells) < width or any(cells[width:]):
            yield Rejected(place, f"It has {len(cells)} values, and there are {width} columns.", cells)
        else:
            yield place, cells[:width]


def _refuse_wrong_delimiter(columns: tuple[str, ...], settings: FileEntity, path: Path, where: str) -> None:
    """A header in one piece that holds the key between other separators."""
    if len(columns) > 1 or columns[0] == settings.key:
        return
    for delimiter, name in ((";", ";"), (",", ","), ("\t", "\\t"), ("|", "|")):
        if settings.key in [part.strip(f" {settings.quote}") for part in columns[0].split(delimiter)]:
            raise ConfigError(
                f"The column names of {path.name} are not separated as the settings say.",
                where=where,
                do=f'Set delimiter: "{name}" for this entity.',
            )


# CSV


def _csv_lines(path: Path, settings: FileEntity, where: str) -> Iterator[Line]:
    is_latin = codecs.lookup(settings.encoding).name.startswith("iso8859")
    ends_whole = _ends_with_newline(path)
    with _text(path, settings, where) as stream:
        for _ in range(settings.header_row - 1):
            stream.readline()
        first = stream.readline()
        said = SEPARATOR_LINE.fullmatch(first) if settings.header_row == 1 else None
        before = 1 if said else settings.header_row - 1
        lines = stream if said else chain([first], stream)
        delimiter = said["sign"] if said else settings.delimiter
        reader = csv.reader(lines, delimiter=delimiter, quotechar=settings.quote, strict=True)
        try:
            waiting: Line | None = None
            for cells in reader:
                if is_latin and any(CONTROLS.search(cell) for cell in cells):
                    raise _control_characters(path, before + reader.line_num, where)
                if waiting:
                    yield waiting
                waiting = (f"{path.name}, line {before + reader.line_num}", cells, False)
            if waiting:
                yield (waiting[0], waiting[1], not ends_whole)
        except csv.Error as error:
            raise _csv_error(error, path, before + reader.line_num, where) from None


def _csv_error(error: csv.Error, path: Path, line: int, where: str) -> PermanentError | TransientError:
    if "unexpected end of data" in str(error):
        return TransientError(
            f"{path.name} ends within a quoted value: it is not complete, or a quote is missing in it.",
            where=where,
            do="Wait until the export is complete, or make it again.",
        )
    return PermanentError(
        f"{path.name} is no proper csv at line {line}.",
        where=where,
        do="Check delimiter and quote of this entity; a quote within a quoted value is written twice.",
    )


def _control_characters(path: Path, line: int, where: str) -> PermanentError:
    return PermanentError(
        f"{path.name} holds control characters at line {line}, as a cp1252 file does when it is read as latin-1.",
        where=where,
        do="Set encoding: cp1252 for this entity.",
    )


@contextmanager
def _text(path: Path, settings: FileEntity, where: str) -> Iterator[TextIO]:
    """The file as text without its byte order mark; a wrong encoding is an error that names the line."""
    name = codecs.lookup(settings.encoding).name
    with path.open("rb") as raw:
        is_marked = raw.read(3) == UTF8_MARK
    if is_marked and name not in ("utf-8", "utf-8-sig"):
        raise PermanentError(
            f"{path.name} says that it is UTF-8, and the settings say {settings.encoding}.",
            where=where,
            do="Set encoding: utf-8 for this entity.",
        )
    with path.open(encoding=name, newline="") as stream:
        try:
            if stream.read(1) != MARK:
                stream.seek(0)
            yield stream
        except UnicodeError:
            line = _undecodable_line(path, name)
            raise PermanentError(
                f"{path.name} is not {settings.encoding}{f' at line {line}' if line else ''}.",
                where=where,
                do="Set encoding to what the export writes, such as cp1252.",
            ) from None


def _undecodable_line(path: Path, encoding: str) -> int | None:
    """The first line that is not in this encoding; None where lines can't be told apart before decoding."""
    if encoding.startswith(("utf-16", "utf-32")):
        return None
    with path.open("rb") as raw:
        for number, line in enumerate(raw, 1):
            try:
                line.decode(encoding)
            except UnicodeError:
                return number
    return None


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as raw:
        raw.seek(max(0, path.stat().st_size - 4))
        return raw.read().rstrip(b"\x00").endswith((b"\n", b"\r"))  # UTF-16 and -32 write zeros around it


# Workbooks


def _sheet_lines(path: Path, settings: FileEntity, where: str, notes: list[str]) -> Iterator[Line]:
    rows, told = read_sheet(path, settings, where)
    notes += told
    for number, cells in enumerate(rows, settings.header_row):
        yield f"{path.name}, row {number}", cells, False


# JSON


def _json_items(stream: TextIO, path: Path, settings: FileEntity, where: str) -> Iterator[tuple[str, Any]]:
    document = _parsed(stream.read(), path, where)
    for number, item in enumerate(record_list(document, settings.records_path, where), 1):
        yield f"{path.name}, record {number}", item


def _ndjson_items(stream: TextIO, path: Path, where: str) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(stream, 1):
        if line.strip():
            yield f"{path.name}, line {number}", _parsed(line, path, where, number)


def _parsed(text: str, path: Path, where: str, first_line: int = 1) -> Any:
    # Numbers stay as they are written: 1.50 is not 1.5, and a long id is not a float.
    try:
        return json.loads(text, parse_float=str, parse_int=str)
    except json.JSONDecodeError as error:
        line = first_line + error.lineno - 1
        raise PermanentError(
            f"{path.name} is no whole JSON at line {line}.", where=where, do="Make the export again."
        ) from None
