"""What a sync may make at the provider: which groups a plan lacks, and in which category.

Belongs here: sync/creating.py. Does not: making it (tests/integration/test_creating.py).
"""

import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from plan_models import CONNECTIONS, ROOT

from pipelines.config import load_home
from pipelines.sync import creating

MAILUP = "  mailup: {kind: mailup, username: m1, password: p, client_id: i, client_secret: s}\n"
SYNC = """\
sync: people
to: {{connection: {connection}, audience: People, create_fields: true}}
from: [{{entity: crm.persons, email: Email, opt_out: false, groups: [{groups}]}}]
"""
INTERESTS = "{split: Groups, by: ';', category: Interests}"
COURSES = "{split: Groups, by: ';', category: 'Interests: Corso'}"
FREE = "{split: Groups, by: ';'}"


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """An audience without fields and groups."""
    with duckdb.connect(":memory:") as connection:
        connection.execute((ROOT / "pipelines" / "tables.sql").read_text(encoding="utf-8"))
        connection.execute("create schema sync_people")
        connection.execute("create table sync_people.stage_fields (name text)")
        connection.execute("create table sync_people.settings as select 'any' as connection, '1' as audience_id")
        yield connection


@pytest.mark.parametrize(
    ("connection", "groups", "key", "category", "name"),
    [
        pytest.param("chimp", INTERESTS, "Interests: base", "Interests", "base", id="plain"),
        pytest.param("chimp", INTERESTS, "Interests: Corso: base", "Interests", "Corso: base", id="in the name"),
        pytest.param("chimp", COURSES, "Interests: Corso: base", "Interests: Corso", "base", id="in the category"),
        pytest.param(
            *("chimp", f"{INTERESTS}, {COURSES}", "Interests: Corso: base", "Interests: Corso", "base"), id="longest"
        ),
        pytest.param("chimp", INTERESTS, "Left: for good: 2026", "Left", "for good: 2026", id="of those who leave"),
        pytest.param("mailup", FREE, "Corso: base", "", "Corso: base", id="no categories"),
        pytest.param("mailup", FREE, "base", "", "base", id="plain, no categories"),
    ],
)
def test_a_missing_group_is_made_in_the_category_that_the_sync_names(
    database: duckdb.DuckDBPyConnection,
    tmp_path: Path,
    connection: str,
    groups: str,
    key: str,
    category: str,
    name: str,
) -> None:
    """E8, E12: a name may hold ": " itself, with which plans put the category before it."""
    (tmp_path / "syncs").mkdir()
    (tmp_path / "connections.yaml").write_text(CONNECTIONS + MAILUP, encoding="utf-8")
    sync = SYNC.format(connection=connection, groups=groups)
    (tmp_path / "syncs" / "people.yaml").write_text(sync, encoding="utf-8")
    home = load_home(tmp_path, environ={}, check=False)
    database.execute(
        "insert into plan.changes by name select 'p' as plan_id, 'people' as sync, 'join' as op, ? as after",
        [json.dumps({"groups": [key]})],
    )
    made = creating.missing(database, home, home.sync("people"), "p")
    assert made == [{"what": "group", "name": name, "category": category}]
