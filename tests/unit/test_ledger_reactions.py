"""What campaigns say about mailing people: complaints, soft bounces in a row, opt-outs of those who are gone.

Belongs here: reactions to campaigns, up to the plan. Does not: what the audience itself shows
(test_ledger_consent.py), reading campaigns (test_mailchimp_campaigns.py).
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from plan_world import START, Draft, World, address, person

from pipelines import clock


class Mailing(World):
    """A world that sends campaigns, one a day."""

    sent = 0

    def campaign(self, **bounces: str | None) -> None:
        """A campaign to the named people, each with `soft`, `hard` or no bounce."""
        self.sent += 1
        campaign, at = f"c{self.sent}", clock.naive(START + timedelta(days=self.sent))
        self.database.execute(
            "insert into stats.campaigns (connection, campaign_id, audience_id, sent_at) values ('chimp', ?, 'A1', ?)",
            [campaign, at],
        )
        for name, bounce in bounces.items():
            self.database.execute(
                "insert into stats.sends (connection, campaign_id, email_key, times_sent, bounce) "
                "values ('chimp', ?, ?, 1, ?)",
                [campaign, address(name), bounce],
            )

    def reacts(self, name: str, event: str, detail: str | None = None) -> None:
        """Somebody complains about the last campaign, or opts out by it."""
        at = clock.naive(START + timedelta(days=self.sent, hours=1))
        self.database.execute(
            "insert into stats.events (connection, campaign_id, email_key, event, happened_at, detail) "
            "values ('chimp', ?, ?, ?, ?, ?)",
            [f"c{self.sent}", address(name), event, at, detail],
        )

    def suppressions(self) -> set[tuple[str, str, str]]:
        """(email_key, reason, source) of everything in force."""
        query = "select email_key, reason, source from ledger.suppressions where released_at is null"
        return set(self.database.execute(query).fetchall())


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Mailing]:
    made = Mailing(monkeypatch, tmp_path)
    made.want(person("anna"), person("bert"))
    made.sync_once()
    yield made
    made.database.close()


def soft(world: World, number: int | None, **more: Any) -> None:
    consent = {**world.sync.consent.model_dump(), "soft_bounces": number, **more}
    world.sync = world.sync.model_validate({**world.sync.model_dump(by_alias=True), "consent": consent})


def told(draft: Draft) -> tuple[Any, Any]:
    return draft.told, draft.held


def test_soft_bounces_in_a_row_block_an_address_at_the_threshold_and_not_before(world: Mailing) -> None:
    """H4 and Z8: how many is a setting, five unless the sync says otherwise."""
    for _ in range(4):
        world.campaign(anna="soft", bert=None)
    assert told(world.sync_once()) == ([], set())
    world.campaign(anna="soft", bert="soft")
    draft = world.sync_once()
    assert told(draft) == ([("unsubscribe", "anna", "bounced")], {("anna", "bounced")})
    assert world.suppressions() == {(address("anna"), "bounced", "soft_bounces")}
    assert told(world.sync_once()) == ([], {("anna", "bounced")})


def test_a_campaign_that_arrived_ends_the_row_of_soft_bounces(world: Mailing) -> None:
    soft(world, 2)
    world.campaign(anna="soft")
    world.campaign(anna=None)
    world.campaign(anna="soft")
    assert told(world.sync_once()) == ([], set())


def test_with_one_as_the_threshold_any_bounce_blocks(world: Mailing) -> None:
    """H4: "alla studsar (både hårda och mjuka studsar)"."""
    soft(world, 1)
    world.campaign(anna="soft")
    assert told(world.sync_once()) == ([("unsubscribe", "anna", "bounced")], {("anna", "bounced")})


def test_without_a_threshold_soft_bounces_never_block_and_block_no_longer(world: Mailing) -> None:
    soft(world, 1)
    world.campaign(anna="soft")
    world.sync_once()
    soft(world, None)
    world.campaign(bert="soft")
    assert told(world.sync_once()) == ([("add", "anna", "returned")], set())


def test_soft_bounces_block_though_hard_ones_are_left_to_the_provider(world: Mailing) -> None:
    soft(world, 1, hard_bounces="ignore")
    world.campaign(anna="soft")
    assert told(world.sync_once()) == ([("unsubscribe", "anna", "bounced")], {("anna", "bounced")})


def test_after_a_release_the_soft_bounces_are_counted_from_nought(world: Mailing) -> None:
    soft(world, 2)
    world.campaign(anna="soft")
    world.campaign(anna="soft")
    world.later(days=4)
    world.sync_once()
    world.says("release", "anna", source="admin")
    assert told(world.sync_once()) == ([("add", "anna", "returned")], set())
    world.sent = 5
    world.campaign(anna="soft")
    assert told(world.sync_once()) == ([], set())
    world.campaign(anna="soft")
    assert told(world.sync_once()) == ([("unsubscribe", "anna", "bounced")], {("anna", "bounced")})


def test_a_release_of_a_block_by_hand_leaves_the_count_of_soft_bounces_alone(world: Mailing) -> None:
    soft(world, 2)
    world.campaign(anna="soft")
    world.says("block", "anna", source="admin", reason="blocked")
    world.later(days=2)
    world.sync_once()
    world.says("release", "anna", source="admin", reason="blocked")
    world.campaign(anna="soft")
    assert world.sync_once().held == {("anna", "bounced")}


def test_a_complaint_is_remembered_as_one_beside_the_opt_out_that_the_provider_makes_of_it(world: Mailing) -> None:
    world.campaign(anna=None, bert=None)
    world.reacts("anna", "complaint")
    world.turn("anna", "unsubscribed", "abuse")
    assert told(world.sync_once()) == ([], {("anna", "complained")})
    assert world.suppressions() == {
        (address("anna"), "complained", "provider"),
        (address("anna"), "opted_out", "provider"),
    }


def test_an_opt_out_is_not_lost_when_its_member_is_archived_before_we_look(world: Mailing) -> None:
    """F5: nothing in the audience shows it any more, the campaign still does."""
    world.campaign(anna=None, bert=None)
    world.reacts("anna", "opt_out", "no longer interested")
    world.turn("anna", "archived")
    world.sync_once()
    assert world.suppressions() == {(address("anna"), "opted_out", "provider")}


def test_somebody_who_opted_out_by_a_campaign_and_joined_again_is_believed(world: Mailing) -> None:
    world.campaign(anna=None)
    world.reacts("anna", "opt_out")
    assert told(world.sync_once()) == ([], set())
    assert world.suppressions() == set()


def test_what_was_released_is_not_told_again_by_the_same_campaign(world: Mailing) -> None:
    world.campaign(anna=None)
    world.reacts("anna", "complaint")
    world.later(days=3)
    world.sync_once()
    world.says("release", "anna", source="admin")
    world.sync_once()
    assert world.suppressions() == set()


@pytest.mark.parametrize(("own", "scope"), [(None, "home"), ("audience", "audience")])
def test_a_complaint_reaches_as_far_as_the_entity_says_else_as_the_sync_says(
    world: Mailing, own: str | None, scope: str
) -> None:
    """H2."""
    sync = world.sync.model_dump(by_alias=True)
    sources = [{**source, "consent_scope": own} for source in sync["from"]]
    consent = {**sync["consent"], "scope": "home"}
    world.sync = world.sync.model_validate({**sync, "from": sources, "consent": consent})
    world.campaign(anna=None)
    world.reacts("anna", "complaint")
    world.sync_once()
    assert world.database.execute("select reason, scope from ledger.suppressions").fetchall() == [("complained", scope)]


def gone_with_reactions(world: Mailing) -> None:
    """Anna opts out, complains and bounces, and is then deleted."""
    soft(world, 1, scope=world.sync.consent.scope)
    world.campaign(anna="soft")
    world.reacts("anna", "complaint")
    world.reacts("anna", "opt_out")
    del world.audience[address("anna")]


@pytest.mark.parametrize(("own", "elsewhere"), [("audience", "audience"), ("account", "audience"), ("home", "account")])
def test_what_is_known_of_another_audience_says_nothing_here_where_it_reaches_less_far(
    world: Mailing, own: str, elsewhere: str
) -> None:
    """F5, H2: they would be subscribed again."""
    soft(world, 1, scope=own)
    for event, reason, source in (
        ("opt_out", "opted_out", "provider"),
        ("complaint", "complained", "provider"),
        ("bounce", "bounced", "soft_bounces"),
    ):
        world.says(event, "anna", reason=reason, source=source, scope=elsewhere, audience_id="A2")
    gone_with_reactions(world)
    assert told(world.sync_once()) == ([], {("anna", "complained")})
    here = "select reason, scope from ledger.suppressions where audience_id = 'A1' order by all"
    found = world.database.execute(here).fetchall()
    assert found == [("bounced", own), ("complained", own), ("opted_out", own)]
    world.extract()
    assert world.database.execute(here).fetchall() == found


@pytest.mark.parametrize(
    ("own", "known"),
    [
        ("audience", {"scope": "account", "audience_id": "A2"}),
        ("account", {"scope": "account", "audience_id": "A2"}),
        ("home", {"scope": "home", "connection": "mup"}),
    ],
)
def test_what_is_known_to_reach_as_far_is_not_written_down_again(
    world: Mailing, own: str, known: dict[str, str]
) -> None:
    soft(world, None, scope=own)
    world.says("complaint", "anna", reason="complained", **known)
    world.campaign(anna=None)
    world.reacts("anna", "complaint")
    world.extract()
    assert world.database.execute("select count(*) from ledger.suppressions").fetchall() == [(1,)]


def test_a_hard_bounce_that_the_sync_leaves_to_the_provider_hides_no_soft_ones(world: Mailing) -> None:
    soft(world, 1, hard_bounces="ignore")
    world.says("bounce", "anna", reason="bounced", audience_id="A2")
    world.campaign(anna="soft")
    assert told(world.sync_once()) == ([("unsubscribe", "anna", "bounced")], {("anna", "bounced")})
