"""Consent events: whose opt-out it was, what suppresses, and who may release.

Belongs here: consent.py and suppressions.sql. Does not: what the plan makes of a suppression (test_plan_consent.py).
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from plan_models import ROOT, SCHEMA, synced
from plan_world import fill

from pipelines import clock
from pipelines.config import SyncConfig
from pipelines.ledger import consent, files, load
from pipelines.ledger.journal import Journal
from pipelines.providers.base import Outcome
from pipelines.quality import addresses
from pipelines.sync.members import MEMBER_COLUMNS
from pipelines.warehouse import rows


class Ledger:
    """A ledger, and an audience as it was extracted."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._patch = patch
        self.sync = synced()
        self.database = duckdb.connect(":memory:")
        self.database.execute((ROOT / "pipelines" / "tables.sql").read_text(encoding="utf-8"))
        self.database.execute(f"create schema {SCHEMA}")
        self.database.execute(
            f"create table {SCHEMA}.settings as "
            "select 'people' as sync, 'chimp' as connection, 'A1' as audience_id, 'account' as scope"
        )
        self.at("10:00")

    def at(self, moment: str) -> None:
        """It is that time of the day now."""
        self._patch.setenv(clock.VARIABLE, f"2026-11-20T{moment}:00+00:00")

    def shows(
        self, name: str, status: str, changed: str = "09:00", reason: str | None = None, did: str | None = None
    ) -> None:
        """The audience as extracted is this one member."""
        row = {"provider_id": "1", "email": f"{name}@B.example", "status": status, "opt_out_reason": reason}
        row["objection"] = did
        times = {"joined_at": None, "changed_at": f"2026-11-20T{changed}:00+00:00" if changed else None}
        fill(self.database, f"{SCHEMA}.extract_members", MEMBER_COLUMNS, [{**row, **times, "fields": "{}"}])
        addresses.judge_new(self.database, f"select email as address from {SCHEMA}.extract_members")

    def brings_home(self) -> list[dict[str, Any]]:
        """What the ledger learns from the audience."""
        load.load(self.database, self.folder)
        news = consent.news(self.database, self.sync)
        consent.record(self.folder, news)
        load.load(self.database, self.folder)
        return news

    def sends(self, op: str, name: str, outcome: Any = "applied", **more: Any) -> None:
        """We push one change."""
        journal = Journal(self.folder, f"run-{op}-{name}-{len(list(self.folder.rglob('*')))}", sync="people")
        row = {"change_id": f"{op}-{name}", "op": op, "email_key": f"{name}@b.example", "entity": "crm.persons"}
        place = {"sync": "people", "connection": "chimp", "audience_id": "A1", "contact_key": name}
        journal.sending([{**row, **place, "after": {"status": "x", "fields": {}}, **more}])
        if outcome:
            journal.outcomes([Outcome(f"{op}-{name}", outcome)])

    def campaign(self, name: str, event: str, moment: str, audience: str = "A1") -> None:
        """Somebody opts out by a campaign to that audience, or does something else with it."""
        self.database.execute(
            "insert into stats.campaigns (connection, campaign_id, audience_id) values ('chimp', ?, ?)",
            [moment, audience],
        )
        self.database.execute(
            "insert into stats.events (connection, campaign_id, email_key, event, happened_at) "
            "values ('chimp', ?, ?, ?, ?)",
            [moment, f"{name}@b.example", event, f"2026-11-20 {moment}:00"],
        )

    def says(self, event: str, name: str, by: str = "kim", **more: Any) -> None:
        """A person writes an event down."""
        row = {"email_key": f"{name}@b.example", "connection": None, "audience_id": None, "entity": None, "sync": None}
        row |= {"scope": "home", "event": event, "reason": event, "source": "admin", "happened_at": None}
        consent.record(self.folder, [{**row, "note": "asked to", **more}], by=by)
        load.load(self.database, self.folder)

    def suppressed(self) -> list[tuple[str, str]]:
        """(name, reason) in force."""
        query = "select email_key, reason from ledger.suppressions where released_at is null order by all"
        found = rows(self.database, query)
        return [(str(row["email_key"]).removesuffix("@b.example"), str(row["reason"])) for row in found]


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    made = Ledger(tmp_path, monkeypatch)
    yield made
    made.database.close()


@pytest.mark.parametrize(("status", "reason"), [("unsubscribed", "opted_out"), ("bounced", "bounced")])
def test_an_opt_out_and_a_bounce_come_home_once(ledger: Ledger, status: str, reason: str) -> None:
    """H1, F5: written down for good, with when and why."""
    ledger.shows("anna", status, reason="too many")
    (event,) = ledger.brings_home()
    assert (event["email_key"], event["source"], event["note"]) == ("anna@b.example", "provider", "too many")
    assert ledger.suppressed() == [("anna", reason)]
    assert ledger.brings_home() == []
    (known,) = rows(ledger.database, "select since, scope, audience_id from ledger.suppressions")
    assert known == {"since": datetime(2026, 11, 20, 9), "scope": "account", "audience_id": "A1"}


@pytest.mark.parametrize("status", ["subscribed", "pending", "archived", "transactional"])
def test_other_statuses_say_nothing_about_consent(ledger: Ledger, status: str) -> None:
    ledger.shows("anna", status)
    assert ledger.brings_home() == []


def test_times_of_the_provider_stay_what_they_are_wherever_the_machine_is(ledger: Ledger) -> None:
    """Times are UTC, whatever the time zone of the machine."""
    ledger.database.execute("set timezone = 'America/New_York'")
    ledger.shows("anna", "unsubscribed")
    ledger.brings_home()
    (known,) = rows(ledger.database, "select happened_at, recorded_at from ledger.consent_events")
    assert known == {"happened_at": datetime(2026, 11, 20, 9), "recorded_at": datetime(2026, 11, 20, 10)}


def test_an_opt_out_without_a_time_counts_from_now(ledger: Ledger) -> None:
    ledger.shows("anna", "unsubscribed", changed="")
    ledger.brings_home()
    (known,) = rows(ledger.database, "select since from ledger.suppressions")
    assert known == {"since": datetime(2026, 11, 20, 10)}


def test_our_own_unsubscribe_is_no_opt_out(ledger: Ledger) -> None:
    ledger.sends("add", "anna")
    ledger.at("11:00")
    ledger.sends("unsubscribe", "anna")
    ledger.shows("anna", "unsubscribed", "11:00")
    assert ledger.brings_home() == []
    assert ledger.suppressed() == []


def test_an_opt_out_long_after_our_own_unsubscribe_is_theirs(ledger: Ledger) -> None:
    """They subscribed again by a form and then left: what we can't prove to be ours is not ours."""
    ledger.at("11:00")
    ledger.sends("unsubscribe", "anna")
    ledger.shows("anna", "unsubscribed", "12:00")
    assert ledger.brings_home() == []
    ledger.shows("anna", "unsubscribed", "12:01")
    assert [event["event"] for event in ledger.brings_home()] == ["opt_out"]


OUT = {"status": "unsubscribed"}
ON_SOMEBODY_OUT = [
    ("update", {"before": OUT, "reason": "undo"}),
    ("leave", {"before": {"groups": ["News"]}, "reason": "unmanaged"}),
    ("untag", {"before": {"tags": ["a"]}, "reason": "undo"}),
]


@pytest.mark.parametrize("sync", ["people", "formerly"])
@pytest.mark.parametrize(("op", "more"), ON_SOMEBODY_OUT)
def test_what_we_write_to_somebody_whom_we_unsubscribed_does_not_make_it_their_own(
    ledger: Ledger, op: str, more: dict[str, Any], sync: str
) -> None:
    """Design, section 7: also where another sync of the home did it, or the same one under its former name."""
    ledger.sends("unsubscribe", "anna", sync=sync)
    ledger.at("13:00")
    ledger.sends(op, "anna", **more)
    ledger.shows("anna", "unsubscribed", "13:01")
    assert ledger.brings_home() == []
    ledger.shows("anna", "unsubscribed", "13:06")
    assert [event["event"] for event in ledger.brings_home()] == ["opt_out"]


def test_an_unsubscribe_in_another_audience_is_not_ours_here(ledger: Ledger) -> None:
    ledger.sends("unsubscribe", "anna", audience_id="A2")
    ledger.shows("anna", "unsubscribed", "10:00")
    assert [event["event"] for event in ledger.brings_home()] == ["opt_out"]


@pytest.mark.parametrize(
    ("op", "more"),
    [
        ("tag", {"reason": "changed"}),
        ("leave", {"reason": "changed"}),
        ("update", {"before": {"status": "subscribed"}}),
    ],
)
def test_an_opt_out_right_after_a_change_of_somebody_who_had_come_back_is_theirs(
    ledger: Ledger, op: str, more: dict[str, Any]
) -> None:
    """Labels that come with being wanted go to those alone who are in."""
    ledger.sends("unsubscribe", "anna", sync="formerly")
    ledger.at("10:30")
    ledger.sends(op, "anna", **more)
    ledger.shows("anna", "unsubscribed", "10:31")
    assert [event["event"] for event in ledger.brings_home()] == ["opt_out"]


@pytest.mark.parametrize(("op", "outcome"), [("add", None), ("add", "failed"), ("archive", "failed")])
def test_what_came_to_nothing_after_our_unsubscribe_leaves_it_ours(ledger: Ledger, op: str, outcome: Any) -> None:
    """An add or a purge that never arrived: the audience shows that nothing has changed since."""
    ledger.sends("unsubscribe", "anna")
    ledger.at("12:00")
    ledger.sends(op, "anna", outcome=outcome, before=OUT)
    ledger.shows("anna", "unsubscribed", "10:00")
    assert ledger.brings_home() == []


def test_an_unsubscribe_without_an_answer_explains_no_more_than_one_with_an_answer(ledger: Ledger) -> None:
    ledger.sends("unsubscribe", "anna", outcome=None)
    ledger.shows("anna", "unsubscribed", "10:30")
    assert ledger.brings_home() == []
    ledger.shows("anna", "unsubscribed", "11:01")
    assert [event["event"] for event in ledger.brings_home()] == ["opt_out"]


def test_an_opt_out_by_a_campaign_is_the_persons_own_whatever_we_did(ledger: Ledger) -> None:
    """B5: an old mail still has its link; our own change hides when the member changed."""
    ledger.sends("unsubscribe", "anna")
    ledger.campaign("anna", "open", "10:20")
    ledger.campaign("anna", "opt_out", "10:25", audience="A2")
    ledger.campaign("anna", "opt_out", "10:01")  # the provider may count ours for a campaign
    ledger.shows("anna", "unsubscribed", "10:00")
    assert ledger.brings_home() == []
    ledger.campaign("anna", "opt_out", "10:30")
    (event,) = ledger.brings_home()
    assert (event["event"], event["happened_at"]) == ("opt_out", datetime(2026, 11, 20, 10, 30))
    assert ledger.brings_home() == []


@pytest.mark.parametrize("op", ["add", "archive", "update"])
def test_anybody_elses_unsubscribe_is_the_persons_own(ledger: Ledger, op: str) -> None:
    """What we can't prove to be ours is not ours, even of a member whom we just touched."""
    ledger.sends(op, "anna")
    ledger.shows("anna", "unsubscribed", "11:00")
    assert [event["event"] for event in ledger.brings_home()] == ["opt_out"]


def test_an_unsubscribe_that_the_provider_refused_is_not_ours(ledger: Ledger) -> None:
    ledger.sends("unsubscribe", "anna", outcome="refused")
    ledger.shows("anna", "unsubscribed", "11:00")
    assert [event["event"] for event in ledger.brings_home()] == ["opt_out"]


def test_an_opt_out_after_we_brought_somebody_back_is_theirs(ledger: Ledger) -> None:
    ledger.sends("unsubscribe", "anna")
    ledger.at("11:00")
    ledger.sends("add", "anna")
    ledger.shows("anna", "unsubscribed", "12:00")
    assert [event["event"] for event in ledger.brings_home()] == ["opt_out"]


def test_a_release_lifts_with_a_name_and_a_reason(ledger: Ledger) -> None:
    """H5 and H6: an internal user must do it, and it is known who did."""
    ledger.shows("anna", "unsubscribed")
    ledger.brings_home()
    ledger.at("11:00")
    ledger.says("release", "anna", by="kim", note="signed a form")
    assert ledger.suppressed() == []
    (known,) = rows(ledger.database, "select * from ledger.suppressions")
    assert (known["released_by"], known["note"]) == ("kim", "signed a form")
    assert known["released_at"] == datetime(2026, 11, 20, 11)


def test_what_was_released_does_not_come_back_by_itself_but_a_later_opt_out_counts(ledger: Ledger) -> None:
    ledger.shows("anna", "unsubscribed", "09:00")
    ledger.brings_home()
    ledger.at("11:00")
    ledger.says("release", "anna")
    assert ledger.brings_home() == []
    ledger.at("13:00")
    ledger.shows("anna", "unsubscribed", "12:00")
    assert [event["event"] for event in ledger.brings_home()] == ["opt_out"]
    assert ledger.suppressed() == [("anna", "opted_out")]


def test_a_release_lifts_only_what_was_said_before(ledger: Ledger) -> None:
    ledger.says("release", "anna")
    ledger.says("block", "anna")
    assert ledger.suppressed() == [("anna", "blocked")]
    ledger.says("release", "bert")
    assert ledger.suppressed() == [("anna", "blocked")]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ("opt_out", "opted_out"),
        ("bounce", "bounced"),
        ("complaint", "complained"),
        ("block", "blocked"),
        ("erase", "erased"),
    ],
)
def test_each_event_suppresses_for_its_own_reason(ledger: Ledger, event: str, reason: str) -> None:
    ledger.says(event, "anna")
    assert ledger.suppressed() == [("anna", reason)]


def test_several_reasons_stand_beside_each_other(ledger: Ledger) -> None:
    ledger.says("block", "anna")
    ledger.shows("anna", "unsubscribed")
    ledger.brings_home()
    assert ledger.suppressed() == [("anna", "blocked"), ("anna", "opted_out")]


def test_every_event_says_who_wrote_it_down(ledger: Ledger) -> None:
    ledger.says("block", "anna", by="kim")
    (line,) = files.read(consent.path_of(ledger.folder))
    assert (line["recorded_by"], line["recorded_at"]) == ("kim", "2026-11-20T10:00:00+00:00")


@pytest.mark.parametrize(("status", "reason"), [("unsubscribed", "opted_out"), ("bounced", "bounced")])
def test_whoever_was_released_and_is_still_out_is_not_recorded_anew_by_our_own_update(
    ledger: Ledger, status: str, reason: str
) -> None:
    """F7 updates members who are out, and that moves the time of their last change: no act of theirs."""
    ledger.shows("anna", status, "09:00")
    ledger.brings_home()
    ledger.at("11:00")
    ledger.says("release", "anna", reason=reason)
    ledger.at("12:00")
    ledger.sends("update", "anna", before={"status": status})
    ledger.shows("anna", status, "12:01")
    assert ledger.brings_home() == []
    assert ledger.suppressed() == []
    ledger.at("14:00")
    ledger.shows("anna", status, "13:00")
    assert [event["reason"] for event in ledger.brings_home()] == [reason]


def test_an_opt_out_right_after_an_update_of_a_subscribed_member_counts(ledger: Ledger) -> None:
    """They came back after the release, got new data and said no again: the update did not do that."""
    ledger.shows("anna", "unsubscribed", "09:00")
    ledger.brings_home()
    ledger.at("11:00")
    ledger.says("release", "anna")
    ledger.at("12:00")
    ledger.sends("update", "anna", before={"status": "subscribed"})
    ledger.shows("anna", "unsubscribed", "12:01")
    assert [event["event"] for event in ledger.brings_home()] == ["opt_out"]


@pytest.mark.parametrize("did", ["opted_out", None])
@pytest.mark.parametrize(("op", "more"), ON_SOMEBODY_OUT)
def test_a_release_is_not_undone_by_what_we_write_to_them_afterwards(
    ledger: Ledger, op: str, more: dict[str, Any], did: str | None
) -> None:
    """H5, H6: they are out by their own no still, and leave a group or the like."""
    ledger.sends("add", "anna")
    ledger.shows("anna", "unsubscribed", "10:30", did=did)
    ledger.brings_home()
    ledger.at("11:00")
    ledger.says("release", "anna")
    ledger.at("12:00")
    ledger.sends(op, "anna", **more)
    ledger.shows("anna", "unsubscribed", "12:01", did=did)
    assert ledger.brings_home() == []
    ledger.shows("anna", "unsubscribed", "12:06", did=did)
    assert [event["event"] for event in ledger.brings_home()] == ["opt_out"]


def test_a_no_right_after_a_label_counts_where_they_came_back_after_the_release(ledger: Ledger) -> None:
    ledger.shows("anna", "unsubscribed", "09:00")
    ledger.brings_home()
    ledger.at("11:00")
    ledger.says("release", "anna")
    ledger.at("11:30")
    ledger.sends("update", "anna", before={"status": "subscribed"})
    ledger.at("12:00")
    ledger.sends("leave", "anna", reason="no_match")
    ledger.shows("anna", "unsubscribed", "12:01")
    assert [event["event"] for event in ledger.brings_home()] == ["opt_out"]


def test_a_no_by_a_campaign_after_a_release_counts_though_our_own_change_came_later(ledger: Ledger) -> None:
    ledger.shows("anna", "unsubscribed", "09:00")
    ledger.brings_home()
    ledger.campaign("anna", "opt_out", "10:30")
    ledger.at("11:00")
    ledger.says("release", "anna")
    ledger.at("12:00")
    ledger.sends("update", "anna", before=OUT)
    ledger.shows("anna", "unsubscribed", "12:01")
    assert ledger.brings_home() == []
    ledger.campaign("anna", "opt_out", "11:30")
    assert [event["event"] for event in ledger.brings_home()] == ["opt_out"]


def test_a_release_lifts_only_the_reason_that_it_names(ledger: Ledger) -> None:
    for event in ("block", "opt_out", "complaint"):
        ledger.says(event, "anna")
    ledger.says("release", "anna", reason="blocked")
    assert ledger.suppressed() == [("anna", "complained"), ("anna", "opted_out")]


def test_no_release_lifts_an_erasure(ledger: Ledger) -> None:
    """M5: neither by name nor with all the others."""
    ledger.says("erase", "anna")
    ledger.says("block", "anna")
    ledger.says("release", "anna", reason="erased")
    ledger.says("release", "anna")
    assert ledger.suppressed() == [("anna", "erased")]


@pytest.mark.parametrize(("did", "event"), [("opted_out", "opt_out"), ("complained", "complaint"), ("erased", "erase")])
def test_what_the_provider_knows_to_be_the_persons_own_is_never_ours(ledger: Ledger, did: str, event: str) -> None:
    """B5: an unsubscribe of ours got lost, or came to nothing; what they did themselves counts, and as what it was."""
    ledger.sends("unsubscribe", "anna")
    ledger.shows("anna", "unsubscribed", "10:01", did=did)
    assert [(one["event"], one["reason"]) for one in ledger.brings_home()] == [(event, did)]
    assert ledger.suppressed() == [("anna", did)]


def scoped(**scopes: str) -> SyncConfig:
    """The sync with a `consent_scope` of its own for these entities of its CRM."""
    sync = synced().model_dump(by_alias=True)
    own = {f"crm.{entity}": scope for entity, scope in scopes.items()}
    return synced(**{"from": [{**source, "consent_scope": own.get(source["entity"])} for source in sync["from"]]})


@pytest.mark.parametrize(
    ("scopes", "entity", "scope"),
    [
        ({}, "crm.persons", "account"),
        ({"persons": "home"}, "crm.persons", "home"),
        ({"persons": "home"}, "crm.firms", "account"),
        ({"persons": "home", "firms": "audience"}, "crm.firms", "audience"),
        ({"persons": "home", "firms": "audience"}, None, "account"),
    ],
)
def test_a_no_reaches_as_far_as_the_entity_says_of_which_the_member_is_else_as_the_sync_says(
    ledger: Ledger, scopes: dict[str, str], entity: str | None, scope: str
) -> None:
    """H2: `consent_scope` of the entity before `consent.scope`; who is not ours has no entity."""
    ledger.sync = scoped(**scopes)
    if entity:
        ledger.sends("add", "anna", entity=entity)
    ledger.shows("anna", "unsubscribed", "11:00")
    (event,) = ledger.brings_home()
    assert (event["scope"], event["entity"]) == (scope, entity)
    assert rows(ledger.database, "select scope from ledger.suppressions") == [{"scope": scope}]


@pytest.mark.parametrize("elsewhere", [{"sync": "firms"}, {"audience_id": "A2"}], ids=str)
def test_what_another_sync_or_audience_made_of_the_address_says_nothing_about_how_far_a_no_reaches(
    ledger: Ledger, elsewhere: dict[str, str]
) -> None:
    ledger.sync = scoped(persons="home")
    ledger.sends("add", "anna", **elsewhere)
    ledger.shows("anna", "unsubscribed", "11:00")
    (event,) = ledger.brings_home()
    assert (event["scope"], event["entity"]) == ("account", None)


def test_a_no_keeps_the_reach_that_it_was_written_down_with(ledger: Ledger) -> None:
    """A setting that is changed afterwards takes nothing back, and is no news."""
    ledger.sync = scoped(persons="home")
    ledger.sends("add", "anna")
    ledger.shows("anna", "unsubscribed", "11:00")
    ledger.brings_home()
    ledger.sync = scoped(persons="audience")
    assert ledger.brings_home() == []
    assert rows(ledger.database, "select scope from ledger.suppressions") == [{"scope": "home"}]
