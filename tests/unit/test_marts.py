"""The marts over a small hand-made home: dbt runs two days apart, then facts about what they left, by SQL.

Belongs here: the models of dbt_project/models/marts. Does not: those before the push, the stages around them.
"""

import warnings
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import marts_world
import pytest
from marts_world import at

PROMISED = {
    "audiences": "connection audience_id name state sync_in_progress subscribed_count unsubscribed_count bounced_count "
    "pending_count archived_count managed_count last_sync_at",
    "audience_members": "connection audience_id email email_key status entity contact_key managed tags groups "
    "joined_at left_at",
    "campaigns": "connection campaign_id audience_id name subject category sent_at sent_count delivered_count "
    "blocked_count hard_bounces soft_bounces opens unique_opens machine_opens unique_human_opens clicks unique_clicks "
    "opt_outs complaints open_rate click_rate opt_out_rate complaint_rate click_to_open bounce_rate",
    "campaign_hourly": "connection campaign_id hours_after begins_at opens machine_opens clicks",
    "categories": "connection audience_id category campaigns sent_count delivered_count open_rate opt_out_rate "
    "complaints complaint_rate",
    "sends": "connection campaign_id email_key entity contact_key times_sent delivered opens clicks first_opened_at "
    "last_opened_at first_clicked_at last_clicked_at bounce opted_out complained",
    "events": "connection campaign_id email_key event happened_at url is_machine",
    "links": "connection campaign_id url clicks unique_clickers all_clicks share_of_clicks delivered_count click_rate",
    "link_clicks": "connection campaign_id url email_key entity contact_key clicks first_clicked_at last_clicked_at",
    "opt_outs": "connection audience_id campaign_id email_key reason happened_at",
    "contact_notes": "entity contact_key connection campaign_id sent_at note",
    "audience_daily": "connection audience_id day subscribed_count parked_count joined left_count net churn_rate",
    "cohorts": "connection audience_id joined_month joined_count still_there_count engaged_count retention_rate "
    "engaged_rate",
    "parked_members": "connection audience_id email_key since until",
    "engagement": "entity contact_key email_key campaigns_received last_opened_at last_clicked_at score is_dormant",
    "domains": "connection domain sent_count delivered_count bounces unique_opens unique_human_opens open_rate "
    "human_open_rate",
    "sync_runs": "run_id sync started_at seconds planned applied refused failed left_count calls unblocked",
    "reconciliation": "connection audience_id status expected_count actual_count difference explanation",
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """The warehouse after the first run, after the second two days later, and after one without any sync."""
    folder = tmp_path_factory.mktemp("marts")
    path = folder / "warehouse.duckdb"
    failures = []
    kept = {}
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        # dbt and its parsers use what is deprecated: their affair, but here every warning is an error.
        warnings.simplefilter("ignore", DeprecationWarning)
        patch.setenv("ENLIST_WAREHOUSE", str(path))
        days = {
            "first": marts_world.first_day,
            "second": marts_world.third_day,
            "detached": marts_world.nothing_left,
        }
        for name, change in days.items():
            with duckdb.connect(str(path)) as connection:
                change(connection)
            more = ["--full-refresh"] if name == "second" else []
            syncs = () if name == "detached" else marts_world.SYNCS
            failures += marts_world.build(folder / "target", *more, syncs=syncs)
            kept[name] = folder / name / "warehouse.duckdb"
            kept[name].parent.mkdir()
            kept[name].write_bytes(path.read_bytes())
    warned = [failure for failure in failures if failure.startswith("parked_people_got_no_campaign_campaigns_")]
    assert failures == warned
    assert len(warned) == len(kept), "a campaign reached somebody in esclusi: that is told"
    yield kept


@pytest.fixture(scope="session")
def first(runs: dict[str, Path]) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(runs["first"]), read_only=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def second(runs: dict[str, Path]) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(runs["second"]), read_only=True) as connection:
        yield connection


def ask(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()


def of_member(connection: duckdb.DuckDBPyConnection, name: str, columns: str) -> tuple[Any, ...]:
    rows = ask(connection, f"select {columns} from marts.audience_members where email_key = '{name}@b.example'")
    assert len(rows) == 1, f"{len(rows)} rows of {name}"
    return rows[0]


def of_day(connection: duckdb.DuckDBPyConnection, audience: str, day: date, columns: str) -> tuple[Any, ...]:
    rows = ask(
        connection, f"select {columns} from marts.audience_daily where audience_id = '{audience}' and day = '{day}'"
    )
    assert len(rows) == 1, f"{len(rows)} rows of {day}"
    return rows[0]


@pytest.mark.parametrize("table", PROMISED)
def test_every_promised_column_is_there(second: duckdb.DuckDBPyConnection, table: str) -> None:
    columns = {row[0] for row in ask(second, f"describe marts.{table}")}
    assert set(PROMISED[table].split()) <= columns


def test_addresses_as_written_are_in_audience_members_alone(second: duckdb.DuckDBPyConnection) -> None:
    found = ask(
        second,
        "select table_name from information_schema.columns where table_schema = 'marts' and column_name = 'email'",
    )
    assert found == [("audience_members",)]


def test_no_helper_table_is_left_among_the_marts(second: duckdb.DuckDBPyConnection) -> None:
    found = ask(second, "select table_name from information_schema.tables where table_schema = 'marts'")
    assert {row[0] for row in found} == set(PROMISED)


# audience_members: who is and who was there


def test_two_syncs_on_one_audience_do_not_double_its_members(first: duckdb.DuckDBPyConnection) -> None:
    assert of_member(first, "anna", "status, entity, contact_key, managed") == ("subscribed", "crm.persons", "1", True)


def test_of_two_readings_of_an_audience_the_latest_counts(first: duckdb.DuckDBPyConnection) -> None:
    assert ask(first, "from marts.audience_members where email_key = 'ghost@b.example'") == []


def test_a_stranger_is_a_member_but_not_managed(first: duckdb.DuckDBPyConnection) -> None:
    assert of_member(first, "fred", "status, entity, contact_key, managed") == ("subscribed", None, None, False)


def test_a_member_added_after_the_reading_is_there_already(first: duckdb.DuckDBPyConnection) -> None:
    found = of_member(first, "ivan", "status, email, managed, tags, joined_at, left_at")
    assert found == ("subscribed", "ivan@b.example", True, [], at("11-20 10:30"), None)


def test_a_member_archived_after_the_reading_has_left_already(first: duckdb.DuckDBPyConnection) -> None:
    assert of_member(first, "jane", "status, managed, left_at") == ("archived", False, at("11-20 10:31"))


def test_a_renamed_member_keeps_the_row_and_the_date_of_joining(
    first: duckdb.DuckDBPyConnection, second: duckdb.DuckDBPyConnection
) -> None:
    for connection in (first, second):
        assert of_member(connection, "hugo.new", "status, contact_key, joined_at, left_at") == (
            "subscribed",
            "8",
            at("04-02"),
            None,
        )
        assert ask(connection, "from marts.audience_members where email_key = 'hugo@b.example'") == []


def test_only_the_ledger_remembers_a_member_who_left_before_the_warehouse_was_built(
    first: duckdb.DuckDBPyConnection,
) -> None:
    assert of_member(first, "lena", "status, email, joined_at, left_at, last_seen_at") == (
        "deleted",
        None,
        at("2025-02-02"),
        at("2025-06-06"),
        None,
    )


def test_a_member_who_vanished_stays_with_the_time_of_leaving(second: duckdb.DuckDBPyConnection) -> None:
    expected = ("deleted", "Gina@b.example", ["x"], at("04-01"), at("11-22 10:00"), at("11-20 10:00"))
    assert of_member(second, "gina", "status, email, tags, joined_at, left_at, last_seen_at") == expected


def test_a_member_seen_again_after_we_took_them_out_left_when_they_vanished(second: duckdb.DuckDBPyConnection) -> None:
    """The ledger archived vera in July, the audience had her in November."""
    assert of_member(second, "vera", "status, left_at") == ("deleted", at("11-22 10:00"))


def test_a_member_who_opted_out_left_when_they_did(second: duckdb.DuckDBPyConnection) -> None:
    assert of_member(second, "bert", "status, left_at") == ("unsubscribed", at("11-21 09:00"))


def test_a_later_change_of_a_bounced_member_does_not_move_the_time_of_leaving(
    second: duckdb.DuckDBPyConnection,
) -> None:
    assert of_member(second, "dora", "status, left_at") == ("bounced", at("11-18"))


def test_a_member_who_came_back_joined_again(
    first: duckdb.DuckDBPyConnection, second: duckdb.DuckDBPyConnection
) -> None:
    assert of_member(first, "carl", "status, joined_at, left_at") == ("unsubscribed", at("01-01"), at("11-19 08:00"))
    assert of_member(second, "carl", "status, joined_at, left_at") == ("subscribed", at("11-22 09:00"), None)


def test_a_member_without_a_date_joined_when_first_seen_in_an_audience_known_before(
    first: duckdb.DuckDBPyConnection, second: duckdb.DuckDBPyConnection
) -> None:
    assert of_member(first, "paul", "status, joined_at") == ("pending", None)
    assert of_member(second, "paul", "status, joined_at") == ("subscribed", at("11-21 12:00"))
    assert of_member(second, "kate", "joined_at") == (at("11-22 10:00"),)


def test_members_of_a_deleted_audience_stay_as_history(second: duckdb.DuckDBPyConnection) -> None:
    """F10, J4."""
    assert of_member(second, "otto", "audience_id, status, left_at") == ("A3", "deleted", at("11-20 12:00"))


@pytest.mark.parametrize(
    "table", ["audience_members", "audience_daily", "parked_members", "sends", "engagement", "contact_notes"]
)
def test_a_run_without_any_sync_changes_nothing(runs: dict[str, Path], table: str) -> None:
    """A11: a sync whose file is gone leaves both sides as they are."""
    with duckdb.connect() as connection:
        for name in ("second", "detached"):
            connection.execute(f"attach '{runs[name]}' as {name} (read_only)")
        for left, right in (("second", "detached"), ("detached", "second")):
            assert ask(connection, f"from {left}.marts.{table} except all from {right}.marts.{table}") == []


# audiences


def test_an_audience_counts_its_members_by_status(first: duckdb.DuckDBPyConnection) -> None:
    counts = "subscribed_count, unsubscribed_count, bounced_count, pending_count, archived_count, managed_count"
    assert ask(first, f"select {counts} from marts.audiences where audience_id = 'A1'") == [(7, 1, 1, 1, 2, 7)]


def test_an_audience_that_no_sync_reads_has_the_counts_of_the_provider(first: duckdb.DuckDBPyConnection) -> None:
    """J6: all audiences of the account are in the registry."""
    counts = "subscribed_count, unsubscribed_count, bounced_count, pending_count, managed_count, last_sync_at"
    assert ask(first, f"select {counts} from marts.audiences where audience_id = 'A2'") == [(7, 2, 1, None, 0, None)]


def test_an_audience_found_empty_has_nobody_whatever_the_provider_counted(first: duckdb.DuckDBPyConnection) -> None:
    columns = "subscribed_count, pending_count"
    assert ask(first, f"select {columns} from marts.audiences where audience_id = 'L1'") == [(0, 0)]


def test_an_audience_is_in_progress_while_a_push_is_under_way(first: duckdb.DuckDBPyConnection) -> None:
    """J2. The run of persons that broke off the day before is not under way any more."""
    found = ask(first, "select audience_id, sync_in_progress from marts.audiences order by audience_id")
    assert found == [("A1", False), ("A2", False), ("A3", True), ("L1", True), ("L2", False)]


def test_the_last_sync_is_the_last_thing_that_ended(first: duckdb.DuckDBPyConnection) -> None:
    assert ask(first, "select last_sync_at from marts.audiences where audience_id = 'A1'") == [(at("11-20 10:40"),)]


def test_a_deleted_audience_stays_and_holds_nobody(second: duckdb.DuckDBPyConnection) -> None:
    """J1."""
    found = ask(second, "select name, state, subscribed_count from marts.audiences where audience_id = 'A3'")
    assert found == [("Closing", "deleted", 0)]


# audience_daily


def test_a_day_has_the_counts_of_its_run_and_the_rate_of_those_who_left(first: duckdb.DuckDBPyConnection) -> None:
    counts = "subscribed_count, unsubscribed_count, bounced_count, pending_count, archived_count"
    assert of_day(first, "A1", date(2026, 11, 20), counts) == (7, 1, 1, 1, 2)
    figures = of_day(first, "A1", date(2026, 11, 20), "joined, left_count, net, members_at_start, churn_rate")
    assert figures == (2, 1, 1, 6, pytest.approx(1 / 6))


def test_days_before_the_first_run_have_no_counts_but_what_the_dates_tell(first: duckdb.DuckDBPyConnection) -> None:
    columns = "subscribed_count, joined, left_count, members_at_start"
    assert of_day(first, "A1", date(2026, 11, 19), columns) == (None, 0, 1, 7)
    assert ask(first, "select min(day) from marts.audience_daily") == [(date(2025, 2, 2),)]


def test_days_that_were_written_stay_as_they_were_seen(
    first: duckdb.DuckDBPyConnection, second: duckdb.DuckDBPyConnection
) -> None:
    """Carl came back on the 22nd; that he left on the 19th stays true."""
    query = "from marts.audience_daily where audience_id = 'A1' and day <= '2026-11-20' order by day"
    assert ask(second, query) == ask(first, query)


def test_days_between_two_runs_and_the_day_of_the_run_are_counted(second: duckdb.DuckDBPyConnection) -> None:
    columns = "subscribed_count, joined, left_count, net"
    assert of_day(second, "A1", date(2026, 11, 21), columns) == (None, 1, 1, 0)
    assert of_day(second, "A1", date(2026, 11, 22), columns) == (7, 2, 2, 0)
    assert of_day(second, "A1", date(2026, 11, 22), "members_at_start, churn_rate") == (7, pytest.approx(2 / 7))


def test_an_empty_audience_has_a_day_without_a_rate(first: duckdb.DuckDBPyConnection) -> None:
    columns = "subscribed_count, joined, members_at_start, churn_rate"
    assert of_day(first, "L1", date(2026, 11, 20), columns) == (0, 0, 0, None)


# reconciliation


def test_a_difference_is_named_on_both_statuses(first: duckdb.DuckDBPyConnection) -> None:
    """Vera was archived and is subscribed, bert opted out elsewhere and is subscribed, fred is a stranger."""
    columns = "status, expected_count, actual_count, difference, explanation"
    found = ask(
        first, f"select {columns} from marts.reconciliation where audience_id = 'A1' and difference <> 0 order by 1"
    )
    assert found == [
        ("archived", 3, 2, -1, "Differs: 1 expected archived is subscribed."),
        (
            "subscribed",
            5,
            7,
            2,
            "Differs: 1 expected archived is subscribed, 1 expected unsubscribed is subscribed; 1 of them is not ours.",
        ),
        ("unsubscribed", 2, 1, -1, "Differs: 1 expected unsubscribed is subscribed."),
    ]


def test_both_sides_agree_on_those_who_are_out_and_on_strangers(first: duckdb.DuckDBPyConnection) -> None:
    found = ask(
        first,
        "select status, explanation from marts.reconciliation where audience_id = 'A1' and difference = 0 order by 1",
    )
    assert found == [
        ("bounced", "Both sides agree."),
        ("pending", "Both sides agree; 1 of them is not ours."),
        ("transactional", "Both sides agree; 1 of them is not ours."),
    ]


def test_an_opt_out_that_came_after_the_plan_makes_no_difference(second: duckdb.DuckDBPyConnection) -> None:
    """Read with the statistics: the ledger knows it, the stage of the last plan does not."""
    columns = "expected_count, actual_count, explanation"
    query = f"select {columns} from marts.reconciliation where audience_id = 'A1' and status = 'unsubscribed'"
    assert ask(second, query) == [(1, 1, "Both sides agree.")]


def test_a_member_of_ours_who_is_gone_is_a_difference(second: duckdb.DuckDBPyConnection) -> None:
    found = ask(
        second,
        "select explanation from marts.reconciliation where audience_id = 'A1' and status = 'subscribed'",
    )
    assert "1 expected subscribed is gone" in found[0][0]


# campaigns, links


def test_rates_divide_by_what_was_delivered(first: duckdb.DuckDBPyConnection) -> None:
    rates = "open_rate, human_open_rate, click_rate, opt_out_rate, complaint_rate, click_to_open, bounce_rate"
    found = ask(first, f"select delivered_count, {rates} from marts.campaigns where campaign_id = 'C1'")
    assert found == [(8, 0.75, 0.5, 0.375, 0.125, 0.125, 0.5, 0.2)]
    query = "select complaints, delivered_count, complaint_rate from marts.categories where category = 'News'"
    assert ask(first, query) == [(1, 8, 0.125)]


def test_machine_opens_are_told_apart(first: duckdb.DuckDBPyConnection) -> None:
    columns = "opens, machine_opens, unique_opens, unique_human_opens"
    assert ask(first, f"select {columns} from marts.campaigns where campaign_id = 'C1'") == [(20, 8, 6, 4)]
    assert ask(first, f"select {columns} from marts.campaigns where campaign_id = 'C3'") == [(3, 0, 2, 2)]


def test_nothing_to_divide_by_is_null(first: duckdb.DuckDBPyConnection) -> None:
    rates = "open_rate, human_open_rate, click_rate, opt_out_rate, complaint_rate, click_to_open, bounce_rate"
    assert ask(first, f"select {rates} from marts.campaigns where campaign_id = 'C2'") == [(None,) * 7]
    assert ask(first, "select share_of_clicks, click_rate from marts.links where campaign_id = 'C2'") == [(None, None)]


def test_totals_that_contradict_each_other_make_no_rate_above_one(first: duckdb.DuckDBPyConnection) -> None:
    assert ask(first, "select open_rate, click_to_open from marts.campaigns where campaign_id = 'C3'") == [(1.0, 1.0)]


def test_blocked_are_the_addresses_suppressed_when_the_campaign_was_sent(first: duckdb.DuckDBPyConnection) -> None:
    """H9: by audience, account or home; once each; neither released by then nor suppressed later."""
    found = ask(
        first,
        "select campaign_id, blocked_count from marts.campaigns where campaign_id in ('C1', 'C2', 'C3') order by 1",
    )
    assert found == [("C1", 4), ("C2", 3), ("C3", 5)]


def test_a_link_that_stands_twice_in_a_mail_is_one_link(first: duckdb.DuckDBPyConnection) -> None:
    columns = "url, clicks, all_clicks, share_of_clicks, unique_clickers, delivered_count, click_rate"
    assert ask(first, f"select {columns} from marts.links where campaign_id = 'C1' order by url") == [
        ("https://b.example/1", 4, 5, 0.8, 2, 8, 0.25),
        ("https://b.example/2", 1, 5, 0.2, 1, 8, 0.125),
    ]


def test_clickers_are_people_with_their_record(first: duckdb.DuckDBPyConnection) -> None:
    """I6. A scanner's click on the second link is nobody's."""
    columns = "url, email_key, contact_key, clicks, first_clicked_at, last_clicked_at"
    assert ask(first, f"select {columns} from marts.link_clicks where campaign_id = 'C1' order by email_key") == [
        ("https://b.example/1", "anna@b.example", "1", 2, at("11-10 10:01"), at("11-11 10:01")),
        ("https://b.example/1", "fred@b.example", None, 2, None, None),
        ("https://b.example/2", "hugo@b.example", "8", 1, None, None),
    ]


# sends, events, notes


def test_all_sendings_to_a_person_are_one_row(first: duckdb.DuckDBPyConnection) -> None:
    """I4."""
    columns = "times_sent, delivered, opens, machine_opens, clicks, first_opened_at, last_opened_at, contact_key"
    query = f"select {columns} from marts.sends where campaign_id = 'C1' and email_key = 'anna@b.example'"
    assert ask(first, query) == [(3, True, 2, 1, 2, at("11-10 10:00"), at("11-11 10:00"), "1")]


def test_the_gravest_bounce_counts_and_nothing_was_delivered(first: duckdb.DuckDBPyConnection) -> None:
    query = "select times_sent, delivered, bounce from marts.sends where email_key = 'dora@b.example'"
    assert ask(first, query) == [(2, False, "hard")]


def test_opt_out_and_complaint_are_marked(first: duckdb.DuckDBPyConnection) -> None:
    query = "select email_key from marts.sends where campaign_id = 'C1' and (opted_out or complained)"
    assert ask(first, query) == [("carl@b.example",)]


def test_a_recipient_whom_the_provider_forgot_was_sent_it_once(first: duckdb.DuckDBPyConnection) -> None:
    query = "select times_sent, opens, contact_key from marts.sends where email_key = 'xena@b.example'"
    assert ask(first, query) == [(1, 1, None)]


def test_an_old_address_still_belongs_to_the_contact(first: duckdb.DuckDBPyConnection) -> None:
    query = "select entity, contact_key from marts.sends where email_key = 'hugo@b.example'"
    assert ask(first, query) == [("crm.persons", "8")]


def test_sending_is_one_event_per_person_at_the_time_of_the_campaign(first: duckdb.DuckDBPyConnection) -> None:
    query = "select email_key, happened_at from marts.events where event = 'sent' and campaign_id = 'C1' order by 1"
    people = ("anna", "bert", "carl", "dora", "fred", "hugo")
    assert ask(first, query) == [(f"{name}@b.example", at("11-10 09:00")) for name in people]


def test_no_event_is_lost(first: duckdb.DuckDBPyConnection) -> None:
    assert ask(first, "select count(*) from marts.events where event <> 'sent'") == ask(
        first, "select count(*) from stats.events"
    )


def test_notes_tell_what_became_of_a_mail(first: duckdb.DuckDBPyConnection) -> None:
    """I8; strangers have none."""
    query = (
        "select contact_key, note from marts.contact_notes where campaign_id = 'C1' order by cast(contact_key as int)"
    )
    assert ask(first, query) == [
        ("1", 'Sent "Spring" 3 times, last on 2026-11-10: opened 2 times, clicked 1 link.'),
        ("2", 'Sent "Spring" on 2026-11-10: unclear whether opened.'),
        ("3", 'Sent "Spring" on 2026-11-10: opened once, opted out, reported as spam.'),
        ("4", 'Sent "Spring" 2 times, last on 2026-11-10: not delivered (the address no longer works).'),
        ("8", 'Sent "Spring" on 2026-11-10: opened once, clicked 1 link.'),
    ]
    query = "select note from marts.contact_notes where campaign_id = 'D01' and contact_key = '2'"
    assert ask(first, query) == [('Sent "Subject D01" on 2026-08-01: not opened.',)]


def test_notes_are_in_the_language_and_the_days_of_the_sync(first: duckdb.DuckDBPyConnection) -> None:
    """I8: sent at 23:30 UTC, the next day where they live; what looks like a placeholder is part of the name."""
    query = "select language, note from marts.contact_notes where campaign_id = 'M1' and contact_key in "
    assert ask(first, query + "('61', 'F8', '51', '41', 'L31') order by 1, 2") == [
        ("da", 'Sendt "{dd} & {n}" 2 gange, senest den 11.11.2026: åbnet 1 gang, afmeldt.'),
        ("it", 'Inviata "{dd} & {n}" il 11/11/2026: aperta 2 volte, cliccati 2 link.'),
        ("it", 'Inviata "{dd} & {n}" il 11/11/2026: non aperta.'),
        ("nl", '"{dd} & {n}" verzonden op 11-11-2026: niet bezorgd (tijdelijk probleem).'),
        ("sv", 'Skickade "{dd} & {n}" 2026-11-11: oklart om öppnat.'),
    ]


# The record in the CRM, as it was and as it is


def test_a_send_is_tied_to_the_record_of_its_own_time(first: duckdb.DuckDBPyConnection) -> None:
    """I2, I5: the lead got the first campaign, the contact that it became the second."""
    columns = "campaign_id, entity, contact_key, current_entity, current_contact_key"
    assert ask(first, f"select {columns} from marts.sends where email_key = 'lead@b.example' order by 1") == [
        ("M1", "crm.leads", "L31", "crm.persons", "31"),
        ("M2", "crm.persons", "31", "crm.persons", "31"),
    ]


def test_an_address_that_changed_hands_leaves_old_sends_with_who_had_it(first: duckdb.DuckDBPyConnection) -> None:
    """The lead has another address now and keeps what it got at the old one."""
    columns = "campaign_id, contact_key, current_contact_key"
    assert ask(first, f"select {columns} from marts.sends where email_key = 'desk@b.example' order by 1") == [
        ("M1", "L9", "L9"),
        ("M2", "F7", "F7"),
    ]


def test_engagement_follows_a_record_that_was_converted(first: duckdb.DuckDBPyConnection) -> None:
    query = (
        "select contact_key, campaigns_received from marts.engagement where contact_key in ('31', 'L31', 'F7', 'L9')"
    )
    assert sorted(ask(first, query)) == [("31", 2), ("F7", 1), ("L9", 1)]


def test_what_a_renamed_person_does_later_belongs_to_the_mail_they_got(first: duckdb.DuckDBPyConnection) -> None:
    """The provider tells it of the new address; the campaign went to the old one, once."""
    query = (
        "select email_key, times_sent, opens, clicks from marts.sends where campaign_id = 'C1' and contact_key = '8'"
    )
    assert ask(first, query) == [("hugo@b.example", 1, 1, 1)]


# Parked people, categories


def test_who_was_parked_when_a_campaign_went_out_is_known(first: duckdb.DuckDBPyConnection) -> None:
    """Z10, F3: those who were in `esclusi` at that moment, and those of them who got it all the same."""
    query = "select campaign_id, email_key from marts.sends where was_parked order by all"
    assert ask(first, query) == [("M1", "rosa@b.example"), ("M1", "sami@b.example"), ("M2", "sami@b.example")]
    query = "select campaign_id, parked_count, parked_sent_count from marts.campaigns where parked_count > 0 order by 1"
    assert ask(first, query) == [("M1", 2, 2), ("M2", 1, 1)]


def test_who_is_in_the_parking_group_is_parked_whoever_put_them_there(
    first: duckdb.DuckDBPyConnection, second: duckdb.DuckDBPyConnection
) -> None:
    """Z10: no push of ours moved them. carl is unsubscribed, and in no danger until he comes back without the group."""
    query = "select email_key, since, until from marts.parked_members where audience_id = 'A1' order by 1"
    read, again = at("11-20 10:00"), at("11-22 10:00")
    assert ask(first, query) == [("gina@b.example", read, None)]
    assert ask(second, query) == [("gina@b.example", read, again), ("ivan@b.example", again, None)]
    columns = "campaign_id, parked_count, parked_sent_count"
    assert ask(second, f"select {columns} from marts.campaigns where campaign_id = 'C9'") == [("C9", 1, 1)]
    query = "select email_key from marts.sends where campaign_id = 'C9' and was_parked"
    assert ask(second, query) == [("gina@b.example",)]


def test_a_day_counts_who_was_parked_at_its_last_run(second: duckdb.DuckDBPyConnection) -> None:
    found = [of_day(second, "A1", date(2026, 11, day), "parked_count") for day in (19, 20, 21, 22)]
    assert found == [(None,), (1,), (None,), (1,)]


def test_a_category_adds_up_its_campaigns_and_divides_the_sums(first: duckdb.DuckDBPyConnection) -> None:
    """I11: where a campaign has several tags it counts for each."""
    columns = "category, campaigns, sent_count, delivered_count, unique_opens, open_rate, opt_outs, opt_out_rate"
    assert ask(first, f"select {columns} from marts.categories where audience_id = 'L2' order by 1") == [
        ("eventi", 1, 8, 7, 2, pytest.approx(2 / 7), 0, 0.0),
        ("soci", 2, 12, 10, 5, 0.5, 1, 0.1),
    ]
    query = "select category, campaigns from marts.categories where audience_id = 'A1' order by 1"
    assert ask(first, query) == [("News", 1), (None, 12)]


# campaign_hourly, cohorts


def test_opens_and_clicks_are_told_by_the_hour_after_the_sending(first: duckdb.DuckDBPyConnection) -> None:
    """Those of machines apart; who did it before is not new."""
    columns = "hours_after, begins_at, opens, machine_opens, clicks, new_openers, new_clickers"
    found = ask(first, f"select {columns} from marts.campaign_hourly where campaign_id = 'C1' order by 1")
    assert found == [
        (0, at("11-10 09:00"), 2, 2, 0, 0, 0),
        (1, at("11-10 10:00"), 1, 0, 1, 1, 1),
        (3, at("11-10 12:00"), 1, 0, 0, 1, 0),
        (4, at("11-10 13:00"), 1, 0, 0, 1, 0),
        (25, at("11-11 10:00"), 1, 0, 1, 0, 0),
        (242, at("11-20 11:00"), 1, 0, 0, 1, 0),
    ]


def test_a_month_tells_what_became_of_those_who_joined_in_it(
    first: duckdb.DuckDBPyConnection, second: duckdb.DuckDBPyConnection
) -> None:
    """vera and hugo joined in April too: hugo opened, under the address that he had; jane was archived since."""
    columns = "joined_count, still_there_count, engaged_count, retention_rate, engaged_rate"
    query = f"select {columns} from marts.cohorts where audience_id = 'A1' and joined_month = "
    assert ask(first, query + "'2026-01-01'") == [(2, 1, 1, 0.5, 1.0)]
    assert ask(first, query + "'2026-04-01'") == [(4, 3, 0, 0.75, 0.0)]
    assert ask(second, query + "'2026-11-01'") == [(5, 5, 2, 1.0, 0.4)]


# opt_outs, engagement, domains, sync_runs


def test_an_opt_out_told_three_times_is_one_with_its_campaign(first: duckdb.DuckDBPyConnection) -> None:
    query = "select campaign_id, reason, happened_at from marts.opt_outs where email_key = 'carl@b.example'"
    assert ask(first, query) == [("C1", "I get too many", at("11-10 12:05"))]


def test_an_opt_out_after_a_release_is_a_new_one_and_not_of_the_old_campaign(
    first: duckdb.DuckDBPyConnection,
) -> None:
    query = "select campaign_id, reason, happened_at from marts.opt_outs where email_key = 'zoe@b.example' order by 3"
    assert ask(first, query) == [("C3", None, at("03-01")), (None, None, at("11-15"))]


def test_an_opt_out_that_no_campaign_reports_has_the_last_one_that_was_delivered_before(
    first: duckdb.DuckDBPyConnection,
) -> None:
    """zoe's first no came through C3; of the second nobody tells why, and she got nothing in between."""
    query = "select email_key, campaign_id, last_campaign_id from marts.opt_outs order by happened_at"
    assert ask(first, query) == [
        ("zoe@b.example", "C3", "C3"),
        ("bert@b.example", None, "D11"),
        ("carl@b.example", "C1", "C1"),
        ("zoe@b.example", None, "C3"),
    ]


def test_engagement_has_zeros_for_the_inactive(first: duckdb.DuckDBPyConnection) -> None:
    columns = "campaigns_received, last_opened_at, score, is_dormant"
    for key in ("12", "4"):
        query = f"select {columns} from marts.engagement where contact_key = '{key}'"
        assert ask(first, query) == [(0, None, 0, False)]


def test_whoever_opened_none_of_the_last_ten_campaigns_is_dormant(first: duckdb.DuckDBPyConnection) -> None:
    """Bert's only open was a machine's; anna opened the latest of twelve."""
    columns = "campaigns_received, last_opened_at, is_dormant"
    assert ask(first, f"select {columns} from marts.engagement where contact_key = '2'") == [(12, None, True)]
    found = ask(first, f"select {columns} from marts.engagement where contact_key = '1'")
    assert found == [(12, at("11-11 10:00"), False)]


def test_the_score_is_half_frequency_and_half_recency(first: duckdb.DuckDBPyConnection) -> None:
    """Anna: one of the last ten campaigns, last click 8.92 days before the statistics were read."""
    expected = round(50 * 1 / 10 + 50 * 0.5 ** (8.9160 / 90))
    assert ask(first, "select score from marts.engagement where contact_key = '1'") == [(expected,)]
    assert expected == 52


def test_a_contact_is_one_row_with_the_address_of_now(first: duckdb.DuckDBPyConnection) -> None:
    query = "select email_key, campaigns_received from marts.engagement where contact_key = '8'"
    assert ask(first, query) == [("hugo.new@b.example", 1)]


def test_domains_add_up_their_sends(first: duckdb.DuckDBPyConnection) -> None:
    columns = "connection, domain, sent_count, delivered_count, bounces, bounce_rate"
    expected = ("chimp", "b.example", 30, 29, 1, pytest.approx(1 / 30))
    assert ask(first, f"select {columns} from marts.domains where connection = 'chimp'") == [expected]


def test_opens_of_domains_mean_what_those_of_campaigns_mean(first: duckdb.DuckDBPyConnection) -> None:
    """Machines' included, and people's alone: bert's only open was a machine's."""
    columns = "unique_opens, unique_human_opens, open_rate, human_open_rate"
    expected = (5, 4, pytest.approx(5 / 29), pytest.approx(4 / 29))
    assert ask(first, f"select {columns} from marts.domains where connection = 'chimp'") == [expected]


def test_a_run_has_its_outcomes_calls_and_seconds(first: duckdb.DuckDBPyConnection) -> None:
    columns = "planned, applied, refused, failed, left_count, unanswered, calls, seconds"
    assert ask(first, f"select {columns} from marts.sync_runs where run_id = 'r1'") == [(7, 3, 1, 1, 2, 0, 6, 150.0)]


def test_a_run_that_broke_off_has_no_seconds_but_what_was_under_way(first: duckdb.DuckDBPyConnection) -> None:
    columns = "applied, left_count, unanswered, calls, seconds"
    assert ask(first, f"select {columns} from marts.sync_runs where run_id = 'r0'") == [(0, 0, 1, None, None)]


def test_a_run_counts_whom_its_plan_set_free_each_once(first: duckdb.DuckDBPyConnection) -> None:
    """G5: not those who are held for another reason, or whom the CRM no longer has."""
    query = "select run_id, unblocked from marts.sync_runs where sync = 'persons' order by run_id"
    assert ask(first, query) == [("r0", 0), ("r1", 2)]
