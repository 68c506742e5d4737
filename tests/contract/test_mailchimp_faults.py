"""A push of some thousand changes to a Mailchimp that fails in every way of the contract, and in the middle for good.

Belongs here: faults, kills, and what the simulator's own state and history say afterwards. Our journal is no witness;
only what the ledger remembers of leavers is looked at besides, since the simulator can't know it.
Does not: the people and the planning (mailchimp_push_world.py), the verdict (mailchimp_push_judge.py), one call and its
retries (tests/unit).
"""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mailchimp_push_judge import Meanwhile, Stage, assert_converged, assert_remembered, documents_of, prepare, staged
from mailchimp_push_world import EVERYBODY, PushWorld, furnish, lay_out
from push_troubles import EMPTY, FOR_EVER, TRUNCATED, Passing, Stop, Trouble, break_off, finish, late, slow, usual
from push_world import at_fault, is_finished, wait_until
from soaking import some_always

from pipelines.errors import TransientError
from pipelines.providers.base import Batch
from pipelines.sandbox.server import Sandbox
from pipelines.sync import plans

AUDIENCE, MEMBER = "/lists/{list_id}", "/lists/{list_id}/members/{subscriber_hash}"
SEGMENTS, SEGMENT = "/lists/{list_id}/segments", "/lists/{list_id}/segments/{segment_id}"
SCRIPT = Path(__file__).with_name("mailchimp_push_world.py")

PASSING: tuple[Passing, ...] = (
    ("GET", "/lists/{list_id}/members", 0, 1, False),
    ("POST", AUDIENCE, 0, 1, True),
    ("POST", AUDIENCE, 2, 1, False),
    ("POST", AUDIENCE, 4, 1, True),
    ("DELETE", MEMBER, 11, 2, True),
    ("PATCH", MEMBER, 7, 2, True),
    ("PUT", MEMBER, 3, 1, False),
    ("PUT", MEMBER, 9, 2, True),
    ("POST", SEGMENTS, 0, 1, True),
    ("POST", SEGMENT, 0, 1, False),
    ("POST", SEGMENT, 2, 1, True),
)
STOPS: dict[str, Stop] = {
    "overloaded": ("PUT", MEMBER, 20),
    "blocked": ("PUT", MEMBER, 0),
    "dropped_before": ("POST", SEGMENT, 1),
    "dropped_after": ("DELETE", MEMBER, 30),
}
TROUBLES = (
    *usual(PASSING, STOPS),
    Trouble(
        "no_document", (TRUNCATED, EMPTY), ("POST", AUDIENCE, 4), outage={**EMPTY, "applied": True}, passing=PASSING
    ),
    # Slower than the time-out only where one call runs at a time: the simulator counts a connection, as Mailchimp does,
    # until its own work is done, also when the caller went away. Our own time-out is longer than that work.
    slow(PASSING, ("POST", AUDIENCE, 5), side_by_side=late(300), parallel=frozenset({MEMBER})),
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A home and a sandbox with a past, a frozen plan, and people who said no since; and the port they belong to."""
    root = tmp_path_factory.mktemp("prepared")
    plan, port = prepare(root)
    assert plan.size > 2000
    return root, port


@pytest.fixture
def stage(prepared: tuple[Path, int], tmp_path: Path) -> Iterator[Stage]:
    with staged(*prepared, tmp_path) as found:
        yield found


# Every run of the tests has each kind of trouble at one of the providers, `make soak` at both.
@pytest.mark.parametrize("trouble", some_always(TROUBLES, 2), ids=lambda trouble: trouble.name)
def test_one_run_after_a_fault_everything_is_as_wanted(stage: Stage, trouble: Trouble) -> None:
    break_off(stage.world, stage.mailchimp, trouble)
    finish(stage.world, stage.mailchimp, trouble)
    assert_converged(stage)
    assert_remembered(stage)


def test_who_says_no_in_the_middle_of_a_push_is_not_subscribed(stage: Stage) -> None:
    """M4. Each says so just before the batch that holds one of their changes; who is archived then, stays archived."""
    late = {
        (op, person.last_address): person.addresses[0]
        for op, role in (("update", "changed"), ("rename", "moving"), ("add", "returning"), ("tag", "coming"))
        for person in EVERYBODY
        if person.role == role and 10 <= person.number < 20
    }
    said: set[str] = set()

    def say_no(batch: Batch) -> None:
        for change in batch.changes:
            address = late.get((change.op, change.email))
            if address and address not in said:
                said.add(address)
                stage.mailchimp.act(stage.mailchimp.list_id, address, "opt_out")

    with stage.world.provider_of(Meanwhile) as provider:
        provider.before = say_no
        stage.world.push(provider, "now-1")
    assert len(said) == len(late)
    stage.world.run("now-2")
    assert stage.world.plan().size == 0
    documents = stage.documents()
    assert {documents[address]["status"] for address in said} <= {"unsubscribed", "archived"}
    order = [entry for entry in stage.mailchimp.history(after=stage.seq) if entry.get("member_id")]
    silent: set[str] = set()
    for entry in order:
        if entry["change"] == "opt_out":
            silent.add(entry["member_id"])
        elif entry["member_id"] in silent:
            assert entry["status_after"] != "subscribed"
    assert not silent & {entry.get("new_member_id") for entry in order}


def test_killed_pushes_are_finished_by_the_next_run(stage: Stage) -> None:
    """The call under way takes effect after the death of its caller, who never wrote down what became of it."""
    for number, (method, path, skip) in enumerate((("DELETE", MEMBER, 20), ("PUT", MEMBER, 10))):
        stage.mailchimp.fail(kind="latency", latency_ms=100, method=method, path=path, skip=skip)
        command = [sys.executable, str(SCRIPT), str(stage.world.home.root), f"killed-{number}"]
        with at_fault(stage.mailchimp, signal.SIGKILL) as strike, subprocess.Popen(command) as child:
            strike.at(child.pid)
            child.wait()
        assert child.returncode == -signal.SIGKILL, "it ended by itself"
        wait_until(lambda: stage.mailchimp.stats()["connections"] == 0)
        stage.world.plan()
    with stage.world.provider() as provider:
        assert is_finished(stage.world, provider, "now")
    assert_converged(stage)
    assert_remembered(stage)


def test_a_push_that_got_no_answer_to_its_last_batch_is_not_called_applied(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "sandbox", port=0) as sandbox:
        lay_out(tmp_path / "home", sandbox.url)
        furnish(sandbox.mailchimp.url, sandbox.mailchimp.list_id)
        world = PushWorld(tmp_path / "home")
        people = [person for person in EVERYBODY if person.role == "objecting"]
        world.write_crm({person: {} for person in people})
        world.run("first", reads_crm=True)
        world.write_crm({person: {"First": "Other"} for person in people})
        plan = world.plan(reads_crm=True)
        sandbox.mailchimp.fail(kind="drop", method="POST", times=FOR_EVER)
        with world.provider() as provider, pytest.raises(TransientError):
            world.push(provider, "second")
        with world.warehouse.open() as connection:
            assert plans.get(connection, plan.plan_id).status == "partly_applied"
        sandbox.mailchimp.faults.clear()
        with world.provider() as provider:
            assert world.push(provider, "third").outcomes["applied"] == len(people)
        documents = documents_of(sandbox.mailchimp)
        assert {documents[person.last_address]["merge_fields"]["FNAME"] for person in people} == {"Other"}
