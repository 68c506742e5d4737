"""A push of some thousand changes to a Mailchimp that fails in every way of the contract, and in the middle for good.

Belongs here: faults, kills, and what the simulator's own state and history say afterwards; our journal is no witness.
Does not: the people and the planning (mailchimp_push_world.py), one call and its retries (tests/unit).
"""

import shutil
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest
from mailchimp_push_world import (
    EVERYBODY,
    PATIENT,
    Person,
    PushWorld,
    furnish,
    groups_of,
    lay_out,
    live_until_now,
    wanted,
)

from pipelines.errors import TransientError
from pipelines.providers.base import Batch, Outcome
from pipelines.providers.http import Patience
from pipelines.providers.mailchimp.provider import MailchimpProvider
from pipelines.sandbox.faults import Fault
from pipelines.sandbox.mailchimp.simulator import Mailchimp
from pipelines.sandbox.server import Sandbox

AUDIENCE, MEMBER = "/lists/{list_id}", "/lists/{list_id}/members/{subscriber_hash}"
SEGMENTS, SEGMENT = "/lists/{list_id}/segments", "/lists/{list_id}/segments/{segment_id}"
FOR_EVER = 10**6

# Where calls of a push are hit and come through in the end: (method, route, calls that pass before, times).
PASSING = (
    ("GET", "/lists/{list_id}/members", 0, 1),
    ("POST", AUDIENCE, 0, 2),
    ("POST", AUDIENCE, 3, 2),
    ("DELETE", MEMBER, 11, 2),
    ("PATCH", MEMBER, 7, 2),
    ("PUT", MEMBER, 3, 2),
    ("POST", SEGMENTS, 0, 1),
    ("POST", SEGMENT, 1, 2),
)
HURRIED = Patience(read_timeout=0.5, max_attempts=3, wait=lambda seconds: time.sleep(0.3))


@dataclass(frozen=True)
class Trouble:
    """One kind of fault, and the route that it stops for good after so many calls."""

    name: str
    fault: dict[str, Any]
    stops: tuple[str, str, int]
    patience: Patience = PATIENT


TROUBLES = (
    Trouble("429", {"kind": "problem", "status": 429}, ("PATCH", MEMBER, 25)),
    Trouble("500", {"kind": "problem", "status": 500}, ("DELETE", MEMBER, 30)),
    Trouble("503_though_done", {"kind": "problem", "status": 503, "applied": True}, ("PUT", MEMBER, 20)),
    Trouble("html_403", {"kind": "html", "status": 403}, ("POST", SEGMENT, 1)),
    Trouble("html_503_though_done", {"kind": "html", "status": 503, "applied": True}, ("POST", AUDIENCE, 4)),
    Trouble("dropped_before", {"kind": "drop"}, ("POST", AUDIENCE, 6)),
    Trouble("dropped_after", {"kind": "drop", "applied": True}, ("DELETE", MEMBER, 30)),
    Trouble("truncated", {"kind": "truncated"}, ("POST", SEGMENT, 2)),
    Trouble("empty", {"kind": "empty", "status": 200}, ("PATCH", MEMBER, 25)),
    Trouble("empty_though_done", {"kind": "empty", "status": 200, "applied": True}, ("POST", AUDIENCE, 5)),
    # Slower than the time-out only where one call runs at a time: the simulator, like Mailchimp, still counts a
    # connection whose caller went away.
    Trouble("slow", {"kind": "latency", "latency_ms": 700}, ("POST", AUDIENCE, 6), HURRIED),
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A home and a sandbox with a past, a frozen plan, and people who said no since; and the port they belong to."""
    root = tmp_path_factory.mktemp("prepared")
    with Sandbox(root / "sandbox", port=0) as sandbox:
        lay_out(root / "home", sandbox.url)
        furnish(sandbox.mailchimp)
        plan = live_until_now(PushWorld(root / "home"), sandbox.mailchimp)
        assert plan.size > 2000
        return root, int(sandbox.url.rpartition(":")[2])


@dataclass(frozen=True)
class Stage:
    """A copy of one's own of what was prepared; `seq` is where its history stood."""

    world: PushWorld
    mailchimp: Mailchimp
    seq: int

    def documents(self) -> dict[str, Any]:
        """All members by address."""
        return {found["email_address"]: found for found in self.mailchimp.members(self.mailchimp.list_id)}

    def history(self) -> list[dict[str, Any]]:
        """What our calls have changed since."""
        return [entry for entry in self.mailchimp.history(after=self.seq) if entry["actor"] == "api"]


@pytest.fixture
def stage(prepared: tuple[Path, int], tmp_path: Path) -> Iterator[Stage]:
    source, port = prepared
    shutil.copytree(source / "home", tmp_path / "home")
    shutil.copytree(source / "sandbox", tmp_path / "sandbox")
    with Sandbox(tmp_path / "sandbox", port=port) as sandbox:
        history = sandbox.mailchimp.history()
        yield Stage(PushWorld(tmp_path / "home"), sandbox.mailchimp, history[-1]["seq"])


def is_finished(world: PushWorld, provider: MailchimpProvider, run_id: str) -> bool:
    """Push; whether every change got an answer. A batch without any breaks the push off, one with some does not."""
    try:
        return world.push(provider, run_id).outcomes["failed"] == 0
    except TransientError as error:
        assert error.do
        return False


def hash_of(address: str) -> str:
    return md5(address.lower().encode(), usedforsecurity=False).hexdigest()


def assert_converged(stage: Stage) -> None:
    """Everybody is as wanted, by the one way there; nothing is left to do."""
    assert stage.world.plan().size == 0
    documents, groups = stage.documents(), groups_of(stage.mailchimp)
    expected = {person: found for person in EVERYBODY if (found := wanted(person))}
    assert {person: shown(documents[person.last_address], groups) for person in expected} == expected
    assert_each_effect_once(stage)
    assert_a_no_stays_a_no(stage, documents)
    stats = stage.mailchimp.stats()
    assert stats["max_connections"] <= 10 and stats["connections"] == 0


def shown(document: dict[str, Any], groups: dict[str, str]) -> tuple[str, str, set[str], set[str]]:
    """A member's document as `wanted` tells it."""
    return (
        *(document["status"], document["merge_fields"]["FNAME"], {tag["name"] for tag in document["tags"]}),
        {groups[group_id] for group_id, is_on in document["interests"].items() if is_on},
    )


def assert_each_effect_once(stage: Stage) -> None:
    """Nothing lost, nothing twice, nothing that nobody asked for."""
    people = {hash_of(address): person for person in EVERYBODY for address in person.addresses}
    seen: dict[Person, Counter[str]] = defaultdict(Counter)
    tagged: Counter[tuple[str, str, int]] = Counter()
    for entry in stage.history():
        if entry["change"] == "segment_add":
            continue
        seen[people[entry["member_id"]]][entry["change"]] += 1  # a KeyError: somebody whom no CRM knows
        if entry["change"] in ("tag", "untag"):
            tagged[entry["change"], entry["member_id"], entry["ids"][0]] += 1
    assert seen == {person: Counter(person.effects) for person in EVERYBODY if person.effects}
    assert set(tagged.values()) == {1}


def assert_a_no_stays_a_no(stage: Stage, documents: dict[str, Any]) -> None:
    """Who opted out is not subscribed, and never was in between."""
    refusers = [person for person in EVERYBODY if person.is_opted_out]
    hashes = {hash_of(address) for person in refusers for address in person.addresses}
    assert len(refusers) >= 30
    assert {documents[person.addresses[0]]["status"] for person in refusers} == {"unsubscribed", "archived"}
    touched = [entry for entry in stage.history() if entry.get("member_id") in hashes]
    assert touched and all(entry["status_after"] != "subscribed" for entry in touched)


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.name)
def test_one_run_after_a_fault_everything_is_as_wanted(stage: Stage, trouble: Trouble) -> None:
    faults = stage.mailchimp.faults
    for method, path, skip, times in PASSING:
        stage.mailchimp.fail(**trouble.fault, method=method, path=path, skip=skip, times=times)
    method, path, skip = trouble.stops
    stage.mailchimp.fail(**trouble.fault, method=method, path=path, skip=skip, times=FOR_EVER)
    with stage.world.provider(trouble.patience) as provider:
        assert not is_finished(stage.world, provider, "now-1")
    (outage,) = [fault for fault in faults.waiting() if fault.times > 1000]
    assert outage.times < FOR_EVER - 2, "the push was stopped by it"
    later = [fault for fault in faults.waiting() if fault is not outage]
    faults.clear()
    for fault in later:  # those that the first run did not come to
        faults.add(fault)
    result = stage.world.run("now-2", patience=trouble.patience)
    assert not faults.waiting()
    assert result.outcomes["failed"] == result.outcomes["left"] == 0
    assert_converged(stage)
