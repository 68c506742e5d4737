"""Extracts are guarded by metrics: DuckDB counts, Great Expectations judges."""

import json
import logging
import math
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence

import duckdb
import pytest

from pipelines.quality import measures
from pipelines.quality.gx import LateModule, standing_in
from pipelines.quality.suites import Judgement, Limit, Suite, judge

ROWS = Limit("the CRM gave people", "rows", minimum=1)
DUPLICATES = Limit("every key is there once", "duplicate_keys", maximum=0)
BAD = Limit("few addresses are bad", "bad_share", maximum=0.1, is_share=True)
DROP = Limit("the CRM did not shrink", "rows", minimum=2_400, maximum=3_600)


def judged(metrics: Mapping[str, float | None], limits: Sequence[Limit]) -> Sequence[Judgement]:
    return judge(Suite("metrics", "", "", tuple(limits)), metrics).judgements


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def test_each_limit_is_judged_once_and_in_order() -> None:
    found = judged({"rows": 3_000, "duplicate_keys": 2, "bad_share": 0.0534}, [ROWS, DUPLICATES, BAD, DROP])
    assert [(one.name, one.observed, one.passed) for one in found] == [
        ("the CRM gave people", 3_000, True),
        ("every key is there once", 2, False),
        ("few addresses are bad", 0.0534, True),
        ("the CRM did not shrink", 3_000, True),
    ]
    assert [one.sentence for one in found[:3]] == [
        "the CRM gave people: found 3,000, as it should be.",
        "every key is there once: found 2; allowed is at most 0.",
        "few addresses are bad: found 5.34%, as it should be.",
    ]


@pytest.mark.parametrize(
    ("rows", "passed"), [(2_399, False), (2_400, True), (3_600, True), (3_600.5, False), (0, False)]
)
def test_both_bounds_belong_to_what_is_allowed(rows: float, passed: bool) -> None:
    (found,) = judged({"rows": rows}, [DROP])
    assert (found.passed, found.minimum, found.maximum) == (passed, 2_400, 3_600)
    assert passed or found.sentence.endswith("; allowed is at least 2,400 and at most 3,600.")


@pytest.mark.parametrize("metrics", [{}, {"bad_share": None}, {"bad_share": math.nan}])
def test_what_could_not_be_measured_never_passes(metrics: dict[str, float | None]) -> None:
    (found,) = judged(metrics, [BAD])
    assert (found.passed, found.observed) == (False, None)
    assert found.sentence == "few addresses are bad: could not be measured; allowed is at most 10%."


def test_the_same_limit_twice_is_judged_twice() -> None:
    assert [one.passed for one in judged({"rows": 0}, [ROWS, ROWS])] == [False, False]


def test_what_has_no_limit_yet_may_be_anything_and_the_noun_says_what_was_counted() -> None:
    limits = [
        Limit("the CRM is as large as usual", "rows", minimum=0, noun="records", note="Nothing before."),
        Limit("LNAME is filled in", "bad_share", maximum=1, is_share=True, noun="empty"),
    ]
    found = judged({"rows": 3_000, "bad_share": 0.123456}, limits)
    assert [one.sentence for one in found] == [
        "the CRM is as large as usual: found 3,000 records, as it should be. Nothing before.",
        "LNAME is filled in: found 12.35% empty, as it should be.",
    ]


def test_a_broken_share_never_looks_like_its_bound() -> None:
    (found,) = judged({"bad_share": 0.10003}, [BAD])
    assert found.sentence == "few addresses are bad: found 10.003%; allowed is at most 10%."


def test_a_limit_without_bounds_is_a_mistake_and_no_limits_are_no_work() -> None:
    with pytest.raises(ValueError, match="neither"):
        Limit("nothing", "rows")
    assert judged({"rows": 1}, []) == ()


def test_judging_prints_and_logs_nothing(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        judged({"rows": 0, "duplicate_keys": 2}, [ROWS, DUPLICATES])
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_records_and_those_without_a_key_of_their_own_are_counted_as_the_models_tell_them_apart(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    keys = "('01'), ('1'), ('2'), (' 2'), ('2'), ('3'), ('  '), (null)"
    connection.execute(f'create table persons as from (values {keys}) rows("Person Id")')
    assert measures.of_source(connection, "persons", "Person Id") == {"records": 8, "doubled keys": 4}
    assert measures.doubled_keys(connection, "persons", "Person Id") == ["2"]
    empty = "(select 1 as id where false)"
    assert measures.of_source(connection, empty, "id") == {"records": 0, "doubled keys": 0}


def test_the_failing_share_is_told_of_counts_and_of_shares() -> None:
    doubled = Limit("every key is there once", "doubled", maximum=0, of="rows")
    found = judged({"rows": 200, "doubled": 3, "bad_share": 0.5}, [doubled, BAD, ROWS])
    assert [one.share for one in found] == [0.015, 0.5, None]
    assert judged({"rows": 0, "doubled": 0}, [doubled])[0].share == 0


IMPORTS = """
import json, sys
from pipelines.quality import suites
from pipelines.quality.gx import LATE_MODULES, great_expectations
before = "great_expectations" in sys.modules
great_expectations()
heavy = ("scipy.stats._stats_py", "altair.vegalite", *LATE_MODULES)
print(json.dumps([before, [name for name in heavy if name in sys.modules]]))
"""


@pytest.mark.slow
def test_great_expectations_comes_late_and_without_statistics_and_charts() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [False, []]


def test_a_stand_in_becomes_the_real_module_when_somebody_uses_it() -> None:
    sys.modules.pop("colorsys", None)
    with standing_in(("colorsys", "json")):
        import colorsys as early

        assert sys.modules["json"] is json
    assert "colorsys" not in sys.modules
    import colorsys

    assert type(early) is LateModule
    assert early.rgb_to_hsv is colorsys.rgb_to_hsv
    with pytest.raises(AttributeError):
        early.__getattr__("no_such_function")
