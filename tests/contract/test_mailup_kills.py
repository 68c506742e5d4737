"""A push to MailUp killed with kill -9 at each call that changes something, and two pushes at once.

Belongs here: processes. Does not: killing (push_kills.py), faults of the provider (test_mailup_faults.py), the verdict
(mailup_push_world.py).
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mailup_push_world import Person, Stage, assert_as_wanted, assert_remembered, prepare, push_home, staged
from mailup_world import MailupWorld, push_updates
from push_kills import PUSHES, at_each, changing_calls, kill_at

# Just enough of each role for every way that a change can go: more than fifty are imported.
PEOPLE = Person.some(
    **{"same": 1, "changed": 52, "emptied": 1, "entering": 1, "parting": 1, "closing": 51, "objecting": 2, "coming": 52}
)
# Calls that change something, of the push that nothing happens to: a group, an import of fields, two into groups, and
# one of each single call.
CALLS = {"POST": 5, "DELETE": 3, "PUT": 1}
INTO_LEAD = 3  # of those POST
RATE = 20
UPDATE = "PUT /Console/Recipient/Detail"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    root = tmp_path_factory.mktemp("prepared")
    return root, prepare(root, PEOPLE)[1]


@pytest.fixture
def stage(prepared: tuple[Path, int], tmp_path: Path) -> Iterator[Stage]:
    with staged(*prepared, tmp_path, PEOPLE) as found:
        yield found


def test_the_positions_are_all_there_are(stage: Stage) -> None:
    with stage.world.provider() as provider:
        stage.world.push(provider, "now")
    assert changing_calls(stage.mailup) == CALLS


@at_each(CALLS)
def test_a_push_killed_at_a_call_is_finished_by_the_next_run(stage: Stage, method: str, number: int) -> None:
    """Nothing lost, nothing twice, nobody subscribed against their will: all of it from the simulator's history."""
    kill_at(stage.mailup, push_home, stage.world.home.root, method, number)
    assert stage.world.run("next").outcomes["failed"] == 0
    assert_as_wanted(stage)
    assert_remembered(stage)


def test_groups_that_a_killed_push_had_filled_are_known_as_ours(stage: Stage) -> None:
    """Killed while newcomers enter the first of their groups: who leaves the CRM before the next run leaves it too."""
    kill_at(stage.mailup, push_home, stage.world.home.root, "POST", INTO_LEAD)
    coming = [person for person in PEOPLE if person.role == "coming"]
    documents = stage.documents()
    assert {tuple(documents[person.last_address]["groups"]) for person in coming[1:]} == {("Lead",)}
    columns = {person: person.roles[person.role].after for person in PEOPLE}
    stage.world.write_crm(columns | {person: {**(columns[person] or {}), "Flag": "Nee"} for person in coming})
    plan = stage.world.plan(reads_crm=True)
    assert {"op": "leave", "reason": "no_match", "count": len(coming) - 1} in plan.counts
    with stage.world.provider() as provider:
        stage.world.push(provider, "next")
    assert not any(stage.documents()[person.last_address]["groups"] for person in coming)


def test_two_processes_that_push_at_once_stay_within_the_rate_of_each_method(mailup: MailupWorld) -> None:
    """A12: the limit is the account's, whoever calls.

    In one of a few rounds: a machine that stands still for a moment makes up for it with calls close together.
    """
    settings = mailup.simulator.url, mailup.locks, mailup.audience_id, RATE

    def refused(start: int) -> int:
        names = [f"person{number}@people.example" for number in range(start, start + 50)]
        mailup.put(names)
        mailup.simulator.turn(calls_per_second=0)
        assert names[0] in mailup.read()
        mailup.simulator.turn(calls_per_second=RATE + 5)
        before = mailup.simulator.stats()
        children = [PUSHES.Process(target=push_updates, args=(*settings, names[at::2])) for at in range(2)]
        for child in children:
            child.start()
        for child in children:
            child.join()
        after = mailup.simulator.stats()
        assert [child.exitcode for child in children] == [0, 0]
        assert {member.fields["nome"] for email, member in mailup.read().items() if email in names} == {"Other"}
        found: int = after["statuses"].get("429", 0) - before["statuses"].get("429", 0)
        assert after["calls"][UPDATE] - before["calls"].get(UPDATE, 0) == len(names) + found
        return found

    assert any(refused(100 * number) == 0 for number in range(5))
