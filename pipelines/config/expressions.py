"""Checks the SQL of a sync with DuckDB itself, before any run uses it.

Belongs here: which keys hold SQL, and what such SQL may be. Does not: running it (dbt's map does).

An expression is one scalar expression over the columns of its own record. It is bound against the columns of the
entity's last extract, all text, in an empty in-memory database without access to files; before the first extract it is
only parsed. A column that the last extract lacks may be new in the CRM: it is no reason not to load a home, whose next
extract tells.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.config.document import KeyPath
from pipelines.config.home import Home
from pipelines.config.problems import Problem, nearest, raise_problems, suggest
from pipelines.config.sync import GroupRule, GroupSplit, Source, SyncConfig, TagRule, TagSplit

if TYPE_CHECKING:
    import duckdb

_RECORD = "__record"
_OWN_RECORD = "It sees its own record only, and gives one value."
_ROW_FUNCTIONS = frozenset({"unnest", "range", "generate_series"})
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "threads": "1",
}


@dataclass(frozen=True)
class Expression:
    """One piece of SQL in a sync file. A predicate must give true or false, anything else a plain value."""

    path: KeyPath
    sql: str
    is_predicate: bool = False


class _SqlError(Exception):
    """Why an expression can't be used; what to do is the second argument."""

    def __init__(self, what: str, do: str = "") -> None:
        super().__init__(what)
        self.what, self.do = what, do


class _UnknownColumn(_SqlError):
    """A column that the entity does not have, as far as is known."""

    def __init__(self, name: str, do: str) -> None:
        super().__init__(f"the records have no column named '{name}'.", do)


def check_expressions(home: Home, sync: SyncConfig, seen: Mapping[str, Sequence[str]] | None = None) -> None:
    """Raise ConfigError at the line of the first expression or e-mail column of the sync that can't be used.

    With `seen`, the columns of entities that are being read right now, only those entities are looked at; otherwise
    all, by the columns of their last extract.
    """
    _raise(home, sync, _findings(home, sync, seen))


def check_at_load(home: Home, sync: SyncConfig) -> None:
    """The same, but for columns that the last extract lacks: only the next one tells whether they are new or wrong."""
    found = _findings(home, sync, None)
    _raise(home, sync, ((path, refused) for path, refused in found if not isinstance(refused, _UnknownColumn)))


def _raise(home: Home, sync: SyncConfig, findings: Iterable[tuple[KeyPath, _SqlError]]) -> None:
    file = home.where(sync.sync).partition(":")[0]
    raise_problems(file, [_problem(home, sync, path, refused.what, refused.do) for path, refused in findings])


def _findings(
    home: Home, sync: SyncConfig, seen: Mapping[str, Sequence[str]] | None
) -> Iterator[tuple[KeyPath, _SqlError]]:
    import duckdb

    with duckdb.connect(":memory:", config=_SETTINGS) as database:
        for index, source in enumerate(sync.sources):
            if seen is not None and source.entity not in seen:
                continue
            columns = home.source_columns(source.entity) if seen is None else seen[source.entity]
            _create_record(database, columns)
            yield from _wrong_emails(index, source, columns)
            for expression in expressions_of(sync, index):
                try:
                    _check(database, expression, columns)
                except _SqlError as refused:
                    yield expression.path, refused


def expressions_of(sync: SyncConfig, index: int) -> Iterator[Expression]:
    """All SQL that is evaluated over the records of the sync's source number `index`, with its place in the file."""
    source, at = sync.sources[index], ("from", index)
    if source.owner is not None:
        yield Expression((*at, "owner"), source.owner)
    if source.where is not None:
        yield Expression((*at, "where"), source.where, is_predicate=True)
    for reason, predicate in source.exclude.items():
        yield Expression((*at, "exclude", reason), predicate, is_predicate=True)
    if source.opt_out is not False:
        yield Expression((*at, "opt_out"), source.opt_out, is_predicate=True)
    for name, field in source.fields.items():
        yield Expression((*at, "fields", name, "sql"), field.sql)
    yield from _of_rules((*at, "tags"), source.tags)
    yield from _of_rules((*at, "groups"), source.groups)
    if sync.duplicates.newest is not None:
        yield Expression(("duplicates", "newest"), sync.duplicates.newest)


def _of_rules(at: KeyPath, rules: Sequence[TagSplit | TagRule | GroupSplit | GroupRule]) -> Iterator[Expression]:
    for number, rule in enumerate(rules):
        if isinstance(rule, TagSplit | GroupSplit):
            yield Expression((*at, number, "split"), rule.split)
        elif rule.when is not None:
            yield Expression((*at, number, "when"), rule.when, is_predicate=True)


def _create_record(database: "duckdb.DuckDBPyConnection", columns: Sequence[str] | None) -> None:
    """An empty table with the entity's columns; names that differ only in case are one column to DuckDB."""
    distinct = {name.lower(): name for name in reversed(columns or ())}
    if distinct:
        definitions = ", ".join(f"{_quoted(name)} varchar" for name in distinct.values())
        database.execute(f"create or replace table {_RECORD} ({definitions})")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _wrong_emails(index: int, source: Source, columns: Sequence[str] | None) -> Iterator[tuple[KeyPath, _SqlError]]:
    if not columns:
        return
    known = {name.lower() for name in columns}
    for number, name in enumerate(source.email):
        if name.lower() not in known:
            yield ("from", index, "email", number), _UnknownColumn(name, suggest(name, columns))


def _check(database: "duckdb.DuckDBPyConnection", expression: Expression, columns: Sequence[str] | None) -> None:
    """Raise _SqlError unless the SQL is one scalar expression of the right type."""
    import duckdb

    sql = expression.sql
    if sql.rstrip().endswith(";"):
        raise _SqlError("an expression has no semicolon.", "Take it out.")
    _parse(database, sql)
    if not columns:
        return
    try:
        # In a WHERE clause DuckDB refuses what needs more than one record: aggregates, windows, unnest.
        bound = database.execute(f"describe select (\n{sql}\n) as value from {_RECORD} where (\n{sql}\n) is null")
        value_type = str(bound.fetchall()[0][1])
    except duckdb.Error as error:
        raise _explained(error, sql, columns) from None
    if expression.is_predicate and value_type not in ("BOOLEAN", '"NULL"'):
        raise _SqlError(
            f"this is a {value_type}, and a predicate is true or false.", "Compare it with something, such as X = 'Ja'."
        )
    if re.search(r"\[\d*\]$|^(STRUCT|MAP|UNION|TUPLE)\b|^BLOB$", value_type):
        raise _SqlError(f"this is a {value_type}, and a single value is wanted.", "Make text of it.")


def _parse(database: "duckdb.DuckDBPyConnection", sql: str) -> None:
    """Refuse what is not one expression, or reads anything but its own record."""
    bare, wrapped = (_syntax_tree(database, text) for text in (f"select\n{sql}\n", f"select (\n{sql}\n)"))
    if bare["error"] and bare["error_message"].startswith("Only SELECT statements"):
        raise _SqlError("this is more than one expression.", "Write one for each key.")
    for tree in (bare, wrapped):
        if tree["error"]:
            what = f"this is not SQL that DuckDB understands: {_sentence(tree['error_message'])}"
            raise _SqlError(what, _hint(sql))
    if len(bare["statements"]) != 1 or len(bare["statements"][0]["node"]["select_list"]) != 1:
        raise _SqlError("this is more than one expression.", "Write one for each key.")
    for node in _nodes(wrapped["statements"][0]["node"]["select_list"]):
        _refuse_node(node)


def _syntax_tree(database: "duckdb.DuckDBPyConnection", text: str) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(
        database.execute("select json_serialize_sql(?::varchar)", [text]).fetchall()[0][0]
    )
    return tree


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """All objects of a syntax tree."""
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _nodes(item)


def _refuse_node(node: dict[str, Any]) -> None:
    kind = node.get("type")
    if kind == "BASE_TABLE":
        raise _SqlError(f"an expression can't read the table '{node['table_name']}'.", _OWN_RECORD)
    if kind == "TABLE_FUNCTION" and node["function"]["function_name"].lower() not in _ROW_FUNCTIONS:
        raise _SqlError(f"an expression can't use {node['function']['function_name']}.", _OWN_RECORD)
    if node.get("class") == "PARAMETER":
        raise _SqlError("an expression has no parameters (? or $1).", "Text goes in single quotes.")
    if node.get("class") == "STAR":
        raise _SqlError("an expression gives one value, not all columns (*).", "Name the column.")


def _explained(error: Exception, sql: str, columns: Sequence[str]) -> _SqlError:
    """DuckDB's words as one sentence, with the nearest column where one is unknown."""
    unknown = re.search(r'Referenced column "(.+?)" not found', str(error))
    several = re.search(r"WHERE clause cannot contain ([\w ]+)|(UNNEST) not supported", str(error))
    if several is not None:
        return _SqlError(f"an expression can't use {several[1] or 'unnest'} here.", _OWN_RECORD)
    if unknown is None:
        return _SqlError(f"DuckDB refuses this: {_sentence(str(error))}", _hint(sql))
    name = unknown[1]
    if f'"{name}"' in sql and nearest(name, columns) is None:
        return _UnknownColumn(name, "If it is text, write it in single quotes: double quotes are for columns.")
    return _UnknownColumn(name, suggest(name, columns))


def _sentence(message: str) -> str:
    """The first words of a DuckDB message, without its class and its picture of the SQL."""
    text = re.split(r"\n\s*\n|\nLINE ", message)[0]
    text = re.sub(r"^[\w ]+ Error: ", "", text)
    return " ".join(text.split()).rstrip(".!?") + "."


def _hint(sql: str) -> str:
    if sql.count("'") % 2:
        return "A quote is left open; an expression that holds ' #' or ': ' goes in double quotes as a whole."
    return ""


def _problem(home: Home, sync: SyncConfig, path: KeyPath, what: str, do: str) -> Problem:
    document = home.documents.get(sync.sync)
    return Problem(document.line(path) if document else 0, what, do)
