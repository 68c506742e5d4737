"""The models from stage to plan as SQL that runs anywhere, of one real sync, compiled once per test session.

Belongs here: the sync's YAML and dbt's compiler. Does not: people, plans (plan_world.py), tests.

The sync's predicates read columns of the record, so that a test says what a person is by the columns of a record and
never needs SQL of its own.
"""

import atexit
import json
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pipelines.config import Home, SyncConfig, load_home
from pipelines.sync import settings

ROOT = Path(__file__).parents[2]
SCHEMA = "sync_people"
CONNECTIONS = """\
connections:
  crm:
    kind: sql
    url: sqlite:///crm/people.db
    entities: {persons: {table: persons, key: Id}, firms: {table: firms, key: Id}}
  chimp: {kind: mailchimp, url: "http://127.0.0.1:8765/mailchimp", api_key: 0123456789abcdef0123456789abcdef-us1}
"""
SYNC = """\
sync: people
to: {connection: chimp, audience: People}
from:
  - entity: crm.persons
    owner: Id || ' of ' || Keeper
    email: [Email, Email2]
    where: Flag = 'Ja'
    exclude: {deceased: Died is not null, minor: Minor = 'Ja'}
    opt_out: Stop = '1'
    fields:
      FNAME: First
      BORN: Born
      SCORE: Score
      NOTE: {sql: Note, empty: keep}
      PURL: {sql: Url, secret: true}
    tags: [{split: Tags, by: ';'}, {name: Vip, when: Vip = 'Ja'}]
    groups: [{split: Groups, by: ';', category: Interests}]
  - entity: crm.firms
    email: Email
    opt_out: false
    fields: {FNAME: Name}
    tags: [{name: Firm}]
duplicates: {prefer: [first_entity, newest], newest: Changed}
"""
DUPLICATES = "duplicates: {prefer: [first_entity, newest], newest: Changed}"
GROUP_RULES = "groups: [{split: Groups, by: ';', category: Interests}]"
# What a variant has in place of what in the sync.
VARIANTS = {
    "first": (DUPLICATES, DUPLICATES),
    "newest": (DUPLICATES, "duplicates: {prefer: [newest, first_entity], newest: Changed, merge: [tags, groups]}"),
    "overwriting": (
        GROUP_RULES,
        "groups: [{name: News, category: Interests, when: Groups = 'News', mode: overwrite}, "
        "{name: Art, category: Interests, when: Groups = 'Art'}]",
    ),
    "appending": (GROUP_RULES, "groups: [{split: Groups, by: ';', category: Interests, mode: append}]"),
    "untouched": (GROUP_RULES, "groups: [{split: Groups, by: ';', category: Interests, existing: keep}]"),
}
COLUMNS = {
    "persons": (
        *("Id", "Keeper", "Email", "Email2", "Flag", "Died", "Minor", "Stop", "First", "Born", "Score", "Note", "Url"),
        *("Tags", "Vip", "Groups", "Changed"),
    ),
    "firms": ("Id", "Email", "Name", "Changed"),
}
FIELDS = ("BORN", "FNAME", "NOTE", "PURL", "SCORE")
GROUPS = ("News", "Art", "Music", "esclusi")
# name, type, bytes
MERGE_FIELDS = (
    ("FNAME", "text", 20),
    ("BORN", "date", None),
    ("SCORE", "number", None),
    ("NOTE", "text", 255),
    ("PURL", "url", None),
)


@dataclass(frozen=True)
class Models:
    """Compiled models and data tests by name, the models in the order in which they depend on each other."""

    models: Mapping[str, str]
    data_tests: Mapping[str, str]


@cache
def home_of(variant: str) -> Home:
    """The home that the sync of a variant is read from."""
    folder = tempfile.TemporaryDirectory(prefix="enlist-plan-")
    atexit.register(folder.cleanup)
    root = Path(folder.name)
    (root / "syncs").mkdir()
    (root / "connections.yaml").write_text(CONNECTIONS, encoding="utf-8")
    text = SYNC.replace(*VARIANTS[variant])
    (root / "syncs" / "people.yaml").write_text(text, encoding="utf-8")
    return load_home(root, environ={}, check=False)


def synced(variant: str = "first", **policy: Any) -> SyncConfig:
    """The sync of a variant with other policies."""
    sync = home_of(variant).sync("people")
    return SyncConfig.model_validate({**sync.model_dump(by_alias=True), **policy}) if policy else sync


@cache
def compiled(variant: str) -> Models:
    """Stage, map and plan; dbt starts once for each variant in a test session, and never to run anything."""
    return compile_sync(home_of(variant), "people")


def compile_sync(home: Home, name: str) -> Models:
    """The models of a home's sync."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    folder, project = home_of("first").logs / "dbt", str(ROOT / "dbt_project")
    folder.mkdir(parents=True, exist_ok=True)
    variables = json.dumps(settings.map_vars(home, home.sync(name)))
    command = ["compile", "--select", "stage", "map", "plan", "--vars", variables, "--quiet"]
    command += ["--no-introspect", "--no-populate-cache", "--log-level-file", "none"]
    command += ["--project-dir", project, "--profiles-dir", project]
    command += ["--target-path", str(folder), "--log-path", str(folder)]
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        # dbt and its parsers use what is deprecated: their affair, but here every warning is an error.
        warnings.simplefilter("ignore", DeprecationWarning)
        patch.setenv("ENLIST_WAREHOUSE", ":memory:")
        try:
            outcome = dbtRunner().invoke(command)
        finally:
            DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]
    assert outcome.success, outcome.exception
    results: Any = outcome.result
    sql: dict[str, dict[str, str]] = {"model": {}, "test": {}}
    for result in results:
        sql[str(result.node.resource_type)][result.node.name] = result.node.compiled_code
    return Models(sql["model"], sql["test"])
