"""Which tables are published, and what they and their columns mean, as docs/tables.md and as comments in the file.

Belongs here: the list, reading the descriptions, the page. Does not: publishing (publishing.py), the descriptions
themselves (dbt_project/models). `python -m pipelines.dictionary` writes the page.
"""

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import yaml

from pipelines.paths import DBT_PROJECT, DOCS

PAGE = DOCS / "tables.md"
WIDTH = 120
PUBLISHED = (
    *(("plan", table) for table in ("plans", "holds", "released")),
    *(("quality", table) for table in ("bad_emails", "history")),
    *(("ledger", table) for table in ("suppressions", "consent_events", "pushes")),
    *(
        ("marts", table)
        for table in (
            *("audiences", "audience_members", "audience_daily", "cohorts", "parked_members"),
            *("campaigns", "campaign_hourly", "categories", "sends", "links", "link_clicks", "domains"),
            *("opt_outs", "contact_notes", "engagement", "sync_runs", "reconciliation"),
        )
    ),
)
INTRODUCTION = """\
All tables of `analytics.duckdb`, with every column: what it means, its unit, and when it is null. The same texts stand
in the file itself, as comments (`duckdb_tables()`, `duckdb_columns()`), and in the Dagster UI. How to read the numbers
is told in [Statistics](statistics.md); [ten questions](questions.md) show how the tables go together.

This page is made from the descriptions in `dbt_project/models`: `python -m pipelines.dictionary` writes it anew.
"""


@dataclass(frozen=True)
class Column:
    """A column of a published table; `type` in DuckDB's words, lower case."""

    name: str
    type: str
    description: str


@dataclass(frozen=True)
class Table:
    """A published table; the description ends in 'One row per ...'."""

    schema: str
    name: str
    description: str
    columns: tuple[Column, ...]


@cache
def tables(names: tuple[tuple[str, str], ...]) -> tuple[Table, ...]:
    """The tables (schema, name) in this order, with what dbt's YAML says of them; what it does not name is left out."""
    described = dict(_described())
    types = _types_of_sources()
    return tuple(
        Table(
            schema,
            name,
            _line(described[schema, name].get("description")),
            tuple(
                Column(
                    column["name"],
                    column.get("data_type") or types.get((schema, name, column["name"]), ""),
                    _line(column.get("description")),
                )
                for column in described[schema, name].get("columns", ())
            ),
        )
        for schema, name in names
        if (schema, name) in described
    )


def page(found: Iterable[Table]) -> str:
    """docs/tables.md."""
    parts = ["# Tables", INTRODUCTION]
    for table in found:
        parts.append(f"## `{table.schema}.{table.name}`")
        parts.append("\n".join(textwrap.wrap(table.description, WIDTH)))
        rows = [
            f"| `{one.name}` | {one.type} | {one.description.replace('|', chr(92) + '|')} |" for one in table.columns
        ]
        parts.append("\n".join(["| column | type | what it is |", "|---|---|---|", *rows]))
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def comment(connection: duckdb.DuckDBPyConnection, database: str, found: Iterable[Table]) -> None:
    """Say in an attached database what its tables and columns are."""
    for table in found:
        where = f"{database}.{table.schema}.{table.name}"
        there = {row[0] for row in connection.execute(f"select column_name from (describe {where})").fetchall()}
        connection.execute(f"comment on table {where} is {_literal(table.description)}")
        for column in table.columns:
            if column.name in there:
                connection.execute(f'comment on column {where}."{column.name}" is {_literal(column.description)}')


def _described() -> Iterator[tuple[tuple[str, str], Mapping[str, Any]]]:
    for path in sorted((DBT_PROJECT / "models").rglob("_*.yml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        for source in document.get("sources", ()):
            yield from (((source["schema"], table["name"]), table) for table in source["tables"])
        yield from (((path.parent.name, model["name"]), model) for model in document.get("models", ()))


def _types_of_sources() -> dict[tuple[str, str, str], str]:
    """What tables.sql gives the columns of tables that Python writes."""
    with duckdb.connect() as connection:
        connection.execute((Path(__file__).with_name("tables.sql")).read_text(encoding="utf-8"))
        rows = connection.execute("select schema_name, table_name, column_name, data_type from duckdb_columns()")
        return {(schema, table, column): str(kind).lower() for schema, table, column, kind in rows.fetchall()}


def _line(text: str | None) -> str:
    return " ".join((text or "").split())


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(tables(PUBLISHED)), encoding="utf-8")


if __name__ == "__main__":
    main()
