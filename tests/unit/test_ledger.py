"""The ledger: what is written stays, whatever breaks; the warehouse may be deleted and is rebuilt from it.

Belongs here: files, journals, loading, pins, and ledger.members. Does not: consent (test_ledger_consent.py).
"""

import json
import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from plan_models import ROOT

from pipelines import clock
from pipelines.errors import ConfigError
from pipelines.ledger import consent, files, journal, load, pins
from pipelines.ledger.journal import Journal
from pipelines.providers.base import Outcome
from pipelines.warehouse import rows

TABLES = ("runs", "pushes", "members", "consent_events", "suppressions")


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with empty_warehouse() as connection:
        yield connection


def empty_warehouse() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:")
    connection.execute((ROOT / "pipelines" / "tables.sql").read_text(encoding="utf-8"))
    return connection


def at(patch: pytest.MonkeyPatch, moment: str) -> None:
    patch.setenv(clock.VARIABLE, f"2026-11-20T{moment}+00:00")


def row(change_id: str, op: str, name: str, after: dict[str, Any], **more: Any) -> dict[str, Any]:
    about = {"email": f"{name}@b.example", "email_key": f"{name}@b.example", "contact_key": name}
    place = {"plan_id": "p", "sync": "people", "connection": "chimp", "audience_id": "A1", "entity": "crm.persons"}
    rest: dict[str, Any] = {"reason": "new", "before": None, "old_email_key": None, "provider_id": None, "owner": None}
    return {"change_id": change_id, "op": op, **about, **place, **rest, "after": after, **more}


def add(change_id: str, name: str, **fields: str) -> dict[str, Any]:
    return row(change_id, "add", name, {"status": "subscribed", "fields": fields})


def pushed(ledger: Path, run: str, *done: dict[str, Any], outcome: Any = "applied", **how: Any) -> None:
    """A run that sent these rows and heard the same of each; `outcome` None: nothing."""
    written = Journal(ledger, run, sync="people", plan_id="p", source_rows={"crm.persons": 3}, planned=len(done))
    written.sending(done)
    if outcome:
        written.outcomes([Outcome(change["change_id"], outcome, **how) for change in done])
        written.end(calls=1, left=0)


def tables(connection: duckdb.DuckDBPyConnection) -> dict[str, list[dict[str, Any]]]:
    return {name: rows(connection, f"select * from ledger.{name} order by all") for name in TABLES}


def members(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Any]]:
    found = rows(connection, "select * from ledger.members")
    return {str(member["email_key"]).removesuffix("@b.example"): member for member in found}


def test_what_is_appended_is_on_the_disk_before_the_call_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fsynced, the new folder entry too."""
    synced = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        real(descriptor)
        name = os.path.realpath(f"/proc/self/fd/{descriptor}")
        synced.append((Path(name).name, Path(tmp_path / "a.ndjson").read_bytes()))

    monkeypatch.setattr(os, "fsync", fsync)
    files.append(tmp_path / "a.ndjson", [{"one": 1}, {"two": "é"}])
    lines = '{"one":1}\n{"two":"é"}\n'.encode()
    assert synced == [("a.ndjson", lines), (tmp_path.name, lines)]


def test_appending_nothing_makes_no_file(tmp_path: Path) -> None:
    files.append(tmp_path / "a.ndjson", [])
    assert not (tmp_path / "a.ndjson").exists()


def test_a_line_that_a_crash_tore_off_is_closed_and_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    files.append(path, [{"one": 1}])
    with path.open("ab") as file:
        file.write(b'{"two": "to')
    files.append(path, [{"three": 3}])
    assert list(files.read(path)) == [{"one": 1}, {"three": 3}]
    assert path.read_text().splitlines() == ['{"one":1}', '{"two": "to', '{"line":"torn"}', '{"three":3}']


def test_a_file_that_can_not_be_written_stops_everything(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").mkdir()
    with pytest.raises(ConfigError, match="can't be written") as caught:
        files.append(tmp_path / "a.ndjson", [{"one": 1}])
    assert (caught.value.where, "Nothing is sent" in caught.value.do) == ("ledger/a.ndjson", True)


@pytest.mark.parametrize("name", ["consent.ndjson", "pushes/r9.ndjson"])
def test_a_file_of_a_newer_version_is_refused_with_a_sentence(
    tmp_path: Path, database: duckdb.DuckDBPyConnection, name: str
) -> None:
    """What can't be read might be forgotten; nothing is loaded, and nothing sent, before that is settled."""
    pushed(tmp_path, "r1", add("p:1", "anna"))
    line = {"line": "run", "run_id": "r9", "format": files.FORMAT + 1, "email_key": {"any": "shape"}}
    files.append(tmp_path / name, [line])
    with pytest.raises(ConfigError, match="a newer version of Enlist wrote it") as caught:
        load.load(database, tmp_path)
    assert (caught.value.where, caught.value.exit_code) == (f"ledger/{name}", 2)
    assert "Update Enlist" in caught.value.do
    assert tables(database)["pushes"] == []
    with pytest.raises(ConfigError, match="newer version"):
        list(files.read(tmp_path / name))


def test_a_journal_of_an_older_version_is_read(tmp_path: Path, database: duckdb.DuckDBPyConnection) -> None:
    """The first lines that ever were written knew neither canaries nor the look back, and had no format."""
    place = {"run_id": "r1", "plan_id": "p", "sync": "people", "connection": "chimp", "audience_id": "A1"}
    moment = {"written_at": "2026-11-20T10:00:00+00:00"}
    sending = {**add("p:1", "anna", FNAME="Anna"), **place, **moment, "seq": 2, "line": "sending"}
    for name in ("reason", "owner", "old_email_key", "provider_id"):
        del sending[name]
    lines = [
        {**place, **moment, "seq": 1, "line": "run"},
        sending,
        {"run_id": "r1", **moment, "seq": 3, "line": "outcome", "change_id": "p:1", "outcome": "applied"},
        {"run_id": "r1", **moment, "seq": 4, "line": "end"},
    ]
    files.append(journal.folder_of(tmp_path) / "r1.ndjson", lines)
    load.load(database, tmp_path)
    assert json.loads(members(database)["anna"]["sent"])["fields"] == {"FNAME": "Anna"}
    (run,) = tables(database)["runs"]
    assert (run["is_part"], run["ended_at"] is not None) == (False, True)


def test_wherever_a_crash_tears_the_last_line_nothing_before_it_is_lost(
    tmp_path: Path, database: duckdb.DuckDBPyConnection
) -> None:
    """At every byte, also within a letter of several bytes; what is written after it counts again."""
    consent.record(tmp_path, [event("opt_out", "anna"), event("opt_out", "zoë")])
    path = consent.path_of(tmp_path)
    first, last = path.read_bytes().splitlines(keepends=True)
    cuts = {*range(0, len(last), 7), last.index("ë".encode()) + 1, len(last) - 1}
    for cut in sorted(cuts):
        path.write_bytes(first + last[:cut])
        consent.record(tmp_path, [event("block", "carl", source="admin")])
        database.execute("delete from ledger.files")
        load.load(database, tmp_path)
        keys = [row["email_key"] for row in rows(database, "select email_key from ledger.consent_events order by seq")]
        whole = ["zoë@b.example"] if cut == len(last) - 1 else []
        assert keys == ["anna@b.example", *whole, "carl@b.example"]


def test_what_was_found_out_after_an_answer_is_what_counts(tmp_path: Path, database: duckdb.DuckDBPyConnection) -> None:
    """The look back after a push: a second outcome of the same change, in the same journal."""
    written = Journal(tmp_path, "r1", sync="people", plan_id="p", planned=2)
    written.sending([add("p:1", "anna", NOTE="x"), add("p:2", "bert", NOTE="x")])
    written.outcomes([Outcome("p:1", "applied", kept={"fields": {"NOTE": "x"}}), Outcome("p:2", "applied")])
    written.outcomes([Outcome("p:1", "refused", "not_kept"), Outcome("p:2", "applied", kept={"fields": {"NOTE": "X"}})])
    written.end(calls=1, left=0, is_read_back=True)
    load.load(database, tmp_path)
    first = tables(database)
    assert [(push["outcome"], push["code"]) for push in first["pushes"]] == [("refused", "not_kept"), ("applied", None)]
    found = members(database)
    assert set(found) == {"bert"}
    assert json.loads(found["bert"]["kept"])["fields"] == {"NOTE": "X"}
    database.execute("delete from ledger.files")
    load.load(database, tmp_path)
    assert tables(database) == first


def test_a_missing_file_is_an_empty_one(tmp_path: Path) -> None:
    assert list(files.read(tmp_path / "none.ndjson")) == []


def test_loading_twice_changes_nothing(tmp_path: Path, database: duckdb.DuckDBPyConnection) -> None:
    pushed(tmp_path, "r1", add("p:1", "anna", FNAME="Anna"))
    consent.record(tmp_path, [event("opt_out", "bert")])
    assert load.load(database, tmp_path)
    first = tables(database)
    assert [len(first[name]) for name in TABLES] == [1, 1, 1, 1, 1]
    assert not load.load(database, tmp_path)
    database.execute("delete from ledger.files")
    assert load.load(database, tmp_path)
    assert tables(database) == first


def test_the_warehouse_deleted_and_rebuilt_has_the_same_ledger(
    tmp_path: Path, database: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where one plan was pushed in parts, so that a change is in two journals."""
    at(monkeypatch, "10:00:00")
    canary = Journal(tmp_path, "r9", sync="people", plan_id="p")
    canary.sending([add("p:1", "anna", FNAME="Anna")])
    canary.outcomes([Outcome("p:1", "applied", kept={"fields": {"FNAME": "ANNA"}})])
    canary.left([add("p:2", "bert", FNAME="Bert")], "moved", "the member is pending now")
    canary.end(calls=1, left=1)
    load.load(database, tmp_path)
    at(monkeypatch, "11:00:00")
    pushed(tmp_path, "r1", add("p:2", "bert", FNAME="Bert"))
    consent.record(tmp_path, [event("opt_out", "carl"), event("block", "dora", source="admin")])
    load.load(database, tmp_path)
    at(monkeypatch, "12:00:00")
    consent.record(tmp_path, [event("release", "dora", source="admin", note="came by")], by="kim")
    pushed(tmp_path, "r2", row("q:1", "archive", "anna", {"status": "archived"}), outcome=None)
    load.load(database, tmp_path)
    with empty_warehouse() as rebuilt:
        load.load(rebuilt, tmp_path)
        assert tables(rebuilt) == tables(database)
        assert len(tables(rebuilt)["pushes"]) == 4


def test_a_journal_that_grew_is_loaded_again_as_a_whole(tmp_path: Path, database: duckdb.DuckDBPyConnection) -> None:
    written = Journal(tmp_path, "r1", sync="people", plan_id="p")
    written.sending([add("p:1", "anna", FNAME="Anna")])
    load.load(database, tmp_path)
    assert [push["outcome"] for push in tables(database)["pushes"]] == ["sending"]
    written.outcomes([Outcome("p:1", "refused", "fake_address", "looks fake", "ask them")])
    written.end(calls=3, left=0)
    load.load(database, tmp_path)
    (push,) = tables(database)["pushes"]
    assert (push["outcome"], push["code"], push["detail"]) == ("refused", "fake_address", "looks fake")
    (run,) = tables(database)["runs"]
    assert (run["calls"], run["ended_at"] is not None) == (3, True)


def test_a_run_that_broke_off_has_no_end(tmp_path: Path, database: duckdb.DuckDBPyConnection) -> None:
    pushed(tmp_path, "r1", add("p:1", "anna"), outcome=None)
    path = journal.folder_of(tmp_path) / "r1.ndjson"
    with path.open("ab") as file:
        file.write(b'{"run_id": "r1", "seq": 3, "line": "outc')
    load.load(database, tmp_path)
    (run,) = tables(database)["runs"]
    assert (run["ended_at"], json.loads(run["source_rows"])) == (None, {"crm.persons": 3})
    (push,) = tables(database)["pushes"]
    assert (push["outcome"], push["before"]) == ("sending", None)


def test_the_last_attempt_of_a_change_counts(tmp_path: Path, database: duckdb.DuckDBPyConnection) -> None:
    written = Journal(tmp_path, "r1", sync="people", plan_id="p")
    written.sending([add("p:1", "anna")])
    written.outcomes([Outcome("p:1", "failed", can_retry=True)])
    written.sending([add("p:1", "anna")], attempt=2)
    written.outcomes([Outcome("p:1", "applied")])
    load.load(database, tmp_path)
    (push,) = tables(database)["pushes"]
    assert (push["outcome"], push["attempts"]) == ("applied", 2)


def test_a_member_is_remembered_as_sent_and_as_kept(tmp_path: Path, database: duckdb.DuckDBPyConnection) -> None:
    tag = row("p:2", "tag", "anna", {"tags": ["a", "b"]}, before={"tags": []})
    join = row("p:3", "join", "anna", {"groups": ["g"]}, before={"groups": []})
    pushed(tmp_path, "r1", add("p:1", "anna", FNAME="Anna"), kept={"fields": {"FNAME": "ANNA"}}, provider_id="7")
    pushed(tmp_path, "r2", tag, join)
    load.load(database, tmp_path)
    member = members(database)["anna"]
    labels = {"tags": ["a", "b"], "groups": ["g"]}
    assert json.loads(member["sent"]) == {"fields": {"FNAME": "Anna"}, **labels}
    assert json.loads(member["kept"]) == {"fields": {"FNAME": "ANNA"}, **labels}
    assert (member["provider_id"], member["contact_key"], member["left_at"]) == ("7", "anna", None)


@pytest.mark.parametrize("outcome", ["refused", "left"])
def test_what_was_not_done_is_not_remembered(tmp_path: Path, database: duckdb.DuckDBPyConnection, outcome: str) -> None:
    written = Journal(tmp_path, "r1", sync="people", plan_id="p")
    if outcome == "left":
        written.left([add("p:1", "anna")], "moved", "changed meanwhile")
    else:
        written.sending([add("p:1", "anna")])
        written.outcomes([Outcome("p:1", "refused", "no")])
    load.load(database, tmp_path)
    assert members(database) == {}


def test_a_change_that_was_sent_without_an_answer_counts_as_done(
    tmp_path: Path, database: duckdb.DuckDBPyConnection
) -> None:
    pushed(tmp_path, "r1", add("p:1", "anna", FNAME="Anna"), outcome=None)
    load.load(database, tmp_path)
    assert json.loads(members(database)["anna"]["kept"])["fields"] == {"FNAME": "Anna"}


def test_nobody_has_left_before_an_answer_says_so(
    tmp_path: Path, database: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a leaver whom a crash left behind is a stranger to the next plan, and gets mail for ever."""
    at(monkeypatch, "10:00:00")
    pushed(tmp_path, "r1", add("p:1", "anna"), add("p:2", "bert"))
    at(monkeypatch, "11:00:00")
    pushed(tmp_path, "r2", row("q:1", "archive", "anna", {"status": "archived"}), outcome=None)
    pushed(tmp_path, "r3", row("q:2", "archive", "bert", {"status": "archived"}))
    load.load(database, tmp_path)
    found = members(database)
    assert (found["anna"]["left_by"], found["anna"]["left_at"]) == ("archive", None)
    assert (found["bert"]["left_by"], found["bert"]["left_at"]) == ("archive", datetime(2026, 11, 20, 11))


def test_a_label_taken_away_is_ours_until_an_answer_says_it_is_gone(
    tmp_path: Path, database: duckdb.DuckDBPyConnection
) -> None:
    before = {"tags": ["a", "b"]}
    for name, outcome in (("anna", None), ("bert", "applied")):
        pushed(tmp_path, f"r1-{name}", add(f"1{name}", name), row(f"2{name}", "tag", name, before, before={"tags": []}))
        untag = row(f"3{name}", "untag", name, {"tags": ["a"]}, before=before)
        pushed(tmp_path, f"r2-{name}", untag, outcome=outcome)
    load.load(database, tmp_path)
    found = members(database)
    assert json.loads(found["anna"]["sent"])["tags"] == ["a", "b"]
    assert json.loads(found["bert"]["sent"])["tags"] == ["a"]


def test_a_rename_carries_fields_and_labels_to_the_new_address(
    tmp_path: Path, database: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, "10:00:00")
    tag = row("p:2", "tag", "anna", {"tags": ["a"]}, before={"tags": []})
    pushed(tmp_path, "r1", add("p:1", "anna", FNAME="Anna"), tag)
    at(monkeypatch, "11:00:00")
    after = {"email": "ann@b.example", "fields": {"FNAME": "Ann"}, "tags": ["a"], "groups": []}
    pushed(tmp_path, "r2", row("q:1", "rename", "ann", after, old_email_key="anna@b.example", provider_id="7"))
    load.load(database, tmp_path)
    found = members(database)
    assert json.loads(found["ann"]["sent"]) == {"fields": {"FNAME": "Ann"}, "tags": ["a"], "groups": []}
    assert (found["ann"]["left_at"], found["ann"]["provider_id"]) == (None, "7")
    assert (found["anna"]["left_by"], found["anna"]["left_at"]) == ("rename", datetime(2026, 11, 20, 11))


def test_the_clock_of_a_leaver_is_remembered_and_stops_on_return(
    tmp_path: Path, database: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F6."""
    at(monkeypatch, "10:00:00")
    after = {"status": "unsubscribed", "purge_after": "2027-01-19T10:00:00"}
    pushed(tmp_path, "r1", add("p:1", "anna"))
    at(monkeypatch, "11:00:00")
    pushed(tmp_path, "r2", row("q:1", "unsubscribe", "anna", after))
    load.load(database, tmp_path)
    assert members(database)["anna"]["purge_after"] == datetime(2027, 1, 19, 10)
    at(monkeypatch, "12:00:00")
    pushed(tmp_path, "r3", add("s:1", "anna"))
    load.load(database, tmp_path)
    anna = members(database)["anna"]
    assert (anna["purge_after"], anna["left_by"], anna["left_at"]) == (None, None, None)
    assert anna["joined_at"] == datetime(2026, 11, 20, 12)


def test_two_syncs_remember_the_same_address_apart(tmp_path: Path, database: duckdb.DuckDBPyConnection) -> None:
    other = {**add("q:1", "anna", FNAME="Other"), "sync": "firms", "audience_id": "A2"}
    pushed(tmp_path, "r1", add("p:1", "anna", FNAME="Anna"))
    pushed(tmp_path, "r2", other)
    load.load(database, tmp_path)
    found = rows(database, "select sync, audience_id, sent from ledger.members order by sync")
    assert [(member["sync"], member["audience_id"]) for member in found] == [("firms", "A2"), ("people", "A1")]
    assert "Other" in str(found[0]["sent"])


def test_a_pin_stops_another_audience_and_another_account(tmp_path: Path) -> None:
    """A9. An audience, once resolved, is pinned with its account."""
    assert pins.pinned(tmp_path, "people") is None
    pins.pin(tmp_path, "people", "chimp", "account", "A1", "People")
    for _ in range(2):
        pins.pin(tmp_path, "people", "chimp", "account", "A1", "People renamed")
    assert len(list(files.read(pins.path_of(tmp_path)))) == 1
    with pytest.raises(ConfigError, match="audience A1, but now finds A2") as caught:
        pins.pin(tmp_path, "people", "chimp", "account", "A2", "People")
    assert caught.value.where == "syncs/people.yaml"
    with pytest.raises(ConfigError, match="account account, but now finds other"):
        pins.pin(tmp_path, "people", "chimp", "other", "A1", "People")
    pins.pin(tmp_path, "firms", "chimp", "account", "A2", "Firms")
    pinned = pins.pinned(tmp_path, "people")
    assert pinned is not None
    assert pinned["audience_id"] == "A1"


def event(kind: str, name: str, **more: Any) -> dict[str, Any]:
    place = {"connection": "chimp", "audience_id": "A1", "entity": None, "sync": "people", "scope": "account"}
    about = {"email_key": f"{name}@b.example", "event": kind, "reason": kind, "source": "provider", "note": None}
    return {**place, **about, "happened_at": None, **more}


def test_of_two_pushes_within_one_second_the_later_one_is_known(
    tmp_path: Path, database: duckdb.DuckDBPyConnection
) -> None:
    """Whatever their ids: a push that was stopped and called again at once has its end, not its middle."""
    for run, outcome in (("z", "failed"), ("y", "refused"), ("a", "applied")):
        pushed(tmp_path, run, add("1", "ann"), outcome=outcome)
    load.load(database, tmp_path)
    told = rows(database, "select outcome from ledger.pushes order by happened_at")
    assert [one["outcome"] for one in told] == ["failed", "refused", "applied"]


def test_what_another_run_writes_while_a_journal_is_read_is_read_the_next_time(
    tmp_path: Path, database: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed(tmp_path, "run", add("1", "ann"), outcome=None)
    real = load._load_journals

    def slowly(connection: duckdb.DuckDBPyConnection, ledger: Path, sizes: Mapping[Path, int]) -> None:
        real(connection, ledger, sizes)
        written = {"run_id": "run", "seq": 9, "written_at": clock.exact_text(clock.now())}
        files.append(next(iter(sizes)), [{**written, "line": "outcome", "change_id": "1", "outcome": "applied"}])

    monkeypatch.setattr(load, "_load_journals", slowly)
    load.load(database, tmp_path)
    monkeypatch.setattr(load, "_load_journals", real)
    assert load.load(database, tmp_path)
    assert rows(database, "select outcome from ledger.pushes") == [{"outcome": "applied"}]
