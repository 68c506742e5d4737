"""Lines of other versions: what an older one wrote is read, what a newer one wrote is refused in one sentence.

Belongs here: every kind of file of the ledger. Does not: an older journal of a push (test_ledger.py), damaged lines
(test_ledger_damage.py).
"""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from plan_models import ROOT
from plan_world import World, person

from pipelines.errors import ConfigError
from pipelines.ledger import blocks, consent, crm_journal, files, load, objections, objectors, pins
from pipelines.warehouse import rows

ADDRESS = "anna@b.example"
AT = "2026-11-20T10:00:00+00:00"
NO = {"email_key": ADDRESS, "event": "opt_out", "recorded_at": AT}
PLACE = {"sync": "people", "connection": "chimp", "audience_id": "A1"}
# A line of each kind with all keys that matter; what is not among them may have come later.
CONSENT = {
    **{**NO, **PLACE, "format": 1, "entity": "crm.persons", "scope": "account", "reason": "opted_out"},
    **{"source": "provider", "happened_at": AT, "note": "too many", "recorded_by": "sync"},
}
OBJECTOR = {"email_key": ADDRESS, "since": AT, "entity": "crm.persons", "contact_key": "7", "recorded_at": AT}
OBJECTION = {**PLACE, "email_key": ADDRESS, "entity": "crm.persons", "contact_key": "7", "objects": True}
PIN = {**PLACE, "account_id": "account", "name": "People"}
RUN_LINE = {"run_id": "r1", "seq": 1, "written_at": AT, "line": "run"}
LINES: dict[str, dict[str, Any]] = {
    "consent.ndjson": CONSENT,
    "objectors.ndjson": OBJECTOR,
    "objections.ndjson": {**OBJECTION, "recorded_at": AT},
    "pushes/r1.ndjson": RUN_LINE,
    "write_backs/crm-r1.ndjson": RUN_LINE,
    "audiences.ndjson": PIN,
}


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        connection.execute((ROOT / "pipelines" / "tables.sql").read_text(encoding="utf-8"))
        yield connection


def write(path: Path, *lines: dict[str, Any]) -> None:
    """Lines as another version wrote them: nothing of ours is added."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def in_force(database: duckdb.DuckDBPyConnection, ledger: Path) -> list[dict[str, Any]]:
    load.load(database, ledger)
    return blocks.in_force(database, ADDRESS)


@pytest.mark.parametrize("key", sorted(CONSENT.keys() - NO.keys() - {"connection"}))
def test_a_no_is_read_whatever_key_came_later(tmp_path: Path, database: duckdb.DuckDBPyConnection, key: str) -> None:
    write(consent.path_of(tmp_path), {name: value for name, value in CONSENT.items() if name != key})
    (known,) = in_force(database, tmp_path)
    assert known["reason"] == "opted_out"
    assert known["scope"] == ("home" if key == "scope" else "account")
    assert known["source"] == "provider"


@pytest.mark.parametrize(
    ("event", "reason"),
    [("opt_out", "opted_out"), ("bounce", "bounced"), ("complaint", "complained"), ("erase", "erased")],
)
def test_the_shortest_no_there_ever_could_be_reaches_the_whole_home(
    tmp_path: Path, database: duckdb.DuckDBPyConnection, event: str, reason: str
) -> None:
    """What a line does not say is taken for what holds back most."""
    write(consent.path_of(tmp_path), {**NO, "event": event})
    (known,) = in_force(database, tmp_path)
    assert (known["reason"], known["scope"], known["since"]) == (reason, "home", datetime(2026, 11, 20, 10))


def test_an_old_block_holds_and_is_lifted_by_hand_as_a_new_one(
    tmp_path: Path, database: duckdb.DuckDBPyConnection
) -> None:
    write(consent.path_of(tmp_path), {**NO, "event": "block"})
    (known,) = in_force(database, tmp_path)
    assert (known["reason"], known["scope"]) == ("blocked", "home")
    assert blocks.Reach("audience", "chimp", "A1").is_within(known)
    release = blocks.weigh([known])
    blocks.release(tmp_path, ADDRESS, (one["reason"] for one in release.lifted), note="came by", by="kim")
    assert in_force(database, tmp_path) == []


@pytest.mark.parametrize("policy", [{}, {"soft_bounces": None}, {"hard_bounces": "ignore"}], ids=str)
def test_an_old_no_keeps_the_person_out_of_a_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: dict[str, Any]
) -> None:
    """Whatever the sync's policies ask of where it came from."""
    world = World(monkeypatch, tmp_path, consent=policy)
    write(consent.path_of(tmp_path), NO)
    world.want(person("anna"), person("bert"))
    draft = world.plan()
    assert (draft.told, draft.held) == ([("add", "bert", "new")], {("anna", "opted_out")})
    world.database.close()


def test_old_objectors_and_objections_are_read(tmp_path: Path, database: duckdb.DuckDBPyConnection) -> None:
    """Neither had a format at first."""
    write(objectors.path_of(tmp_path), OBJECTOR)
    write(objections.path_of(tmp_path), {**OBJECTION, "recorded_at": AT})
    load.load(database, tmp_path)
    for table in ("objectors", "objections"):
        found = rows(database, f"select email_key, since, entity, contact_key from ledger.{table}")
        assert found == [{**found[0], "email_key": ADDRESS, "since": datetime(2026, 11, 20, 10), "contact_key": "7"}]


def test_an_old_pin_still_stops_another_audience(tmp_path: Path) -> None:
    write(pins.path_of(tmp_path), PIN)
    pins.pin(tmp_path, "people", "chimp", "account", "A1", "People")
    with pytest.raises(ConfigError, match="audience A1, but now finds A2"):
        pins.pin(tmp_path, "people", "chimp", "account", "A2", "People")
    assert list(files.read(pins.path_of(tmp_path))) == [PIN]


def test_an_old_journal_of_what_went_to_a_crm_is_read(tmp_path: Path, database: duckdb.DuckDBPyConnection) -> None:
    """What came later, such as who keeps the record, is empty."""
    sending = {**RUN_LINE, "seq": 2, "line": "sending", "change_id": "p:1", "sync": "people", "op": "set"}
    answer = {**RUN_LINE, "seq": 3, "line": "outcome", "change_id": "p:1", "outcome": "applied"}
    write(crm_journal.folder_of(tmp_path) / "crm-r1.ndjson", RUN_LINE, sending, answer)
    load.load(database, tmp_path)
    (found,) = rows(database, "select change_id, outcome, owner, kept from ledger.write_backs")
    assert found == {"change_id": "p:1", "outcome": "applied", "owner": None, "kept": None}


@pytest.mark.parametrize("name", LINES)
def test_a_line_of_a_newer_version_is_refused_in_one_sentence(
    tmp_path: Path, database: duckdb.DuckDBPyConnection, name: str
) -> None:
    """Also when it looks damaged to this version: then that is what is said, and not that it is."""
    for newer in ({**LINES[name], "format": files.FORMAT + 1}, {"format": files.FORMAT + 1, "other": {"shape": 1}}):
        write(tmp_path / name, LINES[name], newer)
        with pytest.raises(ConfigError, match="a newer version of Enlist wrote it") as caught:
            load.load(database, tmp_path)
            pins.pinned(tmp_path, "people")
        assert (caught.value.where, caught.value.exit_code) == (f"ledger/{name}", 2)
        assert "Update Enlist" in caught.value.do
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", LINES)
def test_a_key_that_only_a_newer_version_knows_is_no_damage(
    tmp_path: Path, database: duckdb.DuckDBPyConnection, name: str
) -> None:
    """Within a format keys may be added."""
    write(tmp_path / name, {**LINES[name], "format": files.FORMAT, "mood": {"of": ["the", "day"]}})
    load.load(database, tmp_path)
    assert pins.pinned(tmp_path, "people") is not None or name != "audiences.ndjson"
