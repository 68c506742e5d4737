"""What analysts saw stays when the warehouse is deleted: campaigns, the growth of an audience, who was parked when.

Belongs here: the marts after such a loss. Does not: the stats tables (contract/test_statistics_history.py).
"""

from pathlib import Path
from typing import Any

import pytest
from rehearsal import SYNC, Rehearsal

pytestmark = pytest.mark.slow

MARTS = (
    *("audiences", "audience_daily", "audience_members", "parked_members"),
    *("campaigns", "sends", "events", "links", "link_clicks"),
)
# A day that nobody can count again: who was there then is not told any more.
SEEN = """
insert into marts.audience_daily by name
select * replace (day - 40 as day, 777 as subscribed_count, 3 as left_count) from marts.audience_daily
qualify row_number() over (order by day desc) = 1
"""
# Somebody whom the provider deleted, and of whom no ledger tells; and an audience that the account no longer has.
GONE = """
insert into marts.audience_members by name
select * replace (
    'gone@people.example' as email, 'gone@people.example' as email_key, 'deleted' as status, null as contact_key,
    false as managed, left_at - interval 40 days as left_at
)
from marts.audience_members limit 1
"""
# Somebody who was in the parking group once: only that reading of the audience saw it.
PARKED = """
insert into marts.parked_members by name
select connection, audience_id, email_key, timestamp '2026-01-01' as since, timestamp '2026-02-01' as until
from marts.audience_members limit 1
"""
PAST = """
insert into extract.audiences by name
select * replace ('past' as audience_id, 'Former customers' as name, 'deleted' as state) from extract.audiences
"""


def marts(home: Rehearsal) -> dict[str, list[dict[str, Any]]]:
    """All rows, without the columns that say when somebody looked last, or when a plan ended."""
    unlike = {"campaigns": "read_at", "audience_members": "last_seen_at", "audiences": "last_sync_at"}
    asked = {table: f"* exclude ({unlike[table]})" if table in unlike else "*" for table in MARTS}
    return {table: home.query(f"select {columns} from marts.{table} order by all") for table, columns in asked.items()}


def test_the_marts_are_as_they_were_though_the_warehouse_is_deleted(settled: Rehearsal, tmp_path: Path) -> None:
    home = settled.copy(tmp_path / "home")
    for statement in (SEEN, GONE, PARKED, PAST):
        home.query(statement)
    home.run(line="audiences")
    before = marts(home)
    assert before["audience_daily"][0]["subscribed_count"] == 777
    assert "gone@people.example" in {row["email_key"] for row in before["audience_members"]}
    assert len(before["parked_members"]) == 1
    assert "Former customers" in {row["name"] for row in before["audiences"]}
    home.home().warehouse.unlink()
    home.run(("extract", "check", "stage", "map", "plan", "marts"))
    assert {table: rows for table, rows in marts(home).items() if rows != before[table]} == {}
    assert home.query("select status from plan.plans where sync = ?", [SYNC])
