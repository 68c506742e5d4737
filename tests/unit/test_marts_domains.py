"""The dbt test that holds marts.domains against the provider's own numbers finds what differs, and only there.

Belongs here: that one query on rows made by hand. Does not: the mart itself (test_marts.py).
"""

import re
from pathlib import Path

import duckdb
import pytest

QUERY = Path(__file__).parents[2] / "dbt_project" / "tests" / "marts_domains_agree.sql"
SENDS = (("C1", "ann@a.example"), ("C1", "bob@a.example"), ("C2", "ann@a.example"), ("C2", "cas@c.example"))


def differing(*reported: tuple[str, str, int, int, int]) -> list[str]:
    """Domains in which the test finds a difference; ours are 3 sent, 2 delivered for a.example, and 1, 1 for c."""
    text = re.sub(r"{{ config\(.*?\) }}", "", QUERY.read_text(encoding="utf-8"))
    text = re.sub(r"{{ ref\('(\w+)'\) }}", r"marts.\1", text)
    text = re.sub(r"{{ source\('(\w+)', '(\w+)'\) }}", r"\1.\2", text)
    with duckdb.connect() as database:
        database.execute("""
            create schema marts; create schema stats;
            create table marts.sends (connection text, campaign_id text, email_key text);
            create table marts.domains as
            select * from (values ('c', 'a.example', 3, 2, 1), ('c', 'c.example', 1, 1, 0), ('d', 'a.example', 9, 9, 0))
            as rows (connection, domain, sent_count, delivered_count, bounces);
            create table stats.domains (connection text, campaign_id text, domain text, sent_count int,
                delivered_count int, bounces int);
        """)
        for campaign_id, email_key in (*SENDS, ("C1", "d41d8cd98f00b204e9800998ecf8427e")):
            database.execute("insert into marts.sends values ('c', ?, ?)", [campaign_id, email_key])
        for row in reported:
            database.execute("insert into stats.domains values ('c', ?, ?, ?, ?, ?)", row)
        return [str(row[1]) for row in database.execute(text).fetchall()]


FIRST, SECOND = ("C1", "a.example", 2, 1, 1), ("C2", "a.example", 1, 1, 0)


def test_equal_numbers_over_all_campaigns_pass() -> None:
    assert differing(FIRST, SECOND) == []


@pytest.mark.parametrize(
    "second", [("C2", "a.example", 2, 1, 0), ("C2", "a.example", 1, 0, 0), ("C2", "a.example", 1, 1, 1)]
)
def test_another_number_is_found(second: tuple[str, str, int, int, int]) -> None:
    assert differing(FIRST, second) == ["a.example"]


def test_a_domain_on_which_the_provider_reports_in_part_is_left_out() -> None:
    assert differing(("C1", "a.example", 9, 9, 0)) == []
    assert differing() == []
