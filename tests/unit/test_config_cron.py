"""Cron lines: ours is a part of what Dagster accepts, with words for what is wrong."""

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
]

BAD = [
    ("", "five fields"),
    ("@daily", "five fields"),
    ("* * * *", "five fields"),
    ("0 * * * * *", "five fields"),
    ("60 * * * *", "'60' as its minute, which goes from 0 to 59"),
    ("0 24 * * *", "'24' as its hour"),
    ("0 0 0 * *", "'0' as its day of the month"),
    ("0 0 * 13 *", "'13' as its month"),
    ("0 0 * * 8", "'8' as its day of the week"),
    ("0 0 * * mo", "'mo' as its day of the week"),
    ("0 18-8 * * *", "runs backwards"),
    ("*/0 * * * *", "no cron field"),
    ("5/10 * * * *", "no cron field"),
    ("*-5 * * * *", "no cron field"),
    ("0,,5 * * * *", "no cron field"),
    ("\u0661 * * * *", "as its minute"),
    ("0 0 30 2 *", "never comes"),
    ("0 0 31 2 mon", "never comes"),
    ("0 0 31 4,6 *", "never comes"),
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
