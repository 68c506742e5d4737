"""A push of several hundred changes to a MailUp that fails in every way of the contract.

Belongs here: faults, and what the simulator's own state and history say afterwards; kills are in test_mailup_kills.py.
Our journal is no witness; only what the ledger remembers of opt-outs that we passed on is looked at besides.
Does not: the people and the verdict (mailup_push_world.py), one call and its retries (tests/unit).
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from mailup_push_world import (
    BLUE,
    IN_NO_TIME,
    STRANGERS,
    Person,
    PushWorld,
    Stage,
    assert_converged,
    assert_remembered,
    lay_out,
    prepare,
    staged,
)
from mailup_world import before_calls
from push_troubles import (
    EMPTY,
    FOR_EVER,
    TRUNCATED,
    Passing,
    Stop,
    Trouble,
    break_off,
    finish,
    problem,
    slow,
    usual,
)
from push_world import is_finished, wait_until
from soaking import some_always

from pipelines.errors import TransientError
from pipelines.sandbox.http import Call
from pipelines.sandbox.mailup.simulator import Mailup

LIST_IMPORT, GROUP_IMPORT = "/Console/List/{id_list}/Recipients", "/Console/Group/{id_group}/Recipients"
IMPORT = "/Console/Import/{id_import}"
CONSENTS, SUBSCRIBED = f"{LIST_IMPORT}/EmailOptins", f"{LIST_IMPORT}/Subscribed"
GROUP, CLOSE = "/Console/List/{id_list}/Group", "/Console/List/{id_list}/Group/{id_group}/Recipients"
ENTER = "/Console/Group/{id_group}/Subscribe/{id_recipient}"
PART = "/Console/Group/{id_group}/Unsubscribe/{id_recipient}"
DETAIL = "/Console/Recipient/Detail"

# Where calls of a push are hit and come through in the end; an import whose answer is lost was accepted all the same.
PASSING: tuple[Passing, ...] = (
    ("GET", CONSENTS, 1, 1, False),
    ("GET", SUBSCRIBED, 3, 1, False),
    ("GET", IMPORT, 0, 2, False),
    ("POST", GROUP, 0, 1, True),
    ("POST", LIST_IMPORT, 0, 1, True),
    ("POST", LIST_IMPORT, 2, 1, False),
    ("POST", GROUP_IMPORT, 0, 2, True),
    ("PUT", DETAIL, 2, 2, True),
    ("POST", ENTER, 3, 1, True),
    ("DELETE", PART, 7, 2, True),
    ("DELETE", CLOSE, 0, 1, True),
)
STOPS: dict[str, Stop] = {
    "overloaded": ("POST", GROUP_IMPORT, 2),
    "blocked": ("PUT", DETAIL, 1),
    "dropped_before": ("DELETE", PART, 30),
    "dropped_after": ("POST", GROUP_IMPORT, 3),
}
TROUBLES = (
    *usual(PASSING, STOPS),
    Trouble("no_document", (TRUNCATED, EMPTY), ("GET", IMPORT, 3), outage=TRUNCATED, passing=PASSING),
    slow(PASSING, ("POST", ENTER, 10)),
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A home and a sandbox with a past, a frozen plan, and people who said no since; and the port they belong to."""
    root = tmp_path_factory.mktemp("prepared")
    plan, port = prepare(root)
    assert plan.size > 600
    assert {count["op"] for count in plan.counts} == {"unsubscribe", "update", "add", "join", "leave"}
    return root, port


@pytest.fixture
def stage(prepared: tuple[Path, int], tmp_path: Path) -> Iterator[Stage]:
    with staged(*prepared, tmp_path) as found:
        yield found


# Every run of the tests has each kind of trouble at one of the providers, `make soak` at both.
@pytest.mark.parametrize("trouble", some_always(TROUBLES[1:] + TROUBLES[:1], 2), ids=lambda trouble: trouble.name)
def test_one_run_after_a_fault_everything_is_as_wanted(stage: Stage, trouble: Trouble) -> None:
    break_off(stage.world, stage.mailup, trouble)
    wait_until(lambda: stage.mailup.stats()["connections"] == 0)  # what came too late takes effect all the same
    finish(stage.world, stage.mailup, trouble)
    assert_converged(stage)
    assert_remembered(stage)


def test_tokens_that_end_during_imports_and_a_list_that_shrinks_while_it_is_paged_change_nothing(stage: Stage) -> None:
    """Contract, section 14: the token dies at every fourth look at an import; somebody goes with every page but one."""
    looks, pages, gone = [0], [0], list(STRANGERS)

    def meanwhile(call: Call) -> None:
        if call.route == IMPORT:
            looks[0] += 1
            if looks[0] % 4 == 1:
                stage.mailup.expire_tokens()
        elif call.route in (CONSENTS, SUBSCRIBED) and call.query.get("PageNumber") != "0":
            pages[0] += 1
            if pages[0] % 4 == 0 and gone:
                stage.mailup.act(stage.mailup.list_id, gone.pop(), "remove_by_hand")

    with before_calls(stage.mailup, meanwhile), stage.world.provider() as provider:
        assert is_finished(stage.world, provider, "now-1")
    assert looks[0] > 4 and len(gone) < len(STRANGERS) - 4
    assert stage.mailup.stats()["statuses"]["401"] >= 2
    stage.world.run("now-2")
    assert_converged(stage)
    assert_remembered(stage)


def test_after_an_import_that_never_completed_one_more_run_ends_as_wanted(stage: Stage) -> None:
    stage.world.longest_import = timedelta(milliseconds=400)
    started = [0]

    def meanwhile(call: Call) -> None:
        if (call.method, call.route) == ("POST", GROUP_IMPORT):
            started[0] += 1
            if started[0] == 2:  # the first group has taken some of the newcomers, the second one nobody
                stage.mailup.next_imports("stall")

    with before_calls(stage.mailup, meanwhile), stage.world.provider() as provider:
        assert not is_finished(stage.world, provider, "now-1")
    stage.mailup.finish_imports()
    stage.world.longest_import = timedelta(seconds=20)
    assert stage.world.run("now-2").outcomes["failed"] == 0
    assert_converged(stage)
    assert_remembered(stage)


def test_a_mailup_that_dies_within_the_last_batch_fails_the_push(mailup_simulator: Mailup, tmp_path: Path) -> None:
    """Exit 5: no other batch would find out; the next run does the rest."""
    mailup_simulator.turn(**IN_NO_TIME)
    lay_out(tmp_path, mailup_simulator.url.removesuffix("/mailup"))
    world, people = PushWorld(tmp_path), [Person("same", number) for number in range(12)]
    world.write_crm({person: {} for person in people})
    world.run("past", reads_crm=True)
    world.write_crm(dict.fromkeys(people, BLUE))
    world.plan(reads_crm=True)
    mailup_simulator.fail(**problem(503), method="POST", path=ENTER, skip=4, times=FOR_EVER)
    with world.provider() as provider, pytest.raises(TransientError, match=r"8 of 12 .*: 4 applied, .*8 failed"):
        world.push(provider, "now")
    mailup_simulator.faults.clear()
    assert world.run("next").outcomes == {"applied": 8}
