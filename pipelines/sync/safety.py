"""The rules that stop a plan, as pure functions of its counts.

Belongs here: every rule that `--accept` names, and the one that nothing lifts. Does not: counting (freeze.py),
refusing to push (push.py asks the verdict again).

A plan is judged when it is made, so that a review sees the refusal; the push judges again.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from pipelines.config.sync import Safety
from pipelines.config.values import Limit

Rule = Literal[
    "first_run",
    "max_removals",
    "max_updates",
    "max_adds",
    "max_source_drop",
    "min_source_rows",
    "field_drift",
    "quality",
    "empty_desired",
]
ACCEPTABLE: tuple[str, ...] = tuple(rule for rule in get_args(Rule) if rule != "empty_desired")


@dataclass(frozen=True, slots=True)
class Counts:
    """What a plan does, in members: each counts once, as a removal, else an add, else an update.

    `purges` are those whose days are over: they were removals when they left, and have a limit of their own.
    """

    removals: int
    adds: int
    updates: int
    managed: int
    wanted: int
    purges: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """What the verdict needs beside the counts.

    `rows` and `last_rows` are records per CRM entity now and at the last push; `drift` and `failed_expectations` are
    sentences. `first_left` is how many changes of the first push, which a person accepted, are still to do.
    """

    is_first_run: bool
    rows: Mapping[str, int]
    last_rows: Mapping[str, int]
    drift: tuple[str, ...] = ()
    failed_expectations: tuple[str, ...] = ()
    first_left: int = 0


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that a plan breaks, with the numbers, and whether a person may accept it."""

    rule: Rule
    sentence: str
    acceptable: bool = True


def judge(counts: Counts, facts: Facts, safety: Safety) -> tuple[Broken, ...]:
    """All rules that the plan breaks; none means it is safe."""
    return (
        *_desired(counts),
        *_first_run(counts, facts),
        *_sources(facts, safety),
        *_changes(counts, facts, safety),
        *(Broken("field_drift", sentence) for sentence in facts.drift),
        *(Broken("quality", sentence) for sentence in facts.failed_expectations),
    )


def unaccepted(broken: Iterable[Broken], accepted: Iterable[str]) -> tuple[Broken, ...]:
    """What still stops the plan when `accepted` rules are lifted."""
    lifted = set(accepted)
    return tuple(rule for rule in broken if not (rule.acceptable and rule.rule in lifted))


def lifted(accepted: Iterable[Mapping[str, str]], rules: Iterable[str], by: str, at: str) -> list[Mapping[str, str]]:
    """`accepted` of a plan ({rule, by, at}) with these rules as well; who lifted a rule first has lifted it."""
    before = list(accepted)
    known = {acceptance["rule"] for acceptance in before}
    return [*before, *({"rule": rule, "by": by, "at": at} for rule in rules if rule not in known)]


def allowance(limit: Limit, base: int, floor: int) -> int:
    """How many of `base` a limit allows: a percentage, which the floor never undercuts, and at most the number."""
    by_percent = max(math.floor(limit.percent * base + 1e-9), floor)
    return by_percent if limit.number is None else min(by_percent, limit.number)


def _desired(counts: Counts) -> Iterable[Broken]:
    if counts.wanted == 0:
        yield Broken("empty_desired", "Nobody at all is wanted in the audience; such a plan is never pushed.", False)


def _first_run(counts: Counts, facts: Facts) -> Iterable[Broken]:
    if facts.is_first_run:
        yield Broken(
            "first_run", f"It is the first push of this sync: {counts.adds:,} adds, {counts.updates:,} updates."
        )


def _sources(facts: Facts, safety: Safety) -> Iterable[Broken]:
    for entity, rows in sorted(facts.rows.items()):
        if rows < safety.min_source_rows:
            yield Broken("min_source_rows", f"{entity} gave {rows:,} records, fewer than {safety.min_source_rows:,}.")
        before = facts.last_rows.get(entity, 0)
        drop = before - rows
        if drop > allowance(safety.max_source_drop, before, 0):
            yield Broken(
                "max_source_drop",
                f"{entity} gave {rows:,} records, {drop:,} fewer than the {before:,} of the last push.",
            )


def _changes(counts: Counts, facts: Facts, safety: Safety) -> Iterable[Broken]:
    checks: tuple[tuple[Rule, str, int, Limit], ...] = (
        ("max_removals", "removals", counts.removals, safety.max_removals),
        ("max_removals", "purges", counts.purges, safety.max_removals),
        ("max_updates", "updates", counts.updates, safety.max_updates),
        ("max_adds", "adds", counts.adds, safety.max_adds),
    )
    for rule, noun, number, limit in checks:
        if rule != "max_removals" and (facts.is_first_run or number <= facts.first_left):
            continue
        allowed = allowance(limit, counts.managed, safety.floor)
        if number > allowed:
            yield Broken(rule, f"{number:,} {noun} of {counts.managed:,} managed members; {allowed:,} are allowed.")
