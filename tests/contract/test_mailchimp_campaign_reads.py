"""A pull of statistics reads what moved, and what it then has is what a first pull would have.

Belongs here: which campaigns and parts are read again, and that nothing counts twice or is lost. Does not: the reports'
documents (unit), figures (dbt's marts).
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import requests
from mailchimp_push_world import PushWorld, furnish, lay_out
from push_world import PATIENT

from pipelines import progress
from pipelines.errors import TransientError
from pipelines.http.client import Patience
from pipelines.providers.base import Event
from pipelines.providers.mailchimp.provider import MailchimpProvider
from pipelines.sandbox.marketer import send_mailchimp_campaigns
from pipelines.sandbox.server import Sandbox
from pipelines.stats.pulling import Pulled, pull_campaigns, pull_details
from pipelines.warehouse import rows

PEOPLE = tuple(f"person{number}@{'abcdefg'[number % 7 % (number % 5 + 1)]}.example" for number in range(80))
TABLES = ("campaigns", "sends", "events", "links", "link_clicks", "domains")
ACTIVITY = "/reports/{campaign_id}/email-activity"


class Watched(MailchimpProvider):
    """An account that remembers which events it was asked for, as (campaign, since)."""

    def events(self, campaign_id: str, *, since: str | None = None) -> Iterator[list[Event]]:  # type: ignore[override]
        asked.append((campaign_id, since))
        return super().events(campaign_id, since=since)  # type: ignore[return-value]


class Timeless(Watched):
    """The same, but of opens it only says that they happened: those come again each time, whatever `since` says."""

    def events(self, campaign_id: str, *, since: str | None = None) -> Iterator[list[Event]]:  # type: ignore[override]
        for page in super().events(campaign_id):
            told = [replace(event, happened_at=None) if event.event == "open" else event for event in page]
            yield [event for event in told if event.happened_at is None or event.happened_at >= (since or "")]


class Heard(progress.Silent):
    """Remembers what it is told of progress."""

    def __init__(self) -> None:
        self.said: list[tuple[str, int, int | None]] = []

    def advance(self, what: str, done: int, total: int | None) -> None:
        self.said.append((what, done, total))


asked: list[tuple[str, str | None]] = []


class Statistics:
    """A home, and an audience that got three campaigns ten days ago."""

    def __init__(self, sandbox: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self.kind: type[Watched] = Watched
        self.at("11-01T08:00")
        sandbox.reset()
        self.mailchimp = sandbox.mailchimp
        self.list_id = self.mailchimp.list_id
        lay_out(folder, sandbox.url)
        furnish(self.mailchimp.url, self.list_id)
        self.world = PushWorld(folder)
        self.mailchimp.add_members(self.list_id, [{"email_address": email} for email in PEOPLE])
        send_mailchimp_campaigns(self.mailchimp.url, self.mailchimp.api_key, self.list_id)
        self.at("11-11T08:00")

    def at(self, moment: str) -> None:
        self._patch.setenv("ENLIST_NOW", f"2026-{moment}:00+00:00")

    @contextmanager
    def provider(self, patience: Patience = PATIENT) -> Iterator[Watched]:
        with self.world.provider_of(self.kind, patience) as provider:
            yield provider

    def pull(self, patience: Patience = PATIENT) -> tuple[Pulled, int, int]:
        """What was read, and the calls for totals and for details."""
        asked.clear()
        arguments = (self.world.home, self.world.warehouse)
        with self.provider(patience) as provider:
            pull_campaigns(*arguments, provider, self.world.sync, self.list_id)
            totals = provider.calls
            pulled = pull_details(*arguments, provider, self.world.sync, self.list_id)
            return pulled, totals, provider.calls - totals

    def act(self, email: str, act: str, **options: Any) -> None:
        self.mailchimp.act(self.list_id, email, act, **options)

    def window(self, days: int) -> None:
        """From now on campaigns of so many days are read again."""
        document = self.world.sync.model_dump(by_alias=True)
        document["stats"]["window_days"] = days
        self.world.sync = type(self.world.sync).model_validate(document)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with self.world.warehouse.open() as database:
            return database.execute(sql).fetchall()

    def stats(self) -> dict[str, list[str]]:
        """All rows of the stats tables, but for when they were read."""
        with self.world.warehouse.open() as database:
            return {
                table: sorted(str({**row, "read_at": None}) for row in rows(database, f"select * from stats.{table}"))
                for table in TABLES
            }

    def is_complete(self) -> bool:
        """Whether a first pull into an empty home finds the same; what was there before is put back."""
        here, home = self.stats(), self.world.home
        with TemporaryDirectory(dir=home.root) as aside:
            for path in (home.warehouse, home.history):
                path.rename(Path(aside) / path.name)
            self.pull()
            there = self.stats()
            shutil.rmtree(home.history)
            for path in (home.warehouse, home.history):
                (Path(aside) / path.name).replace(path)
        return here == there


@pytest.fixture
def statistics(mailchimp_simulator_server: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Statistics:
    return Statistics(mailchimp_simulator_server, tmp_path, monkeypatch)


def opened(statistics: Statistics) -> tuple[str, str]:
    """A campaign, and the address of somebody who got it."""
    found = statistics.query("""
        select campaign_id, email from stats.sends where bounce is null and email in (
            select email from stats.events where event = 'click'
        ) order by all
    """)
    campaign_id, email = found[0]
    return str(campaign_id), str(email)


def test_a_pull_with_nothing_new_reads_the_totals_and_nothing_else(statistics: Statistics) -> None:
    first, totals, details = statistics.pull()
    assert (first.campaigns, totals) == (3, 3)
    assert min(first.sends, first.events, first.links, first.link_clicks) > 0
    assert details >= 3 * 6
    before = statistics.stats()
    statistics.at("11-12T08:00")
    assert statistics.pull() == (Pulled(), 3, 0)
    assert statistics.stats() == before


def test_a_pull_says_how_far_it_is_header_by_header_and_page_by_page(statistics: Statistics) -> None:
    """Within a campaign too: a large one takes minutes."""
    heard = Heard()
    with progress.shown_by(heard):
        pulled, _, _ = statistics.pull()
    assert heard.said[:3] == [("campaign headers", at, None) for at in (1, 2, 3)]
    assert [said for said in heard.said if said[0] == "campaigns"] == [("campaigns", at, 3) for at in (1, 2, 3)]
    for what, read in (("recipients", pulled.sends), ("clickers", pulled.link_clicks), ("events", pulled.events)):
        last = {name: (done, total) for name, done, total in heard.said if name.startswith(what)}
        assert set(last) == {f"{what} of campaign {at} of 3" for at in (1, 2, 3)}
        assert sum(done for done, _ in last.values()) == read
        assert all(total == done for done, total in last.values()), "how many there will be is known beforehand"


def test_only_the_campaign_that_moved_is_read_and_of_its_events_those_since(statistics: Statistics) -> None:
    statistics.pull()
    campaign_id, email = opened(statistics)
    statistics.at("11-13T08:00")
    statistics.act(email, "open", campaign_id=campaign_id)
    statistics.at("11-13T09:00")
    pulled, _, calls = statistics.pull()
    assert (pulled.campaigns, pulled.sends, pulled.links, pulled.link_clicks) == (1, 0, 0, 0)
    assert pulled.events == 1
    assert asked == [(campaign_id, "2026-11-10T08:00:00+00:00")], "a day before the last read"
    assert calls == 5, "domains, machine opens, activity, opt-outs, complaints"
    assert statistics.is_complete()


def test_of_the_links_only_those_that_were_clicked_are_read(statistics: Statistics) -> None:
    first, _, _ = statistics.pull()
    campaign_id, email = opened(statistics)
    statistics.act(email, "click", campaign_id=campaign_id)
    pulled, _, _ = statistics.pull()
    assert pulled.links >= 1
    assert 0 < pulled.link_clicks < first.link_clicks
    assert statistics.is_complete()


def test_events_that_are_told_again_count_once(statistics: Statistics) -> None:
    """The day before the last read is read again each time."""
    statistics.pull()
    campaign_id, email = opened(statistics)
    for hour in (9, 10):
        statistics.at(f"11-11T{hour:02}:00")
        statistics.act(email, "open", campaign_id=campaign_id)
        statistics.act(email, "open", campaign_id=campaign_id, proxy=True)
        pulled, _, _ = statistics.pull()
        assert pulled.events == 2 * (hour - 8), "those of the last hours come again"
    assert statistics.is_complete()
    assert statistics.query(f"""
        select count(*), count(*) filter (is_machine) from stats.events
        where email = '{email}' and campaign_id = '{campaign_id}' and happened_at > '2026-11-11 08:30'
    """) == [(4, 2)]


def test_events_without_a_time_count_once_too(statistics: Statistics) -> None:
    statistics.kind = Timeless
    statistics.pull()
    campaign_id, email = opened(statistics)
    statistics.at("11-13T08:00")
    statistics.act(email, "open", campaign_id=campaign_id)
    statistics.at("11-13T09:00")
    statistics.pull()
    assert statistics.is_complete()


def test_whatever_recipients_do_comes_home(statistics: Statistics) -> None:
    statistics.pull()
    campaign_id, _ = opened(statistics)
    people = statistics.query(f"""
        select email from stats.sends where campaign_id = '{campaign_id}' and bounce is null and email not in (
            select email from stats.events where event in ('opt_out', 'complaint')
        ) order by email limit 4
    """)
    statistics.at("11-14T08:00")
    for (email,), act in zip(people, ("opt_out", "complain", "soft_bounce", "hard_bounce"), strict=True):
        statistics.act(email, act, campaign_id=campaign_id)
    statistics.at("11-14T09:00")
    assert statistics.pull()[0].campaigns == 1
    assert statistics.is_complete()


def test_a_pull_that_broke_off_goes_on_at_the_campaign_where_it_stopped(statistics: Statistics) -> None:
    statistics.mailchimp.fail(kind="problem", status=500, method="GET", path=ACTIVITY, skip=2, times=10**6)
    with pytest.raises(TransientError):
        statistics.pull(Patience(max_attempts=1))
    first = [campaign_id for campaign_id, _ in asked]
    assert len(first) == 3
    statistics.mailchimp.faults.clear()
    pulled, _, _ = statistics.pull()
    assert pulled.campaigns == 1
    assert asked == [(first[2], None)]
    assert statistics.is_complete()


def test_a_campaign_deleted_at_the_provider_stays_and_stops_nothing(statistics: Statistics) -> None:
    """Also when its details were still to be read: a report that is gone is no reason to read no other."""
    statistics.mailchimp.fail(kind="problem", status=500, method="GET", path=ACTIVITY, skip=1, times=10**6)
    with pytest.raises(TransientError):
        statistics.pull(Patience(max_attempts=1))
    statistics.mailchimp.faults.clear()
    (_, _), (gone, _) = asked
    url = f"{statistics.mailchimp.url}/3.0/campaigns/{gone}"
    requests.delete(url, auth=("marketer", statistics.mailchimp.api_key), timeout=5).raise_for_status()
    statistics.at("11-11T09:00")
    assert statistics.pull()[0].campaigns == 1
    assert statistics.query("select count(*) from stats.campaigns") == [(3,)]
    assert gone not in [campaign_id for campaign_id, _ in asked]


def test_a_campaign_that_reached_nobody_yet_is_left_for_the_next_pull(statistics: Statistics) -> None:
    """Sent a moment ago, it has totals of nothing and no report."""
    statistics.pull()
    with statistics.world.warehouse.open() as database:
        database.execute("delete from stats.reads")
        database.execute("update stats.campaigns set sent_count = 0")
    arguments = (statistics.world.home, statistics.world.warehouse)
    with statistics.provider() as provider:
        assert pull_details(*arguments, provider, statistics.world.sync, statistics.list_id) == Pulled()
    assert statistics.pull()[0].campaigns == 3


def test_a_campaign_whose_events_do_not_add_up_is_read_as_a_whole(statistics: Statistics) -> None:
    statistics.pull()
    campaign_id, email = opened(statistics)
    with statistics.world.warehouse.open() as database:
        database.execute(
            "delete from stats.events where campaign_id = ? and email = ? and event = 'open'", [campaign_id, email]
        )
    statistics.at("11-20T08:00")
    statistics.act(email, "open", campaign_id=campaign_id)
    statistics.at("11-20T09:00")
    statistics.pull()
    assert [since for _, since in asked] == ["2026-11-10T08:00:00+00:00", None]
    assert statistics.is_complete()


def test_totals_that_count_a_deleted_person_do_not_make_every_pull_a_whole_one(statistics: Statistics) -> None:
    """Contract, section 10: deleting a member deletes the member's activity, and the totals keep it."""
    statistics.pull()
    campaign_id, email = opened(statistics)
    statistics.act(email, "delete_by_hand")
    statistics.world.home.warehouse.unlink()
    shutil.rmtree(statistics.world.home.history)
    statistics.pull()
    assert statistics.query("select count(*) from stats.reads where gap not like '%\"opens\": 0%'") != [(0,)]
    ((other,),) = statistics.query(f"""
        select email from stats.sends where campaign_id = '{campaign_id}' and bounce is null order by email limit 1
    """)
    statistics.at("11-20T08:00")
    statistics.act(other, "open", campaign_id=campaign_id)
    statistics.at("11-20T09:00")
    statistics.pull()
    assert asked == [(campaign_id, "2026-11-10T08:00:00+00:00")]
    assert statistics.is_complete()


def test_the_first_pull_reads_campaigns_of_all_times_and_goes_on_until_it_has_them(statistics: Statistics) -> None:
    """A home that is new to an old account; what broke off is read however old it is by then."""
    statistics.at("12-31T08:00")
    statistics.window(30)
    statistics.mailchimp.fail(kind="problem", status=500, method="GET", path=ACTIVITY, skip=1, times=10**6)
    with pytest.raises(TransientError):
        statistics.pull(Patience(max_attempts=1))
    statistics.mailchimp.faults.clear()
    assert statistics.query("select count(*) from stats.reads") == [(1,)]
    statistics.at("12-31T09:00")
    pulled, totals, _ = statistics.pull()
    assert (pulled.campaigns, totals) == (2, 3)
    assert statistics.query("select count(*), count(distinct campaign_id) from stats.reads") == [(3, 3)]
    statistics.at("12-31T10:00")
    assert statistics.pull()[0] == Pulled()
    before = statistics.query("select max(read_at) from stats.campaigns")
    assert before < [(datetime(2026, 12, 31, 10),)], "from then on the window counts"


def test_campaigns_beyond_the_window_stay_as_they_are(statistics: Statistics) -> None:
    statistics.pull()
    before = statistics.stats()
    campaign_id, email = opened(statistics)
    statistics.at("12-31T08:00")
    statistics.act(email, "open", campaign_id=campaign_id)
    statistics.window(30)
    assert statistics.pull()[0] == Pulled()
    assert statistics.stats() == before


def test_the_providers_numbers_by_domain_are_those_of_the_sends_and_events(statistics: Statistics) -> None:
    """Where the provider reports on a domain, our own figures say the same."""
    statistics.pull()
    theirs = statistics.query("""
        select campaign_id, domain, sent_count, delivered_count, bounces, unique_opens, unique_clicks, opt_outs
        from stats.domains order by all
    """)
    ours = statistics.query("""
        with did as (
            select campaign_id, email, bool_or(event = 'open') as opened, bool_or(event = 'click') as clicked,
                bool_or(event = 'opt_out') as opted_out
            from stats.events group by all
        )
        select campaign_id, split_part(email_key, '@', -1) as domain, count(*), count(*) filter (bounce is null),
            count(*) filter (bounce is not null), count(*) filter (opened), count(*) filter (clicked),
            count(*) filter (opted_out)
        from stats.sends left join did using (campaign_id, email)
        group by all order by all
    """)
    assert len(theirs) == 15, "the five largest of each campaign"
    assert set(theirs) < set(ours)
    assert sum(row[4] for row in theirs) > 0
    assert sum(row[5] for row in theirs) > 0
