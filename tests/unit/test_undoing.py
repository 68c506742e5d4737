"""Undo: what a run changed comes back, as far as the provider and the people let it.

Belongs here: sync/undoing.py and its SQL, against the audience of plan_world.py. Does not: the command
(integration/test_people.py).
"""

import copy
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from plan_models import synced
from plan_world import MAILCHIMP, Answer, Person, World, address, person

from pipelines.errors import ConfigError
from pipelines.ledger import load
from pipelines.ledger.journal import Journal
from pipelines.providers.base import Batch, Change, Outcome
from pipelines.sync import plans
from pipelines.sync.sending import Result, Sender
from pipelines.sync.undoing import OBSTACLES, Undoing, find_run, undo

Audience = dict[str, Person]
PEOPLE = ("anna", "bert", "carl", "dora", "emil")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Five people whom a first run added, with a tag and a group."""
    with pytest.MonkeyPatch.context() as patch:
        made = World(patch, tmp_path)
        made.want(*(person(name, Tags="a", Groups="News") for name in PEOPLE))
        made.sync_once()
        yield made
        made.database.close()


def seen(world: World) -> dict[str, tuple[Any, ...]]:
    """The audience, apart from who is archived and ids and times."""
    return {
        key: (member.status, dict(member.fields), sorted(member.tags), sorted(member.groups))
        for key, member in copy.deepcopy(world.audience).items()
        if member.status != "archived"
    }


def last_run(world: World) -> str:
    load.load(world.database, world.ledger)
    return str(world.database.execute("select max(run_id) from ledger.runs").fetchall()[0][0])


def undone(world: World, run_id: str | None = None) -> Undoing:
    """The undo of a run, the last one unless another is named, after the audience was read again."""
    run_id = run_id or last_run(world)
    world.plan()
    return undo(world.database, world.home, world.sync, MAILCHIMP, run_id)


def told(world: World, made: Undoing) -> list[tuple[str, str]]:
    """(op, name) of every row of the plan, in the order of the push."""
    found = plans.changes(world.database, made.plan.plan_id) if made.plan else []
    assert {row["reason"] for row in found} <= {"undo"}
    return [(row["op"], str(row["email_key"]).removesuffix("@b.example")) for row in found]


def kept(made: Undoing) -> dict[str, str]:
    return {str(row["email_key"]).removesuffix("@b.example"): str(row["code"]) for row in made.kept}


def pushed(world: World, made: Undoing) -> None:
    assert made.plan is not None
    rows = plans.changes(world.database, made.plan.plan_id)
    world.push({**row, "before": plans.as_change(row).before, "after": plans.as_change(row).after} for row in rows)


def test_everything_that_a_run_did_comes_back(world: World) -> None:
    """Prior art 2: left, changed, moved, added, tagged, untagged, joined, left a group: all of it, in one plan."""
    before = seen(world)
    world.want(
        person("anna", Flag="Nee"),
        person("bert", First="Bertram", Score="7", Tags="b", Groups="Art"),
        person("carl", Email="new@b.example", First="Karl", Tags="a;c", Groups="News"),
        person("dora", Stop="1"),
        person("fritz", Tags="a"),
    )
    world.sync_once()
    assert seen(world) != before
    world.want(person("dora", Tags="a", Groups="News"))
    made = undone(world)
    assert told(world, made) == [
        ("leave", "bert"),
        ("archive", "fritz"),
        ("rename", "carl"),
        ("update", "bert"),
        ("add", "anna"),
        ("add", "dora"),
        ("join", "bert"),
        ("untag", "bert"),
        ("untag", "carl"),
        ("tag", "bert"),
    ]
    assert kept(made) == {}
    pushed(world, made)
    assert seen(world) == before


def test_an_undo_can_be_undone(world: World) -> None:
    world.want(person("anna", Flag="Nee"), person("bert", First="Bertram", Tags="b", Groups="News"))
    world.sync_once()
    after = seen(world)
    made = undone(world)
    pushed(world, made)
    assert seen(world) != after
    pushed(world, undone(world))
    assert seen(world) == after


def test_the_next_plan_follows_the_crm_again(world: World) -> None:
    """Undo does not change what is wanted: the CRM or the sync file must be mended."""
    world.want(person("anna", Flag="Nee"), person("fritz"))
    world.sync_once()
    pushed(world, undone(world))
    assert set(world.plan().told) == {("archive", "anna", "no_match"), ("add", "fritz", "returned")}


def test_a_run_that_is_undone_already_leaves_nothing_to_do(world: World) -> None:
    world.want(person("anna", Flag="Nee"), person("bert", First="Bertram", Tags="b"))
    world.sync_once()
    run_id = last_run(world)
    pushed(world, undone(world, run_id))
    again = undone(world, run_id)
    assert (again.plan, kept(again)) == (None, {"anna": "moved"} if kept(again) else {})


@pytest.mark.parametrize("event", ["opt_out", "complaint", "block", "erase"])
def test_nobody_who_said_no_since_is_subscribed_again(world: World, event: str) -> None:
    """M4: whatever the ledger learned after the run counts."""
    world.want(person("anna", Flag="Nee"))
    world.sync_once()
    world.says(event, "anna")
    made = undone(world)
    assert (made.plan, kept(made)) == (None, {"anna": "said_no"})


def test_a_no_under_another_address_of_the_same_record_counts(world: World) -> None:
    world.want(person("anna", Email="new@b.example", Flag="Nee", Tags="a", Groups="News"))
    world.sync_once()
    world.have("other")
    world.want(person("anna", Email="other@b.example"))
    world.sync_once()
    world.turn("other", "unsubscribed", "enough")
    world.plan()
    made = undone(world, "run-0002")
    assert told(world, made) == []
    assert kept(made)["anna"] == "said_no"


def test_a_no_in_another_audience_that_does_not_reach_here_does_not_count(world: World) -> None:
    world.want(person("anna", Flag="Nee"))
    world.sync_once()
    world.says("opt_out", "anna", audience_id="A2", scope="audience")
    assert told(world, undone(world)) == [("add", "anna")]


def test_an_objection_in_the_crm_holds(world: World) -> None:
    world.want(person("anna", Stop="1"))
    world.sync_once()
    made = undone(world)
    assert (made.plan, kept(made)) == (None, {"anna": "said_no"})


def test_where_the_crm_wins_an_opt_out_still_is_not_undone(tmp_path: Path) -> None:
    """`opt_outs: crm_wins` is for the CRM's own word, not for taking a run back."""
    with pytest.MonkeyPatch.context() as patch:
        world = World(patch, tmp_path, consent={"opt_outs": "crm_wins"})
        world.want(person("anna"), person("bert"))
        world.sync_once()
        world.turn("anna", "unsubscribed", "enough")
        world.plan()
        world.want(person("anna", Flag="Nee"))
        world.sync_once()
        made = undone(world)
        assert (made.plan, kept(made)) == (None, {"anna": "was_out"})
        world.database.close()


@pytest.mark.parametrize(
    ("status", "code"), [("unsubscribed", "opted_out"), ("bounced", "bounced"), ("archived", None)]
)
def test_whoever_left_by_themselves_since_stays_as_they_are(world: World, status: Any, code: str | None) -> None:
    world.want(person("fritz"))
    world.sync_once()
    world.turn("fritz", status)
    made = undone(world)
    assert (made.plan, kept(made)) == (None, {"fritz": code} if code else {})


def test_what_somebody_changed_since_is_not_touched(world: World) -> None:
    """Field by field: what is as the run left it comes back, the rest stays."""
    world.want(person("anna", First="Ann", Score="5", Tags="a", Groups="News"))
    world.sync_once()
    world.audience[address("anna")].fields["FNAME"] = "Annie"
    made = undone(world)
    assert told(world, made) == [("update", "anna")]
    assert kept(made) == {"anna": "fields_moved"}
    pushed(world, made)
    fields = world.audience[address("anna")].fields
    assert (fields["FNAME"], fields["SCORE"]) == ("Annie", "")


def test_a_value_that_the_provider_rewrote_comes_back_too(world: World) -> None:
    world.want(person("anna", Note="hi", Tags="a", Groups="News"))
    world.sync_once()
    assert world.audience[address("anna")].fields["NOTE"] == "HI"
    pushed(world, undone(world))
    assert world.audience[address("anna")].fields["NOTE"] == ""


def test_secret_fields_are_left_out_and_said(world: World) -> None:
    """D4: only a hash is kept, and a hash must never reach a member."""
    world.want(person("anna", Url="http://b.example/1", First="Ann", Tags="a", Groups="News"))
    world.sync_once()
    made = undone(world)
    assert kept(made) == {"anna": "secret"}
    assert made.plan is not None
    (row,) = plans.changes(world.database, made.plan.plan_id)
    assert "PURL" not in row["after"] + row["before"]
    pushed(world, made)
    fields = world.audience[address("anna")].fields
    assert (fields["FNAME"], fields["PURL"]) == ("Anna", "http://b.example/1")


class Recorder:
    """What reaches a provider; it takes everything."""

    traits = MAILCHIMP

    def __init__(self) -> None:
        self.sent: list[Change] = []

    def batches(self, audience_id: str, changes: Iterable[Change]) -> Iterator[Batch]:
        for change in changes:
            yield Batch(change.op, (change,))

    def send(self, audience_id: str, batch: Batch) -> list[Outcome]:
        self.sent += batch.changes
        return [Outcome(change.change_id, "applied") for change in batch.changes]


def test_the_push_adds_no_secret_field_to_an_undo(world: World, tmp_path: Path) -> None:
    """A push never alters a plan: what the CRM's record has in that field now is no part of this one."""
    world.want(person("anna", Url="http://b.example/1", First="Ann", Tags="a", Groups="News"))
    world.sync_once()
    made = undone(world)
    assert made.plan is not None
    recorder: Any = Recorder()
    journal = Journal(tmp_path / "other", "run-x", sync="people")
    secrets = {address("anna"): {"PURL": "http://b.example/1"}}
    result = Result(made.plan, "run-x")
    rows = plans.changes(world.database, made.plan.plan_id)
    Sender(recorder, made.plan, journal, result, secrets, lambda rows: {}).send(rows)
    (change,) = recorder.sent
    assert change.after["fields"]["FNAME"] == "Anna"
    assert "PURL" not in change.after["fields"]


def test_an_address_that_is_taken_again_is_not_given_back(world: World) -> None:
    world.want(person("carl", Email="new@b.example", Tags="a", Groups="News"))
    world.sync_once()
    world.have("carl")
    made = undone(world)
    assert (made.plan, kept(made)) == (None, {"new": "taken"})


def test_a_member_who_is_gone_can_not_come_back(world: World) -> None:
    world.want(person("anna", Flag="Nee"), person("bert", First="Bertram", Tags="a", Groups="News"))
    world.sync_once()
    for name in ("anna", "bert"):
        del world.audience[address(name)]
    made = undone(world)
    assert (made.plan, kept(made)) == (None, {"anna": "gone", "bert": "gone"})


def test_strangers_who_were_adopted_get_their_fields_back_and_stay_ours(world: World) -> None:
    world.have("gast", fields={"FNAME": "G."}, tags=["old"])
    world.want(person("gast", First="Gastone", Tags="a"))
    before = dict(world.audience[address("gast")].fields)
    world.sync_once()
    made = undone(world)
    assert kept(made) == {"gast": "adopted"}
    pushed(world, made)
    assert (world.audience[address("gast")].fields, world.audience[address("gast")].tags) == (before, ["old"])


def test_a_purge_is_taken_back_to_where_they_waited_and_is_no_opt_out(tmp_path: Path) -> None:
    """F6: unsubscribed by us, as before; they come back when the CRM wants them, and no clock runs."""
    clock = {"do": "unsubscribe", "then": "archive", "after_days": 60}
    with pytest.MonkeyPatch.context() as patch:
        world = World(patch, tmp_path, on_exit=clock)
        world.want(person("anna"), person("bert"))
        world.sync_once()
        world.drop("anna")
        world.sync_once()
        world.later(days=61)
        assert world.sync_once().told == [("archive", "anna", "purge_due")]
        made = undone(world)
        assert told(world, made) == [("add", "anna")]
        pushed(world, made)
        assert world.audience[address("anna")].status == "unsubscribed"
        assert world.plan().told == []
        assert world.database.execute("select count(*) from ledger.consent_events").fetchall() == [(0,)]
        assert world.members()[address("anna")]["purge_after"] is None
        world.want(person("anna"))
        assert world.plan().told == [("add", "anna", "returned")]
        world.database.close()


def test_somebody_who_had_returned_is_unsubscribed_again(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        world = World(patch, tmp_path, on_exit={"do": "unsubscribe"})
        world.want(person("anna"), person("bert"))
        world.sync_once()
        world.want(person("anna", Flag="Nee"))
        world.sync_once()
        world.want(person("anna"))
        world.sync_once()
        made = undone(world)
        assert told(world, made) == [("unsubscribe", "anna")]
        pushed(world, made)
        assert world.audience[address("anna")].status == "unsubscribed"
        world.database.close()


@pytest.mark.parametrize("reaches", [True, False])
def test_what_had_no_answer_is_taken_back_where_it_arrived(world: World, reaches: bool) -> None:
    world.want(person("anna", Flag="Nee"), person("bert", First="Bertram", Tags="a", Groups="News"), person("fritz"))
    draft = world.plan()
    world.answers = {(row["op"], row["email_key"]): Answer(None, reaches=reaches) for row in draft.changes}
    world.push(draft.changes)
    made = undone(world)
    assert told(world, made) == ([("archive", "fritz"), ("update", "bert"), ("add", "anna")] if reaches else [])
    assert kept(made) == {}


def test_what_was_refused_was_never_done(world: World) -> None:
    world.want(person("fritz"))
    draft = world.plan()
    world.answers = {(row["op"], row["email_key"]): Answer("refused", "x", reaches=False) for row in draft.changes}
    world.push(draft.changes)
    made = undone(world)
    assert (made.plan, kept(made)) == (None, {})


def test_an_undo_is_judged_as_every_plan_and_takes_the_place_of_older_ones(world: World) -> None:
    """The first run is undone: everybody leaves, which breaks the limit of removals."""
    world.sync = synced(safety={"floor": 1, "max_removals": "5%"})
    made = undone(world, "run-0001")
    assert made.plan is not None
    assert [op for op, _ in told(world, made)] == ["archive"] * 5
    assert "max_removals" in [rule.rule for rule in made.plan.stopped_by]
    assert (made.plan.status, made.plan.is_undo) == ("pending", True)
    again = undone(world, "run-0001")
    assert again.plan is not None
    assert plans.get(world.database, made.plan.plan_id).status == "superseded"


def test_groups_that_come_back_are_no_removals(world: World) -> None:
    world.want(*(person(name, Tags="a", Groups="Art") for name in PEOPLE))
    world.sync_once()
    world.sync = synced(safety={"floor": 1, "max_removals": "5%", "max_updates": "100%"})
    made = undone(world)
    assert made.plan is not None
    assert {op for op, _ in told(world, made)} == {"leave", "join"}
    assert "max_removals" not in [rule.rule for rule in made.plan.stopped_by]


def test_a_run_is_found_by_the_beginning_of_its_id(world: World) -> None:
    world.want(person("fritz"))
    world.sync_once()
    load.load(world.database, world.ledger)
    assert find_run(world.database, "run-0002")["run_id"] == "run-0002"
    with pytest.raises(ConfigError, match=r"run-.*: 2 runs begin with it"):
        find_run(world.database, "run-")
    with pytest.raises(ConfigError, match="rnu-0002: no such run sent anything") as caught:
        find_run(world.database, "rnu-0002")
    assert caught.value.do == "Did you mean run-0002?"


def test_every_obstacle_has_a_sentence() -> None:
    queries = Path(__file__).parents[2] / "pipelines" / "sync" / "undo.sql"
    decisions = queries.read_text(encoding="utf-8")
    assert [code for code in OBSTACLES if f"'{code}'" not in decisions] == ["fields_moved", "secret", "adopted"]
