"""A push that is told to stop, or whose provider goes away for good: how it ends, and what it says.

Belongs here: real processes, their exit codes and last words, held against the simulator. Does not: kill -9
(test_push_kills.py), faults that pass (test_mailchimp_faults.py).
"""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mailchimp_push_judge import Stage, settle, settled, staged
from mailchimp_push_world import Person, PushWorld
from push_troubles import FOR_EVER, problem
from push_world import at_fault

from pipelines.errors import ConfigError, TransientError
from pipelines.http.client import Patience
from pipelines.ledger.journal import folder_of
from pipelines.sync import plans

SCRIPT = Path(__file__).with_name("mailchimp_push_world.py")
AUDIENCE = "/lists/{list_id}"
MEMBER = "/lists/{list_id}/members/{subscriber_hash}"
OLD = tuple(Person("same", number) for number in range(20, 50))
NEW = tuple(Person("coming", number) for number in range(20, 219))
FORGOTTEN = Person("about", 0)  # sorts before the others, so that the first batch has a refusal
PORTION = 40


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    root = tmp_path_factory.mktemp("prepared")
    return root, settle(root, OLD, PORTION)


@pytest.fixture
def stage(prepared: tuple[Path, int], tmp_path: Path) -> Iterator[Stage]:
    """200 people to add in five batches; the first person is refused."""
    with staged(*prepared, tmp_path, NEW) as found:
        for act in ("add_by_hand", "delete_by_hand"):
            found.mailchimp.act(found.mailchimp.list_id, f"{FORGOTTEN.name}@people.example", act)
        found.world.write_crm({**settled(OLD), FORGOTTEN: {}, **dict.fromkeys(NEW, {})})  # noqa: RUF024
        assert found.world.plan(reads_crm=True).size == 200
        yield found


def pushing(stage: Stage, run_id: str = "now") -> "subprocess.Popen[str]":
    command = [sys.executable, str(SCRIPT), str(stage.world.home.root), run_id]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def there(stage: Stage) -> int:
    """How many of the 200 the audience has."""
    return len(stage.documents()) - members_before(stage)


def members_before(stage: Stage) -> int:
    return len([one for one in stage.documents() if not one.startswith("coming")])


def status_of_plan(world: PushWorld) -> str:
    with world.warehouse.open() as connection:
        found = plans.latest(connection, "people")
    assert found
    return found.status


def totals(stage: Stage, run_id: str = "now") -> dict[str, int]:
    """Changes by outcome as the ledger has them."""
    query = "select outcome, count(*) from ledger.pushes where run_id = ? group by all"
    with stage.world.warehouse.open() as connection:
        return dict(connection.execute(query, [run_id]).fetchall())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_push_told_to_stop_ends_at_the_border_of_its_batch_and_says_what_is_true(
    stage: Stage, number: signal.Signals
) -> None:
    """Exit 130 within seconds: the batch under way is finished and counted, the rest is left."""
    stage.mailchimp.fail(kind="latency", latency_ms=500, method="POST", path=AUDIENCE, skip=1)
    with at_fault(stage.mailchimp, number) as strike, pushing(stage) as process:
        strike.at(process.pid)
        assert strike.done.wait(60)
        asked = time.monotonic()
        said, _ = process.communicate(timeout=60)
    assert time.monotonic() - asked < 10
    assert process.returncode == 130
    assert there(stage) == 79
    assert "Stopped at a batch border: 79 applied, 1 refused, 120 left." in said
    assert totals(stage) == {"applied": 79, "refused": 1, "left": 120}
    assert status_of_plan(stage.world) == "partly_applied"
    with stage.world.provider() as provider:
        assert stage.world.push(provider, "rest").outcomes == {"applied": 120}
    assert (there(stage), status_of_plan(stage.world)) == (199, "applied")


def test_a_push_told_to_stop_while_it_still_reads_sends_nothing(stage: Stage) -> None:
    stage.mailchimp.fail(kind="latency", latency_ms=500, method="GET", path="/lists/{list_id}/members")
    with at_fault(stage.mailchimp, signal.SIGTERM) as strike, pushing(stage) as process:
        strike.at(process.pid)
        said, _ = process.communicate(timeout=60)
    assert (process.returncode, there(stage)) == (130, 0)
    assert "Stopped at a batch border: 0 applied, 0 refused, 200 left." in said


def test_a_provider_that_dies_in_the_middle_leaves_a_plan_that_says_so(stage: Stage) -> None:
    """Exit 5; what was under way has no answer, and nobody claims to know it."""
    stage.mailchimp.fail(kind="drop", method="POST", path=AUDIENCE, skip=2, times=1000, applied=True)
    with pushing(stage) as process:
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 5
    assert "It broke off: 79 applied, 1 refused, 80 left, 40 without an answer." in said
    assert totals(stage) == {"applied": 79, "refused": 1, "left": 80, "sending": 40}
    assert status_of_plan(stage.world) == "partly_applied"
    stage.mailchimp.faults.clear()
    assert there(stage) == 119, "they arrived all the same"
    stage.world.run("next")
    assert there(stage) == 199
    adds = [entry for entry in stage.history() if entry["change"] == "add"]
    assert len(adds) == len({entry["member_id"] for entry in adds}) == 199


def test_a_provider_that_dies_within_the_last_batch_fails_the_push_all_the_same(stage: Stage) -> None:
    """Exit 5: no other batch would find out. The summary is true, the journal closed; the next run does the rest."""
    plan = leaving(stage)
    stage.mailchimp.fail(**problem(503), method="DELETE", path=MEMBER, skip=10, times=FOR_EVER)
    with stage.world.provider() as provider, pytest.raises(TransientError) as caught:
        stage.world.push(provider, "now")
    assert caught.value.exit_code == 5
    assert caught.value.what == "20 of 30 changes got no usable answer: 10 applied, 0 refused, 20 failed, 0 left."
    assert caught.value.do.startswith(f"Send the rest with `enlist push people --plan {plan.plan_id}`")
    assert (totals(stage), status_of_plan(stage.world)) == ({"applied": 10, "failed": 20}, "partly_applied")
    journal = folder_of(stage.world.home.ledger) / "now.ndjson"
    last = json.loads(journal.read_text(encoding="utf-8").splitlines()[-1])
    assert (last["line"], last["is_read_back"]) == ("end", True)
    stage.mailchimp.faults.clear()
    assert stage.world.run("next").outcomes == {"applied": 20}
    assert archived(stage) == 30


def test_rows_that_fail_alone_fail_the_push_when_all_others_are_done(stage: Stage) -> None:
    """What is not applied is never told as success, though the provider answers again; the same plan has the rest."""
    assert leaving(stage, coming=50).size == 80
    stage.mailchimp.fail(**problem(503), method="DELETE", path=MEMBER, skip=3)
    with (
        stage.world.provider(Patience(max_attempts=1)) as provider,
        pytest.raises(TransientError, match="of 80 changes got no usable answer"),
    ):
        stage.world.push(provider, "now")
    outcomes = totals(stage)
    assert outcomes["failed"] > 0 and outcomes == {"applied": 50 + archived(stage), "failed": 30 - archived(stage)}
    with stage.world.provider() as provider:
        assert stage.world.push(provider, "rest").outcomes == {"applied": outcomes["failed"]}
    assert (archived(stage), status_of_plan(stage.world)) == (30, "applied")


def leaving(stage: Stage, coming: int = 0) -> plans.Plan:
    """Plan to archive everybody who was there, one by one, and to add so many after them."""
    gone = {person: {"Tags": "A", "Flag": "Nee"} for person in OLD}
    stage.world.write_crm({**gone, **dict.fromkeys(NEW[:coming], {})})  # noqa: RUF024
    return stage.world.plan(reads_crm=True)


def archived(stage: Stage) -> int:
    return sum(found["status"] == "archived" for found in stage.documents().values())


def test_what_a_broken_off_first_push_left_is_sent_by_the_schedule(stage: Stage) -> None:
    """A person accepted the first plan; its rest is no reason to ask again, however large."""
    forget(stage)
    stage.world.write_crm(dict.fromkeys(NEW, {}))  # noqa: RUF024
    plan = stage.world.plan(reads_crm=True)
    assert [rule.rule for rule in plan.stopped_by] == ["first_run"]
    with stage.world.provider() as provider:
        assert stage.world.push(provider, "waits", accept=(), by="schedule").is_waiting
    # The firm that was there is made ours first; then one batch of adds passes.
    stage.mailchimp.fail(kind="drop", method="POST", path=AUDIENCE, skip=2, times=1000)
    with pushing(stage) as process:
        process.communicate(timeout=60)
    assert (process.returncode, there(stage)) == (5, 40)
    stage.mailchimp.faults.clear()
    rest = stage.world.plan()
    assert ({count["op"] for count in rest.counts}, rest.size, rest.stopped_by) == ({"add"}, 159, ())
    with stage.world.provider() as provider:
        assert stage.world.push(provider, "goes-on", accept=(), by="schedule").outcomes == {"applied": 159}


def forget(stage: Stage) -> None:
    """Let the sync have no past."""
    for path in (stage.world.home.ledger / "pushes").iterdir():
        path.unlink()
    with stage.world.warehouse.open() as connection:
        for table in ("files", "runs", "pushes", "members"):
            connection.execute(f"delete from ledger.{table}")


def test_a_copied_home_does_not_send_beside_its_original(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second home on the same audience stops the push; when the first gives it up it may go on."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(type(stage.world.settings()), "is_loopback", lambda self: False)  # the sandbox claims nothing
    original = stage.world.home.root
    copy = PushWorld(Path(shutil.copytree(original, tmp_path / "copy")))
    with stage.world.provider() as provider:
        stage.world.push(provider, "original", limit=2)
        added = there(stage)
        with pytest.raises(ConfigError, match="belongs to another home"):
            copy.push(provider, "copy", limit=2)
        assert there(stage) == added == 1  # the other of the two is refused
        (original / "syncs" / "people.yaml").unlink()
        copy.push(provider, "copy", limit=5)
        assert there(stage) > added
