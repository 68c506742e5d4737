"""Which rule of a sync file decided about a CRM record, in a sentence with the line and the record's own values.

Belongs here: words for eligibilities. Does not: deciding (dbt's map models).
"""

import re
from collections.abc import Mapping
from typing import Any

import duckdb

from pipelines.blanks import sql_trimmed
from pipelines.config import Home
from pipelines.config.document import KeyPath
from pipelines.config.sync import Source
from pipelines.landing import sql_name
from pipelines.warehouse import rows


def because(
    connection: duckdb.DuckDBPyConnection,
    home: Home,
    sync: str,
    record: Mapping[str, Any],
    winner: Mapping[str, Any] | None,
) -> str:
    """Why the record is wanted or not; `winner` is the record that speaks for its address, None if it does itself."""
    eligibility = str(record["eligibility"])
    if eligibility == "wanted":
        return _wanted(winner)
    if eligibility in ("bad_address", "missing_address"):
        return f"not wanted: {record['detail']}"
    found = _source(home, sync, str(record["entity"]))
    if found is None:
        return f"not wanted: {eligibility}"
    at, source = found
    predicate, path, verb = _predicate(source, at, eligibility)
    values = _values(connection, home, source, predicate, str(record["contact_key"]))
    return f"not wanted: {verb} ({home.where(sync, path)})" + (f"; {values}" if values else "")


def _wanted(winner: Mapping[str, Any] | None) -> str:
    if winner is None:
        return "wanted"
    owner = f" of {winner['winner_owner']}" if winner["winner_owner"] else ""
    return f"a duplicate: {winner['winner_entity']} {winner['winner_contact_key']}{owner} speaks for the address"


def _source(home: Home, sync: str, entity: str) -> tuple[int, Source] | None:
    if sync not in home.syncs:
        return None
    for at, source in enumerate(home.sync(sync).sources):
        if source.entity == entity:
            return at, source
    return None


def _predicate(source: Source, at: int, eligibility: str) -> tuple[str, KeyPath, str]:
    """The predicate that decided, where it stands, and what it came to."""
    _, _, name = eligibility.partition(":")
    if eligibility == "no_match":
        return source.where or "", ("from", at, "where"), f"`where: {source.where}` is not true"
    if eligibility == "opt_out_in_crm":
        return str(source.opt_out), ("from", at, "opt_out"), f"`opt_out: {source.opt_out}` is true"
    if name in source.exclude:
        predicate = source.exclude[name]
        return predicate, ("from", at, "exclude", name), f"`exclude.{name}: {predicate}` is true"
    every = " and ".join([str(source.opt_out or ""), *source.exclude.values()])
    return every, ("from", at), "`opt_out` or an `exclude` is neither true nor false"


def _values(connection: duckdb.DuckDBPyConnection, home: Home, source: Source, predicate: str, key: str) -> str:
    """The columns that the predicate names, as the record has them; none that a secret field is made of."""
    hidden = " ".join(rule.sql for rule in source.fields.values() if rule.secret)
    schema, _, table = source.relation.partition(".")
    present = rows(
        connection,
        "select column_name from information_schema.columns where table_schema = ? and table_name = ?",
        [schema.strip('"'), table.strip('"')],
    )
    named = [str(row["column_name"]) for row in present]
    columns = [column for column in named if names(predicate, column) and not names(hidden, column)]
    identifier = home.key_of(source)
    if not columns or identifier not in named:
        return ""
    chosen = ", ".join(sql_name(column) for column in columns)
    query = f"select {chosen} from {source.relation} where {sql_trimmed(sql_name(identifier))} = ? limit 1"
    found = rows(connection, query, [key])
    return ", ".join(f"{name} is {value or 'empty'}" for row in found for name, value in row.items())


def names(expression: str, column: str) -> bool:
    """Whether an expression speaks of a column."""
    return re.search(rf"(?<!\w){re.escape(column)}(?!\w)", expression, re.IGNORECASE) is not None
