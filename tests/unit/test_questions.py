"""The queries of docs/questions.md count right: nobody is dropped for being a zero, no two accounts are one.

Belongs here: single questions on rows made by hand. Does not: that all of them run (integration/test_docs.py).
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "questions.md"
TABLES = """
create schema marts;
create table marts.campaigns (connection text, campaign_id text, audience_id text, name text, sent_at timestamp,
    opt_outs int, complaints int, opt_out_rate double, delivered_count int);
create table marts.campaign_hourly (connection text, campaign_id text, hours_after int, new_openers int,
    new_clickers int, opens int, machine_opens int, clicks int);
create table marts.audience_daily (connection text, audience_id text, day date, members_at_start int, joined int,
    left_count int, net int);
create table marts.cohorts (connection text, audience_id text, joined_month date, joined_count int,
    still_there_count int, retention_rate double, engaged_count int, engaged_rate double);
create table marts.domains (connection text, domain text, sent_count int, bounces int, bounce_rate double,
    delivered_count int, unique_human_opens int, human_open_rate double);
"""


@pytest.fixture
def marts() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as database:
        database.execute(TABLES)
        yield database


def answers(marts: duckdb.DuckDBPyConnection, question: int, query: int = 1) -> list[dict[str, Any]]:
    """What a query under the heading of that number finds."""
    section = re.split(r"^## \d+\. .*$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[question]
    found = marts.execute(re.findall(r"```sql\n(.*?)```", section, re.DOTALL)[query - 1])
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def insert(marts: duckdb.DuckDBPyConnection, table: str, *rows: tuple[Any, ...]) -> None:
    for row in rows:
        marts.execute(f"insert into marts.{table} values ({', '.join('?' for _ in row)})", row)


def campaign(marts: duckdb.DuckDBPyConnection, connection: str, name: str, sent_at: str, delivered: int) -> None:
    insert(marts, "campaigns", (connection, name, "1", name, f"2026-11-{sent_at}", 0, 0, 0, delivered))


def opened(connection: str, name: str, hours_after: int, openers: int) -> tuple[Any, ...]:
    return (connection, name, hours_after, openers, 0, openers, 0, 0)


def test_the_lists_of_two_accounts_are_two_audiences_though_both_are_number_1(marts: duckdb.DuckDBPyConnection) -> None:
    """MailUp's ids of lists are small numbers of each account."""
    for connection, members in (("a", 100), ("b", 7)):
        insert(marts, "audience_daily", (connection, "1", "2026-11-01", members, 10, 2, 8))
        insert(marts, "cohorts", (connection, "1", "2026-11-01", 10, members, 0.5, 1, 0.1))
    found = [(row["connection"], row["members_at_start"], row["joined"]) for row in answers(marts, 5)]
    assert found == [("a", 100, 10), ("b", 7, 10)]
    assert [row["connection"] for row in answers(marts, 5, 2)] == ["a", "b"]


def test_a_campaign_that_nobody_opened_counts_for_its_hour(marts: duckdb.DuckDBPyConnection) -> None:
    """Nor does a late opener make it one that was opened within a day."""
    for name, sent_at in (("C1", "02 09:00"), ("C2", "03 09:00"), ("C3", "04 09:00"), ("C4", "05 15:00")):
        campaign(marts, "a", name, sent_at, 10)
    insert(marts, "campaign_hourly", opened("a", "C1", 1, 4), opened("a", "C1", 5, 2), opened("a", "C2", 30, 5))
    found = [(row["sent_in_hour"], row["campaigns"], row["opened_within_a_day"]) for row in answers(marts, 8, 2)]
    assert found == [(9, 3, 0.2), (15, 1, 0.0)]


def test_an_account_without_times_has_no_best_hour(marts: duckdb.DuckDBPyConnection) -> None:
    campaign(marts, "timed", "C1", "02 09:00", 10)
    campaign(marts, "untimed", "C1", "02 09:00", 90)
    insert(marts, "campaign_hourly", opened("timed", "C1", 0, 5))
    assert [row["delivered_count"] for row in answers(marts, 8, 2)] == [10]


def test_hours_in_which_only_machines_opened_have_no_share(marts: duckdb.DuckDBPyConnection) -> None:
    insert(marts, "campaign_hourly", ("a", "C1", 0, 0, 0, 3, 3, 0))
    assert [row["share_so_far"] for row in answers(marts, 8)] == [None]


def test_a_campaign_of_which_nothing_was_delivered_is_listed(marts: duckdb.DuckDBPyConnection) -> None:
    campaign(marts, "a", "C1", "02 09:00", 0)
    assert [(row["name"], row["times_the_usual"]) for row in answers(marts, 2)] == [("C1", None)]


def test_a_domain_is_held_against_its_own_account(marts: duckdb.DuckDBPyConnection) -> None:
    rows = (("a", "x.example", 10, 1), ("a", "y.example", 90, 0), ("b", "x.example", 10, 5), ("b", "y.example", 10, 6))
    insert(marts, "domains", *((*row, row[3] / row[2], row[2] - row[3], 0, 0) for row in rows))
    assert [(row["connection"], row["domain"]) for row in answers(marts, 7)] == [("b", "y.example"), ("a", "x.example")]
