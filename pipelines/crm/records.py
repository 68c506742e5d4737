"""Records on their way from any CRM: values as text, nested data as columns, records without a key put aside.

Belongs here: what is the same for every kind of CRM. Does not: reading one (its own module), landing.
"""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from pipelines.blanks import trimmed
from pipelines.config.problems import suggest
from pipelines.crm.base import Page, Rejected, Row
from pipelines.errors import ConfigError, PermanentError

ROWS_PER_PAGE = 5_000
SEPARATOR = ";"

Settings = TypeVar("Settings")


def as_text(value: Any) -> str:
    """A value as a driver or reader gives it, as text: ISO dates and times, numbers without a needless .0, true, false.

    Raises `TypeError` for binary data.
    """
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return str(value)
        case float():
            return str(int(value)) if value.is_integer() else repr(value)
        case Decimal():
            return format(value, "f")
        case bytes() | bytearray() | memoryview():
            raise TypeError("binary data")
        case dict() | list() | tuple():
            return json.dumps(_with_text_keys(value), ensure_ascii=False, sort_keys=True, default=as_text)
        case _:
            return str(value)


def _with_text_keys(value: Any) -> Any:
    """Nested data in which every key is text, as JSON wants it: those of a MAP may be dates."""
    if isinstance(value, dict):
        return {as_text(key): _with_text_keys(inner) for key, inner in value.items()}
    return [_with_text_keys(inner) for inner in value] if isinstance(value, list | tuple) else value


def binary_column(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """The first column with binary data in one of the rows; the names of all where it can't be told."""
    found = (name for row in rows for name, value in zip(columns, row, strict=True) if _is_binary(value))
    return next(found, ", ".join(columns))


def _is_binary(value: Any) -> bool:
    if isinstance(value, dict | list | tuple):
        inner = [*value.keys(), *value.values()] if isinstance(value, dict) else value
        return any(map(_is_binary, inner))
    return isinstance(value, bytes | bytearray | memoryview)


def settings_of(entities: Mapping[str, Settings], entity: str, name: str) -> Settings:
    """The settings of an entity of the connection called `name`; `ConfigError` with those there are."""
    if entity not in entities:
        raise ConfigError(
            f"There is no entity {entity}.",
            where=f"connections.yaml, {name}",
            do=f"Choose one of: {', '.join(sorted(entities))}.",
        )
    return entities[entity]


def key_position(columns: Sequence[str], key: str, where: str) -> int:
    """Where the key stands among the columns; `ConfigError` with the nearest name where it is missing."""
    if key in columns:
        return columns.index(key)
    hint = suggest(key, columns)
    raise ConfigError(f"There is no column {key}, which should be the key.", where=where, do=hint)


def page_of(columns: tuple[str, ...], at: int, rows: Iterable[tuple[str, Row]], rejected: Iterable[Rejected]) -> Page:
    """A page of the rows that have a key in column `at`, the others with the rejected; rows come with their place."""
    kept, refused = [], list(rejected)
    for place, row in rows:
        if trimmed(row[at] or ""):
            kept.append(row)
        else:
            refused.append(Rejected(place, f"It has no {columns[at]}, which is the key.", row))
    return Page(columns, kept, refused)


def flattened(record: Mapping[str, Any], unpacked: str | None = None) -> dict[str, str | None]:
    """A nested record as columns.

    A value becomes text under its own name; an object one column for each of its values, PARENT_CHILD; a list of
    values one text, separated by `;`; a list of objects its JSON, and besides one column NAME_KEY for each key of the
    objects, again separated by `;`. The object named `unpacked` gives its values under their own names, where free.
    """
    found: dict[str, str | None] = {}
    inner = record.get(unpacked) if unpacked else None
    for name, value in record.items():
        if name != unpacked or not isinstance(inner, Mapping):
            _flatten(name, value, found)
    if isinstance(inner, Mapping):
        for name, value in inner.items():
            _flatten(f"{unpacked}_{name}" if name in found else name, value, found)
    return found


def _flatten(name: str, value: Any, found: dict[str, str | None]) -> None:
    if isinstance(value, Mapping):
        for child, inner in value.items():
            _flatten(f"{name}_{child}", inner, found)
    elif isinstance(value, list):
        if any(isinstance(item, Mapping | list) for item in value):
            found[name] = as_text(value)
            _flatten_items(name, [item for item in value if isinstance(item, Mapping)], found)
        else:
            found[name] = _joined(value)
    else:
        found[name] = None if value is None else as_text(value)


def _flatten_items(name: str, items: Sequence[Mapping[str, Any]], found: dict[str, str | None]) -> None:
    gathered: dict[str, list[str | None]] = {}
    for item in items:
        for key, value in flattened(item).items():
            gathered.setdefault(f"{name}_{key}", []).append(value)
    for key, values in gathered.items():
        found.setdefault(key, _joined(values))


def _joined(values: Sequence[Any]) -> str | None:
    texts = [as_text(value) for value in values if value is not None]
    return SEPARATOR.join(text.replace(SEPARATOR, ",") for text in texts if text) or None


def paged(records: Iterable[tuple[str, Mapping[str, str | None]]], key: str, where: str) -> Iterator[Page]:
    """Pages of records that may each have other columns; a column that a record lacks is None.

    Each record comes with its place. All are read before the first page, because only then all columns are known;
    they wait in a nameless file, not in memory.
    """
    columns: dict[str, None] = {}
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="surrogatepass", newline="\n") as spool:
        for place, record in records:
            columns.update(dict.fromkeys(record))
            spool.write(json.dumps([place, record], ensure_ascii=False) + "\n")
        spool.seek(0)
        names = tuple(columns) or (key,)
        at = key_position(names, key, where)
        waiting: list[tuple[str, Row]] = []
        is_first = True
        for line in spool:
            place, record = json.loads(line)
            waiting.append((place, [record.get(name) for name in names]))
            if len(waiting) >= ROWS_PER_PAGE:
                yield page_of(names, at, waiting, ())
                waiting, is_first = [], False
        if waiting or is_first:
            yield page_of(names, at, waiting, ())


def at_path(document: Any, path: str | None, where: str) -> Any:
    """What stands in a JSON document under keys joined by dots; None: the document itself."""
    for name in path.split(".") if path else ():
        if not isinstance(document, Mapping) or name not in document:
            there = f"There are: {', '.join(map(str, document))}." if isinstance(document, Mapping) else ""
            raise PermanentError(f"The answer has nothing under {path}.", where=where, do=there)
        document = document[name]
    return document


def record_list(document: Any, path: str | None, where: str) -> Sequence[Any]:
    """The list of records in a JSON document; `PermanentError` with its keys where there is none."""
    found = at_path(document, path, where)
    if not isinstance(found, list):
        keys = f" Its keys are: {', '.join(map(str, found))}." if isinstance(found, Mapping) else ""
        raise PermanentError(
            f"There is no list of records{f' under {path}' if path else ''}.{keys}",
            where=where,
            do="Set records_path to the keys that lead to the list, joined by dots.",
        )
    return found
