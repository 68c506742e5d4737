"""What a report says of a sync, told on a small world: figures, the workbook's sheets, what a plan leaves for later.

Belongs here: quality/history.py, reports/figures.py and reports/sheets.py over plans that were really made. Does not:
cells (test_workbook.py), the page (test_page.py), the command (integration/test_report.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from openpyxl import load_workbook
from plan_world import MAILCHIMP, Answer, World, address, person

from pipelines.errors import ConfigError
from pipelines.reports import figures, sheets, workbook
from pipelines.reports.figures import OWN_WORDS, Figures
from pipelines.sync import plans
from pipelines.sync.freeze import freeze
from pipelines.sync.plans import Plan
from pipelines.warehouse import rows


@dataclass(frozen=True)
class Told:
    """The world, its two plans, and the report on the second."""

    world: World
    first: Plan
    second: Plan
    figures: Figures
    book: dict[str, list[tuple[Any, ...]]]
    counts: dict[str, int]


def frozen(world: World) -> Plan:
    world.plan()
    return freeze(world.database, world.home, world.sync, MAILCHIMP)


def answered(world: World, plan: Plan, **outcomes: list[str]) -> None:
    """What became of some of a plan's changes, by outcome, in a run of its own."""
    for outcome, names in outcomes.items():
        for name in names:
            world.database.execute(
                """
                insert into ledger.pushes by name
                select * exclude (reason), 'r' as run_id, $outcome as outcome, 'too_many' as code,
                    $moment::timestamp as happened_at
                from plan.changes where plan_id = $plan and email_key = $key
                """,
                {"outcome": outcome, "moment": world.now, "plan": plan.plan_id, "key": address(name)},
            )


def workbook_of(world: World, found: Figures, folder: Path) -> tuple[dict[str, list[tuple[Any, ...]]], dict[str, int]]:
    sheets.copy_rows(world.database, folder, world.sync, found.plan.plan_id)
    counts = workbook.write(folder / "x.xlsx", sheets.summary(found), sheets.sheets(folder))
    book = load_workbook(folder / "x.xlsx")
    return {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book}, counts


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """A day of bad data and a refusal; the next day some of it is mended, and a plan is half sent."""
    with pytest.MonkeyPatch.context() as patch:
        world = World(patch, tmp_path_factory.mktemp("told"))
        world.want(*(person(name) for name in ("anna", "dora", "eve")), person("dirk", Email=address("dora")))
        world.want(
            person("bert", Email="bert@@nowhere"),
            person("carl", Email=None),
            person("=1+1", Email="x y@b.example", Keeper="Kim"),
        )
        world.want(person("gone", Email=None), person("typo", Email="typo@gmial.com"))
        draft = world.plan()
        first = freeze(world.database, world.home, world.sync, MAILCHIMP)
        world.answers["add", address("eve")] = Answer("refused", "compliance", reaches=False)
        world.push(draft.changes)
        world.later(days=1)
        world.want(person("bert"), person("carl", Email=None, Flag="Nee"), person("dora", Email="x@y"))
        world.want(*(person(name) for name in ("new1", "new2", "new3", "new4")))
        world.drop("gone")
        second = frozen(world)
        answered(world, second, failed=["new1"], refused=["new2"], left=["new3"])
        world.later(minutes=5)
        answered(world, second, applied=["new1"])
        found = figures.read(world.database, "people")
        yield Told(world, first, second, found, *workbook_of(world, found, tmp_path_factory.mktemp("book")))
        world.database.close()


# The plan, to the last change (G2)


def test_the_counts_are_those_of_the_frozen_plan(told: Told) -> None:
    """G2: this number is exactly what will be synced."""
    counts = {(row["op"], row["reason"]): row["planned"] for row in told.figures.sending}
    assert counts == {(row["op"], row["reason"]): row["count"] for row in told.second.counts}
    assert told.figures.total("planned") == told.second.size


def test_what_was_sent_of_the_plan_and_what_was_not_adds_up_to_it(told: Told) -> None:
    adds = next(row for row in told.figures.sending if (row["op"], row["reason"]) == ("add", "new"))
    parts = ("applied", "refused", "failed", "left_count", "not_sent")
    assert [adds[name] for name in parts][:4] == [1, 1, 0, 1]
    for row in told.figures.sending:
        assert sum(row[name] for name in parts) == row["planned"]


def test_the_summary_sheet_says_the_same(told: Told) -> None:
    summary = told.book["Summary"]
    start = next(number for number, row in enumerate(summary) if row[0] == "Op")
    table = [row[:8] for row in summary[start + 1 : start + 1 + len(told.second.counts)]]
    assert [(row[0], row[1].replace(" ", "_"), row[2]) for row in table] == [
        (row["op"], row["reason"], row["count"]) for row in told.second.counts
    ]
    assert summary[start + 1 + len(table)][:3] == ("all", None, told.second.size)


def test_every_hold_is_on_a_sheet(told: Told) -> None:
    """Wrong and missing ones among the addresses, beside those that only look misspelt."""
    world = told.world
    held = {row["reason"]: row["records"] for row in told.figures.holds}
    assert sum(held.values()) == len(rows(world.database, "select * from plan.holds"))
    bad = held.pop("bad_address") + held.pop("missing_address", 0)
    assert told.counts["Addresses"] == bad + 1
    assert told.counts["Duplicates"] == held.pop("duplicate", 0)
    assert told.counts["Held"] == sum(held.values())


# Sheets


def column(told: Told, sheet: str, heading: str) -> list[Any]:
    head, *body = told.book[sheet]
    return [row[head.index(heading)] for row in body]


def test_wrong_addresses_are_listed_with_the_record_that_owns_them(told: Told) -> None:
    """G3: with the sentence for the clerk, and since when."""
    found = dict(zip(column(told, "Addresses", "Key"), told.book["Addresses"][1:], strict=True))
    assert set(found) == {"=1+1", "dora", "typo"}
    owner, entity, key, email, verdict, rule, detail, _, since = found["=1+1"]
    assert (entity, key, email, verdict, rule) == ("crm.persons", "=1+1", "x y@b.example", "wrong", "inner blank")
    assert owner == "=1+1 of Kim"
    assert detail == "There is a blank in it."
    assert isinstance(since, datetime)
    assert found["typo"][4:8] == ("look at it", "typo domain", "The domain looks misspelt.", "typo@gmail.com")


def test_a_refusal_is_listed_until_its_row_changes(told: Told) -> None:
    """G5."""
    assert column(told, "Refused", "Key") == ["eve", "new2"]
    assert column(told, "Refused", "Code") == ["compliance", "too_many"]
    assert "refused before" in column(told, "Held", "Reason")


def test_a_duplicate_names_both_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, tmp_path)
    world.want(person("dora", Keeper="Kim"), person("dirk", Email=address("dora"), Keeper="Lou"))
    frozen(world)
    book, _ = workbook_of(world, figures.read(world.database, "people"), tmp_path)
    (row,) = book["Duplicates"][1:]
    assert row[:4] == (address("dora"), "crm.persons", "dora", "dora of Kim")
    assert row[4:7] == ("crm.persons", "dirk", "dirk of Lou")
    world.database.close()


def test_nothing_that_looks_like_a_formula_becomes_one(told: Told, tmp_path: Path) -> None:
    sheets.copy_rows(told.world.database, tmp_path, told.world.sync, told.second.plan_id)
    workbook.write(tmp_path / "x.xlsx", sheets.summary(told.figures), sheets.sheets(tmp_path))
    kinds = {cell.data_type for sheet in load_workbook(tmp_path / "x.xlsx") for row in sheet for cell in row}
    assert "f" not in kinds


def test_values_of_merge_fields_are_on_no_sheet(told: Told) -> None:
    """D4: a report names people, but tells nothing more of them than who they are and what to mend."""
    texts = {str(value) for table in told.book.values() for row in table for value in row}
    values = {person(name)["First"] for name in ("anna", "eve", "new1", "typo")}
    assert not texts & values
    assert not any("md5:" in text for text in texts)


# What a plan leaves for later


def test_what_is_no_longer_held_is_remembered_with_what_became_of_it(told: Told) -> None:
    """G5: what got unblocked since the last push."""
    query = "select contact_key, reason, became from plan.released where plan_id = ? order by contact_key"
    found = rows(told.world.database, query, [told.second.plan_id])
    assert [tuple(row.values()) for row in found] == [
        ("bert", "bad_address", "planned"),
        ("carl", "missing_address", "not_wanted"),
        ("dora", "duplicate", "held"),
        ("gone", "missing_address", "gone"),
    ]
    assert told.figures.unblocked == 1
    assert column(told, "Unblocked", "Key")[0] == "bert"
    assert column(told, "Unblocked", "What became of it")[0] == "free again; this plan sends the change"


def released(world: World, plan: Plan) -> list[tuple[object, ...]]:
    query = "select contact_key, reason, became from plan.released where plan_id = ? order by contact_key"
    return [tuple(row.values()) for row in rows(world.database, query, [plan.plan_id])]


def test_what_became_free_with_a_plan_that_nobody_pushed_is_told_by_the_next_one_that_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G5: since the last push, however many plans were made in between. Who is held again is not free."""
    world = World(monkeypatch, tmp_path)
    world.want(person("anna"), person("bert", Email="bert@@nowhere"), person("carl", Email=None))
    frozen(world)
    world.later(days=1)
    world.want(person("bert"), person("carl"))
    second = frozen(world)
    assert released(world, second) == [("bert", "bad_address", "planned"), ("carl", "missing_address", "planned")]
    world.later(hours=1)
    world.want(person("carl", Email=None))
    third = frozen(world)
    assert (released(world, second), released(world, third)) == ([], [("bert", "bad_address", "planned")])
    world.database.execute(
        "insert into ledger.runs by name select 'r' as run_id, ? as plan_id, 'people' as sync", [third.plan_id]
    )
    world.later(hours=1)
    fourth = frozen(world)
    assert (released(world, third), released(world, fourth)) == ([("bert", "bad_address", "planned")], [])
    world.database.close()


def test_a_first_plan_frees_nobody(told: Told) -> None:
    query = "select count(*) as count from plan.released where plan_id = ?"
    assert rows(told.world.database, query, [told.first.plan_id]) == [{"count": 0}]


def test_addresses_by_rule_are_kept_of_every_plan(told: Told) -> None:
    """Also when all is well: the share needs what was right."""
    query = "select verdict, rule, records from quality.history where plan_id = ? order by all"
    first = [tuple(row.values()) for row in rows(told.world.database, query, [told.first.plan_id])]
    assert first == [
        ("missing", "missing", 2),
        ("ok", None, 4),
        ("warning", "typo_domain", 1),
        ("wrong", "inner_blank", 1),
        ("wrong", "two_at_signs", 1),
    ]
    assert len({row["day"] for row in told.figures.history}) == 2
    assert (told.figures.checked, told.figures.usable, told.figures.bad) == (11, 9, 2)


@pytest.mark.parametrize(("wanted", "listed"), [(("role_address",), ["info@b.example"]), ((), [])])
def test_a_warning_is_told_where_the_sync_wants_it_and_mailed_in_any_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: tuple[str, ...], listed: list[str]
) -> None:
    world = World(monkeypatch, tmp_path, quality={"warnings": list(wanted)})
    world.want(person("info"), person("typo", Email="typo@gmial.com"))
    plan = frozen(world)
    assert plan.counts == ({"op": "add", "reason": "new", "count": 2},)
    assert [row["email"] for row in rows(world.database, "select email from quality.bad_emails")] == listed
    verdicts = {row["verdict"]: row["records"] for row in rows(world.database, "from quality.history")}
    assert (verdicts.get("warning", 0), verdicts["ok"]) == (len(listed), 2 - len(listed))
    world.database.close()


def test_what_was_repaired_without_asking_is_counted_by_rule_in_every_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the address was judged long ago, and of a warning that nobody wants; a warning counts for itself."""
    world = World(monkeypatch, tmp_path, quality={"warnings": ["typo_domain"]})
    world.want(person("anna", Email=" anna@b.example"), person("bert", Email="bert@b.example\t"), person("carl"))
    world.want(person("dora", Email="do\u200bra@b.example"), person("info", Email="info@b.example "))
    world.want(person("typo", Email=" typo@gmial.com"), person("gone", Email=" gone@b.example", Flag="Nee"))
    for _ in range(2):
        plan = frozen(world)
        query = "select verdict, rule, records from quality.history where plan_id = ? order by all"
        assert [tuple(row.values()) for row in rows(world.database, query, [plan.plan_id])] == [
            ("ok", "invisible_characters", 1),
            ("ok", "outer_blanks", 3),
            ("ok", None, 1),
            ("warning", "typo_domain", 1),
        ]
        world.later(days=1)
    found = figures.read(world.database, "people")
    assert (found.checked, found.usable, found.repaired) == (6, 6, 4)
    told = [row[:3] for row in workbook_of(world, found, tmp_path)[0]["Summary"]]
    assert ("of those, repaired without asking", 4, None) in told
    start = told.index(("Rule", "What was done", "Records"))
    assert told[start + 1 : start + 3] == [
        ("outer blanks", "Blanks around the address were left out.", 3),
        ("invisible characters", "Invisible characters were left out of the address.", 1),
    ]
    world.database.close()


def test_an_undo_plan_changes_nothing_of_that(told: Told) -> None:
    plan_ids = {row["plan_id"] for row in rows(told.world.database, "select plan_id from quality.history")}
    assert plan_ids == {told.first.plan_id, told.second.plan_id}


# Over time


def test_before_the_first_plan_there_is_nothing_to_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, tmp_path)
    with pytest.raises(ConfigError, match="nothing was planned yet"):
        figures.read(world.database, "people")
    world.database.close()


def test_before_the_marts_were_built_the_rest_is_there(told: Told) -> None:
    assert (told.figures.runs, told.figures.growth, told.figures.campaigns) == ((), (), ())
    assert told.figures.audience == "A1"


@pytest.fixture
def reasons(told: Told) -> Iterator[duckdb.DuckDBPyConnection]:
    database = told.world.database
    database.execute("create schema marts")
    database.execute(
        "create table marts.opt_outs"
        " (connection text, audience_id text, campaign_id text, email_key text, reason text, happened_at timestamp)"
    )
    yield database
    database.execute("drop schema marts cascade")


def said(database: duckdb.DuckDBPyConnection, reason: str | None, times: int, audience: str = "A1") -> None:
    row = ["chimp", audience, reason]
    for _ in range(times):
        database.execute("insert into marts.opt_outs values (?, ?, null, 'x', ?, '2026-11-10')", row)


def test_what_a_person_wrote_is_not_repeated_unless_several_wrote_it(reasons: duckdb.DuckDBPyConnection) -> None:
    """M2: the page may leave the house, and a reason may name somebody."""
    said(reasons, "Ask Kim de Vries about it", 4)
    said(reasons, "moved away", 5)
    said(reasons, "write to kim@b.example", 6)
    said(reasons, "No longer interested", 1)
    said(reasons, None, 1)
    said(reasons, "moved away", 9, audience="A2")
    found = {row["reason"]: row["opt_outs"] for row in figures.read(reasons, "people").opt_outs}
    assert found == {OWN_WORDS: 10, "moved away": 5, "No longer interested": 1, "not said": 1}


def test_the_newest_plan_counts(told: Told) -> None:
    assert told.figures.plan == plans.latest(told.world.database, "people")
    assert told.figures.plan.plan_id == told.second.plan_id
