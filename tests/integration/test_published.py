"""analytics.duckdb as other tools see it: DuckDB 1.x, pandas; documented, in the file itself and in docs/tables.md.

Belongs here: the published file after a real run, when it is replaced, and the page that describes it. Does not: its
numbers (test_story_2_statistics.py), the examples of the docs (test_docs.py).
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from rehearsal import Rehearsal

from pipelines import dictionary
from pipelines.dictionary import PUBLISHED
from pipelines.publishing import publish
from pipelines.warehouse import Warehouse

OLD = "1.1.3"  # the oldest DuckDB that there is for every Python that Enlist runs on
COUNTS = """
import duckdb, json, sys
with duckdb.connect(sys.argv[1], read_only=True) as connection:
    tables = connection.execute("select schema_name, table_name, comment from duckdb_tables() order by all").fetchall()
    counts = [[s, t, connection.execute(f"select count(*) from {s}.{t}").fetchone()[0], c] for s, t, c in tables]
    print(json.dumps([duckdb.__version__, counts]))
"""


@pytest.fixture(scope="session")
def analytics(settled: Rehearsal) -> Path:
    return settled.root / "analytics.duckdb"


@pytest.fixture(scope="session")
def old_duckdb() -> Path:
    """A folder with DuckDB 1.x, installed once into this environment; skips where the package can't be had."""
    folder = Path(sys.prefix) / f"duckdb-{OLD}"
    if not (folder / "duckdb").exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        done = subprocess.run(
            [*command, "--target", str(folder), f"duckdb=={OLD}"], capture_output=True, text=True, timeout=120
        )
        if done.returncode:
            pytest.skip(f"duckdb {OLD} can't be installed here: {done.stderr.strip().splitlines()[-1]}")
    return folder


@pytest.fixture
def published(analytics: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(analytics), read_only=True) as connection:
        yield connection


def counts(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    tables = connection.execute("select schema_name || '.' || table_name from duckdb_tables()").fetchall()
    return {name: connection.execute(f"select count(*) from {name}").fetchall()[0][0] for (name,) in tables}


@pytest.mark.slow
def test_duckdb_1_opens_the_file_and_finds_all_rows_and_comments(
    analytics: Path, published: duckdb.DuckDBPyConnection, old_duckdb: Path
) -> None:
    """Also while DuckDB 2 has it open: both only read."""
    done = subprocess.run(
        [sys.executable, "-c", COUNTS, str(analytics)],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": str(old_duckdb)},
    )
    assert done.returncode == 0, done.stderr
    version, rows = json.loads(done.stdout)
    assert version == OLD
    assert {f"{schema}.{table}": count for schema, table, count, _ in rows} == counts(published)
    assert all(comment for *_, comment in rows)


@pytest.mark.slow
def test_pandas_reads_every_table(published: duckdb.DuckDBPyConnection) -> None:
    rows = counts(published)
    assert rows.keys() == {f"{schema}.{table}" for schema, table in PUBLISHED}
    assert any(rows.values())
    for name, count in rows.items():
        frame = published.sql(f"from {name}").df()
        assert isinstance(frame, pd.DataFrame)
        assert len(frame) == count


@pytest.mark.slow
def test_every_published_column_is_described_in_the_file_as_on_the_page(published: duckdb.DuckDBPyConnection) -> None:
    """What each column is and its unit: nobody has to ask the makers."""
    found: dict[tuple[str, str], dict[str, tuple[str, str]]] = {}
    query = """
        select schema_name, table_name, column_name, lower(data_type), comment from duckdb_columns() where not internal
    """
    for schema, table, column, kind, comment in published.execute(query).fetchall():
        found.setdefault((schema, table), {})[column] = (kind, comment)
    described = {
        (table.schema, table.name): {column.name: (column.type, column.description) for column in table.columns}
        for table in dictionary.tables(PUBLISHED)
    }
    assert found == described
    tables = published.execute("select schema_name, table_name, comment from duckdb_tables()").fetchall()
    assert {(schema, table): comment for schema, table, comment in tables} == {
        (table.schema, table.name): table.description for table in dictionary.tables(PUBLISHED)
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        "alter table marts.domains rename bounces to bounced",
        "alter table marts.domains alter bounces type integer",
        "alter table marts.domains add column more text",
        "comment on column marts.domains.bounces is 'Something else.'",
        "comment on table marts.domains is 'Something else.'",
    ],
)
def test_a_file_whose_columns_or_descriptions_are_others_is_replaced(
    analytics: Path, settled: Rehearsal, tmp_path: Path, change: str
) -> None:
    """The rows are the same: what was renamed or is better described reaches analysts all the same."""
    home = settled.copy(tmp_path / "home").home()
    with duckdb.connect(str(home.analytics)) as connection:
        connection.execute(change)
    assert publish(home, Warehouse(home)).is_replaced
    assert not publish(home, Warehouse(home)).is_replaced


def test_every_table_says_what_a_row_is_and_every_column_what_it_is() -> None:
    found = dictionary.tables(PUBLISHED)
    assert [(table.schema, table.name) for table in found] == list(PUBLISHED)
    for table in found:
        assert "one row per " in table.description.lower(), table.name
        assert len(table.columns) > 3
        assert all(column.description.endswith(".") or column.description[-1] == "'" for column in table.columns)


def test_the_page_of_all_tables_is_made_from_the_descriptions() -> None:
    written = dictionary.PAGE.read_text(encoding="utf-8")
    assert written == dictionary.page(dictionary.tables(PUBLISHED)), "write it anew: python -m pipelines.dictionary"
