"""Extracts are guarded by metrics: DuckDB counts, Great Expectations judges."""

import json
import logging
import math
import subprocess
import sys
from collections.abc import Iterator

import duckdb
import pytest

from pipelines.quality.gx import LateModule, standing_in
from pipelines.quality.suites import Limit, judge_metrics, source_metrics

ROWS = Limit("the CRM gave people", "rows", minimum=1)
DUPLICATES = Limit("every key is there once", "duplicate_keys", maximum=0)
BAD = Limit("few addresses are bad", "bad_share", maximum=0.1, is_share=True)
DROP = Limit("the CRM did not shrink", "rows", minimum=2_400, maximum=3_600)


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def test_each_limit_is_judged_once_and_in_order() -> None:
    found = judge_metrics({"rows": 3_000, "duplicate_keys": 2, "bad_share": 0.0534}, [ROWS, DUPLICATES, BAD, DROP])
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
    (found,) = judge_metrics({"rows": rows}, [DROP])
    assert (found.passed, found.minimum, found.maximum) == (passed, 2_400, 3_600)
    assert passed or found.sentence.endswith("; allowed is at least 2,400 and at most 3,600.")


@pytest.mark.parametrize("metrics", [{}, {"bad_share": None}, {"bad_share": math.nan}])
def test_what_could_not_be_measured_never_passes(metrics: dict[str, float | None]) -> None:
    (found,) = judge_metrics(metrics, [BAD])
    assert (found.passed, found.observed) == (False, None)
    assert found.sentence == "few addresses are bad: could not be measured; allowed is at most 10%."


def test_the_same_limit_twice_is_judged_twice() -> None:
    assert [one.passed for one in judge_metrics({"rows": 0}, [ROWS, ROWS])] == [False, False]


def test_a_broken_share_never_looks_like_its_bound() -> None:
    (found,) = judge_metrics({"bad_share": 0.10003}, [BAD])
    assert found.sentence == "few addresses are bad: found 10.003%; allowed is at most 10%."


def test_a_limit_without_bounds_is_a_mistake_and_no_limits_are_no_work() -> None:
    with pytest.raises(ValueError, match="neither"):
        Limit("nothing", "rows")
    assert judge_metrics({"rows": 1}, []) == []


def test_judging_prints_and_logs_nothing(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        judge_metrics({"rows": 0, "duplicate_keys": 2}, [ROWS, DUPLICATES])
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_source_metrics_count_rows_repeated_keys_and_rows_without_one(connection: duckdb.DuckDBPyConnection) -> None:
    keys = "('01'), ('1'), ('2'), ('2'), ('2'), (null), (' '), ('')"
    connection.execute(f'create table persons as from (values {keys}) rows("Person Id")')
    assert source_metrics(connection, "persons", "Person Id") == {"rows": 8, "duplicate_keys": 1, "null_keys": 3}


def test_source_metrics_of_an_empty_extract_are_zero(connection: duckdb.DuckDBPyConnection) -> None:
    metrics = source_metrics(connection, "(select 1 as id where false)", "id")
    assert metrics == {"rows": 0, "duplicate_keys": 0, "null_keys": 0}
    assert [one.passed for one in judge_metrics(metrics, [ROWS, DUPLICATES])] == [False, True]


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
