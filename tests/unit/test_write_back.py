"""What goes back to the CRM is computed right: only what the sync asks for, only what differs (H1, H2, H4, I7, I8).

Belongs here: plans, on a warehouse in memory (write_back_world.py). Does not: writing them (tests/contract).
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from write_back_world import NOW, SYNC, World

from pipelines import clock
from pipelines.cli.crm_plans import exit_code_of
from pipelines.errors import ConfigError
from pipelines.sync.doctor.way_back import way_back
from pipelines.write_back import drafting, plans
from pipelines.write_back.drafting import Clickers, NewEvent

LEADS, CONTACTS, PEOPLE = "vt.leads", "vt.contacts", "lists.people"
SECOND = "vt.contacts_2"  # the contacts once more, for their second addresses
FLAG_AS_YES = '{opt_outs: {field: emailoptout, value: "yes"}}'
URL = "https://firm.example/prices"


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(clock.VARIABLE, NOW)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# Opt-outs


def test_an_opt_out_is_asked_for_on_the_record_that_it_belongs_to(world: World) -> None:
    """H1."""
    world.record(LEADS, "10x1", "0")
    world.record(LEADS, "10x2", "0")
    world.objection(LEADS, "10x1")
    assert world.planned() == {(LEADS, "10x1", "emailoptout", "0", "1", "opted_out")}


@pytest.mark.parametrize("reason", ["complained", "erased"])
def test_a_complaint_is_a_no_too(world: World, reason: str) -> None:
    world.record(CONTACTS, "12x1")
    world.objection(CONTACTS, "12x1")
    world.database.execute("update ledger.suppressions set reason = ?", [reason])
    assert world.planned() == {(CONTACTS, "12x1", "emailoptout", None, "1", reason)}


def test_what_somebody_of_the_house_blocked_is_nobodys_no(world: World) -> None:
    world.record(LEADS, "10x1", "0")
    world.objection(LEADS, "10x1", source="admin", reason="blocked")
    assert world.planned() == set()


def test_an_opt_out_follows_its_record_to_another_address_and_spares_who_takes_the_old_one(world: World) -> None:
    world.record(LEADS, "10x1", "0", name="anna")
    world.objection(LEADS, "10x1")
    world.database.execute("update sync_people.map_records set email_key = 'new@p.example' where contact_key = '10x1'")
    world.record(LEADS, "10x2", "0", name="anna")
    assert {key for _, key, *_ in world.planned()} == {"10x1"}


@pytest.mark.parametrize(("scope", "is_asked"), [("audience", False), ("account", True), ("home", True)])
def test_a_no_in_another_list_counts_as_far_as_it_reaches(world: World, scope: str, is_asked: bool) -> None:
    """H2: with the global flag an unsubscribe counts in all lists, without it in its own."""
    world.record(LEADS, "10x1", "0")
    world.objection(LEADS, "10x1", audience_id="ANOTHER", scope=scope)
    assert bool(world.planned()) == is_asked


def test_what_the_crm_has_already_is_not_asked_for(world: World) -> None:
    world.record(LEADS, "10x1", "1")
    world.objection(LEADS, "10x1")
    assert world.planned() == set()


def test_a_key_with_blanks_around_it_is_the_key_that_the_models_map(world: World) -> None:
    """Of a column CHAR(n), or a padded file: what stands there is seen, and asked for no more."""
    world.record(PEOPLE, "7", "Nej")
    world.objection(PEOPLE, "7")
    world.database.execute("update crm_lists.people set Nr = ' 7 '")
    assert world.planned() == {(PEOPLE, "7", "Nej", "Nej", "Ja", "opted_out")}
    world.edit(PEOPLE, " 7 ", "Ja", loaded="11-20 13:00")
    assert world.planned() == set()


def test_a_value_that_the_crm_writes_in_its_own_way_is_there(tmp_path: Path) -> None:
    """H1: `yes` is kept as 1 in a yes-or-no of Vtiger; a person who takes it back is still seen."""
    world = World(tmp_path, SYNC.replace('{opt_outs: {field: emailoptout, value: "1"}}', FLAG_AS_YES))
    world.record(CONTACTS, "12x1", "0")
    world.objection(CONTACTS, "12x1")
    world.done(world.plan(), kept='{"emailoptout": "1"}')
    world.edit(CONTACTS, "12x1", "1", loaded="11-20 13:00")
    assert (world.planned(), world.holds()) == (set(), set())
    world.edit(CONTACTS, "12x1", "0", loaded="11-20 14:00")
    assert (world.planned(), world.holds()) == (set(), {("12x1", "changed_in_crm")})


def test_nothing_is_asked_for_entities_that_the_sync_leaves_out(tmp_path: Path) -> None:
    world = World(tmp_path, SYNC[: SYNC.index("write_back:")])
    world.record(LEADS, "10x1", "0")
    world.objection(LEADS, "10x1")
    world.note(LEADS, "10x1", "Sent.")
    assert world.planned() == set()


def test_a_released_opt_out_is_never_written_again(world: World) -> None:
    world.record(LEADS, "10x1", "0")
    world.objection(LEADS, "10x1")
    world.done(world.plan())
    world.release(LEADS, "10x1")
    world.edit(LEADS, "10x1", "0", loaded="11-20 13:00")
    assert world.planned() == set()
    assert world.holds() == set()


def test_what_somebody_took_back_in_the_crm_is_held_until_the_person_says_no_once_more(world: World) -> None:
    world.record(LEADS, "10x1", "0")
    world.objection(LEADS, "10x1")
    world.done(world.plan(), when="11-20 07:00")
    assert (world.planned(), world.holds()) == (set(), set())  # the extract is older than what was written
    world.edit(LEADS, "10x1", "0", loaded="11-20 13:00")
    assert (world.planned(), world.holds()) == (set(), {("10x1", "changed_in_crm")})
    world.objection(LEADS, "10x1", since="11-21 09:00")
    assert len(world.planned()) == 1


def test_a_refused_record_is_held_until_it_changes(world: World) -> None:
    world.record(LEADS, "10x1", "0")
    world.objection(LEADS, "10x1")
    world.done(world.plan(), "refused", code="refused_by_crm")
    assert (world.planned(), world.holds()) == (set(), {("10x1", "refused_before")})
    world.database.execute("update crm_vt.leads set email = 'mended@p.example'")
    assert len(world.planned()) == 1


@pytest.mark.parametrize("outcome", ["sending", "failed"])
def test_what_was_sent_without_an_answer_is_asked_for_again(world: World, outcome: str) -> None:
    world.record(LEADS, "10x1", "0")
    world.objection(LEADS, "10x1")
    world.done(world.plan(), outcome)
    assert len(world.planned()) == 1


# Bounces


def test_a_bounce_belongs_to_whoever_has_the_address_now(world: World) -> None:
    """H4, H7: who called in with a working address is not marked."""
    world.record(LEADS, "10x1", name="anna")
    world.bounce(LEADS, "10x1")
    assert world.planned() == {(LEADS, "10x1", "Bounced", None, "yes", "bounced")}
    world.database.execute("update sync_people.map_records set email_key = 'new@p.example'")
    assert world.planned() == set()


def test_soft_bounces_count_where_the_sync_lets_them(world: World) -> None:
    """H4."""
    world.record(LEADS, "10x1")
    world.bounce(LEADS, "10x1", source="soft_bounces")
    assert len(world.planned()) == 1
    world.database.execute("update sync_people.settings set soft_bounces = null")
    assert world.planned() == set()


def test_hard_bounces_that_the_sync_ignores_are_not_written(world: World) -> None:
    world.record(LEADS, "10x1")
    world.bounce(LEADS, "10x1")
    world.database.execute("update sync_people.settings set block_hard_bounces = false")
    assert world.planned() == set()


# Notes


def test_a_note_is_written_once_and_brought_up_while_its_campaign_moves(world: World) -> None:
    """I8: it shows opened and clicked, which come later."""
    world.record(LEADS, "10x1")
    world.record(CONTACTS, "12x1")
    world.note(LEADS, "10x1", "Sent: not opened.", sent="11-19 08:00")
    world.note(CONTACTS, "12x1", "Sent.")  # the sync asks for none there
    assert world.planned() == {(LEADS, "10x1", "enlist chimp c1", None, "Sent: not opened.", "new")}
    world.done(world.plan())
    assert world.planned() == set()
    world.note(LEADS, "10x1", "Sent: opened.")
    assert world.planned() == {
        (LEADS, "10x1", "enlist chimp c1", "Sent: not opened.", "Sent: opened.", "changed"),
    }


def test_a_note_on_a_campaign_that_is_read_no_more_stays_as_it_is(world: World) -> None:
    """Other words or another language of notes don't rewrite the history of years."""
    world.record(LEADS, "10x1")
    world.note(LEADS, "10x1", "Sent.", sent="01-02 08:00")
    world.done(world.plan())
    world.note(LEADS, "10x1", "Inviato.")
    assert world.planned() == set()


def test_campaigns_of_other_audiences_make_no_note(world: World) -> None:
    world.record(LEADS, "10x1")
    world.note(LEADS, "10x1", "Sent.")
    world.database.execute("update stats.campaigns set audience_id = 'ANOTHER'")
    assert world.planned() == set()


def test_a_record_that_is_gone_gets_nothing(world: World) -> None:
    world.record(LEADS, "10x1", "0")
    world.note(LEADS, "10x1", "Sent.")
    world.objection(LEADS, "10x1")
    world.database.execute("delete from sync_people.map_records")
    assert world.planned() == set()


def test_the_note_of_a_record_that_the_crm_merged_goes_to_the_one_that_is_left(world: World) -> None:
    """I8."""
    world.record(LEADS, "10x1")
    world.note(LEADS, "10x1", "Sent.")
    world.convert(LEADS, "10x1", LEADS, "10x9")
    assert {(key, after) for _, key, _, _, after, _ in world.planned()} == {("10x9", "Sent.")}
    world.note(LEADS, "10x9", "Sent: opened.")  # who got the mail under both has one note
    assert {(key, after) for _, key, _, _, after, _ in world.planned()} == {("10x9", "Sent: opened.")}


# What stops a plan


def test_what_a_sync_writes_for_the_first_time_waits_for_a_person(world: World) -> None:
    world.record(LEADS, "10x1", "0")
    world.objection(LEADS, "10x1")
    first = world.plan()
    assert [rule.rule for rule in first.stopped_by] == ["first_run"]
    world.done(first)
    world.record(LEADS, "10x2", "0")
    world.objection(LEADS, "10x2")
    assert world.plan().safe
    world.note(LEADS, "10x1", "Sent.")
    assert "notes on vt.leads (1)" in world.plan().broken_rules[0].sentence


@pytest.mark.parametrize(("count", "rules"), [(6, set()), (7, {"max_removals"})])
def test_more_opt_outs_than_the_sync_may_remove_wait_for_a_person(world: World, count: int, rules: set[str]) -> None:
    """10% of 60 records are 6."""
    for number in range(60):
        world.record(LEADS, f"10x{number}", "0")
    for number in range(count):
        world.objection(LEADS, f"10x{number}")
    assert {rule.rule for rule in world.plan().broken_rules} - {"first_run"} == rules


def test_a_newer_plan_takes_the_place_of_an_older_one(world: World) -> None:
    world.record(LEADS, "10x1", "0")
    world.objection(LEADS, "10x1")
    first = world.plan()
    world.plan()
    assert plans.get(world.database, first.plan_id).status == "superseded"


def test_before_the_first_plan_of_the_sync_nothing_is_known(world: World) -> None:
    world.database.execute("drop table sync_people.map_records")
    with pytest.raises(ConfigError, match="never planned"):
        world.plan()


# By hand


def test_what_can_t_be_written_is_work_for_a_person_and_needs_no_acceptance(world: World) -> None:
    """H3."""
    world.record(PEOPLE, "1", "Nej")
    world.objection(PEOPLE, "1")
    plan = world.plan()
    assert (plan.to_write, plan.to_hand_out, plan.safe) == (0, 1, True)


def test_what_was_handed_out_is_left_out_the_next_time(world: World) -> None:
    """H3: until somebody asks for it again, or the person says no once more; what was entered is done."""
    world.record(PEOPLE, "1", "Nej")
    world.objection(PEOPLE, "1")
    world.done(world.plan(), "handed_out")
    assert (world.planned(), world.holds()) == (set(), {("1", "handed_out")})
    drafting.draw(world.database, world.home, world.sync, "write_back", {}, again=True)
    assert world.database.execute("select state from drafted").fetchall() == [("planned",)]
    world.edit(PEOPLE, "1", "Ja", loaded="11-20 13:00")
    assert (world.planned(), world.holds()) == (set(), set())


def test_a_field_that_no_extract_has_is_found_by_check(tmp_path: Path) -> None:
    """Else nobody could see whether a person entered it."""
    own = 'write_back: {lists.people: {opt_outs: {field: Nei, value: Ja}, bounces: {field: Mail, value: "-"}}}'
    world = World(tmp_path, SYNC[: SYNC.index("write_back:")] + own)
    assert list(way_back(world.home, world.sync)) == []  # before the first extract nobody knows
    columns = world.home.landing / "crm" / "lists" / "people.columns.json"
    columns.parent.mkdir(parents=True)
    columns.write_text('["Nr", "Mail", "Nej"]', encoding="utf-8")
    (found,) = way_back(world.home, world.sync)
    assert "no column 'Nei'" in found.what
    assert found.do == "Did you mean Nej?"


# Clickers


def clicked(world: World) -> None:
    world.record(LEADS, "10x1", "0")
    world.record(LEADS, "10x2", "0")
    world.record(CONTACTS, "12x1", "0")
    world.note(LEADS, "10x1", "Sent.")
    for entity, key in ((LEADS, "10x1"), (LEADS, "10x2"), (CONTACTS, "12x1")):
        world.click(entity, key, URL)
    world.click(LEADS, "10x1", "https://firm.example/other")


def test_an_edit_is_for_the_clickers_of_one_link_of_one_type(world: World) -> None:
    """I7."""
    clicked(world)
    plan = drafting.plan_edit(world.database, world.home, world.sync, Clickers(URL, LEADS), "emailoptout", "1")
    found = {(row["entity"], row["contact_key"], row["before"], row["after"]) for row in world.rows(plan)}
    assert found == {(LEADS, "10x1", "0", "1"), (LEADS, "10x2", "0", "1")}
    assert plan.safe  # somebody asked for just these


@pytest.mark.parametrize(("campaign", "keys", "found"), [("c1", ("10x2",), {"10x2"}), (None, (), {"10x1", "10x2"})])
def test_an_edit_can_be_for_some_of_them(
    world: World, campaign: str | None, keys: tuple[str, ...], found: set[str]
) -> None:
    """I7: on all or some."""
    clicked(world)
    chosen = Clickers(URL, LEADS, campaign, keys)
    plan = drafting.plan_edit(world.database, world.home, world.sync, chosen, "emailoptout", "1")
    assert {row["contact_key"] for row in world.rows(plan)} == found


def test_a_clicker_who_was_a_lead_then_is_called_as_the_contact_that_they_are_now(world: World) -> None:
    """I7."""
    clicked(world)
    world.convert(LEADS, "10x1", CONTACTS, "12x9")

    def chosen(entity: str) -> set[str]:
        found = Clickers(URL, entity)
        plan = drafting.plan_edit(world.database, world.home, world.sync, found, "emailoptout", "1")
        return {row["contact_key"] for row in world.rows(plan)}

    assert (chosen(LEADS), chosen(CONTACTS)) == ({"10x2"}, {"12x1", "12x9"})


@pytest.mark.parametrize("entity", [CONTACTS, SECOND])
def test_whoever_clicked_with_another_address_of_theirs_is_found_once(world: World, entity: str) -> None:
    """I7: a record with two addresses is read as two entities, and is one record."""
    for key in ("12x1", "12x2", "12x3"):
        world.record(CONTACTS, key, "0")
        world.record(SECOND, key, "0", name=f"second{key}")
    world.record(LEADS, "10x1", "0")
    world.note(CONTACTS, "12x1", "Sent.")
    for clicked_with, key in ((CONTACTS, "12x1"), (SECOND, "12x1"), (SECOND, "12x2"), (LEADS, "10x1")):
        world.click(clicked_with, key, URL)
    world.convert(LEADS, "10x1", SECOND, "12x4")
    world.record(CONTACTS, "12x4", "0")
    plan = drafting.plan_edit(world.database, world.home, world.sync, Clickers(URL, entity), "emailoptout", "1")
    found = [(row["entity"], row["contact_key"]) for row in world.rows(plan)]
    assert found == [(entity, "12x1"), (entity, "12x2"), (entity, "12x4")]


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (Clickers(URL + "/x", LEADS), "nobody clicked this link"),
        (Clickers(URL, LEADS, "c9"), "nobody clicked this link"),
        (Clickers(URL, "vt.lead"), "no entity named 'vt.lead'.*Did you mean vt.leads"),
    ],
)
def test_a_link_that_nobody_clicked_is_said(world: World, chosen: Clickers, words: str) -> None:
    clicked(world)
    with pytest.raises(ConfigError, match=words):
        drafting.plan_edit(world.database, world.home, world.sync, chosen, "emailoptout", "1")


def test_the_same_event_is_planned_once_and_another_day_is_another_event(world: World) -> None:
    """I7."""
    clicked(world)

    def planned(day: int) -> list[str]:
        event = NewEvent("Call back", datetime(2026, 12, day, 9, tzinfo=UTC))
        plan = drafting.plan_event(world.database, world.home, world.sync, Clickers(URL, LEADS), event)
        found = [row["contact_key"] for row in world.rows(plan)]
        world.done(plan, when=f"11-20 0{day}:00")
        return found

    assert planned(1) == ["10x1", "10x2"]
    assert planned(1) == []
    assert planned(2) == ["10x1", "10x2"]


def test_a_row_says_whose_record_it_is_and_how_it_gets_there(world: World) -> None:
    world.record(LEADS, "10x1", "0")
    world.objection(LEADS, "10x1")
    plan = world.plan()
    (row,) = world.rows(plan)
    assert (row["owner"], row["way"], row["is_known"]) == ("Keeper of 10x1", "write", True)
    assert row["change_id"] == f"{plan.plan_id}:1"


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [(("applied", "unchanged"), 0), (("applied", "refused"), 4), (("refused", "failed", "applied"), 5), ((), 0)],
)
def test_writing_that_got_no_answer_ends_with_5_and_refusals_with_4(outcomes: tuple[str, ...], code: int) -> None:
    assert exit_code_of([{"outcome": outcome, "count": 1} for outcome in outcomes]) == code
