"""What the UI shows of a run: metadata of tables, and failures as one sentence.

Belongs here: turning rows and errors into Dagster's words. Does not: reading them for any other purpose.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg
import duckdb

from pipelines.errors import EnlistError
from pipelines.warehouse import rows


@contextmanager
def told() -> Iterator[None]:
    """Let an `EnlistError` end the step as a failure that says what is wrong and is never retried by itself."""
    try:
        yield
    except EnlistError as error:
        metadata = {"what": error.what, "where": error.where or "-", "to do": error.do or "-"}
        raise dg.Failure(description=str(error), metadata=metadata, allow_retries=False) from error


def table_metadata(
    connection: duckdb.DuckDBPyConnection, schema: str, table: str, descriptions: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Row count, columns and name of a table, under the keys that the UI knows."""
    columns = rows(
        connection,
        """
        select column_name, data_type from information_schema.columns
        where table_schema = ? and table_name = ? order by ordinal_position
        """,
        [schema, table],
    )
    count = connection.execute(f'select count(*) from {schema}."{table}"').fetchall()[0][0]
    schema_of = dg.TableSchema(
        columns=[
            dg.TableColumn(
                str(column["column_name"]),
                type=str(column["data_type"]).lower(),
                description=(descriptions or {}).get(str(column["column_name"])),
            )
            for column in columns
        ]
    )
    return {
        "dagster/row_count": int(count),
        "dagster/column_schema": schema_of,
        "dagster/table_name": f"warehouse.{schema}.{table}",
    }


def pictures(found: Mapping[str, str]) -> dict[str, dg.MetadataValue]:
    """Pictures, given as data: URIs by their title, as the UI shows them."""
    return {title: dg.MetadataValue.md(f"![{title}]({uri})") for title, uri in found.items()}


def counts_table(counts: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> dg.MetadataValue:
    """Counts as a Markdown table, or a sentence where there are none."""
    if not counts:
        return dg.MetadataValue.md("Nothing to do.")
    lines = [f"| {' | '.join(columns)} |", f"|{'|'.join('---' for _ in columns)}|"]
    lines += [f"| {' | '.join(_cell(count[column]) for column in columns)} |" for count in counts]
    return dg.MetadataValue.md("\n".join(lines))


def _cell(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
