"""The story of auditcase_mailchimp, told once: each step happens after the one before and is recorded for its tests.

Belongs here: the steps, as fixtures that conftest.py hands to all tests. Does not: facts about them (the tests), the
people (cast.py).

    scheduled    the schedule runs for the first time (conftest.py)
    canary       somebody looks, accepts the first plan and pushes five members
    single       one more member, by an address on stdin
    stopped      the push goes on, and SIGTERM comes during the second batch
    first_sync   the rest of the same plan
    again        that plan is pushed once more
    campaigns    three campaigns go out; people opt out and bounce; statistics come home
    quiet        the sync, with nothing to do; the marts are built and published
    killed       the CRM changes, and the process of the push is killed in the middle
    finished     somebody who opted out is flagged Ja again, the warehouse is deleted, and the schedule's next run comes
    shrunken     the CRM lost 30% of its records
    accepted     somebody looks and accepts that
    emptied      the CRM is empty
"""

import io
import multiprocessing
import os
import signal
import sqlite3
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from unittest import mock

import pytest
from cast import Wanted, address, edit, person_id, wanted_of
from rehearsal import PLANNING, PUSHING, SYNC, Document, Rehearsal, Step

from pipelines.cli.pushing import hashed
from pipelines.sandbox.marketer import send_mailchimp_campaigns

BATCH = "POST /lists/{list_id}"
BY = "anna"


@dataclass(frozen=True)
class Planned:
    """A step of a plan: what it did, the plan's row and changes, who is held, and whom the CRM wanted then."""

    step: Step
    plan: Document
    changes: list[Document]
    holds: dict[str, set[str]]
    wanted: dict[str, Wanted]
    outcomes: dict[str, set[str]]

    @property
    def members(self) -> Mapping[str, Document]:
        """The provider's members after it, by address."""
        return self.step.members

    def told(self) -> set[tuple[str, str, str]]:
        """(op, address, reason) of every change."""
        return {(row["op"], row["email_key"], row["reason"]) for row in self.changes}


def planned_step(rehearsal: Rehearsal, step: Step) -> Planned:
    plan = rehearsal.query("select * from plan.plans where sync = ? order by created_at desc limit 1", [SYNC])[0]
    outcomes = rehearsal.outcomes(plan["plan_id"])
    return Planned(step, plan, rehearsal.changes(), rehearsal.holds(), wanted_of(rehearsal.crm), outcomes)


@contextmanager
def once_called(rehearsal: Rehearsal, call: str, count: int, act: Callable[[], None]) -> Iterator[None]:
    """Do something as soon as a call arrives for the `count`th time from now on."""
    wanted = rehearsal.mailchimp.stats()["calls"].get(call, 0) + count
    give_up = time.monotonic() + 60

    def wait() -> None:
        while rehearsal.mailchimp.stats()["calls"].get(call, 0) < wanted and time.monotonic() < give_up:
            time.sleep(0.005)
        act()

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@pytest.fixture(scope="session")
def canary(rehearsal: Rehearsal, planned: Rehearsal) -> Step:
    push = {"by": BY, "accept": ["first_run"], "limit": 5}
    return rehearsal.step(lambda: rehearsal.run(["push"], push))


@pytest.fixture(scope="session")
def single(rehearsal: Rehearsal, canary: Step) -> Step:
    assert canary.error is None
    with mock.patch.object(sys, "stdin", io.StringIO(f"{address('objecting').upper()}\n")):
        push = {"by": BY, "only": hashed("-")}
    return rehearsal.step(lambda: rehearsal.run(["push"], push))


@pytest.fixture(scope="session")
def stopped(rehearsal: Rehearsal, single: Step) -> Step:
    """Whoever started the tests is shielded: a signal that comes too early or too late does nothing."""
    before = signal.signal(signal.SIGTERM, lambda number, frame: None)
    rehearsal.mailchimp.fail(kind="latency", method="POST", path="/lists/{list_id}", skip=1, latency_ms=400)
    try:
        with once_called(rehearsal, BATCH, 2, lambda: os.kill(os.getpid(), signal.SIGTERM)):
            return rehearsal.step(lambda: rehearsal.enlist("push", SYNC, "--json"))
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def first_sync(rehearsal: Rehearsal, stopped: Step) -> Planned:
    return planned_step(rehearsal, rehearsal.step(lambda: rehearsal.run(["push"], {"by": BY})))


@pytest.fixture(scope="session")
def again(rehearsal: Rehearsal, first_sync: Planned) -> Step:
    push = {"by": BY, "plan_id": first_sync.plan["plan_id"]}
    return rehearsal.step(lambda: rehearsal.run(["push"], push))


@pytest.fixture(scope="session")
def campaigns(rehearsal: Rehearsal, again: Step) -> Step:
    """Besides what chance has people do, three of the cast act by themselves."""
    send_mailchimp_campaigns(rehearsal.mailchimp.url, rehearsal.mailchimp.api_key, rehearsal.list_id)
    for name in ("regretful", "unwilling"):
        rehearsal.act(address(name), "opt_out")
    rehearsal.act(address("bouncing"), "hard_bounce")
    return rehearsal.step(lambda: rehearsal.run(["extract", "stats"], line="stats"))


@pytest.fixture(scope="session")
def quiet(rehearsal: Rehearsal, campaigns: Step) -> Planned:
    assert campaigns.error is None
    return planned_step(rehearsal, rehearsal.step(lambda: rehearsal.enlist("sync", SYNC, "--json")))


@pytest.fixture(scope="session")
def settled(rehearsal: Rehearsal, quiet: Planned, tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """The home as it was then, put aside before the story goes on."""
    return rehearsal.copy(tmp_path_factory.mktemp("settled") / "data")


@pytest.fixture(scope="session")
def killed(rehearsal: Rehearsal, settled: Rehearsal) -> Planned:
    """The updates are the third batch; they reach the provider, whose answer finds nobody."""
    edit(rehearsal, "leaver", KoppelenMetMailChimp="Nee")
    edit(rehearsal, "regretful", KoppelenMetMailChimp="Nee")
    edit(rehearsal, "bride", PersonNameRE="Jansen-de Vries")
    edit(rehearsal, "bouncing", PersonNameRE="Bakker-Smit")
    edit(rehearsal, "mover", ContactEMailRE="moved@cast.example")
    edit(rehearsal, "switching", CorrespondenceGroupRE="Nieuwsbrief;Agrarisch")
    edit(rehearsal, "newcomer", KoppelenMetMailChimp="Ja")
    rehearsal.run(PLANNING)
    rehearsal.mailchimp.fail(kind="latency", method="POST", path="/lists/{list_id}", latency_ms=300)

    def push() -> int | None:
        # Forked rather than started anew: ready to run, with a process id to kill.
        process = multiprocessing.get_context("fork").Process(target=rehearsal.enlist, args=("push", SYNC))
        with warnings.catch_warnings(), once_called(rehearsal, BATCH, 1, process.kill):
            # This process has threads, the sandbox's among them; what the child needs of them it starts itself.
            warnings.simplefilter("ignore", DeprecationWarning)
            process.start()
            process.join()
        while rehearsal.mailchimp.stats()["connections"]:
            time.sleep(0.01)
        return process.exitcode

    return planned_step(rehearsal, rehearsal.step(push))


@pytest.fixture(scope="session")
def finished(rehearsal: Rehearsal, killed: Planned) -> Planned:
    edit(rehearsal, "regretful", KoppelenMetMailChimp="Ja")
    rehearsal.home().warehouse.unlink()
    return planned_step(rehearsal, rehearsal.step(lambda: rehearsal.run(PUSHING)))


@pytest.fixture(scope="session")
def shrunken(rehearsal: Rehearsal, finished: Planned) -> Planned:
    with closing(sqlite3.connect(rehearsal.crm)) as database, database:
        count = database.execute("select count(*) from persons").fetchone()[0]
        database.execute(
            "delete from persons where PersonId in (select PersonId from persons where PersonId > ? limit ?)",
            [person_id("newcomer"), count * 3 // 10],
        )
    return planned_step(rehearsal, rehearsal.step(lambda: rehearsal.enlist("sync", SYNC, "--json")))


@pytest.fixture(scope="session")
def accepted(rehearsal: Rehearsal, shrunken: Planned) -> Planned:
    push = {"by": BY, "accept": ["max_source_drop", "max_removals"]}
    return planned_step(rehearsal, rehearsal.step(lambda: rehearsal.run(["push"], push)))


@pytest.fixture(scope="session")
def emptied(rehearsal: Rehearsal, accepted: Planned) -> Planned:
    with closing(sqlite3.connect(rehearsal.crm)) as database, database:
        database.execute("delete from persons")
    return planned_step(rehearsal, rehearsal.step(lambda: rehearsal.enlist("sync", SYNC, "--json")))
