"""Statistics of MailUp against the simulator: messages, sendings, people, links; what is forgotten stays."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from mailup_simulator_caller import MailupCaller
from mailup_world import LOGIN, MailupWorld, people

from pipelines.config.connections import MailupConnection
from pipelines.providers.base import Campaign, Event
from pipelines.sandbox.marketer import DRAFTS, send_campaigns
from pipelines.sandbox.people import Habits
from pipelines.sandbox.server import Sandbox

PAGE = '<a href="https://soci.example/a">A</a> <a href="https://soci.example/b">B</a>'
NOBODY = {
    "hard_bounces": 0, "soft_bounces": 0, "never_opens": 1, "proxies": 0, "opens": 0, "clicks": 0, "opt_outs": 0,
    "complaints": 0, "span_seconds": 1,
}  # fmt: skip
ALBA = "alba.conti@postaprivata.example"
REACHED = 11  # people of a fresh list who are subscribed


@pytest.fixture
def call(mailup_simulator_call: MailupCaller) -> MailupCaller:
    mailup_simulator_call.simulator.turn(habits=NOBODY)
    return mailup_simulator_call


@pytest.fixture
def world(call: MailupCaller, tmp_path: Path) -> Iterator[MailupWorld]:
    made = MailupWorld(call.simulator, tmp_path)
    yield made
    made.close()


def sent(call: MailupCaller, subject: str = "Invito", times: int = 1, query: Any = None, **body: Any) -> str:
    made = call("POST", "LIST/Email", json={"Subject": subject, "Content": PAGE, **body})
    assert made.status_code == 200, made.text
    number = made.json()["idMessage"]
    for _ in range(times):
        assert call("POST", f"LIST/Email/{number}/Send", params=query).status_code == 200
    return str(number)


def campaigns(world: MailupWorld, since: str | None = None) -> dict[str, Campaign]:
    return {one.campaign_id: one for one in world.open().campaigns(world.audience_id, since=since)}


def events(world: MailupWorld, campaign_id: str, since: str | None = None) -> list[Event]:
    return [one for page in world.open().events(campaign_id, since=since) for one in page]


def test_a_message_is_a_campaign_with_its_tags_as_category(call: MailupCaller, world: MailupWorld) -> None:
    """I3, I11."""
    tags = [call("POST", "LIST/Tag", json=name).json() for name in ("eventi", "soci")]
    tagged, plain = sent(call, Notes="Nota", Tags=tags), sent(call, "Altro", Tags=None)
    sent(call, "Bozza", times=0)
    for act, options in (("open", {}), ("open", {}), ("click", {"url": "https://soci.example/b"})):
        world.act(ALBA, act, message_id=int(tagged), **options)
    found = campaigns(world)
    assert set(found) == {tagged, plain}, "a draft is no campaign"
    one = found[tagged]
    assert (one.name, one.subject, one.category) == ("Nota", "Invito", "eventi, soci")
    assert (found[plain].name, found[plain].category) == ("Altro", None)
    assert (one.audience_id, one.sent_count, one.unique_opens, one.unique_clicks) == (world.audience_id, REACHED, 1, 1)
    assert (one.opens, one.clicks) == (2, 1)
    assert one.sent_at and one.sent_at.endswith("+00:00")
    assert campaigns(world, since="2999-01-01T00:00:00+00:00") == {}


def test_somebody_who_sends_sample_campaigns_sends_each_once_and_people_react(
    call: MailupCaller, world: MailupWorld
) -> None:
    call.simulator.turn(habits=asdict(Habits()))
    world.put(people(60))
    connection = MailupConnection(kind="mailup", url=call.simulator.url, **LOGIN)
    assert [send_campaigns(connection, world.audience_id) for _ in range(2)] == [len(DRAFTS), 0]
    found = sorted(campaigns(world).values(), key=lambda one: int(one.campaign_id))
    told = [(draft.title, draft.subject, draft.folder) for draft in DRAFTS]
    assert [(one.name, one.subject, one.category) for one in found] == told
    assert all(one.unique_opens > 0 and one.unique_clicks > 0 for one in found)


def test_all_sendings_of_a_message_to_one_person_are_one_row(call: MailupCaller, world: MailupWorld) -> None:
    """I4: whether all got it again or only some."""
    world.put(people(3), group_id=1)
    again = sent(call, times=2)
    other = world.simulator.add_group(world.list_id, "Pochi")
    world.put([ALBA], group_id=other)
    partly = sent(call)
    assert call("POST", f"LIST/Email/{partly}/Send", params={"inGroups": other}).status_code == 200
    whole = {one.email: one.times_sent for page in world.open().sends(again) for one in page}
    assert len(whole) == REACHED + 3 and set(whole.values()) == {2}
    some = {one.email: one.times_sent for page in world.open().sends(partly) for one in page}
    assert some == {email: 2 if email == ALBA else 1 for email in whole}
    capped = {one.email: one.times_sent for page in world.open(deliveries_of=3).sends(partly) for one in page}
    assert set(capped.values()) == {1}


def test_bounces_are_hard_or_soft_and_each_person_has_their_own(call: MailupCaller, world: MailupWorld) -> None:
    number = sent(call)
    hard, soft = "bruno.ferri@postaprivata.example", ALBA
    world.act(hard, "hard_bounce", message_id=int(number))
    world.act(soft, "soft_bounce", message_id=int(number))
    bounced = {one.email: one.bounce for page in world.open().sends(number) for one in page if one.bounce}
    assert bounced == {hard: "hard", soft: "soft"}
    one = campaigns(world)[number]
    assert (one.hard_bounces, one.soft_bounces) == (1, 1)
    assert Counter(event.event for event in events(world, number)) == {"bounce": 2}


def test_opens_and_clicks_are_as_many_as_counted_and_have_no_time(call: MailupCaller, world: MailupWorld) -> None:
    number = sent(call)
    for url in ("https://soci.example/a", "https://soci.example/b", "https://soci.example/b"):
        world.act(ALBA, "click", message_id=int(number), url=url)
    found = events(world, number)
    clicks = [event for event in found if event.event == "click"]
    assert Counter(event.url for event in clicks) == {"https://soci.example/a": 1, "https://soci.example/b": 2}
    one = campaigns(world)[number]
    assert (one.clicks, one.opens) == (len(clicks), sum(event.event == "open" for event in found))
    assert {event.happened_at for event in found} == {None}
    assert events(world, number, since="2999-01-01T00:00:00+00:00") == found, "what has no time is always told"


def test_links_have_their_clickers(call: MailupCaller, world: MailupWorld) -> None:
    """I6."""
    number = sent(call)
    for email in (ALBA, "bruno.ferri@postaprivata.example", ALBA):
        world.act(email, "click", message_id=int(number), url="https://soci.example/b")
    provider = world.open()
    (link,) = provider.links(number)
    assert (link.url, link.clicks, link.unique_clickers) == ("https://soci.example/b", 3, 2)
    clickers = {one.email: one.clicks for page in provider.link_clicks(number, link.link_id) for one in page}
    assert clickers == {ALBA: 2, "bruno.ferri@postaprivata.example": 1}


def test_opt_outs_and_complaints_of_a_message_have_reason_and_time(call: MailupCaller, world: MailupWorld) -> None:
    number = sent(call)
    bruno = "bruno.ferri@postaprivata.example"
    world.act(ALBA, "opt_out", message_id=int(number), type=2)
    world.act(bruno, "opt_out", message_id=int(number), type=16)
    found = [event for event in events(world, number) if event.event in ("opt_out", "complaint")]
    assert {(event.email, event.event, event.detail) for event in found} == {
        (ALBA, "opt_out", "link in a message"),
        (bruno, "complaint", "spam complaint"),
    }
    assert all(event.happened_at for event in found)
    one = campaigns(world)[number]
    assert (one.opt_outs, one.complaints) == (1, 1)
    later = [event for event in events(world, number, since="2999-01-01T00:00:00+00:00") if event.happened_at]
    assert later == []


def test_what_mailup_has_forgotten_is_not_told_as_nothing(
    call: MailupCaller, world: MailupWorld, mailchimp_simulator_server: Sandbox
) -> None:
    number = sent(call)
    assert campaigns(world)[number].sent_count == REACHED
    mailchimp_simulator_server.clock.advance(timedelta(days=366).total_seconds())
    fresh = MailupCaller(call.simulator)
    fresh.session.close()
    assert campaigns(world) == {}


@pytest.mark.parametrize("are_unique", [True, False])
def test_opens_are_all_opens_whatever_mailup_counts(call: MailupCaller, world: MailupWorld, are_unique: bool) -> None:
    world.simulator.turn(counts_are_unique=are_unique)
    number = sent(call)
    for _ in range(3):
        world.act(ALBA, "open", message_id=int(number))
    one = campaigns(world)[number]
    assert (one.unique_opens, one.opens) == (1, 3)
