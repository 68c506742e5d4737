"""An audience that is deleted at its provider stays here as history, with its statistics (F10, J1, J4).

The story: campaigns go out to an audience and are pulled; then somebody deletes the audience at the provider.

Belongs here: what the tables of the warehouse say afterwards, the same for both providers. Does not: the marts made
from them (tests/unit/test_marts.py).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mailchimp_push_world
import mailup_push_world
import pytest
import requests
from push_world import World

from pipelines.config.sync import NewAudience
from pipelines.providers.loading import load_account
from pipelines.sandbox.marketer import send_campaigns
from pipelines.sandbox.server import Sandbox
from pipelines.stats.loading import TABLES
from pipelines.stats.pulling import pull_campaigns, pull_details

PEOPLE = tuple(f"person{number}@people.example" for number in range(20))

OTHER = NewAudience(
    company="Org",
    sender_name="Org",
    sender_email="post@org.example",
    address="Street 1",
    city="Town",
    country="NL",
    permission_reminder="You are a member.",
)


@dataclass
class Account:
    """A home whose account has the audience of its sync and one more."""

    world: World[Any]
    sandbox: Sandbox
    audience_id: str
    other_id: str

    def load(self) -> None:
        with self.world.provider() as provider:
            load_account(provider, self.world.warehouse, self.world.connection)

    def pull(self) -> None:
        world = self.world
        with world.provider() as provider:
            pull_campaigns(world.home, world.warehouse, provider, world.sync, self.audience_id)
            pull_details(world.home, world.warehouse, provider, world.sync, self.audience_id)

    def delete(self) -> None:
        """Somebody deletes the audience in the provider's own pages."""
        if self.world.connection == "mailup":
            self.sandbox.mailup.delete_list(int(self.audience_id))
            return
        mailchimp = self.sandbox.mailchimp
        url = f"{mailchimp.url}/3.0/lists/{self.audience_id}"
        requests.delete(url, auth=("marketer", mailchimp.api_key), timeout=5).raise_for_status()

    def states(self) -> dict[str, str]:
        with self.world.warehouse.open() as database:
            return dict(database.execute("select audience_id, state from extract.audiences").fetchall())

    def statistics(self) -> dict[str, list[tuple[Any, ...]]]:
        """All rows of the stats tables, but for when a campaign was looked at last."""
        query = "select columns(lambda name: name <> 'read_at') from stats.{} order by all"
        with self.world.warehouse.open() as database:
            return {name: database.execute(query.format(name)).fetchall() for name in TABLES.values()}


def with_another(world: World[Any], sandbox: Sandbox, audience_id: str) -> Account:
    with world.provider() as provider:
        return Account(world, sandbox, audience_id, provider.create_audience("Other", OTHER).audience_id)


def mailchimp_account(sandbox: Sandbox, root: Path) -> Account:
    mailchimp = sandbox.mailchimp
    mailchimp_push_world.lay_out(root, sandbox.url)
    mailchimp.add_members(mailchimp.list_id, [{"email_address": email} for email in PEOPLE])
    return with_another(mailchimp_push_world.PushWorld(root), sandbox, mailchimp.list_id)


def mailup_account(sandbox: Sandbox, root: Path) -> Account:
    mailup = sandbox.mailup
    mailup.turn(new_list_seconds=0, **mailup_push_world.IN_NO_TIME)
    mailup_push_world.lay_out(root, sandbox.url)
    mailup.add_recipients(mailup.list_id, [{"Email": email, "Name": ""} for email in PEOPLE])
    return with_another(mailup_push_world.PushWorld(root), sandbox, str(mailup.list_id))


@pytest.fixture(params=[mailchimp_account, mailup_account], ids=["mailchimp", "mailup"])
def account(request: pytest.FixtureRequest, mailchimp_simulator_server: Sandbox, tmp_path: Path) -> Account:
    mailchimp_simulator_server.reset()
    made: Account = request.param(mailchimp_simulator_server, tmp_path)
    send_campaigns(made.world.settings(), made.audience_id)
    return made


def test_an_audience_deleted_at_the_provider_is_told_as_deleted_and_its_statistics_stay(account: Account) -> None:
    """F10, J1, J4."""
    account.load()
    assert account.states() == {account.audience_id: "created", account.other_id: "created"}
    account.pull()
    before = account.statistics()
    assert len(before["campaigns"]) == 3
    assert len(before["sends"]) > 50
    account.delete()
    account.load()
    assert account.states() == {account.audience_id: "deleted", account.other_id: "created"}
    assert account.statistics() == before
    account.pull()  # Mailchimp keeps the reports, MailUp has nothing to tell any more
    assert account.statistics() == before
