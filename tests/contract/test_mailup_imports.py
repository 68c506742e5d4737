"""Imports into MailUp: cut, polled, read back row by row, and what they leave when they fail."""

import logging
import os
import re
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from mailup_world import FIELD, PLACED, MailupWorld, add, before_calls, change, people, told
from push_world import wait_until

from pipelines import progress
from pipelines.defs.stopping import stoppable
from pipelines.errors import TransientError
from pipelines.sandbox.http import Call


def test_imports_are_cut_polled_and_read_back_row_by_row(mailup: MailupWorld) -> None:
    """F11: each is followed to its end."""
    provider = mailup.open(import_chunk=500)
    rows = [add(email, nome=f"N {email}") for email in people(1200)]
    wrong = [add("somebody@"), add("no address at all")]
    (batch,) = provider.batches(mailup.audience_id, [*rows, *wrong])
    before = provider.calls
    outcomes = mailup.push([*rows, *wrong], provider)
    # Three imports, the roster and the newcomers once each, and the roster again for those who were not found.
    assert provider.calls - before - mailup.looks() <= batch.calls + 3 * -(-1300 // 50)
    assert told(outcomes) == {"applied": 1200, "not_kept": 2}
    left_out = [outcome for outcome in outcomes.values() if outcome.code]
    assert all(outcome.remedy and not outcome.can_retry for outcome in left_out)
    # What MailUp says of the imports stands beside who was not kept (F11).
    assert {re.sub(r"\d+, \d+, \d+", "IDS", str(outcome.detail)) for outcome in left_out} == {
        "import IDS: 1,200 rows valid, 2 not"
    }
    members = mailup.read()
    assert len(members) == 1200 + PLACED
    for email in people(1200):
        assert members[email].fields == {FIELD: f"N {email}"} == (outcomes[email].kept or {})["fields"]
        assert members[email].provider_id == outcomes[email].provider_id


class Heard(progress.Silent):
    """Remembers what it is told of imports."""

    def __init__(self) -> None:
        self.said: list[tuple[int, int | None]] = []

    def advance(self, what: str, done: int, total: int | None) -> None:
        assert what == "rows imported"
        self.said.append((done, total))


def test_how_many_rows_are_imported_is_told_while_a_batch_goes_on(mailup: MailupWorld) -> None:
    """A12, F11: into the list and into each group, out of all the rows of the batch."""
    mailup.simulator.turn(import_seconds=3600)
    looks: Counter[str] = Counter()

    def second_look(call: Call) -> None:
        if "/Import/" in call.route:
            looks[call.params["id_import"]] += 1
            if looks[call.params["id_import"]] == 2:
                mailup.simulator.finish_imports()

    provider = mailup.open(import_chunk=50)
    groups = [provider.create_group(mailup.audience_id, None, name).key for name in ("Soci", "Donatori")]
    adds = [add(email) for email in people(120)]
    joins = [
        change("join", email, {"groups": []}, {"groups": sorted(groups[: 1 + number // 30])})
        for number, email in enumerate(people(60))
    ]
    heard = Heard()
    with progress.shown_by(heard), before_calls(mailup.simulator, second_look):
        assert set(told(mailup.push([*adds, *joins], provider))) == {"applied"}
    assert {total for _, total in heard.said} == {60 + 60 + 30}  # alone, and into each group
    assert heard.said == sorted(heard.said)
    assert [done for done in dict(heard.said) if done] == [50, 60, 90, 140, 150]
    assert heard.said[0] == (0, 150), "also while the first import is waited for"


def test_a_signal_in_the_middle_of_a_batch_waits_for_all_its_imports(mailup: MailupWorld) -> None:
    provider = mailup.open(import_chunk=50)
    asked: list[str] = []

    def ask(call: Call) -> None:
        if "/Import/" in call.route and not asked:
            asked.append(call.route)
            os.kill(os.getpid(), signal.SIGTERM)

    with stoppable():
        with before_calls(mailup.simulator, ask):
            outcomes = mailup.push([add(email) for email in people(150)], provider)
        assert told(outcomes) == {"applied": 150}
        assert asked
        with pytest.raises(KeyboardInterrupt):
            progress.advance("changes", 150, 150)


def test_newcomers_are_read_back_without_reading_the_whole_list(mailup: MailupWorld) -> None:
    mailup.put(people(2000, start=5000))
    mailup.read()
    before = mailup.provider.calls
    assert told(mailup.push([add(email) for email in people(20)])) == {"applied": 20}
    assert mailup.provider.calls - before - mailup.looks() <= 3


def test_an_import_that_keeps_half_of_its_rows_is_seen_through(mailup: MailupWorld) -> None:
    mailup.simulator.next_imports("half")
    outcomes = mailup.push([add(email) for email in people(60)])
    kept = {email for email in people(60) if email in mailup.read()}
    assert {email for email, outcome in outcomes.items() if outcome.outcome == "applied"} == kept
    assert 0 < len(kept) < 60
    assert {outcomes[email].code for email in people(60) if email not in kept} == {"not_kept"}


def test_an_import_that_fails_keeps_nobody_and_says_so(mailup: MailupWorld) -> None:
    mailup.simulator.next_imports("fail")
    assert told(mailup.push([add(email) for email in people(60)])) == {"not_kept": 60}


# The first look finds every import done that has an end, so that no busy machine takes one for endless.
DONE_AT_THE_FIRST_LOOK = {"import_seconds": 0, "import_rows_per_second": 10**9}


def test_an_import_without_an_end_is_given_up_and_the_rows_before_it_are_told(mailup: MailupWorld) -> None:
    provider = mailup.open(import_chunk=20, import_timeout=timedelta(milliseconds=300))
    mailup.simulator.next_imports("stall")
    with pytest.raises(TransientError) as caught:
        mailup.push([add(email) for email in people(20)], provider)
    assert "Import" in caught.value.do
    mailup.simulator.finish_imports()


def test_after_an_import_without_an_end_no_other_is_begun_and_those_before_it_are_told(mailup: MailupWorld) -> None:
    mailup.simulator.turn(**DONE_AT_THE_FIRST_LOOK)
    provider = mailup.open(import_chunk=20, import_timeout=timedelta(milliseconds=300))
    done: list[str] = []

    class Second(logging.Handler):
        """Lets the import after the one that has just ended stall."""

        def emit(self, record: logging.LogRecord) -> None:
            done.append(record.getMessage())
            mailup.simulator.next_imports("stall")

    handler, log = Second(), logging.getLogger("pipelines.providers.mailup.imports")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        outcomes = mailup.push([add(email) for email in people(60)], provider)
    finally:
        log.removeHandler(handler)
        log.setLevel(logging.NOTSET)
    assert told(outcomes) == {"applied": 20, "no_answer": 40}
    assert len(done) == 1


def test_an_import_of_somebody_else_is_waited_for(mailup: MailupWorld) -> None:
    """It ends only after the second has been refused twice."""
    mailup.simulator.turn(second_import="refused", import_seconds=3600)
    slow = mailup.open(imports_at_a_time=2)
    starts: list[str] = []

    def at_the_fourth_start(call: Call) -> None:
        if call.method == "POST" and call.route.endswith("/Recipients"):
            starts.append(call.route)
        if len(starts) >= 4:
            mailup.simulator.finish_imports()

    with before_calls(mailup.simulator, at_the_fourth_start), ThreadPoolExecutor(1) as pool:
        first = pool.submit(mailup.push, [add(email) for email in people(20)])
        wait_until(lambda: len(starts) == 1)
        assert told(mailup.push([add(email) for email in people(20, start=50)], slow)) == {"applied": 20}
        assert told(first.result()) == {"applied": 20}
    assert mailup.simulator.stats()["statuses"]["400"] == 2, "the second met the first"
    assert len(starts) == 4
    assert len(mailup.read()) == 40 + PLACED


def test_an_import_that_is_too_large_is_halved(mailup: MailupWorld) -> None:
    mailup.simulator.turn(max_import_rows=50)
    assert told(mailup.push([add(email) for email in people(120)])) == {"applied": 120}
