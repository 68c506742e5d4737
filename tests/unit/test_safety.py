"""The rules that stop a plan: one test for each edge.

Belongs here: safety.judge and what acceptance lifts. Does not: counting (test_freeze.py).
"""

from typing import Any

import pytest

from pipelines.config.sync import Safety
from pipelines.config.values import Limit
from pipelines.sync.safety import ACCEPTABLE, Broken, Counts, Facts, allowance, judge, unaccepted

SAFETY = Safety()
QUIET = Facts(is_first_run=False, rows={"crm.persons": 1000}, last_rows={"crm.persons": 1000})


def counts(**more: int) -> Counts:
    return Counts(**{"removals": 0, "adds": 0, "updates": 0, "managed": 10_000, "wanted": 10_000, **more})


def facts(**more: Any) -> Facts:
    return Facts(**{"is_first_run": False, "rows": QUIET.rows, "last_rows": QUIET.last_rows, **more})


def broken(how: Counts, what: Facts = QUIET, safety: Safety = SAFETY) -> list[str]:
    return [rule.rule for rule in judge(how, what, safety)]


def test_a_plan_that_changes_nothing_is_safe() -> None:
    assert broken(counts()) == []


@pytest.mark.parametrize(
    ("noun", "managed", "limit"),
    [
        ("removals", 4_000, 200),  # 5%
        ("removals", 10_000, 500),  # 5% and the number agree
        ("removals", 1_000_000, 500),  # the number, which is the smaller
        ("updates", 10_000, 3_000),  # 30%
        ("adds", 10_000, 3_000),
    ],
)
def test_a_limit_holds_at_its_edge_and_breaks_one_above(noun: str, managed: int, limit: int) -> None:
    assert broken(counts(**{noun: limit, "managed": managed})) == []
    assert broken(counts(**{noun: limit + 1, "managed": managed})) == [f"max_{noun}"]


@pytest.mark.parametrize("noun", ["removals", "updates", "adds"])
@pytest.mark.parametrize("managed", [0, 1, 30, 83])
def test_up_to_the_floor_no_percentage_breaks(noun: str, managed: int) -> None:
    """A small audience may change as a whole."""
    assert broken(counts(**{noun: 25, "managed": managed})) == []
    assert broken(counts(**{noun: 26, "managed": managed})) == ([f"max_{noun}"] if managed < 84 else [])


def test_the_floor_lifts_no_absolute_number() -> None:
    """Style, 2.7: percentages may skip small lists, absolute rules never do."""
    strict = Safety(max_removals=Limit(percent=0.05, number=10))
    assert broken(counts(removals=10, managed=40), safety=strict) == []
    assert broken(counts(removals=11, managed=40), safety=strict) == ["max_removals"]


def test_a_percentage_is_counted_without_rounding_up() -> None:
    assert allowance(Limit(percent=0.05), 599, 0) == 29
    assert allowance(Limit(percent=0.05), 600, 0) == 30
    assert allowance(Limit(percent=0.29), 100, 0) == 29


def test_the_sentence_of_a_limit_has_the_numbers() -> None:
    (rule,) = judge(counts(removals=1_001), QUIET, SAFETY)
    assert rule.sentence == "1,001 removals of 10,000 managed members; 500 are allowed."


def test_a_first_run_waits_for_a_person_but_its_adds_break_no_percentage() -> None:
    """Until a person has accepted the first plan, the schedule only plans."""
    first = facts(is_first_run=True, last_rows={})
    assert broken(counts(adds=9_000, updates=900, managed=0), first) == ["first_run"]


def test_removals_of_a_first_run_are_limited_like_any_other() -> None:
    first = facts(is_first_run=True)
    assert broken(counts(removals=26, managed=0), first) == ["first_run", "max_removals"]


def test_purges_are_held_against_the_limit_of_removals_by_themselves() -> None:
    """Purges have their own limit: at the limit, one over, and never added to the removals."""
    assert broken(counts(purges=500, removals=500)) == []
    assert broken(counts(purges=501)) == ["max_removals"]
    assert broken(counts(purges=501, removals=501)) == ["max_removals", "max_removals"]
    assert broken(counts(purges=25, managed=30)) == [], "the floor"
    assert broken(counts(purges=26, managed=30)) == ["max_removals"]
    strict = Safety(max_removals=Limit(percent=0.05, number=10))
    assert broken(counts(purges=11, managed=30), safety=strict) == ["max_removals"]
    found = judge(counts(purges=501, removals=501), QUIET, SAFETY)
    assert [rule.sentence.partition(" of ")[0] for rule in found] == ["501 removals", "501 purges"]
    assert unaccepted(found, ["max_removals"]) == ()


@pytest.mark.parametrize("noun", ["adds", "updates"])
def test_what_the_first_push_left_is_within_the_limit_and_one_more_is_not(noun: str) -> None:
    """A person accepted the first plan as a whole; the schedule goes on with what it did not come to."""
    assert broken(counts(**{noun: 9_000}), facts(first_left=9_000)) == []
    assert broken(counts(**{noun: 9_001}), facts(first_left=9_000)) == [f"max_{noun}"]
    assert broken(counts(**{noun: 3_000}), facts(first_left=1)) == [], "the limit itself stays"


def test_what_the_first_push_left_lifts_no_limit_of_removals() -> None:
    assert broken(counts(removals=501), facts(first_left=9_000)) == ["max_removals"]


@pytest.mark.parametrize("managed", [0, 1, 10_000])
def test_an_audience_of_any_size_may_stay_as_it_is(managed: int) -> None:
    """An empty audience divides by nothing."""
    assert broken(counts(managed=managed)) == []


@pytest.mark.parametrize("noun", ["removals", "updates", "adds"])
def test_a_limit_of_nothing_lets_the_floor_through_and_without_a_floor_nothing(noun: str) -> None:
    zero = Limit(percent=0.0)
    limits = {"max_removals": zero, "max_updates": zero, "max_adds": zero}
    assert broken(counts(**{noun: 25}), safety=Safety(**limits)) == []
    assert broken(counts(**{noun: 1}), safety=Safety(**limits, floor=0)) == [f"max_{noun}"]


@pytest.mark.parametrize("noun", ["removals", "updates", "adds"])
def test_of_percent_and_number_the_smaller_wins_at_its_edge(noun: str) -> None:
    both = Safety(**{f"max_{noun}": Limit(percent=0.10, number=300)})
    for managed, allowed in ((2_990, 299), (3_000, 300), (3_010, 300), (1_000_000, 300)):
        assert broken(counts(**{noun: allowed, "managed": managed}), safety=both) == []
        assert broken(counts(**{noun: allowed + 1, "managed": managed}), safety=both) == [f"max_{noun}"]


def test_a_source_that_gave_nothing_breaks_both_of_its_rules() -> None:
    assert broken(counts(), facts(rows={"crm.persons": 0})) == ["min_source_rows", "max_source_drop"]
    assert broken(counts(), facts(rows={"crm.persons": 0}, last_rows={"crm.persons": 0})) == ["min_source_rows"]


def test_a_source_drop_may_have_a_number_as_well() -> None:
    strict = Safety(max_source_drop=Limit(percent=0.20, number=10))
    assert broken(counts(), facts(rows={"crm.persons": 990}), strict) == []
    assert broken(counts(), facts(rows={"crm.persons": 989}), strict) == ["max_source_drop"]


def test_an_empty_desired_state_is_never_pushed() -> None:
    """Prior art, 2.2: an empty side must not wipe the other; nothing lifts it."""
    found = judge(counts(wanted=0), QUIET, SAFETY)
    assert [(rule.rule, rule.acceptable) for rule in found] == [("empty_desired", False)]
    assert unaccepted(found, [*ACCEPTABLE, "empty_desired"]) == found
    assert "empty_desired" not in ACCEPTABLE
    assert broken(counts(wanted=1)) == []


def test_too_few_records_in_an_entity_break_min_source_rows() -> None:
    strict = Safety(min_source_rows=10)
    assert broken(counts(), facts(rows={"crm.persons": 10}, last_rows={}), strict) == []
    assert broken(counts(), facts(rows={"crm.persons": 9}, last_rows={}), strict) == ["min_source_rows"]


def test_one_short_entity_is_enough() -> None:
    (rule,) = judge(counts(), facts(rows={"crm.firms": 0, "crm.persons": 5}, last_rows={}), SAFETY)
    assert (rule.rule, "crm.firms" in rule.sentence) == ("min_source_rows", True)


def test_a_source_may_drop_by_a_fifth_and_not_by_one_more() -> None:
    assert broken(counts(), facts(rows={"crm.persons": 800})) == []
    assert broken(counts(), facts(rows={"crm.persons": 799})) == ["max_source_drop"]


def test_no_floor_hides_the_drop_of_a_small_source() -> None:
    """Ten of twenty records gone is an extract gone wrong, however small."""
    assert broken(counts(), facts(rows={"crm.persons": 16}, last_rows={"crm.persons": 20})) == []
    assert broken(counts(), facts(rows={"crm.persons": 15}, last_rows={"crm.persons": 20})) == ["max_source_drop"]


def test_a_source_that_grew_or_is_new_breaks_nothing() -> None:
    assert broken(counts(), facts(rows={"crm.persons": 5000, "crm.firms": 3})) == []


def test_a_field_that_drifted_and_a_failed_expectation_stop_the_plan() -> None:
    """D13 and the quality suite."""
    assert broken(counts(), facts(drift=("one", "two"), failed_expectations=("three",))) == [
        "field_drift",
        "field_drift",
        "quality",
    ]


def test_accepting_a_rule_lifts_just_that_rule() -> None:
    """Style, 2.7: one flag for everything is one flag for a mass accident."""
    everything = judge(
        counts(removals=9_000, adds=9_000, updates=9_000),
        facts(rows={"crm.persons": 0}, drift=("drifted",), failed_expectations=("failed",)),
        SAFETY,
    )
    rules = [rule.rule for rule in everything]
    assert rules == [
        *("min_source_rows", "max_source_drop", "max_removals", "max_updates", "max_adds"),
        *("field_drift", "quality"),
    ]
    for accepted in rules:
        left = [rule.rule for rule in unaccepted(everything, [accepted])]
        assert left == [rule for rule in rules if rule != accepted]
    assert unaccepted(everything, rules) == ()
    assert unaccepted(everything, ["nonsense"]) == everything


def test_every_rule_but_one_may_be_accepted() -> None:
    """The names of `--accept` are a promise."""
    assert set(ACCEPTABLE) == {
        *("first_run", "max_removals", "max_updates", "max_adds", "max_source_drop", "min_source_rows"),
        *("field_drift", "quality"),
    }
    assert all(Broken(rule, "").acceptable for rule in ACCEPTABLE)  # type: ignore[arg-type]
