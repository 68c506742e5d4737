"""Which suites a sync has, what was usual before, and the page that shows them; over the small world of the plan."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from plan_models import COLUMNS, home_of, synced
from plan_world import Person as Member
from plan_world import World, person

from pipelines.config import SyncConfig
from pipelines.errors import ConfigError
from pipelines.quality import catalogue, checking, measures
from pipelines.quality.checking import record
from pipelines.quality.suites import Limit, Suite, judge
from pipelines.reports import quality as pages
from pipelines.warehouse import Warehouse

SYNC = "people"
NOON = datetime(2026, 11, 20, 12)


@pytest.fixture
def warehouse(tmp_path: Any) -> Iterator[duckdb.DuckDBPyConnection]:
    with Warehouse(replace(home_of("first"), root=tmp_path)).open() as connection:
        yield connection


def quality(**more: Any) -> SyncConfig:
    return synced(quality=more)


def planned(connection: duckdb.DuckDBPyConnection, days: int, observed: float, **more: Any) -> None:
    """A plan of so many days ago, and what was measured an hour before it."""
    moment = NOON - timedelta(days=days)
    values = {"safe": True, "accepted": "[]", "status": "applied", **more}
    connection.execute(
        "insert into plan.plans (plan_id, sync, created_at, safe, accepted, status) values (?, ?, ?, ?, ?, ?)",
        [f"p{days}", SYNC, moment, values["safe"], values["accepted"], values["status"]],
    )
    measures.keep(connection, SYNC, {"crm.persons records": observed}, moment - timedelta(hours=1))


def bounds(suite: Suite, name: str) -> tuple[float | None, float | None]:
    limit = limit_of(suite, name)
    return limit.minimum, limit.maximum


def limit_of(suite: Suite, name: str) -> Limit:
    return next(limit for limit in suite.limits if limit.name == name)


def test_usual_is_the_median_of_the_last_five_plans_that_were_right(warehouse: duckdb.DuckDBPyConnection) -> None:
    """A bad extract is never taken for usual, but one that a person accepted and pushed is."""
    accepted = json.dumps([{"rule": "quality", "by": "somebody", "at": "2026-11-19"}])
    for days, observed in ((9, 1.0), (6, 100.0), (5, 110.0), (4, 120.0), (3, 130.0)):
        planned(warehouse, days, observed)
    planned(warehouse, 2, 9_000.0, safe=False, status="pending")
    planned(warehouse, 1, 500.0, safe=False, accepted=accepted)
    assert measures.usual(warehouse, SYNC) == {"crm.persons records": 120.0}
    assert measures.usual(warehouse, "another") == {}


def test_an_extract_may_grow_to_its_limit_and_a_small_one_by_the_floor() -> None:
    """`quality.max_growth`; a drop is the plan's own rule."""
    name = "crm.persons has no more records than usual"
    sync = quality(max_growth="50%")
    grown = limit_of(catalogue.extract_suite(sync, {"crm.persons records": 1_000.0}), name)
    assert (grown.minimum, grown.maximum) == (0, 1_500)
    small = limit_of(catalogue.extract_suite(sync, {"crm.persons records": 10.0}), name)
    assert small.maximum == 10 + sync.safety.floor
    first = limit_of(catalogue.extract_suite(sync, {}), name)
    assert (first.maximum, first.note) == (None, "There is no earlier plan to compare with.")


WANTED, STRANGERS = "about as many people are wanted as usual", "no more strangers than usual are in it"


def test_about_as_many_people_are_wanted_as_usual() -> None:
    """Also those who are held, whom `max_adds` does not count. How many fewer is `max_removals`, where people leave."""
    usual = {"wanted": 1_000.0}
    sync = quality(max_growth="50%", max_drop="40%")
    assert bounds(catalogue.wanted_suite(sync, usual, {}), WANTED) == (0, 1_500)
    for where_nobody_leaves in ({"mode": "append"}, {"on_exit": {"do": "keep"}}):
        sync = synced(quality={"max_drop": "40%"}, **where_nobody_leaves)
        assert bounds(catalogue.wanted_suite(sync, usual, {}), WANTED) == (600, 2_000)
        assert bounds(catalogue.wanted_suite(sync, {"wanted": 30.0}, {}), WANTED) == (5, 60)
        assert bounds(catalogue.wanted_suite(sync, {}, {}), WANTED) == (0, None)


def test_no_more_strangers_than_usual_are_in_the_audience() -> None:
    sync = quality(max_growth="50%")
    assert bounds(catalogue.audience_suite(sync, {"strangers": 1_000.0}, {}), STRANGERS) == (0, 1_500)
    assert bounds(catalogue.audience_suite(sync, {"strangers": 0.0}, {}), STRANGERS) == (0, sync.safety.floor)
    assert bounds(catalogue.audience_suite(sync, {}, {}), STRANGERS) == (0, None)


def test_a_field_has_the_limit_of_the_file_or_may_not_be_much_emptier_than_usual() -> None:
    sync = quality(max_null={"BORN": "5%"}, max_null_growth="20%")
    suite = catalogue.wanted_suite(sync, {"empty FNAME": 0.1, "empty SCORE": 0.95}, {"wanted": 1_000.0})
    found = {name: limit_of(suite, f"{name} is filled in").maximum for name in ("BORN", "FNAME", "SCORE", "NOTE")}
    assert found == {"BORN": 0.05, "FNAME": pytest.approx(0.3), "SCORE": 1.0, "NOTE": 1}


def test_of_a_few_people_a_few_empty_fields_are_no_sign() -> None:
    suite = catalogue.wanted_suite(quality(), {"empty FNAME": 0.0}, {"wanted": 50.0})
    assert limit_of(suite, "FNAME is filled in").maximum == 0.5


def test_members_who_were_put_there_and_are_gone_break_the_audience() -> None:
    """`quality.max_lost`, with the floor of the safety rules."""
    sync = quality(max_lost="10%")
    name = "the members that we keep are still there"
    many = catalogue.audience_suite(sync, {}, {"managed": 1_000.0, "subscribed": 1_000.0})
    assert limit_of(many, name).maximum == 100
    few = catalogue.audience_suite(sync, {}, {"managed": 30.0})
    assert limit_of(few, name).maximum == sync.safety.floor


def test_checks_have_the_same_names_whatever_was_measured() -> None:
    """They are Dagster's, and fixed when the definitions are loaded."""
    sync = quality(max_null={"BORN": "5%"}, allowed={"FNAME": ["Anna"]})
    usual = {"crm.persons records": 7.0, "empty FNAME": 0.2, "wanted": 4.0, "strangers": 2.0}
    found = {"wanted": 5.0, "managed": 3.0, "subscribed": 2.0}
    for before, now in (
        (catalogue.extract_suite(sync, {}), catalogue.extract_suite(sync, usual)),
        (catalogue.wanted_suite(sync, {}, {}), catalogue.wanted_suite(sync, usual, found)),
        (catalogue.audience_suite(sync, {}, {}), catalogue.audience_suite(sync, usual, found)),
    ):
        assert [limit.name for limit in before.limits] == [limit.name for limit in now.limits]


def test_wanted_members_are_measured_in_one_pass_with_values_that_may_not_be(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    sync = quality(allowed={"FNAME": ["Anna", "Bert"], "PURL": ["https://a.example"]})
    schema = f"sync_{sync.sync}"
    warehouse.execute(f"create schema {schema}")
    warehouse.execute(
        f"""
        create table {schema}.map_records as from (
            values ('wanted'), ('wanted'), ('wanted'), ('bad_address'), ('missing_address'), ('no_match')
        ) rows(eligibility);
        create table {schema}.map_wanted as from (values
            ('{{"FNAME": "Anna", "PURL": "md5:' || md5('https://a.example') || '"}}'),
            ('{{"FNAME": "Clara", "PURL": "md5:other"}}'),
            ('{{"FNAME": "", "BORN": null}}'),
            ('{{}}')
        ) rows(fields)
        """
    )
    found = measures.of_wanted(warehouse, sync)
    assert found["bad addresses"] == 0.4
    assert (found["wanted"], found["empty FNAME"], found["empty BORN"]) == (4, 0.5, 1.0)
    assert (found["not allowed FNAME"], found["not allowed PURL"]) == (1, 1)


def test_the_audience_is_measured_with_those_who_are_lost_and_those_without_an_id(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    sync = quality()
    schema = f"sync_{sync.sync}"
    warehouse.execute(
        f"""
        create schema {schema};
        create table {schema}.stage_members as from (values
            ('a', 'a@b.example', 'subscribed', '1'), ('b', 'b@b.example', 'archived', '2'),
            ('c', 'c,b.example', 'subscribed', '1'), ('d', 'd@b.example', 'unsubscribed', null),
            ('f', 'f@b.example', 'subscribed', '6'), ('g', 'g@b.example', 'archived', '7')
        ) rows(email_key, email, status, provider_id);
        create table {schema}.stage_managed as from (values
            ('a', true), ('b', true), ('d', true), ('e', true), ('f', false)
        ) rows(email_key, is_managed);
        create or replace table quality.addresses as from (values
            ('a@b.example', 'ok'), ('c,b.example', 'wrong')
        ) rows(address, verdict)
        """
    )
    assert measures.of_audience(warehouse, sync) == {
        "members": 4,
        "subscribed": 3,
        "members without an id": 2,
        "wrong members": 1,
        "managed": 4,
        "lost members": 2,
        "strangers": 1,
    }


def test_a_key_that_two_records_have_stops_the_run_with_the_line_and_the_key(tmp_path: Any) -> None:
    """Before there is a plan that somebody could accept; what was found is kept for `enlist check` and the page."""
    sync, home = quality(), replace(home_of("first"), root=tmp_path)
    columns = ", ".join(f'"{name}" varchar' for name in COLUMNS["persons"])
    with Warehouse(home).open() as connection:
        connection.execute(f"create schema crm_crm; create table crm_crm.persons ({columns})")
        connection.execute("create table crm_crm.firms as select 'f' || i as Id from range(3) as numbers(i)")
        connection.execute("insert into crm_crm.persons (Id) values ('1'), ('2'), ('2 '), ('3'), ('3'), (' ')")
    with pytest.raises(ConfigError) as raised:
        checking.judge_extract(Warehouse(home), home, sync)
    assert raised.value.what == "Id is no key of crm.persons: 3 times it is empty or another record's, such as 2, 3."
    assert raised.value.where == "syncs/people.yaml:4"
    with Warehouse(home).open() as connection:
        broken = "select name, observed from quality.expectations where not passed"
        assert connection.execute(broken).fetchall() == [("crm.persons has every key once", 3)]
        connection.execute("update crm_crm.persons set Id = rowid::varchar")
    assert all(one.passed for suite in checking.judge_extract(Warehouse(home), home, sync) for one in suite.judgements)


def test_what_our_own_pushes_do_to_an_audience_makes_no_strangers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Members who are added, and those whom a sync let go and who stay in the audience."""
    world = World(monkeypatch, tmp_path, on_exit={"do": "unsubscribe"})
    world.audience["other@b.example"] = Member("other@b.example", provider_id="o")
    found = []
    for wanted in ("anna bert carl", "anna"):
        world.crm["persons"] = [person(name) for name in wanted.split()]
        world.push(world.plan().changes)
        world.later(days=1)
        world.plan()
        now = measures.of_audience(world.database, world.sync)
        found.append((now["members"], now["managed"], now["strangers"]))
    assert found == [(4, 3, 1), (4, 1, 1)]
    world.database.close()


def test_a_suite_replaces_its_own_judgements_and_no_others(warehouse: duckdb.DuckDBPyConnection) -> None:
    for name, observed in (("extract", 1), ("wanted", 0), ("extract", 0)):
        suite = Suite(name, name, "", (Limit("nothing is wrong", "wrong", maximum=0),))
        record(warehouse, SYNC, judge(suite, {"wrong": observed}))
    rows = warehouse.execute("select suite, passed from quality.expectations order by all").fetchall()
    assert rows == [("extract", True), ("wanted", True)]


def test_the_page_shows_each_expectation_with_what_was_found_and_needs_no_network() -> None:
    limits = (
        Limit("few addresses are wrong", "bad", maximum=0.1, is_share=True, noun="bad", note="Usual was 4%."),
        Limit("<b>BY</b> is filled in", "empty", maximum=0),
        Limit("lost", "missing", maximum=0),
    )
    suite = Suite("wanted", "Members wanted", "Whom the CRM asks for.", limits)
    page = pages.rendered("people", [judge(suite, {"bad": 0.0534, "empty": 1_204})])
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "few addresses are wrong (bad: at most 10%) 5.34%" in text
    assert "&lt;b&gt;BY&lt;/b&gt; is filled in (at most 0) 1,204" in text
    assert "lost (at most 0) not measured" in text
    assert "2 of 3 broken" in text
    assert "few addresses are wrong: Usual was 4%." in text
    assert "Exception" not in page
    assert not re.search(r"<script|<link|<img|https?://", page)
    assert "default-src 'none'" in page
