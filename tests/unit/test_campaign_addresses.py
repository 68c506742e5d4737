"""Whoever was renamed after a campaign is one person in its statistics, however often it happened.

Belongs here: the model campaign_addresses on rows made by hand. Does not: what is counted from it (test_marts.py).
"""

import re
from pathlib import Path

import duckdb
import pytest

MODEL = Path(__file__).parents[2] / "dbt_project" / "models" / "marts" / "campaign_addresses.sql"
SENT_AT = "2026-11-10 09:00"


def told(sent: str, *renames: tuple[str, str, int]) -> dict[str, str]:
    """Under which address a campaign's statistics count each other one; renames are (old, new, day of November)."""
    text = re.sub(r"{{ config\(.*?\) }}", "", MODEL.read_text(encoding="utf-8"))
    text = re.sub(r"{{ source\('(\w+)', '(\w+)'\) }}", r"\1.\2", text)
    text = re.sub(r"{{ to_the_second\('([\w.]+)'\) }}", r"date_trunc('second', \1)", text)
    with duckdb.connect() as database:
        database.execute("""
            create schema ledger; create schema stats;
            create table ledger.pushes (connection text, audience_id text, op text, outcome text, old_email_key text,
                email_key text, happened_at timestamp);
            create table stats.campaigns (connection text, campaign_id text, audience_id text, sent_at timestamp);
            create table stats.sends (connection text, campaign_id text, email_key text);
        """)
        database.execute("insert into stats.campaigns values ('c', 'C1', 'A1', ?)", [SENT_AT])
        for email_key in sent:
            database.execute("insert into stats.sends values ('c', 'C1', ?)", [email_key])
        for old, new, day in renames:
            values = [old, new, f"2026-11-{day} 10:00"]
            database.execute("insert into ledger.pushes values ('c', 'A1', 'rename', 'applied', ?, ?, ?)", values)
        found = [(told_key, email_key) for _, _, told_key, email_key in database.execute(text).fetchall()]
    assert len(dict(found)) == len(found), "one row per campaign and address told"
    return dict(found)


A_B, B_C, C_D = ("a", "b", 11), ("b", "c", 12), ("c", "d", 13)


@pytest.mark.parametrize("sent", ["a", "b", "c", "d"])
def test_all_addresses_of_a_person_are_told_under_the_one_that_the_campaign_was_sent_to(sent: str) -> None:
    """Which one it names depends on when the recipients were read."""
    assert told(sent, A_B, B_C, C_D) == {other: sent for other in "abcd" if other != sent}


def test_a_change_before_the_campaign_is_none_of_its_business() -> None:
    assert told("b", ("a", "b", 9), B_C) == {"c": "b"}


@pytest.mark.parametrize("sent", ["a", "b"])
def test_whoever_takes_an_old_address_again_is_still_one_person(sent: str) -> None:
    other = {"a": "b", "b": "a"}[sent]
    assert told(sent, A_B, ("b", "a", 12), ("a", "b", 13)) == {other: sent}


def test_whoever_takes_over_an_address_is_not_whoever_had_it_before() -> None:
    assert told("z", A_B, ("z", "a", 12)) == {"a": "z"}


def test_two_who_got_the_campaign_stay_two() -> None:
    assert told("ab", A_B) == {}
    assert told("ac", A_B, B_C) == {"b": "a"}
    assert told("ab", A_B, B_C) == {"c": "b"}
