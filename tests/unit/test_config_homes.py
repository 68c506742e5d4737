"""A home: which folder it is, where its things are, look-ups by name. Also `write_home` for the other test files."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipelines.config import Home, SqlConnection, find_root, load_home
from pipelines.errors import ConfigError
from pipelines.paths import ROOT

CONNECTIONS = """\
connections:
  crm:
    kind: sql
    url: sqlite:///crm/people.db
    entities:
      persons: {table: persons, key: Id}
      firms: {query: select * from firms, key: Id}
  lists:
    kind: file
    entities:
      members: {path: crm/members.csv, key: Number}
  mailchimp:
    kind: mailchimp
    url: http://127.0.0.1:8765/mailchimp
    api_key: 0123456789abcdef0123456789abcdef-us1
  mailup:
    kind: mailup
    url: http://127.0.0.1:8765/mailup
    username: m1
    password: fake-password
    client_id: id
    client_secret: fake-secret
"""

SYNC = """\
sync: people
to: {connection: mailchimp, audience: People}
from:
  - entity: crm.persons
    email: Email
    opt_out: false
"""


def write_home(
    root: Path,
    *,
    sync: str | None = SYNC,
    connections: str = CONNECTIONS,
    columns: Mapping[str, list[str]] | None = None,
) -> Path:
    """A home with one sync named people, and the columns of earlier extracts."""
    (root / "syncs").mkdir(parents=True, exist_ok=True)
    (root / "connections.yaml").write_text(connections, encoding="utf-8")
    if sync is not None:
        (root / "syncs" / "people.yaml").write_text(sync, encoding="utf-8")
    for entity, names in (columns or {}).items():
        connection, name = entity.split(".")
        folder = root / "landing" / "crm" / connection
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.columns.json").write_text(json.dumps(names), encoding="utf-8")
    return root


def loaded(root: Path, *, sync: str | None = SYNC, connections: str = CONNECTIONS) -> Home:
    return load_home(write_home(root, sync=sync, connections=connections), environ={}, check=False)


def sqlite(url: str) -> SqlConnection:
    return SqlConnection.model_validate(
        {"kind": "sql", "url": url, "entities": {"persons": {"table": "persons", "key": "Id"}}}
    )


def test_the_option_beats_the_environment_and_the_environment_beats_the_default(tmp_path: Path) -> None:
    one, two = write_home(tmp_path / "one"), write_home(tmp_path / "two")
    assert find_root(one, environ={"ENLIST_HOME": str(two)}) == one
    assert find_root(None, environ={"ENLIST_HOME": str(two)}) == two
    assert find_root(None, environ={}).name == "data"


def test_a_home_that_does_not_exist_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist") as caught:
        load_home(tmp_path / "nowhere", environ={})
    assert caught.value.where == str(tmp_path / "nowhere")
    chapter = caught.value.do.split("'")[1]
    assert f"\n## {chapter}\n" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_a_folder_without_connections_is_no_home(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no connections\.yaml"):
        load_home(tmp_path, environ={})


def test_a_home_without_a_syncs_folder_has_no_syncs(tmp_path: Path) -> None:
    (tmp_path / "connections.yaml").write_text(CONNECTIONS, encoding="utf-8")
    assert dict(load_home(tmp_path, environ={}).syncs) == {}


def test_everything_generated_lives_below_the_root(tmp_path: Path) -> None:
    home = loaded(tmp_path)
    places = {
        home.warehouse: "warehouse.duckdb",
        home.analytics: "analytics.duckdb",
        home.ledger: "ledger",
        home.history: "history",
        home.landing: "landing",
        home.reports: "reports",
        home.sandbox: "sandbox",
        home.logs: "logs",
        home.dagster_home: "dagster_home",
        home.locks: ".locks",
    }
    assert {path.relative_to(tmp_path).as_posix(): name for path, name in places.items()} == {
        name: name for name in places.values()
    }


def test_an_unknown_sync_is_answered_with_the_nearest_name(tmp_path: Path) -> None:
    home = loaded(tmp_path)
    assert home.sync("people").to.audience == "People"
    with pytest.raises(ConfigError, match="no sync named 'poeple'") as caught:
        home.sync("poeple")
    assert caught.value.do == "Did you mean people?"
    with pytest.raises(ConfigError, match="no connection named 'x'") as caught:
        home.connection("x")
    assert caught.value.do == "Known are: crm, lists, mailchimp, mailup."


@pytest.mark.parametrize(
    ("url", "absolute"),
    [
        ("sqlite:///crm/people.db", "sqlite:///{root}/crm/people.db"),
        ("sqlite+pysqlite:///crm/people.db?timeout=5", "sqlite+pysqlite:///{root}/crm/people.db?timeout=5"),
        ("sqlite:////srv/people.db", "sqlite:////srv/people.db"),
        ("sqlite://", "sqlite://"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("postgresql://reader:pw@db.example/crm", "postgresql://reader:pw@db.example/crm"),
    ],
)
def test_only_a_relative_sqlite_path_is_made_absolute(tmp_path: Path, url: str, absolute: str) -> None:
    assert loaded(tmp_path).sql_url(sqlite(url)) == absolute.format(root=tmp_path)


def test_columns_of_the_last_extract_are_unknown_before_the_first_one(tmp_path: Path) -> None:
    home = load_home(write_home(tmp_path, columns={"crm.persons": ["Id", "Email"]}), environ={})
    assert home.source_columns("crm.persons") == ("Id", "Email")
    assert home.source_columns("crm.firms") is None


def test_a_damaged_file_of_columns_says_which_file(tmp_path: Path) -> None:
    home = load_home(write_home(tmp_path, columns={"crm.persons": ["Id", "Email"]}), environ={})
    (tmp_path / "landing" / "crm" / "crm" / "persons.columns.json").write_text("[", encoding="utf-8")
    with pytest.raises(ConfigError, match="damaged") as caught:
        home.source_columns("crm.persons")
    assert caught.value.where == "landing/crm/crm/persons.columns.json"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("http://127.0.0.1:8765/mailup", "https://services.mailup.example"),
        ("http://127.0.0.1:8765/mailup", "https://127.0.0.1.example"),
        ("    url: http://127.0.0.1:8765/mailchimp\n", ""),
        ("sqlite:///crm/people.db", "postgresql://reader:pw@db.example/crm"),
        ("sqlite:///crm/people.db", "postgresql:///crm?host=db.example"),
    ],
)
def test_one_url_of_another_machine_makes_a_home_not_loopback(tmp_path: Path, old: str, new: str) -> None:
    assert loaded(tmp_path / "a").is_loopback()
    assert CONNECTIONS.replace(old, new) != CONNECTIONS
    assert not loaded(tmp_path / "b", connections=CONNECTIONS.replace(old, new)).is_loopback()


def test_a_place_is_told_by_file_and_line(tmp_path: Path) -> None:
    home = loaded(tmp_path)
    assert home.where("people", ("from", 0, "opt_out")) == "syncs/people.yaml:6"
    assert home.where("gone") == "syncs/gone.yaml"


def test_the_repr_of_a_home_shows_no_secret(tmp_path: Path) -> None:
    text = repr(loaded(tmp_path))
    assert "0123456789abcdef" not in text
    assert "fake-password" not in text
    assert "fake-secret" not in text
    assert "people.db" not in text
