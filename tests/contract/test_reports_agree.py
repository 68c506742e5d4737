"""Our numbers are the provider's own, campaign by campaign, for both providers (I3, I9, I12).

The story: campaigns go out to an audience at Mailchimp and to a list at MailUp, one message there twice (I4). Ten days
later statistics are pulled. Then people open, click, bounce and say no late, somebody is deleted for good at Mailchimp,
and statistics are pulled again; marts are built. What each provider's report says is asked by somebody else
(provider_reports.py) after the last pull.

Belongs here: marts against reports. Does not: what is read again (test_mailchimp_campaign_reads.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import mailchimp_push_world
import mailup_push_world
import provider_reports
import pytest
from mailup_simulator_caller import MailupCaller
from provider_reports import Report
from rehearsal import running

from pipelines import dbt
from pipelines.config.connections import MailupConnection
from pipelines.sandbox.mailup.seeding import CLIENT_ID, CLIENT_SECRET, PASSWORD, USERNAME
from pipelines.sandbox.marketer import DRAFTS, send_mailchimp_campaigns, send_mailup_campaigns
from pipelines.sandbox.people import Habits
from pipelines.sandbox.server import Sandbox
from pipelines.stats.loading import TABLES
from pipelines.stats.pulling import pull_campaigns, pull_details
from pipelines.sync.settings import marts_vars

pytestmark = pytest.mark.slow

PEOPLE = tuple(f"person{number}@{'abc'[number % 3]}.example" for number in range(80))
PROVIDERS = ("mailchimp", "mailup")
# Enough of everything among eighty people.
HABITS = {
    name: getattr(Habits(hard_bounces=0.05, soft_bounces=0.05, opt_outs=0.1, complaints=0.06), name)
    for name in Habits.__slots__
}


@dataclass
class Account:
    """One provider's side of the story: what it reports, and what our marts say."""

    reports: dict[str, Report]
    marts: Path
    connection: str
    deleted: str = ""

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.marts), read_only=True) as database:
            return database.execute(query).fetchall()


class Both:
    """Two homes, each with the sync `people`, and the two simulators of one sandbox."""

    def __init__(self, sandbox: Sandbox, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        self.at("11-01")
        sandbox.reset()
        self.mailchimp, self.mailup = sandbox.mailchimp, sandbox.mailup
        self.mailchimp.turn(habits=HABITS)
        self.mailup.turn(habits=HABITS, **mailup_push_world.IN_NO_TIME)
        mailchimp_push_world.lay_out(folder / "mailchimp", sandbox.url)
        mailchimp_push_world.furnish(self.mailchimp.url, self.mailchimp.list_id)
        mailup_push_world.lay_out(folder / "mailup", sandbox.url)
        self.worlds = {
            "mailchimp": mailchimp_push_world.PushWorld(folder / "mailchimp"),
            "mailup": mailup_push_world.PushWorld(folder / "mailup"),
        }
        self.audiences = {"mailchimp": self.mailchimp.list_id, "mailup": str(self.mailup.list_id)}

    def at(self, day: str) -> None:
        self._patch.setenv("ENLIST_NOW", f"2026-{day}T08:00:00+00:00")

    def send(self) -> None:
        self.mailchimp.add_members(self.mailchimp.list_id, [{"email_address": email} for email in PEOPLE])
        send_mailchimp_campaigns(self.mailchimp.url, self.mailchimp.api_key, self.mailchimp.list_id)
        self.mailup.add_recipients(self.mailup.list_id, [{"Email": email, "Name": ""} for email in PEOPLE])
        login = {"username": USERNAME, "password": PASSWORD, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        connection = MailupConnection.model_validate({"kind": "mailup", "url": self.mailup.url, **login})
        send_mailup_campaigns(connection, str(self.mailup.list_id), DRAFTS)

    def send_again(self) -> None:
        """The first message goes out once more."""
        with MailupCaller(self.mailup) as call:
            number = min(message["idMessage"] for message in call.items("LIST/Emails"))
            assert call("POST", f"LIST/Email/{number}/Send").status_code == 200

    def pull(self, provider: str) -> None:
        world, audience_id = self.worlds[provider], self.audiences[provider]
        with world.provider() as account:
            pull_campaigns(world.home, world.warehouse, account, world.sync, audience_id)
            pull_details(world.home, world.warehouse, account, world.sync, audience_id)

    def reached(self, provider: str) -> list[tuple[str, str]]:
        """(campaign, address) of people whom a campaign reached, who did not say no since."""
        with self.worlds[provider].warehouse.open() as database:
            return database.execute("""
                select campaign_id, email from stats.sends
                where bounce is null and email not in (
                    select email from stats.events where event in ('opt_out', 'complaint', 'bounce')
                ) order by hash(email), campaign_id
            """).fetchall()

    def react(self) -> None:
        """A few people do something late, at both; one of Mailchimp's is deleted who opened and clicked before."""
        for provider in PROVIDERS:
            late = {email: campaign for campaign, email in self.reached(provider)}
            acts = ("open", "open", "click", "opt_out", "hard_bounce")
            for (email, campaign), act in zip(late.items(), acts, strict=False):
                if provider == "mailchimp":
                    self.mailchimp.act(self.mailchimp.list_id, email, act, campaign_id=campaign)
                else:
                    more = {"url": "https://late.example/"} if act == "click" else {}
                    self.mailup.act(self.mailup.list_id, email, act, message_id=int(campaign), **more)

    def delete(self) -> str:
        with self.worlds["mailchimp"].warehouse.open() as database:
            ((email,),) = database.execute("""
                select email from stats.events
                where email in (select email from stats.link_clicks) group by email
                having count(distinct campaign_id) = 3 and bool_and(event in ('open', 'click')) order by email limit 1
            """).fetchall()
        self.mailchimp.act(self.mailchimp.list_id, email, "delete_by_hand")
        return str(email)

    def marts(self) -> Path:
        """The marts of both accounts, built once, in the warehouse of the first."""
        first, second = self.worlds.values()
        with first.warehouse.open() as database:
            database.execute(f"attach '{second.home.warehouse}' as second (read_only)")
            for table in TABLES.values():
                database.execute(f"insert into stats.{table} by name from second.stats.{table}")
        with running():
            nodes = dbt.build(first.home, first.warehouse, "analytics", ("marts",), marts_vars(first.home))
        assert [node.name for node in nodes if not node.is_good] == []
        return first.home.warehouse


@pytest.fixture(scope="module")
def accounts(
    mailchimp_simulator_server: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Account]]:
    with pytest.MonkeyPatch.context() as patch:
        both = Both(mailchimp_simulator_server, tmp_path_factory.mktemp("reports"), patch)
        both.send()
        both.at("11-05")
        both.send_again()
        both.at("11-11")
        for provider in PROVIDERS:
            both.pull(provider)
        deleted = both.delete()
        both.at("11-13")
        both.react()
        both.at("11-14")
        for provider in PROVIDERS:
            both.pull(provider)
        reports = {
            "mailchimp": provider_reports.of_mailchimp(both.mailchimp, both.mailchimp.list_id),
            "mailup": provider_reports.of_mailup(both.mailup),
        }
        marts = both.marts()
        yield {
            provider: Account(reports[provider], marts, world.sync.to.connection, deleted)
            for provider, world in both.worlds.items()
        }


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_figure_of_every_campaign_is_the_providers_own(accounts: dict[str, Account], provider: str) -> None:
    """I3, I9, I12: totals and, where the provider gives any, rates."""
    account = accounts[provider]
    assert len(account.reports) == 3
    for campaign_id, report in account.reports.items():
        columns = ", ".join(report.figures)
        (found,) = account.ask(f"select {columns} from marts.campaigns where campaign_id = '{campaign_id}'")
        assert dict(zip(report.figures, found, strict=True)) == pytest.approx(report.figures, abs=1e-6)
        assert all(report.figures[name] for name in ("sent_count", "opens", "clicks")), "something happened"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_link_of_every_campaign_has_the_providers_clicks_and_clickers(
    accounts: dict[str, Account], provider: str
) -> None:
    """I6, I10: Mailchimp takes the clicks of somebody who was deleted off its links, and leaves them in its totals."""
    account = accounts[provider]
    assert len(account.reports) == 3
    for campaign_id, report in account.reports.items():
        of_campaign = f"where campaign_id = '{campaign_id}'"
        query = f"select url, clicks from marts.link_clicks {of_campaign} and email_key = '{account.deleted}'"
        deleted = dict(account.ask(query))
        query = f"select url, clicks, unique_clickers from marts.links {of_campaign}"
        found = {
            url: (clicks - deleted.get(url, 0), people - (url in deleted)) for url, clicks, people in account.ask(query)
        }
        assert found == report.links
        assert found


@pytest.mark.parametrize("provider", PROVIDERS)
def test_everybody_whom_the_provider_tells_of_has_its_opens_and_clicks(
    accounts: dict[str, Account], provider: str
) -> None:
    """I5, I9: person by person, people's opens and machines' together."""
    account = accounts[provider]
    assert len(account.reports) == 3
    for campaign_id, report in account.reports.items():
        assert report.sends
        query = f"select email_key, opens + machine_opens, clicks from marts.sends where campaign_id = '{campaign_id}'"
        found = {email: (opens, clicks) for email, opens, clicks in account.ask(query)}
        assert {email: found[email] for email in report.sends} == {
            email: (opens, report.clicks.get(email, 0)) for email, opens in report.sends.items()
        }
        gone = found.keys() - report.sends.keys()
        assert gone == ({account.deleted} if provider == "mailchimp" else set())


@pytest.mark.parametrize("provider", PROVIDERS)
def test_people_add_up_to_their_campaign(accounts: dict[str, Account], provider: str) -> None:
    """I9: also with somebody who was deleted, whom the provider's totals count and its details no longer tell of."""
    rows = accounts[provider].ask(f"""
        select
            (
                sent_count, campaigns.opens, campaigns.clicks, unique_clicks, opt_outs, complaints, hard_bounces,
                soft_bounces
            ),
            (
                count(*), sum(sends.opens + sends.machine_opens), sum(sends.clicks), count(*) filter (sends.clicks > 0),
                count(*) filter (sends.opted_out), count(*) filter (sends.complained),
                count(*) filter (sends.bounce = 'hard'), count(*) filter (sends.bounce = 'soft')
            )
        from marts.campaigns as campaigns inner join marts.sends as sends using (connection, campaign_id)
        where connection = '{accounts[provider].connection}'
        group by campaigns.*
    """)
    assert len(rows) == 3
    assert [tuple(totals) for totals, _ in rows] == [tuple(people) for _, people in rows]


def test_what_a_deleted_person_did_stays(accounts: dict[str, Account]) -> None:
    """J4, contract of Mailchimp, section 10: deleting a member deletes the member's activity there."""
    account = accounts["mailchimp"]
    query = f"select count(*), sum(opens), sum(clicks) from marts.sends where email_key = '{account.deleted}'"
    ((campaigns, opens, clicks),) = account.ask(query)
    assert campaigns == 3 and opens > 0 and clicks > 0


def test_a_message_that_went_out_twice_is_one_send(accounts: dict[str, Account]) -> None:
    """I4."""
    found = accounts["mailup"].ask("""
        select campaign_id, max(times_sent), count(*) = count(distinct email_key) from marts.sends
        where connection = 'mailup' group by campaign_id order by cast(campaign_id as int)
    """)
    assert [(times, is_one_row) for _, times, is_one_row in found] == [(2, True), (1, True), (1, True)]
