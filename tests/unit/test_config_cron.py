"""Cron lines: what we accept Dagster accepts as well, with words for what is wrong."""

import pytest

from pipelines.config.cron import check_cron

GOOD = [
    "0 * * * *",
    "15 8-18 * * *",
    "30 5 * * *",
    "*/10 * * * *",
    "0,15,30-45/5 0-23/2 1,15 1-12 0-7",
    "0 6 * jan,mar-may mon-fri",
    "0 0 29 2 *",
    "0 0 31 1,2 *",
    "5/10 * * * *",
    "0 0 L * *",
    "0 0 * * mon#2",
]

BAD = [
    ("", "five fields"),
    ("@daily", "five fields"),
    ("* * * *", "five fields"),
    ("0 * * * * *", "five fields"),
    ("60 * * * *", "bad minute"),
    ("0 24 * * *", "bad hour"),
    ("0 0 0 * *", "bad day-of-month"),
    ("0 0 * 13 *", "bad month"),
    ("0 0 * * 8", "bad day-of-week"),
    ("0 0 * * mo", "bad day-of-week"),
    ("0 18-8 * * *", "bad hour"),
    ("*/0 * * * *", "bad minute"),
    ("*-5 * * * *", "bad minute"),
    ("0,,5 * * * *", "bad minute"),
    ("\u0661 * * * *", "bad minute"),
    ("0 0 30 2 *", "bad day-of-month"),
    ("0 0 31 2 mon", "bad day-of-month"),
    ("0 0 LW * *", "LW and 5L"),
    ("0 0 * * 5L", "LW and 5L"),
    ("0 0 31 4,6 *", "bad day-of-month"),
]


@pytest.mark.parametrize("line", GOOD)
def test_a_good_line_passes_with_single_spaces(line: str) -> None:
    assert check_cron(f" {line.replace(' ', '   ')} ") == line


@pytest.mark.parametrize(("line", "what"), BAD)
def test_a_bad_line_is_told_by_its_field(line: str, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        check_cron(line)


@pytest.mark.slow
def test_dagster_accepts_every_line_that_we_accept() -> None:
    from dagster._utils.schedules import is_valid_cron_schedule

    assert [line for line in GOOD if not is_valid_cron_schedule(check_cron(line))] == []
