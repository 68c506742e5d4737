"""MailUp's words, numbers and pages as pure functions."""

from collections import Counter
from collections.abc import Mapping
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.providers.base import Change, Op
from pipelines.providers.mailup.batching import CALLS_PER_IMPORT, FEW, TRAITS, clears, cut, groups_of
from pipelines.providers.mailup.paging import next_window
from pipelines.providers.mailup.refusals import IN_THE_WAY, REFUSALS
from pipelines.providers.mailup.values import CAUSES, UNKNOWN_CAUSE, cause, fitted, masked, utc
from pipelines.providers.mailup.writing import IMPOSSIBLE

ROME = ZoneInfo("Europe/Rome")


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2014-04-01 13:53:06Z", "2014-04-01T13:53:06+00:00"),
        ("2020-01-27 10:38:00.000", "2020-01-27T09:38:00+00:00"),
        ("", None),
        (None, None),
        ("0001-01-01 00:00:00Z", None),
    ],
)
def test_times_are_utc_whether_they_say_so_or_not(time: str | None, expected: str | None) -> None:
    assert utc(time, ROME) == expected


@pytest.mark.parametrize(
    ("code", "subcode", "reason", "status"),
    [
        (2, None, "link in a message", "unsubscribed"),
        ("01", None, "administrator", "unsubscribed"),
        (0, 0, "administrator", "unsubscribed"),
        (8, 82, "domain gone", "bounced"),
        (8, 0, "wrong address", "bounced"),
        (16, 162, "spam complaint", "unsubscribed"),
        (512, None, "repeated soft bounces", "bounced"),
        (1024, None, "right to be forgotten", "unsubscribed"),
        (4711, None, "unsubscribed", "unsubscribed"),
        (None, None, "unsubscribed", "unsubscribed"),
        ("x", None, "unsubscribed", "unsubscribed"),
    ],
)
def test_codes_of_opt_outs_have_a_reason_and_a_status(code: object, subcode: object, reason: str, status: str) -> None:
    found = cause(code, subcode)
    assert (found.reason, found.status) == (reason, status)
    assert found.is_complaint == (reason == "spam complaint")


def test_no_code_means_subscribed() -> None:
    assert {one.status for one in (*CAUSES.values(), UNKNOWN_CAUSE)} == {"unsubscribed", "bounced"}


@given(st.text())
def test_a_value_fits_into_200_utf_16_units_and_is_cut_no_further(text: str) -> None:
    kept = fitted(text)
    assert text.startswith(kept)
    assert len(kept.encode("utf-16-le", "surrogatepass")) <= 400
    if kept != text:
        assert len(kept.encode("utf-16-le", "surrogatepass")) >= 398


def test_words_are_masked() -> None:
    assert masked("Email=='o.brien@people.example' is unknown") == "Email=='[address]' is unknown"


@given(st.integers(4, 300), st.integers(1, 50_000))
def test_a_page_begins_before_the_last_one_ended_and_goes_on(most: int, end: int) -> None:
    window = next_window(end, most)
    start = window.number * window.size
    assert window.size <= most
    assert start <= end < window.end
    if most >= 20:
        assert start < end, "an item is shared"


@given(st.integers(50, 300), st.integers(1, 20_000))
def test_overlapping_pages_cost_few_calls_more(most: int, total: int) -> None:
    end, pages = most, 1
    while end < total:
        end, pages = next_window(end, most).end, pages + 1
    assert pages <= 1.25 * -(-total // most) + 1


# Batches


def change(op: Op, number: int, before: object = None, after: object = None) -> Change:
    email = f"p{number}@people.example"
    return Change(f"{op}{number}", op, email, email, str(number), before, after or {})  # type: ignore[arg-type]


def never(_: str, __: int) -> bool:
    return False


@pytest.mark.parametrize("op", ["add", "update", "unsubscribe"])
@pytest.mark.parametrize("count", [0, 1, FEW, FEW + 1, 1000, 1001, 25_000])
def test_batches_hold_every_change_once_in_as_many_calls_as_the_plan_says(op: Op, count: int) -> None:
    rows = [change(op, number, {"fields": {"a": "x"}}, {"fields": {"a": "y"}}) for number in range(count)]
    batches = list(cut(rows, size=1000, empties=never))
    assert [row for batch in batches for row in batch.changes] == rows
    assert sum(batch.calls for batch in batches) == TRAITS.calls_for(op, count)


def newcomers(groups: Mapping[int, tuple[str, ...]]) -> list[Change]:
    """An add of each person by their number, then the joins of those who have groups."""
    return [
        *(change("add", number, None, {"status": "subscribed"}) for number in groups),
        *(change("join", number, None, {"groups": list(keys)}) for number, keys in groups.items() if keys),
    ]


@pytest.mark.parametrize(
    ("keys", "calls"),
    [
        ([("A",)] * 2001, 3 * CALLS_PER_IMPORT),
        ([("A", "B")] * 1000 + [("B",)] * 1000 + [()] * 10, (1 + 2 + 1) * CALLS_PER_IMPORT),
        ([("A",)] * 100 + [("A", "B")] * 3, CALLS_PER_IMPORT + 3),
        ([("A",), ("B",)], CALLS_PER_IMPORT + 2),
        ([("A", "B"), ("B",)], CALLS_PER_IMPORT + 1),
    ],
)
def test_newcomers_cost_an_import_for_each_group_and_one_into_the_list_where_somebody_has_none(
    keys: list[tuple[str, ...]], calls: int
) -> None:
    rows = newcomers(dict(enumerate(keys)))
    (batch,) = cut(rows, size=1000, empties=never)
    assert (batch.op, batch.calls) == ("add", calls)
    assert {row.change_id for row in batch.changes} == {row.change_id for row in rows}


def test_a_batch_of_newcomers_fills_its_imports_and_holds_no_more_than_twice_as_many_rows() -> None:
    """A push that is told to stop ends at the border of a batch."""
    (whole, rest) = cut(newcomers(dict.fromkeys(range(15_000), ("A",))), size=1000, empties=never)
    assert (len(whole.changes), len(rest.changes)) == (2 * 10_000, 2 * 5000)
    scattered = {number: tuple(f"G{number % step}" for step in (31, 37, 41)) for number in range(20_000)}
    batches = list(cut(newcomers(scattered), size=1000, empties=never))
    in_imports = [sum(len(groups_of(row)) for row in batch.changes if row.op == "join") for batch in batches]
    assert all(10_000 <= rows < 20_000 + 3 for rows in in_imports[:-1])
    people = [row.email_key for batch in batches for row in batch.changes]
    assert Counter(people) == {f"p{number}@people.example": 2 for number in scattered}


def test_reading_back_is_in_what_the_plan_says() -> None:
    assert TRAITS.calls_for("add", 5000, members=10_000) == 5 * 4 + 100
    assert TRAITS.calls_for("update", 50, members=10_000) == 50
    assert TRAITS.calls_for("leave", 5000, members=10_000) == 5000


def test_what_empties_a_field_goes_singly() -> None:
    rows = [change("update", number, {"fields": {"a": "x"}}, {"fields": {"a": "y"}}) for number in range(200)]
    empty = change("update", 999, {"fields": {"a": "x", "b": ""}}, {"fields": {"a": "", "b": ""}})
    still = change("update", 998, {"fields": {"a": ""}}, {"fields": {"a": ""}})
    assert clears(empty) and not clears(still)
    first, second = cut([empty, *rows], size=1000, empties=never)
    assert (len(first.changes), second.changes) == (200, (empty,))


def test_members_of_many_groups_cost_an_import_for_each_group() -> None:
    rows = [
        change("join", number, {"groups": []}, {"groups": ["A", "B"] if number < 1500 else ["B"]})
        for number in range(2500)
    ]
    batches = list(cut(rows, size=1000, empties=never))
    assert sum(batch.calls for batch in batches) == (2 + 3) * 4
    assert {row.change_id for batch in batches for row in batch.changes} == {row.change_id for row in rows}


def test_a_group_that_all_leave_is_one_batch_and_others_go_fifty_at_a_time() -> None:
    rows = [
        change(
            "leave", number, {"groups": ["A", "B"] if number < 3 else ["A"] if number < 120 else ["C"]}, {"groups": []}
        )
        for number in range(240)
    ]
    whole, *others = cut(rows, size=1000, empties=lambda key, _: key == "A")
    assert {groups_of(row)[0] for row in whole.changes} == {"A"}
    assert (len(whole.changes), whole.calls) == (120, 1 + 3)
    assert [len(batch.changes) for batch in others] == [50, 50, 20]
    assert sorted(row.change_id for batch in (whole, *others) for row in batch.changes) == sorted(
        row.change_id for row in rows
    )


def test_every_code_has_a_remedy() -> None:
    assert {*IN_THE_WAY.values(), *IMPOSSIBLE.values()} <= set(REFUSALS)
    assert all(len(refusal.remedy) > 20 for refusal in REFUSALS.values())
