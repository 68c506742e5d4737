"""Freezing: a draft becomes a plan that nobody can alter unnoticed, with counts and a verdict.

Belongs here: sync/freeze.py and stored plans. Does not: the rules (test_safety.py), the diff (test_plan files).
"""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from plan_world import MAILCHIMP, World, person

from pipelines.errors import ConfigError
from pipelines.ledger.journal import Journal
from pipelines.providers.base import Outcome
from pipelines.providers.mailup.batching import TRAITS as MAILUP
from pipelines.sync import first_push, plans
from pipelines.sync.freeze import freeze
from pipelines.sync.plans import Plan
from pipelines.warehouse import rows

Make = Callable[..., World]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    with pytest.MonkeyPatch.context() as patch:
        made: list[World] = []

        def world(**policy: Any) -> World:
            made.append(World(patch, tmp_path, **policy))
            return made[-1]

        yield world
        for one in made:
            one.database.close()


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world with a draft that adds two people, for tests that freeze it and nothing else."""
    with pytest.MonkeyPatch.context() as patch:
        world = World(patch, tmp_path_factory.mktemp("two"))
        world.want(person("anna"), person("bert"))
        world.plan()
        yield world
        world.database.close()


def frozen(world: World) -> Plan:
    world.plan()
    return freeze(world.database, world.home, world.sync, MAILCHIMP)


def pushed(world: World) -> None:
    """Plan, freeze and push; the plan is applied."""
    draft = world.plan()
    plan = freeze(world.database, world.home, world.sync, MAILCHIMP)
    world.push(draft.changes)
    plans.set_status(world.database, plan.plan_id, "applied")


def status_of(world: World, plan: Plan) -> str:
    return plans.get(world.database, plan.plan_id).status


def test_a_frozen_plan_has_the_rows_of_the_draft_in_the_order_of_the_push(make: Make) -> None:
    world = make()
    world.want(person("anna", Tags="a"), person("bert", Groups="News"))
    plan = frozen(world)
    stored = plans.changes(world.database, plan.plan_id)
    assert [(row["op"], row["email_key"][:4], row["seq"]) for row in stored] == [
        ("add", "anna", 1),
        ("add", "bert", 2),
        ("join", "bert", 3),
        ("tag", "anna", 4),
    ]
    assert [row["change_id"] for row in stored] == [f"{plan.plan_id}:{seq}" for seq in (1, 2, 3, 4)]
    assert (plan.status, plan.size, plan.audience_id, plan.account_id) == ("pending", 4, "A1", "account")


def test_counts_are_by_op_and_reason(make: Make) -> None:
    world = make()
    world.want(person("anna", Tags="a"), person("bert"), person("carl", Email=None))
    plan = frozen(world)
    assert [dict(count) for count in plan.counts] == [
        {"op": "add", "reason": "new", "count": 2},
        {"op": "tag", "reason": "new", "count": 1},
    ]
    assert [dict(count) for count in plan.hold_counts] == [{"reason": "missing_address", "count": 1}]
    assert (plan.wanted_count, plan.managed_count, dict(plan.source_rows)) == (
        *(2, 0),
        {"crm.persons": 3, "crm.firms": 0},
    )


def test_private_members_are_counted_as_left_alone(make: Make) -> None:
    """A6: the first plan says what is there already."""
    world = make()
    world.have("stranger")
    world.have("known")
    world.have("long gone", "archived")
    world.want(person("known"))
    assert frozen(world).stranger_count == 1


def test_a_plan_says_who_was_in_the_audience_when_it_was_made(make: Make) -> None:
    """A6: what is there already, what collides, what is left alone."""
    world = make()
    world.have("private")
    world.have("anna", "unsubscribed")
    world.want(person("anna"))
    assert frozen(world).standing == (
        {"standing": "held", "status": "unsubscribed", "members": 1},
        {"standing": "not_in_crm", "status": "subscribed", "members": 1},
    )


def test_a_plan_counts_who_is_parked_and_still_subscribed(make: Make) -> None:
    """Z10."""
    world = make(on_exit={"do": "move_to", "group": "Interests: esclusi"})
    world.have("anna", groups=["Interests: esclusi"])
    world.have("bert", "unsubscribed", groups=["Interests: esclusi"])
    world.want(person("carl"))
    assert frozen(world).parked_count == 1


def test_a_plan_counts_how_many_each_group_has_that_it_fills_or_empties(make: Make) -> None:
    """E13: whoever put them there; before anything is sent."""
    world = make()
    world.have("anna", groups=["Interests: News", "Interests: Other"])
    world.have("bert", "unsubscribed", groups=["Interests: News"])
    world.have("carl", "archived", groups=["Interests: News"])
    world.want(person("dora", Groups="News"), person("edda", Groups="News;Art"))
    assert frozen(world).groups == (
        {"group": "Interests: Art", "members": 0, "joining": 1, "leaving": 0},
        {"group": "Interests: News", "members": 2, "joining": 2, "leaving": 0},
    )
    pushed(world)
    world.want(person("edda", Groups="News"), person("dora"))
    assert frozen(world).groups == (
        {"group": "Interests: Art", "members": 1, "joining": 0, "leaving": 1},
        {"group": "Interests: News", "members": 4, "joining": 0, "leaving": 1},
    )


def test_the_verdict_is_part_of_the_plan(make: Make) -> None:
    world = make()
    world.want(person("anna"))
    plan = frozen(world)
    assert not plan.safe
    assert [rule.rule for rule in plan.stopped_by] == ["first_run", "min_source_rows"]
    accepted = plans.accept(world.database, plan, ["first_run"], "kim")
    assert [rule.rule for rule in accepted.stopped_by] == ["min_source_rows"]
    assert [(one["rule"], one["by"]) for one in accepted.accepted] == [("first_run", "kim")]
    again = plans.accept(world.database, accepted, ["first_run", "min_source_rows"], "lou")
    assert [(one["rule"], one["by"]) for one in again.accepted] == [("first_run", "kim"), ("min_source_rows", "lou")]
    assert again.stopped_by == ()


def test_a_plan_in_which_nobody_is_wanted_is_never_accepted(make: Make) -> None:
    world = make()
    world.want(person("anna"))
    pushed(world)
    world.want(person("anna", Flag="Nee"))
    plan = frozen(world)
    assert "empty_desired" in [rule.rule for rule in plan.stopped_by]
    rules = [rule.rule for rule in plan.stopped_by]
    assert [rule.rule for rule in plans.accept(world.database, plan, rules, "kim").stopped_by] == ["empty_desired"]


@pytest.mark.parametrize(
    "tampering",
    [
        "update plan.changes set after = replace(after, 'Anna', 'Eve') where seq = 1",
        "update plan.changes set email = 'eve@b.example' where seq = 1",
        "update plan.changes set reason = 'undo' where seq = 2",
        "update plan.changes set before = '{}' where seq = 2",
        "delete from plan.changes where seq = 2",
        "insert into plan.changes select * replace (3 as seq) from plan.changes where seq = 2",
        "update plan.changes set seq = 3 - seq where true",
    ],
)
def test_a_row_that_was_tampered_with_changes_the_checksum(two: World, tampering: str) -> None:
    plan = freeze(two.database, two.home, two.sync, MAILCHIMP)
    assert plans.checksum(two.database, plan.plan_id) == plan.checksum
    two.database.execute(f"{tampering} and plan_id = '{plan.plan_id}'")
    assert plans.checksum(two.database, plan.plan_id) != plan.checksum


@pytest.mark.parametrize("before", ["pending", "refused", "partly_applied", "applying"])
def test_an_older_plan_that_still_could_be_pushed_is_superseded(two: World, before: Any) -> None:
    """Also one whose push was killed: `applying` would stand there for ever."""
    old = freeze(two.database, two.home, two.sync, MAILCHIMP)
    plans.set_status(two.database, old.plan_id, before)
    new = freeze(two.database, two.home, two.sync, MAILCHIMP)
    assert (status_of(two, old), status_of(two, new)) == ("superseded", "pending")


@pytest.mark.parametrize("before", ["applied", "expired"])
def test_what_became_of_an_older_plan_is_not_rewritten(two: World, before: Any) -> None:
    old = freeze(two.database, two.home, two.sync, MAILCHIMP)
    plans.set_status(two.database, old.plan_id, before)
    freeze(two.database, two.home, two.sync, MAILCHIMP)
    assert status_of(two, old) == before


def test_the_latest_plan_is_the_last_one_made_even_in_the_same_moment(make: Make) -> None:
    """In a rehearsal the clock stands still (ENLIST_NOW)."""
    world = make()
    world.want(person("anna"))
    world.plan()
    made = [freeze(world.database, world.home, world.sync, MAILCHIMP).plan_id for _ in range(6)]
    found = plans.latest(world.database, "people")
    assert found is not None
    assert found.plan_id == made[-1]
    assert [plan.plan_id for plan in plans.listed(world.database)] == made[::-1]


def test_a_plan_without_changes_has_nothing_left_to_push(make: Make) -> None:
    world = make()
    world.want(person("anna"))
    pushed(world)
    plan = frozen(world)
    assert (plan.size, plan.status) == (0, "applied")


def test_an_unknown_plan_is_one_clear_error(make: Make) -> None:
    with pytest.raises(ConfigError, match="people-x: there is no such plan"):
        plans.get(make().database, "people-x")


def test_a_hold_remembers_when_it_was_first_seen(make: Make) -> None:
    world = make()
    world.want(person("anna", Email=None), person("bert", Email="bert@nowhere"), person("carl"))
    frozen(world)
    first = held(world)
    world.later(days=3)
    world.want(person("bert"))
    frozen(world)
    again = held(world)
    assert set(first) == {("anna", "missing_address"), ("bert", "bad_address")}
    assert set(again) == {("anna", "missing_address")}
    anna = again["anna", "missing_address"]
    assert anna["first_seen_at"] == first["anna", "missing_address"]["first_seen_at"]
    assert anna["last_seen_at"] - anna["first_seen_at"] >= timedelta(days=3)


def test_bad_addresses_are_listed_with_their_owners_and_renewed(make: Make) -> None:
    """G3: wrong and missing ones, of those who are wanted."""
    world = make()
    world.want(person("anna", Email=None, Keeper="Kim"), person("bert", Email="bert@gmial.com", Keeper="Lou"))
    world.want(person("carl", Email="x@y", Flag="Nee"))
    frozen(world)
    query = "select contact_key, verdict, owner, suggestion from quality.bad_emails order by contact_key"
    assert rows(world.database, query) == [
        {"contact_key": "anna", "verdict": "missing", "owner": "anna of Kim", "suggestion": None},
        {"contact_key": "bert", "verdict": "warning", "owner": "bert of Lou", "suggestion": "bert@gmail.com"},
    ]
    world.want(person("anna"), person("bert"))
    frozen(world)
    assert rows(world.database, query) == []


def broken(world: World) -> dict[str, str]:
    return {rule.rule: rule.sentence for rule in frozen(world).broken_rules}


STRICT = {"floor": 0, "max_removals": "0%", "max_adds": "0%", "max_updates": "0%"}


def crowd(world: World, **columns: str) -> None:
    world.want(*(person(name, **columns) for name in ("anna", "bert", "carl", "dora")))


def test_each_member_counts_once_as_removal_add_or_update(make: Make) -> None:
    """Adds = add; updates = members touched by anything else, once each."""
    world = make(safety=STRICT)
    crowd(world, Tags="a", Groups="News")
    pushed(world)
    world.want(person("anna", First="Ann", Tags="b", Groups="Art"), person("bert", Tags="a"), person("eve", Tags="a"))
    world.drop("carl")
    found = broken(world)
    assert found["max_updates"].startswith("2 updates of 4 managed")
    assert found["max_adds"].startswith("1 adds of 4 managed")
    assert found["max_removals"].startswith("1 removals of 4 managed")


@pytest.mark.parametrize(
    "on_exit",
    [
        {"do": "archive"},
        {"do": "unsubscribe"},
        {"do": "leave_groups"},
        {"do": "move_to", "group": "Interests: esclusi"},
    ],
)
def test_everybody_whom_an_exit_or_an_opt_out_takes_away_is_a_removal(make: Make, on_exit: dict[str, str]) -> None:
    world = make(safety=STRICT, on_exit=on_exit)
    crowd(world, Groups="News")
    pushed(world)
    world.drop("anna")
    world.want(person("bert", Stop="1", Groups="News"))
    world.says("block", "carl", source="admin")
    found = broken(world)
    assert found["max_removals"].startswith("3 removals of 4 managed")
    assert not {"max_adds", "max_updates"} & set(found)


def test_a_renamed_member_is_an_update_whatever_happens_to_their_groups(make: Make) -> None:
    world = make(safety=STRICT)
    crowd(world, Groups="News;Art")
    pushed(world)
    world.want(person("anna", Email="ann@b.example", Groups="Art;Music"))
    found = broken(world)
    assert found["max_updates"].startswith("1 updates of 4 managed")
    assert "max_removals" not in found


def test_purges_that_are_due_have_a_limit_of_their_own(make: Make) -> None:
    """They were counted as removals when they left; now they are held against max_removals alone."""
    world = make(safety=STRICT, on_exit={"do": "unsubscribe", "then": "archive", "after_days": 60})
    crowd(world)
    pushed(world)
    world.drop("anna")
    pushed(world)
    world.later(days=61)
    found = broken(world)
    assert found["max_removals"] == "1 purges of 3 managed members; 0 are allowed."
    assert not {"max_updates", "max_adds"} & set(found)


def run_of(world: World, *, planned: int, sent: int, is_part: bool = False) -> None:
    """A push whose journal breaks off after so many of its changes were applied."""
    world.later(minutes=1)
    names = [f"p{number}" for number in range(sent)]
    journal = Journal(
        world.ledger, f"run-{world.now:%H%M}", sync="people", plan_id="p", planned=planned, is_part=is_part
    )
    journal.sending({"change_id": name, "email_key": name, "op": "add", "sync": "people"} for name in names)
    journal.outcomes([Outcome(name, "applied") for name in names])
    world.members()


def test_what_a_broken_off_first_push_left_may_be_added_without_asking_again(make: Make) -> None:
    """A person accepted the first plan; canaries apart, until a push did all it had to."""
    world = make(safety=STRICT)
    assert first_push.left(world.database, "people") == 0
    run_of(world, planned=3, sent=3, is_part=True)
    assert first_push.left(world.database, "people") == 0, "a canary"
    run_of(world, planned=9, sent=4)
    assert first_push.left(world.database, "people") == 5
    world.want(*(person(f"n{number}") for number in range(5)))
    assert not {"first_run", "max_adds"} & set(broken(world))
    world.want(person("n5"))
    assert broken(world)["max_adds"] == "6 adds of 0 managed members; 0 are allowed."
    run_of(world, planned=5, sent=5)
    run_of(world, planned=7, sent=1)
    assert first_push.left(world.database, "people") == 0, "the first push is long done"


def test_predicted_calls_know_what_travels_together(make: Make) -> None:
    """A12: the provider takes its time, and the plan says how long."""
    world = make()
    world.want(*(person(f"p{number}", Tags="a;b" if number % 2 else "a") for number in range(1001)))
    plan = frozen(world)
    adds, tag_a, tag_b = 3, 3, 1
    assert plan.calls == adds + tag_a + tag_b
    assert plan.seconds == pytest.approx(plan.calls * MAILCHIMP.seconds_per_call)


def test_calls_predicted_for_mailup_know_imports_their_reading_back_and_single_calls(make: Make) -> None:
    """A12: an import answers with counts only, so that what it left is read back, 100 members to a call.

    Newcomers with a group are imported into it alone. A few of them, or members who were there, enter it one by one.
    """
    world = make()
    world.want(*(person(f"m{number}") for number in range(40)))
    pushed(world)
    world.want(*(person(f"m{number}", Groups="Art") for number in range(40)))
    world.want(*(person(f"p{number}", Groups="News;Art" if number < 3 else "News") for number in range(1001)))
    world.want(*(person(f"q{number}") for number in range(59)))
    world.plan()
    plan = freeze(world.database, world.home, world.sync, MAILUP)
    into_list, read_back = MAILUP.calls_per_batch, -(-(40 + 1001 + 59) // 100)
    into_news = 2 * MAILUP.calls_per_batch + -(-1001 // 100)
    assert plan.calls == into_list + read_back + into_news + 40 + 3
    assert plan.seconds == pytest.approx(plan.calls * MAILUP.seconds_per_call)


def test_a_drifted_field_is_told_by_name(make: Make) -> None:
    """D13: a label that was renamed puts all values into another field."""
    world = make()
    world.want(person("anna"))
    pushed(world)
    world.members()
    known = json.dumps({"FNAME": {"field_id": "f-FNAME", "label": "Voornaam", "type": "text", "required": False}})
    world.database.execute("update ledger.runs set fields = ?", [known])
    sentence = broken(world)["field_drift"]
    assert sentence.startswith("The label of merge field FNAME was Voornaam and is Fname now: ")


def held(world: World) -> dict[tuple[Any, Any], dict[str, Any]]:
    found = rows(world.database, "select * from plan.holds")
    return {(row["contact_key"], row["reason"]): row for row in found}
