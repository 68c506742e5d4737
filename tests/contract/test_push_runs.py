"""Several runs at once, as real processes of the installed command: one of a sync, any number of syncs.

Belongs here: who is let in and who is told to come back. Does not: the lock itself (tests/unit/test_locks.py), the
same refusal within one process (integration/test_bad_input.py).
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from push_world import at_fault, wait_until
from rehearsal import PLANNING, SYNC, Rehearsal, rehearsing

pytestmark = pytest.mark.slow

OTHER = "second_audience"
CREATE = (
    "create: {company: A, sender_name: A, sender_email: a@voorbeeld.example, address: Weg 1, city: Utrecht, "
    "country: NL, permission_reminder: U bent relatie.}"
)


@pytest.fixture
def two_syncs(tmp_path: Path) -> Iterator[Rehearsal]:
    """A home with two syncs into two audiences of one account; the first has a plan."""
    with rehearsing(tmp_path / "home", people=60) as found:
        text = (found.root / "syncs" / f"{SYNC}.yaml").read_text(encoding="utf-8")
        for old, new in ((SYNC, OTHER), ("audience: Relaties", "audience: Tweede"), ("create: null", CREATE)):
            assert old in text
            text = text.replace(old, new)
        (found.root / "syncs" / f"{OTHER}.yaml").write_text(text, encoding="utf-8")
        found.run(PLANNING)
        yield found


@contextmanager
def enlist(home: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    command = [str(Path(sys.executable).with_name("enlist")), *arguments, "--home", str(home), "--json"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, text=True, env=dict(os.environ), **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def ended(process: "subprocess.Popen[str]") -> tuple[int, Any]:
    said, _ = process.communicate(timeout=200)
    return process.returncode, json.loads(said)


def test_a_second_run_of_a_sync_leaves_and_another_sync_goes_its_way(two_syncs: Rehearsal) -> None:
    """Exit 6 for the one, 0 for the other, while the first one stands still in the middle of its push."""
    slow = {"kind": "latency", "latency_ms": 1500, "method": "POST", "path": "/lists/{list_id}"}
    two_syncs.mailchimp.fail(**slow)
    home = two_syncs.root
    with (
        at_fault(two_syncs.mailchimp, signal.SIGSTOP) as strike,
        enlist(home, "push", SYNC, "--accept", "first_run") as first,
    ):
        strike.at(first.pid)
        wait_until(lambda: strike.done.is_set() or first.poll() is not None, 120)
        seq = two_syncs.seq()
        try:
            with enlist(home, "sync", SYNC) as second, enlist(home, "sync", OTHER, "--accept", "first_run") as other:
                code, document = ended(second)
                assert (code, document["error"]["what"]) == (6, f"Another run of {SYNC} is going on.")
                code, document = ended(other)
                assert (code, document["result"]["totals"].keys()) == (0, {"applied"})
        finally:
            first.send_signal(signal.SIGCONT)
        code, document = ended(first)
    assert (code, document["result"]["totals"].keys()) == (0, {"applied"})
    added = {entry["list_id"] for entry in two_syncs.mailchimp.history(after=seq) if entry["change"] == "add"}
    assert two_syncs.mailchimp.audience_id("Tweede") in added
    second = two_syncs.mailchimp.members(two_syncs.mailchimp.audience_id("Tweede"))
    assert second and {member["email_address"].lower() for member in second} <= set(two_syncs.members())
