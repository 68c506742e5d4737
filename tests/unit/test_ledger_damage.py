"""Damage to the ledger's files: what a crash tears off is left out, any other line that can't be read stops everything.

Belongs here: lines.py, files.read where lines are damaged, damaged claims. Does not: the command line
(integration/test_bad_input.py).
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from plan_models import ROOT

from pipelines.crm.base import Written
from pipelines.errors import ConfigError
from pipelines.ledger import claims, consent, crm_journal, files, lines, load, objections, objectors, pins
from pipelines.ledger.crm_journal import CrmJournal
from pipelines.ledger.journal import Journal
from pipelines.providers.base import Outcome
from pipelines.warehouse import rows

NAMES = ("anna", "bert", "carl")
PLACE = {"plan_id": "p", "sync": "people", "connection": "chimp", "audience_id": "A1", "entity": "crm.persons"}


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        connection.execute((ROOT / "pipelines" / "tables.sql").read_text(encoding="utf-8"))
        yield connection


def event(name: str, **more: Any) -> dict[str, Any]:
    about = {"email_key": name, "connection": "chimp", "audience_id": "A1", "entity": None, "sync": "people"}
    said = {"scope": "account", "event": "opt_out", "reason": "opted_out", "source": "provider", "note": None}
    return {**about, **said, "happened_at": None, **more}


def opt_out(ledger: Path, *names: str) -> None:
    consent.record(ledger, [event(name) for name in names])


def push(ledger: Path, *names: str) -> None:
    journal = Journal(ledger, "r1", sync="people", plan_id="p")
    journal.sending({**PLACE, "change_id": name, "op": "add", "email_key": name, "after": {}} for name in names)
    journal.outcomes([Outcome(name, "applied") for name in names])
    journal.end(calls=1, left=0)


def write_back(ledger: Path, *names: str) -> None:
    told = [{**dict.fromkeys(crm_journal.ROW), "change_id": name} for name in names]
    journal = CrmJournal(ledger, "r1", sync="people", plan_id="p")
    journal.sending(told)
    journal.outcomes([(row, Written("applied")) for row in told])
    journal.end()


def object_to(ledger: Path, *names: str) -> None:
    place = {"since": "2026-11-20 10:00:00", "entity": "crm.persons"}
    objectors.record(ledger, [{"email_key": name, "contact_key": name, **place} for name in names])


def object_in_the_crm(ledger: Path, *names: str) -> None:
    place = {name: PLACE[name] for name in ("sync", "connection", "audience_id", "entity")}
    told = {**place, "objects": True}
    objections.record(ledger, [{**told, "email_key": name, "contact_key": name} for name in names])


KINDS: dict[str, tuple[Callable[..., None], str]] = {
    "consent.ndjson": (opt_out, "select email_key from ledger.suppressions order by all"),
    "objectors.ndjson": (object_to, "select email_key from ledger.objectors order by all"),
    "objections.ndjson": (object_in_the_crm, "select email_key from ledger.objections order by all"),
    "pushes/r1.ndjson": (push, "select email_key from ledger.pushes order by all"),
    "write_backs/crm-r1.ndjson": (write_back, "select change_id from ledger.write_backs order by all"),
}
GARBAGE = {
    "words": b"what is this",
    "zeros": b"\0" * 40,
    "half a line": b'{"email_key":"be',
    "no text": b'{"email_key":"\xff\xfe"}',
    "a list": b'["bert"]',
    "nothing in it": b"{}",
    "two in one": b'{"line":"run"}{"line":"run"}',
    "the mark in no place of its own": b'{"line":"tor"}',
}


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def refused(database: duckdb.DuckDBPyConnection, ledger: Path) -> str:
    """Where the damage is, as the error says."""
    with pytest.raises(ConfigError, match="this line is damaged") as caught:
        load.load(database, ledger)
    assert caught.value.exit_code == 2
    assert "Put the file back from a backup, or delete the line if you know what it said" in caught.value.do
    return caught.value.where


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("kind", KINDS)
def test_a_line_that_is_damaged_stops_the_loading_and_is_named(
    tmp_path: Path, database: duckdb.DuckDBPyConnection, kind: str, garbage: str
) -> None:
    """In any place but the torn end; blank lines count as an editor counts them."""
    write, query = KINDS[kind]
    write(tmp_path, *NAMES)
    path = tmp_path / kind
    whole = lines_of(path)
    for number in range(len(whole)):
        path.write_bytes(b"\n" + b"".join([*whole[:number], GARBAGE[garbage] + b"\n", *whole[number + 1 :]]))
        assert refused(database, tmp_path) == f"ledger/{kind}:{number + 2}"
    path.write_bytes(b"".join(whole))
    load.load(database, tmp_path)
    assert [found for (found,) in database.execute(query).fetchall()] == list(NAMES)


@pytest.mark.parametrize(
    "changed",
    [
        {"event": "opt_oat"},
        {"recorded_at": "2026-11-2x"},
        {"scope": "acount"},
        {"connection": None},
        {"scope": "audience", "audience_id": None},
    ],
    ids=str,
)
def test_a_no_that_would_hold_nobody_back_is_damaged(
    tmp_path: Path, database: duckdb.DuckDBPyConnection, changed: dict[str, Any]
) -> None:
    """It is JSON still, but says nothing that counts."""
    opt_out(tmp_path, *NAMES)
    path = consent.path_of(tmp_path)
    first, second, third = lines_of(path)
    path.write_bytes(first + json.dumps({**json.loads(second), **changed}).encode() + b"\n" + third)
    assert refused(database, tmp_path) == "ledger/consent.ndjson:2"


@pytest.mark.parametrize(
    "changed", [{"seq": "x"}, {"written_at": "now"}, {"run_id": None}, {"line": "sendin"}], ids=str
)
def test_a_line_of_a_journal_that_lost_its_place_is_damaged(
    tmp_path: Path, database: duckdb.DuckDBPyConnection, changed: dict[str, Any]
) -> None:
    push(tmp_path, *NAMES)
    path = tmp_path / "pushes" / "r1.ndjson"
    first, second, *rest = lines_of(path)
    path.write_bytes(b"".join([first, json.dumps({**json.loads(second), **changed}).encode() + b"\n", *rest]))
    assert refused(database, tmp_path) == "ledger/pushes/r1.ndjson:2"


@pytest.mark.parametrize("tail", [b"{", b'{"email_key":"da', b'{"email_key":"d\xc3', b"\0", b"\0" * 5000, b'{"e\0\0'])
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_crash_tore_off_at_the_end_is_left_out_before_and_after_it_is_written_on(
    tmp_path: Path, database: duckdb.DuckDBPyConnection, kind: str, tail: bytes
) -> None:
    """Zeros are what a power cut leaves of a line on some file systems."""
    write, query = KINDS[kind]
    write(tmp_path, *NAMES[:2])
    path = tmp_path / kind
    with path.open("ab") as file:
        file.write(tail)
    load.load(database, tmp_path)
    assert [found for (found,) in database.execute(query).fetchall()] == list(NAMES[:2])
    write(tmp_path, *NAMES)
    assert files.TORN in [json.loads(line) for line in lines_of(path) if line.startswith(b'{"line":"torn')]
    load.load(database, tmp_path)
    assert [found for (found,) in database.execute(query.replace("select ", "select distinct ")).fetchall()] == list(
        NAMES
    )


def test_a_mark_excuses_the_one_line_above_it(tmp_path: Path, database: duckdb.DuckDBPyConnection) -> None:
    path = consent.path_of(tmp_path)
    opt_out(tmp_path, "anna")
    for name in ("bert", "carl"):
        with path.open("ab") as file:
            file.write(b'{"email_key":"da')
        opt_out(tmp_path, name)
    load.load(database, tmp_path)
    assert rows(database, "select count(*) as count from ledger.suppressions") == [{"count": 3}]
    whole = lines_of(path)
    assert len(whole) == 7
    path.write_bytes(b"".join([*whole[:3], b"garbage\n", *whole[4:]]))
    assert refused(database, tmp_path) == "ledger/consent.ndjson:4"
    path.write_bytes(b"".join([*whole[:2], *whole[3:]]))
    assert refused(database, tmp_path) == "ledger/consent.ndjson:2"


def test_a_line_that_another_run_is_writing_is_not_damaged(
    tmp_path: Path, database: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was half there when it was read, and is whole when somebody looks again; the next loading has it."""
    opt_out(tmp_path, *NAMES)
    path = consent.path_of(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    real = lines._raise_unless_torn

    def slowly(ledger: Path, looked_at: Path, number: int, size: int) -> None:
        path.write_bytes(whole)
        real(ledger, looked_at, number, size)

    monkeypatch.setattr(lines, "_raise_unless_torn", slowly)
    load.load(database, tmp_path)
    assert rows(database, "select count(*) as count from ledger.suppressions") == [{"count": 2}]
    assert load.load(database, tmp_path)
    assert rows(database, "select count(*) as count from ledger.suppressions") == [{"count": 3}]


def test_of_many_journals_the_damaged_one_is_named_and_all_others_stay_unread(
    tmp_path: Path, database: duckdb.DuckDBPyConnection
) -> None:
    """Also in a home whose path has letters that mean something in a pattern."""
    ledger = tmp_path / "mail[1]*?"
    for number in range(60):
        Journal(ledger, f"r{number:02}", sync="people", plan_id="p").end(calls=1, left=0)
    load.load(database, ledger)
    assert rows(database, "select count(*) as count from ledger.runs") == [{"count": 60}]
    for number in (17, 40):
        path = ledger / "pushes" / f"r{number:02}.ndjson"
        path.write_bytes(path.read_bytes() + b"garbage\n")
    assert refused(database, ledger) == "ledger/pushes/r17.ndjson:3"


def test_a_damaged_line_among_very_many_is_found_where_it_is(
    tmp_path: Path, database: duckdb.DuckDBPyConnection
) -> None:
    """Read by all cores and from many blocks; a torn and closed line is one of them."""
    opt_out(tmp_path, *(f"p{number:06}" for number in range(150_000)))
    path = consent.path_of(tmp_path)
    with path.open("ab") as file:
        file.write(b'{"email_key":"p1')
    opt_out(tmp_path, "last")
    load.load(database, tmp_path)
    assert rows(database, "select count(*) as count from ledger.suppressions") == [{"count": 150_001}]
    whole = lines_of(path)
    for number in (149_990, 70_000):
        whole[number - 1] = b"garbage\n"
        path.write_bytes(b"".join(whole))
        assert refused(database, tmp_path) == f"ledger/consent.ndjson:{number}"


def test_a_line_that_is_longer_than_any_of_ours_is_damaged(tmp_path: Path, database: duckdb.DuckDBPyConnection) -> None:
    """DuckDB would end with words of its own."""
    opt_out(tmp_path, "anna")
    with consent.path_of(tmp_path).open("ab") as file:
        file.truncate(file.tell() + lines.LONGEST + 1000)
    assert refused(database, tmp_path) == "ledger/consent.ndjson:2"


def pin_three(ledger: Path) -> Path:
    for name in NAMES:
        pins.pin(ledger, name, "chimp", "account", f"A-{name}", name)
    return pins.path_of(ledger)


@pytest.mark.parametrize("garbage", GARBAGE)
def test_a_pin_that_is_damaged_stops_every_sync(tmp_path: Path, garbage: str) -> None:
    """Nobody knows whose pin it was: that sync would go to any audience of the name."""
    path = pin_three(tmp_path)
    first, _, third = lines_of(path)
    path.write_bytes(first + GARBAGE[garbage] + b"\n" + third)
    for name in NAMES:
        with pytest.raises(ConfigError, match="this line is damaged") as caught:
            pins.pinned(tmp_path, name)
        assert caught.value.where == "ledger/audiences.ndjson:2"


def test_a_pin_that_a_crash_tore_off_is_written_again(tmp_path: Path) -> None:
    path = pin_three(tmp_path)
    for tail in (b'{"sync":"da', b"\0\0\0"):
        with path.open("ab") as file:
            file.write(tail)
        assert pins.pinned(tmp_path, "dora") is None
        assert pins.pinned(tmp_path, "carl") is not None
        pins.pin(tmp_path, tail.hex(), "chimp", "account", "A-dora", "dora")
    assert [found["sync"] for found in files.read(path)] == [*NAMES, b'{"sync":"da'.hex(), "000000"]


def claimed_by(home: Path) -> None:
    """The home has the audience A1, and says so to the machine."""
    (home / "syncs").mkdir(parents=True, exist_ok=True)
    (home / "syncs" / "people.yaml").touch()
    pins.pin(home / "ledger", "people", "chimp", "account", "A1", "Readers")
    claims.claim(home, "people", "mailchimp", "account", "A1")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.mark.parametrize(
    "text", ["", "\0\0\0", '{"home": "/ho', "[]", '{"home": 1, "sync": "people"}', '{"sync": "people"}']
)
def test_a_claim_that_is_damaged_lets_no_home_send(tmp_path: Path, state: Path, text: str) -> None:
    """Else a copied home would send beside its original; once a person has looked, the claim is made anew."""
    claimed_by(tmp_path / "first")
    (claim,) = state.rglob("*.json")
    claim.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="it is damaged: whether another home sends to this audience") as caught:
        claimed_by(tmp_path / "second")
    assert caught.value.where == str(claim)
    assert caught.value.do == "Delete it if no other home on this machine has this audience."
    claim.unlink()
    claimed_by(tmp_path / "first")
    with pytest.raises(ConfigError, match="belongs to another home"):
        claimed_by(tmp_path / "second")


def test_a_damaged_pin_of_the_home_that_has_the_audience_is_named_with_that_home(tmp_path: Path, state: Path) -> None:
    claimed_by(tmp_path / "first")
    pins.path_of(tmp_path / "first" / "ledger").write_bytes(b"garbage\n")
    with pytest.raises(ConfigError, match="this line is damaged") as caught:
        claimed_by(tmp_path / "second")
    assert caught.value.where == f"{tmp_path}/first/ledger/audiences.ndjson:1"
