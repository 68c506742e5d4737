"""Newcomers of MailUp: their joins travel along with them, so that nobody is imported more often than they have groups.

Belongs here: the provider alone, and what its imports name. Does not: pushes made from a CRM (test_mailup_push.py),
groups of those who are members already (test_mailup_groups.py).
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import pytest
from mailup_world import FIELD, MARIO, MailupWorld, add, before_calls, change, people

from pipelines.providers.base import Change, Outcome
from pipelines.sandbox.http import Call

LIST_IMPORT, GROUP_IMPORT = "/Console/List/{id_list}/Recipients", "/Console/Group/{id_group}/Recipients"
Groups = Mapping[str, tuple[str, ...]]


@pytest.fixture
def world(mailup: MailupWorld) -> MailupWorld:
    """An account whose list has the groups A, B and C."""
    for name in ("A", "B", "C"):
        mailup.provider.create_group(mailup.audience_id, None, name)
    return mailup


def rows_of(groups: Groups) -> list[Change]:
    """An add of each person, then a join of each who has groups."""
    joins = {email: {"groups": list(keys)} for email, keys in groups.items() if keys}
    return [
        *(add(email, **{FIELD: f"N {email}"}) for email in groups),
        *(change("join", email, {"groups": []}, after) for email, after in joins.items()),
    ]


def send(world: MailupWorld, rows: Sequence[Change]) -> dict[str, Outcome]:
    """Outcomes by change_id."""
    provider = world.provider
    return {
        outcome.change_id: outcome
        for batch in provider.batches(world.audience_id, rows)
        for outcome in provider.send(world.audience_id, batch)
    }


def counted(outcomes: Mapping[str, Outcome]) -> Counter[str]:
    """How many of each op had which code, or outcome where there is none."""
    return Counter(f"{key.partition('-')[0]} {one.code or one.outcome}" for key, one in outcomes.items())


@contextmanager
def watched(world: MailupWorld) -> Iterator[list[tuple[str, dict[str, bool]]]]:
    """The imports that are asked for meanwhile: where into, and of each address whether fields came with it."""
    seen: list[tuple[str, dict[str, bool]]] = []

    def look(call: Call) -> None:
        if call.method == "POST" and call.route in (LIST_IMPORT, GROUP_IMPORT):
            seen.append((call.route, {row["Email"]: bool(row["Fields"]) for row in json.loads(call.body)}))

    with before_calls(world.simulator, look):
        yield seen


def test_newcomers_are_imported_once_for_each_group_and_into_the_list_only_without_any(world: MailupWorld) -> None:
    """A12: the fewest calls that change something, each person in as many imports as they have groups."""
    keys = (("A",), ("A", "B"), ("B", "C"), ())
    groups = {email: keys[number % 4] for number, email in enumerate(people(80))}
    before = Counter(world.simulator.stats()["calls"])
    with watched(world) as imports:
        outcomes = send(world, rows_of(groups))
    assert counted(outcomes) == {"add applied": 80, "join applied": 60}
    calls = Counter(world.simulator.stats()["calls"]) - before
    assert {route for route in calls if not route.startswith("GET")} == {f"POST {LIST_IMPORT}", f"POST {GROUP_IMPORT}"}
    assert [(route, len(rows)) for route, rows in imports] == [
        (LIST_IMPORT, 20),
        *((GROUP_IMPORT, count) for count in (40, 40, 20)),
    ]
    fields = Counter(email for _, rows in imports for email, has_fields in rows.items() if has_fields)
    assert fields == dict.fromkeys(groups, 1), "each is named with fields once"
    after = world.read()
    assert {email: after[email].groups for email in groups} == groups
    assert {after[email].fields[FIELD] for email in groups} == {f"N {email}" for email in groups}
    assert all(one.is_seen for one in outcomes.values())


@pytest.mark.parametrize(
    ("groups", "into"),
    [
        (dict.fromkeys(people(3), ("A", "B")), GROUP_IMPORT),
        (dict(zip(people(3), (("A",), ("B",), ("B", "C")), strict=True)), LIST_IMPORT),
    ],
    ids=["one in common", "none in common"],
)
def test_a_few_newcomers_take_one_import_and_enter_the_other_groups_one_by_one(
    world: MailupWorld, groups: Groups, into: str
) -> None:
    """A group that all of them have stands in for the list."""
    with watched(world) as imports:
        outcomes = send(world, rows_of(groups))
    assert [route for route, _ in imports] == [into]
    assert {one.outcome for one in outcomes.values()} == {"applied"}
    after = world.read()
    assert {email: after[email].groups for email in groups} == groups


def test_who_is_not_taken_is_in_no_later_import_and_does_not_join(world: MailupWorld) -> None:
    """MailUp would subscribe them by their address alone."""
    halvings = 7
    world.simulator.fail(kind="problem", status=400, times=halvings, method="POST", path=GROUP_IMPORT)
    first, *others = people(2 ** (halvings - 1))
    with watched(world) as imports:
        outcomes = send(world, rows_of(dict.fromkeys((first, *others), ("A", "B"))))
    assert counted(outcomes) == {
        **{"add invalid_row": 1, "add applied": len(others)},
        **{"join not_found": 1, "join applied": len(others)},
    }
    assert set(imports[-1][1]) == set(others)
    assert outcomes[f"add-{first}"].code == "invalid_row" and first not in world.read()


def test_whom_an_import_may_have_left_out_is_never_subscribed_without_fields(world: MailupWorld) -> None:
    """It tells how many rows it took, never which."""
    groups = dict.fromkeys(people(60), ("A", "B", "C"))
    world.simulator.next_imports("half")
    with watched(world) as imports:
        outcomes = send(world, rows_of(groups))
    assert counted(outcomes) == {"add applied": 60, "join applied": 30, "join not_kept": 30}
    assert [sum(rows.values()) for _, rows in imports] == [60, 60, 0]
    after = world.read()
    assert {after[email].fields[FIELD] for email in groups} == {f"N {email}" for email in groups}
    assert Counter(after[email].groups for email in groups) == {("A", "B", "C"): 30, ("B", "C"): 30}


@pytest.mark.parametrize("count", [10, 0])
def test_who_may_not_be_added_is_in_no_import_and_does_not_join(world: MailupWorld, count: int) -> None:
    with watched(world) as imports:
        outcomes = send(world, rows_of(dict.fromkeys((*people(count), MARIO), ("A",))))
    assert {email for _, rows in imports for email in rows} == set(people(count))
    refused = {"add opted_out": 1, "join not_found": 1}
    assert counted(outcomes) == Counter(refused) + Counter({"add applied": count, "join applied": count})
    assert "A" not in world.read()[MARIO].groups


def test_who_says_no_while_they_are_imported_leaves_their_groups_again(world: MailupWorld) -> None:
    """A plain import leaves them out of the list, but puts them into its group."""
    late, *others = people(10)

    def say_no(call: Call) -> None:
        if (call.method, call.route) == ("POST", GROUP_IMPORT) and not world.simulator.recipient(world.list_id, late):
            world.put([late])
            world.act(late, "opt_out")

    with before_calls(world.simulator, say_no):
        outcomes = send(world, rows_of(dict.fromkeys((late, *others), ("A", "B"))))
    assert outcomes[f"add-{late}"].code == "opted_out"
    after = world.read()
    assert (after[late].status, after[late].groups) == ("unsubscribed", ())
    assert {after[email].groups for email in others} == {("A", "B")}
    assert world.simulator.resubscribed() == []


def test_a_group_that_is_not_there_refuses_the_join_and_not_the_add(world: MailupWorld) -> None:
    (email, *others) = people(10)
    groups = {email: ("A", "Nowhere"), **dict.fromkeys(others, ("A",))}
    outcomes = send(world, rows_of(groups))
    assert counted(outcomes) == {"add applied": 10, "join applied": 9, "join unknown_group": 1}
    assert world.read()[email].groups == ()


def test_what_was_answered_before_mailup_went_away_is_told(world: MailupWorld) -> None:
    groups = {**dict.fromkeys(people(10), ("A", "B")), **dict.fromkeys(people(5, start=50), ("B",))}
    world.simulator.fail(kind="drop", times=1000, skip=1, method="POST", path=GROUP_IMPORT)
    outcomes = send(world, rows_of(groups))
    world.simulator.faults.clear()
    assert counted(outcomes) == {
        **{"add applied": 10, "add no_answer": 5},
        **{"join no_answer": 10, "join not_found": 5},
    }
    again = send(world, [row for row in rows_of(groups) if outcomes[row.change_id].code and row.op == "add"])
    assert counted(again) == {"add applied": 5}


def test_who_has_to_confirm_enters_groups_after_they_were_asked(world: MailupWorld) -> None:
    rows = [add(email, "pending") for email in people(10)]
    joins = [change("join", email, {"groups": []}, {"groups": ["A"]}) for email in people(10)]
    (batch,) = world.provider.batches(world.audience_id, [*rows, *joins])
    assert batch.changes == tuple(rows)
    with watched(world) as imports:
        assert {one.outcome for one in send(world, rows).values()} == {"applied"}
    assert [route for route, _ in imports] == [LIST_IMPORT]
    assert counted(send(world, joins)) == {"join applied": 10}
    assert {world.read()[email].status for email in people(10)} == {"pending"}
