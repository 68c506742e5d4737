"""Changes travel in the fewest calls there can be, each exactly once."""

from collections.abc import Iterable, Sequence
from math import ceil
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.providers.base import Batch, Change, Op
from pipelines.providers.mailchimp.batching import SINGLES, cut, tag_calls, tag_difference

SIZE = 5
TAGS = ("a", "b", "c", "Newsletter")


def change(number: int, op: Op, before: Any, after: Any) -> Change:
    email = f"p{number}@people.example"
    return Change(f"c{number}", op, email, email, f"{number:032x}", before, after)


def adds(count: int, start: int = 0) -> list[Change]:
    return [change(start + n, "add", None, {"status": "subscribed", "fields": {}}) for n in range(count)]


def tagged(sets: Iterable[Iterable[str]], op: Op = "tag") -> list[Change]:
    sides: list[tuple[dict[str, Any], dict[str, Any]]] = [({"tags": []}, {"tags": sorted(tags)}) for tags in sets]
    return [change(n, op, *(side if op == "tag" else side[::-1])) for n, side in enumerate(sides)]


def ids(batches: Sequence[Batch]) -> list[str]:
    return [row.change_id for batch in batches for row in batch.changes]


def test_adds_go_five_hundred_to_a_call() -> None:
    batches = list(cut(adds(1001), size=500, update_singly=False))
    assert [(len(batch.changes), batch.calls, batch.op) for batch in batches] == [
        (500, 1, "add"), (500, 1, "add"), (1, 1, "add")
    ]  # fmt: skip


def test_somebody_who_returns_gets_a_call_of_their_own() -> None:
    back = [change(n, "add", {"status": "archived"}, {"status": "subscribed", "fields": {}}) for n in range(100, 103)]
    batches = list(cut([*adds(2), *back], size=500, update_singly=False))
    assert [(len(batch.changes), batch.calls) for batch in batches] == [(2, 1), (3, 3)]


@pytest.mark.parametrize(
    ("op", "singly", "calls"),
    [
        ("update", False, 1), ("join", False, 1), ("leave", False, 1), ("unsubscribe", False, 1),
        ("update", True, 30), ("join", True, 30), ("leave", True, 30), ("unsubscribe", True, 1),
        ("rename", False, 30), ("archive", False, 30), ("delete", False, 30),
    ],
)  # fmt: skip
def test_which_ops_travel_together(op: Op, singly: bool, calls: int) -> None:
    rows = [change(n, op, {}, {}) for n in range(30)]
    batches = list(cut(rows, size=500, update_singly=singly))
    assert sum(batch.calls for batch in batches) == calls


def test_single_calls_come_in_batches_small_enough_to_journal() -> None:
    batches = list(cut([change(n, "archive", {}, {}) for n in range(250)], size=500, update_singly=False))
    assert [len(batch.changes) for batch in batches] == [SINGLES, SINGLES, 50]


def test_only_tags_that_differ_are_sent_and_letter_case_is_no_difference() -> None:
    assert tag_difference(change(1, "tag", {"tags": ["vip", "B"]}, {"tags": ["VIP", "b", "New"]})) == ("New",)
    assert tag_difference(change(1, "untag", {"tags": ["VIP", "old"]}, {"tags": ["vip"]})) == ("old",)
    assert tag_difference(change(1, "tag", None, {"tags": ["x"]})) == ("x",)


def test_members_with_the_same_tags_make_small_batches() -> None:
    rows = tagged([{"a"}] * 20 + [{"b"}] * 20 + [{"a", "b"}] * 10)
    batches = list(cut(rows, size=SIZE, update_singly=False))
    assert sum(batch.calls for batch in batches) == 12
    assert max(len(batch.changes) for batch in batches) <= 2 * SIZE


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sets(st.sampled_from(TAGS)), max_size=60), st.sampled_from(["tag", "untag"]))
def test_tags_take_the_fewest_calls_and_every_change_is_in_exactly_one_batch(sets: list[set[str]], op: Op) -> None:
    rows = tagged(sets, op)
    batches = list(cut(rows, size=SIZE, update_singly=False))
    assert sorted(ids(batches)) == sorted(row.change_id for row in rows)
    fewest = sum(ceil(sum(tag in tags for tags in sets) / SIZE) for tag in TAGS)
    assert sum(batch.calls for batch in batches) == fewest
    assert sum(len(tag_calls(batch.changes, SIZE)) for batch in batches) == fewest
