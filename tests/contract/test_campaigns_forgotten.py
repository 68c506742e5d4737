"""What a provider has forgotten of a campaign stays known here; what it corrects is corrected.

Belongs here: pulls of a campaign whose totals shrink. Does not: pulls of campaigns that only grow
(test_mailchimp_campaign_reads.py), one provider's statistics (test_mailup_statistics.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from mailup_push_world import IN_NO_TIME, PushWorld, lay_out
from mailup_simulator_caller import MailupCaller

from pipelines.providers.base import Campaign
from pipelines.providers.mailup.provider import MailupProvider
from pipelines.sandbox.mailup.simulator import Mailup
from pipelines.stats.pulling import pull_campaigns, pull_details

SOCI, DONATORI = ([f"{group}{number}@people.example" for number in range(4)] for group in ("socio", "donatore"))
LINK = "https://soci.example/b"
NOBODY = {
    **dict.fromkeys(("hard_bounces", "soft_bounces", "proxies", "opens", "clicks", "opt_outs", "complaints"), 0),
    **{"never_opens": 1, "span_seconds": 1},
}
HISTORY = {
    "sends": "select email, times_sent, bounce from stats.sends order by all",
    "events": "select email, event, url, happened_at is null from stats.events order by all",
    "links": "select url, clicks, unique_clickers from stats.links order by all",
    "link_clicks": "select email, clicks from stats.link_clicks order by all",
    "totals": "select * exclude (read_at, is_half_forgotten, name, sent_at) from stats.campaigns",
}


@dataclass
class Story:
    """A message that went to one group in January, and the same one to another group ten months later."""

    world: PushWorld
    mailup: Mailup
    patch: pytest.MonkeyPatch
    message_id: int = 0

    def at(self, moment: str) -> None:
        self.patch.setenv("ENLIST_NOW", f"{moment}T08:00:00+00:00")

    def send(self, group_id: int) -> None:
        """Send the message to one group."""
        with MailupCaller(self.mailup) as call:
            sent = call("POST", f"LIST/Email/{self.message_id}/Send", params={"inGroups": group_id})
            assert sent.json()["Sent"] == 4

    def act(self, email: str, act: str, **options: Any) -> None:
        self.mailup.act(self.mailup.list_id, email, act, message_id=self.message_id, **options)

    def pull(self, kind: type[MailupProvider] = MailupProvider) -> None:
        world, audience_id = self.world, str(self.mailup.list_id)
        with world.provider_of(kind) as provider:
            pull_campaigns(world.home, world.warehouse, provider, world.sync, audience_id)
            pull_details(world.home, world.warehouse, provider, world.sync, audience_id)

    def history(self) -> dict[str, list[tuple[Any, ...]]]:
        with self.world.warehouse.open() as database:
            return {name: database.execute(sql).fetchall() for name, sql in HISTORY.items()}

    def total(self, name: str) -> int:
        with self.world.warehouse.open() as database:
            return int(database.execute(f"select {name} from stats.campaigns").fetchall()[0][0])


@pytest.fixture
def story(mailup_simulator: Mailup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Story:
    mailup_simulator.turn(habits=NOBODY, **IN_NO_TIME)
    lay_out(tmp_path, mailup_simulator.url.removesuffix("/mailup"))
    told = Story(PushWorld(tmp_path), mailup_simulator, monkeypatch)
    told.at("2026-01-10")
    groups = []
    for name, people in (("Soci", SOCI), ("Donatori", DONATORI)):
        groups.append(mailup_simulator.add_group(mailup_simulator.list_id, name))
        bodies = [{"Email": email, "Name": ""} for email in people]
        mailup_simulator.add_recipients(mailup_simulator.list_id, bodies, groups[-1])
    with MailupCaller(mailup_simulator) as call:
        content = f'<a href="{LINK}">B</a>'
        told.message_id = call("POST", "LIST/Email", json={"Subject": "Invito", "Content": content}).json()["idMessage"]
    told.send(groups[0])
    for act in ("open", "open"):
        told.act(SOCI[0], act)
    told.act(SOCI[1], "open")
    told.act(SOCI[1], "click", url=LINK)
    told.act(SOCI[2], "opt_out", type=2)
    told.act(SOCI[3], "hard_bounce")
    told.at("2026-01-11")
    told.pull()
    told.at("2026-11-20")
    told.send(groups[1])
    told.act(DONATORI[0], "open")
    told.act(DONATORI[0], "click", url=LINK)
    told.at("2026-11-21")
    told.pull()
    return told


def test_what_is_forgotten_of_a_message_that_went_out_twice_stays_as_it_was_read(story: Story) -> None:
    """Contract of MailUp, section 8: recipients are kept for a year at most, and then counted no more."""
    before = story.history()
    assert (story.total("sent_count"), story.total("opens"), story.total("opt_outs")) == (8, 4, 1)
    story.at("2027-01-20")
    with story.world.provider() as provider:
        (told,) = provider.campaigns(str(story.mailup.list_id))
    assert (told.sent_count, told.opens) == (4, 1), "the provider has forgotten the first sending"
    story.pull()
    assert story.history() == before
    story.pull()
    assert story.history() == before, "also when it is asked again"


def test_what_is_forgotten_in_part_stays_though_the_warehouse_is_deleted(story: Story) -> None:
    before = story.history()
    story.at("2027-01-20")
    for _ in range(2):
        story.world.home.warehouse.unlink()
        story.pull()
        assert story.history() == before


def test_what_is_new_in_a_message_that_is_forgotten_in_part_is_added_to_what_is_known(story: Story) -> None:
    before, clicks = story.history(), story.total("clicks")
    story.at("2027-01-20")
    story.act(DONATORI[1], "open")
    story.act(DONATORI[1], "click", url=LINK)
    story.at("2027-01-21")
    for _ in range(2):
        story.pull()
        after = story.history()
        assert len(after["events"]) == len(before["events"]) + 2 and set(before["events"]) <= set(after["events"])
        assert after["sends"] == before["sends"]
        assert (story.total("opens"), story.total("unique_opens"), story.total("clicks")) == (5, 4, clicks + 1)


class Counting(MailupProvider):
    """An account that counts one open less than it did."""

    def campaigns(self, audience_id: str, *, since: str | None = None) -> Iterator[Campaign]:
        for one in super().campaigns(audience_id, since=since):
            yield replace(one, opens=one.opens - 1)


class Correcting(Counting):
    """The same, and it says that it is right."""

    traits = replace(MailupProvider.traits, corrects_totals=True)


@pytest.mark.parametrize(("kind", "opens"), [(Counting, 4), (Correcting, 3)])
def test_totals_shrink_only_where_the_provider_corrects_them(
    story: Story, kind: type[MailupProvider], opens: int
) -> None:
    story.pull(kind)
    assert story.total("opens") == opens
