"""Which part of a plan a push sends: canaries and the rest, rows that moved, plans that are stale, rows once refused.

Belongs here: what reaches the simulator, and what does not. Does not: pushes that end early (test_push_stops.py), the
look back (test_push_readback.py).
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from mailchimp_push_judge import Meanwhile, Stage, by_hand, settle, settled, staged
from mailchimp_push_world import Person

from pipelines.config import load_home
from pipelines.errors import ConfigError, StalePlan, UnsafePlan
from pipelines.ledger.journal import folder_of
from pipelines.providers.base import Batch
from pipelines.sync import plans
from pipelines.sync.push import Push, Request, hash_of

PEOPLE = tuple(Person("same", number) for number in range(20, 60))
NEW = tuple(Person("coming", number) for number in range(20, 32))
PORTION = 10


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    root = tmp_path_factory.mktemp("prepared")
    return root, settle(root, PEOPLE, PORTION)


@pytest.fixture
def stage(prepared: tuple[Path, int], tmp_path: Path) -> Iterator[Stage]:
    with staged(*prepared, tmp_path, PEOPLE) as found:
        yield found


def writes(stage: Stage) -> int:
    """Calls of ours that could change something."""
    return sum(count for call, count in stage.mailchimp.stats()["calls"].items() if not call.startswith("GET "))


def touched(stage: Stage) -> list[str]:
    """Members whom calls of ours changed, each change by itself."""
    return [entry["member_id"] for entry in stage.history() if entry.get("member_id")]


def test_a_canary_is_whole_members_and_the_rest_of_the_same_plan_follows(stage: Stage) -> None:
    """--limit counts members; --only names one; nobody is sent twice, nobody is left without their labels."""
    labels = {"Tags": "A;C", "Groups": "Red"}
    stage.world.write_crm({**settled(PEOPLE), **dict.fromkeys(NEW, labels)})
    plan = stage.world.plan(reads_crm=True)
    assert plan.size == 3 * len(NEW)
    with stage.world.provider() as provider:
        assert stage.world.push(provider, "canary", limit=3).outcomes == {"applied": 9}
    canary = {entry["member_id"] for entry in stage.history() if entry["change"] == "add"}
    assert len(canary) == 3 and set(touched(stage)) == canary
    one = hash_of(NEW[7].last_address)
    with stage.world.provider() as provider:
        assert stage.world.push(provider, "single", only=one).outcomes == {"applied": 3}
    assert set(touched(stage)) == {*canary, one}
    with stage.world.provider() as provider:
        result = stage.world.push(provider, "rest")
    assert (result.plan.plan_id, result.outcomes) == (plan.plan_id, {"applied": 24})
    adds = [entry["member_id"] for entry in stage.history() if entry["change"] == "add"]
    assert len(adds) == len(set(adds)) == len(NEW)
    before = writes(stage)
    with stage.world.provider() as provider:
        assert stage.world.push(provider, "again").plan.status == "applied"
    assert writes(stage) == before


def test_an_address_that_the_plan_does_not_have_changes_nothing(stage: Stage) -> None:
    stage.world.write_crm({**settled(PEOPLE), NEW[0]: {}})
    stage.world.plan(reads_crm=True)
    with stage.world.provider() as provider:
        stage.world.push(provider, "single", only=hash_of("nobody@people.example"))
    with stage.world.warehouse.open() as connection:
        found = plans.latest(connection, "people")
    assert found and found.status == "pending"
    assert touched(stage) == []


def test_a_refused_row_is_held_until_its_data_changes(stage: Stage) -> None:
    """Prior art, 2.9: give up on poison rows; 2.21: the run ends all the same."""
    address = NEW[0].last_address
    for act in ("add_by_hand", "delete_by_hand"):
        stage.mailchimp.act(stage.mailchimp.list_id, address, act)
    stage.world.write_crm({**settled(PEOPLE), NEW[0]: {}, NEW[1]: {}})
    stage.world.plan(reads_crm=True)
    with stage.world.provider() as provider:
        assert stage.world.push(provider, "one").outcomes == {"applied": 1, "refused": 1}
    before = writes(stage)
    held = stage.world.plan()
    assert (held.size, [dict(hold) for hold in held.hold_counts]) == (0, [{"reason": "refused_before", "count": 1}])
    assert writes(stage) == before
    stage.world.write_crm({**settled(PEOPLE), NEW[0]: {"First": "Ann"}, NEW[1]: {}})
    assert [(count["op"], count["count"]) for count in stage.world.plan(reads_crm=True).counts] == [("add", 1)]


def test_the_journal_has_each_change_before_it_is_sent_and_its_outcome_before_the_next_batch(stage: Stage) -> None:
    """artfulrobot/mailchimpsync in prior art: each operation is a row before it is sent."""
    stage.world.write_crm({person: {"Tags": "A", "First": "Other"} for person in PEOPLE})
    stage.world.plan(reads_crm=True)
    path = folder_of(stage.world.home.ledger) / "now.ndjson"
    seen = []

    def read(batch: Batch) -> None:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        sending = {line["change_id"] for line in lines if line["line"] == "sending"}
        answered = {line["change_id"] for line in lines if line["line"] == "outcome"}
        assert sending - answered == {change.change_id for change in batch.changes}
        seen.append(len(answered))

    with stage.world.provider_of(Meanwhile) as provider:
        provider.before = read
        stage.world.push(provider, "now")
    assert seen == [0, 10, 20, 30]


def test_an_acceptance_is_for_one_plan_alone(stage: Stage) -> None:
    """The next plan that breaks the same rule stops again, with the way out in its words."""
    flags = {person: {"Tags": "A", "Flag": "Nee"} for person in PEOPLE[:30]}
    stage.world.write_crm(settled(PEOPLE) | flags)
    first = stage.world.plan(reads_crm=True)
    with stage.world.warehouse.transaction() as connection:
        accepted = plans.accept(connection, first, ("max_removals",), "kim")
    assert accepted.stopped_by == ()
    second = stage.world.plan()
    for accept in ((), ("max_adds",)):
        with stage.world.provider() as provider, pytest.raises(UnsafePlan, match="30 removals of 41") as stopped:
            stage.world.push(provider, "now", accept=accept)
        assert stopped.value.do.endswith("then push it with --accept max_removals.")
    assert touched(stage) == []
    with stage.world.provider() as provider:
        done = stage.world.push(provider, "now", accept=("max_removals",), by="kim")
    assert (done.plan.plan_id, done.outcomes) == (second.plan_id, {"applied": 30})
    assert [(one["rule"], one["by"]) for one in done.plan.accepted][-1] == ("max_removals", "kim")


def test_a_field_changed_at_the_provider_after_the_plan_makes_it_stale(stage: Stage) -> None:
    """It is read again just before the push: the extract knows nothing of it."""
    stage.world.write_crm({**settled(PEOPLE), NEW[0]: {}})
    plan = stage.world.plan(reads_crm=True)
    fields = by_hand(stage.mailchimp, "GET", "merge-fields?count=100")["merge_fields"]
    (note,) = [field for field in fields if field["tag"] == "NOTE"]
    by_hand(stage.mailchimp, "PATCH", f"merge-fields/{note['merge_id']}", name="Remark")
    with stage.world.provider() as provider, pytest.raises(StalePlan, match=r"merge fields .* changed \(NOTE\)"):
        stage.world.push(provider, "now")
    assert touched(stage) == []
    with stage.world.warehouse.open() as connection:
        assert plans.get(connection, plan.plan_id).status == "expired"


def test_a_key_of_another_account_makes_a_plan_stale(stage: Stage) -> None:
    stage.world.write_crm({**settled(PEOPLE), NEW[0]: {}})
    plan = stage.world.plan(reads_crm=True)
    with stage.world.warehouse.open() as connection:
        connection.execute("update plan.plans set account_id = 'other' where plan_id = ?", [plan.plan_id])
    with stage.world.provider() as provider, pytest.raises(StalePlan, match="another account"):
        stage.world.push(provider, "now")
    assert touched(stage) == []


def test_too_many_rows_that_moved_stop_the_push_and_are_told_by_reason(stage: Stage) -> None:
    """Above 5% of the plan and more than `floor` rows."""
    stage.world.write_crm({person: {"Tags": "A", "First": "Other"} for person in PEOPLE})
    stage.world.plan(reads_crm=True)
    for person in PEOPLE[:26]:
        stage.mailchimp.act(stage.mailchimp.list_id, person.last_address, "opt_out")
    with stage.world.provider() as provider, pytest.raises(StalePlan) as stale:
        stage.world.push(provider, "now")
    assert "26 of 40 changes no longer fit" in stale.value.what
    assert "26 because the member is unsubscribed now" in stale.value.what
    assert touched(stage) == []


@pytest.mark.parametrize("way", ["archive", "unsubscribe"])
def test_who_says_no_while_leavers_are_sent_is_not_archived_unseen(stage: Stage, way: str) -> None:
    """M4: archived, nobody could tell them from others, and one day they would be added again."""
    leave = {"Tags": "A", "Flag": "Nee"} if way == "archive" else {"Tags": "A", "Stop": "1"}
    leavers = PEOPLE[:12]
    stage.world.write_crm(settled(PEOPLE) | dict.fromkeys(leavers, leave))
    if way == "archive":  # a batch before theirs, in which it happens
        stage.world.write_crm(settled(PEOPLE) | dict.fromkeys(leavers, leave) | {PEOPLE[39]: {"Stop": "1"}})
    stage.world.plan(reads_crm=True)
    late = leavers[-1].last_address
    said = []

    def say_no(batch: Batch) -> None:
        if not said:
            said.append(stage.mailchimp.act(stage.mailchimp.list_id, late, "opt_out"))

    with stage.world.provider_of(Meanwhile) as provider:
        provider.after = say_no
        result = stage.world.push(provider, "now")
    assert result.outcomes["left"] == 1
    with stage.world.warehouse.open() as connection:
        query = "select email_key, code, detail from ledger.pushes where run_id = 'now' and outcome = 'left'"
        assert connection.execute(query).fetchall() == [(late, "moved", "the member is unsubscribed now")]
    stage.world.run("next")
    with stage.world.warehouse.open() as connection:
        reasons = connection.execute("select email_key, reason from ledger.suppressions").fetchall()
    assert (late, "opted_out") in reasons
    stage.world.write_crm(settled(PEOPLE))
    stage.world.plan(reads_crm=True)
    stage.world.run("back")
    statuses = {address: found["status"] for address, found in stage.documents().items()}
    assert statuses[late] in ("unsubscribed", "archived")
    back = [person.last_address for person in leavers[:-1]]
    assert {statuses[address] for address in back} == {"subscribed"}


def test_a_plan_of_another_sync_is_refused_and_stays_as_it_is(stage: Stage) -> None:
    """Nothing is accepted for it, it does not expire, and its own sync can still push it."""
    stage.world.write_crm({**settled(PEOPLE), NEW[0]: {}})
    plan = stage.world.plan(reads_crm=True)
    syncs = stage.world.home.root / "syncs"
    text = (syncs / "people.yaml").read_text(encoding="utf-8")
    (syncs / "other.yaml").write_text(text.replace("sync: people", "sync: other"), encoding="utf-8")
    home = load_home(stage.world.home.root, environ={}, check=False)
    asked = Request(plan.plan_id, accept=("max_adds",), by="kim")
    with stage.world.provider() as provider:
        with pytest.raises(ConfigError, match=f"plan {plan.plan_id} belongs to the sync people") as caught:
            Push(home, home.sync("other"), provider, stage.world.warehouse, "now", asked).run()
        assert f"enlist push people --plan {plan.plan_id}" in caught.value.do
        with stage.world.warehouse.open() as connection:
            stored = plans.get(connection, plan.plan_id)
        assert (stored.status, stored.accepted) == ("pending", ())
        assert stage.world.push(provider, "its own", plan_id=plan.plan_id).outcomes == {"applied": 1}


def test_a_change_whose_row_was_altered_is_never_sent(stage: Stage) -> None:
    stage.world.write_crm({**settled(PEOPLE), NEW[0]: {}})
    plan = stage.world.plan(reads_crm=True)
    with stage.world.warehouse.open() as connection:
        connection.execute("update plan.changes set email = 'eve@people.example' where plan_id = ?", [plan.plan_id])
    with stage.world.provider() as provider, pytest.raises(StalePlan, match="not those that were frozen"):
        stage.world.push(provider, "now")
    assert touched(stage) == []
