"""Our requests and the simulator's answers against Mailchimp's own specification, compared by Prism in between.

Belongs here: everything that the Mailchimp provider does, and what independent clients do, driven through Prism. Does
not: Prism itself (prism_proxy.py), what the answers mean (the other contract tests).
"""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mailchimp_marketing  # type: ignore[import-untyped]
import pytest
import requests
import test_mailchimp_simulator_clients as independent
from mailchimp3 import MailChimp  # type: ignore[import-untyped]
from prism_proxy import Proxy, Recorder, prism, recording
from prism_world import ANKE, BAS, CARLA, DIRK, PAGE, REFUSER, World, add, call_everything, change, fill, update

from pipelines.config.sync import NewAudience
from pipelines.errors import PermanentError, TransientError
from pipelines.sandbox.mailchimp.routes import ROUTES, found_at
from pipelines.sandbox.mailchimp.simulator import Mailchimp
from pipelines.sandbox.people import Habits
from pipelines.sandbox.server import Sandbox

pytestmark = pytest.mark.slow

EAGER = Habits(
    hard_bounces=0.1, soft_bounces=0.1, never_opens=0, proxies=0.5, opens=1, clicks=0.9, opt_outs=0.3, complaints=0.2
)
STORIES = [story for name, story in vars(independent).items() if name.startswith("test_")]


@pytest.fixture(scope="session")
def proxy(mailchimp_simulator_server: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with prism(mailchimp_simulator_server.mailchimp.url, tmp_path_factory.mktemp("prism")) as found:
        yield found


@pytest.fixture
def recorder(proxy: Proxy) -> Iterator[Recorder]:
    """Notes what Prism finds, for a test that judges it itself."""
    with recording(proxy) as found:
        yield found


@pytest.fixture
def conforms(recorder: Recorder) -> Iterator[Recorder]:
    """The same for a test whose every exchange conforms; one that sends nothing through Prism fails."""
    yield recorder
    assert recorder.seen
    assert recorder.violations() == []


@pytest.fixture
def world(mailchimp_simulator: Mailchimp, proxy: Proxy, tmp_path: Path) -> Iterator[World]:
    found = World(mailchimp_simulator, proxy.url, tmp_path / "locks")
    yield found
    found.close()


def test_everything_that_is_read_conforms(world: World, conforms: Recorder) -> None:
    fill(world)
    assert world.provider.account().account_id
    assert [audience.name for audience in world.provider.audiences()] == ["Relaties"]
    fields = world.provider.merge_fields(world.list_id)
    assert len(fields) == 16
    assert len(world.provider.groups(world.list_id)) == 4
    members = world.members(*(field.name for field in fields))
    assert {member.status for member in members.values()} == {
        "subscribed", "unsubscribed", "bounced", "pending", "archived", "transactional",
    }  # fmt: skip
    assert len(members[ANKE].tags) == 60 and len(members[ANKE].groups) == 2 and members[ANKE].fields["F1"] == "15.5"
    assert world.members("FNAME", since=members[ANKE].changed_at)
    assert world.members() and world.open(page_size=1000).merge_fields(world.list_id)
    tally = world.provider.tally(world.list_id)
    assert sum(tally.statuses.values()) == len(members) and len(tally.tags) >= 60


def test_everything_that_is_created_conforms(world: World, conforms: Recorder) -> None:
    data = NewAudience(
        company="Vereniging", sender_name="Vereniging", sender_email="post@vereniging.example", address="Dorpsstraat 1",
        zip="3511 AA", city="Utrecht", country="NL", language="nl", permission_reminder="U bent lid.",
    )  # fmt: skip
    list_id = world.provider.create_audience("Leden", data).audience_id
    assert world.provider.create_merge_field(list_id, "LIDNR", "Lidnummer").type == "text"
    assert world.provider.create_group(list_id, "Soort", "Leden").key == "Soort: Leden"
    assert world.provider.create_group(list_id, "Soort", "Vrienden").key == "Soort: Vrienden"
    world.simulator.turn(max_merge_fields=6, max_interests=2, max_audiences=2)
    for refused in (
        lambda: world.provider.create_merge_field(list_id, "MORE", "Meer"),
        lambda: world.provider.create_merge_field(list_id, "TOO_LONG_A_TAG", "Lang"),
        lambda: world.provider.create_group(list_id, "Soort", "Raad"),
        lambda: world.provider.create_audience("Nog een", data),
    ):
        with pytest.raises(PermanentError):
            refused()


@pytest.mark.parametrize("mode", ["batch", "single"])
def test_every_kind_of_change_conforms(world: World, conforms: Recorder, mode: str) -> None:
    provider = world.open(update_without_status=mode)
    group = provider.create_group(world.list_id, "Soort", "Leden").key
    new = {name: f"{name}@post.example" for name in ("ina", "jo", "kim", "lou")}
    assert world.push([add(email, FNAME="Zoë") for email in new.values()], provider) == {
        f"add {name}": "applied" for name in new
    }
    assert world.push([add("wacht@post.example", status="pending")], provider) == {"add wacht": "applied"}
    known = world.members("FNAME")
    ina, jo, kim, lou = (known[email] for email in new.values())
    nobody, one, two = ({"tags": tags} for tags in ([], ["Klant"], ["Klant", "Vip"]))
    outside, inside = ({"groups": groups} for groups in ([], [group]))
    address = '{"addr1": "Dorpsstraat 1", "city": "Utrecht", "state": "UT", "zip": "3511"}'
    moved = {"email": "ina.boot@post.example", "fields": {"FNAME": "Ina"}}
    for changes in (
        [update(ina, FNAME="Ina", ADDRESS=address, BIRTHDAY="11/21"), update(known[REFUSER], LNAME="Lamp")],
        [change("tag", ina.email, nobody, two, ina), change("tag", jo.email, nobody, one, jo)],
        [change("untag", ina.email, two, one, ina), change("untag", jo.email, one, nobody, jo)],
        [change("join", jo.email, outside, inside, jo), change("join", kim.email, outside, inside, kim)],
        [change("leave", jo.email, inside, outside, jo)],
        [change("rename", "ina.boot@post.example", {"email": ina.email}, moved, ina)],
        [change("unsubscribe", kim.email, {"status": "subscribed"}, {"status": "unsubscribed"}, kim)],
        [change("archive", jo.email, {"status": "subscribed"}, {"status": "archived"}, jo)],
        [add(jo.email, {"status": "archived"}, FNAME="Jo")],
        [change("delete", lou.email, {"status": "subscribed"}, {"status": "deleted"}, lou)],
    ):
        assert set(world.push(changes, provider).values()) == {"applied"}, changes[0].op
    after = world.members("FNAME", "ADDRESS")
    assert lou.email not in after and after["ina.boot@post.example"].tags == ("Klant",)


def test_every_refusal_of_a_row_conforms(world: World, conforms: Recorder) -> None:
    gone = "weg@post.example"
    world.push([add(gone)])
    world.simulator.act(world.list_id, gone, "delete_by_hand")
    world.simulator.act(world.list_id, "druk@post.example", "too_many_signups")
    world.api("POST", "LIST/members", {"email_address": "wacht@post.example", "status": "pending"})
    world.simulator.act(world.list_id, CARLA, "hard_bounce")
    known = world.members("FNAME")
    single = {"status": "unsubscribed"}
    assert world.push([
        add("somebody@example.com"), add("geen adres"), add(gone), add("druk@post.example"), add(ANKE), add(REFUSER),
        add("datum@post.example", BIRTHDAY="31/31"), add("goed@post.example"),
    ]) == {
        "add somebody": "fake_address", "add geen adres": "invalid_address", "add weg": "forgotten",
        "add druk": "too_many_signups", "add anke.vis": "already_there", "add koos.lamp": "already_there",
        "add datum": "merge_field_invalid", "add goed": "applied",
    }  # fmt: skip
    assert world.push([
        add(REFUSER, single), add("somebody@example.com", single), add(gone, single),
        add("datum@post.example", single, BIRTHDAY="31/31"),
    ]) == {
        "add koos.lamp": "compliance_state", "add somebody": "fake_address", "add weg": "forgotten",
        "add datum": "merge_field_invalid",
    }  # fmt: skip
    taken = change("rename", BAS, {"email": ANKE}, {"email": BAS, "fields": {}}, known[ANKE])
    left = change("rename", "koos@post.example", {"email": REFUSER}, {"email": "koos@post.example"}, known[REFUSER])
    assert set(world.push([taken, left]).values()) == {"rename_taken", "rename_not_subscribed"}
    archive = [
        change("archive", email, {"status": known[email].status}, {"status": "archived"}, known[email])
        for email in (CARLA, "wacht@post.example")
    ]
    assert set(world.push(archive).values()) == {"not_removable"}
    missing = [update(known[ANKE], FNAME="A"), change("archive", DIRK, {"status": "subscribed"}, {}, known[DIRK])]
    for email in (ANKE, DIRK):
        world.simulator.act(world.list_id, email, "delete_by_hand")
    assert world.push(missing, world.open(update_without_status="single"))["update anke.vis"] == "not_found"


def test_every_statistic_conforms(world: World, conforms: Recorder) -> None:
    world.simulator.turn(habits=vars_of(EAGER))
    world.simulator.add_members(
        world.list_id, ({"email_address": f"person{number}@post.example"} for number in range(40))
    )
    folder = world.api("POST", "/campaign-folders", {"name": "Nieuwsbrieven"})
    settings = {"subject_line": "Nieuws", "title": "N1", "from_name": "V", "reply_to": "v@v.example"}
    made = []
    for kind, content in (
        ("regular", {"html": PAGE}),
        ("plaintext", {"plain_text": "Zie https://vereniging.example/x"}),
    ):
        body = {"type": kind, "recipients": {"list_id": world.list_id}}
        campaign = world.api("POST", "/campaigns", {**body, "settings": {**settings, "folder_id": folder["id"]}})
        world.api("PUT", f"/campaigns/{campaign['id']}/content", content)
        world.api("POST", f"/campaigns/{campaign['id']}/actions/send")
        made.append(campaign["id"])
    campaigns = list(world.provider.campaigns(world.list_id))
    assert {campaign.campaign_id for campaign in campaigns} == set(made)
    assert campaigns[0].category == "Nieuwsbrieven" and campaigns[0].opens
    assert list(world.provider.campaigns(world.list_id, since="2020-01-01T00:00:00+00:00")) == campaigns
    kinds = set()
    for campaign in campaigns:
        assert sum(len(page) for page in world.provider.sends(campaign.campaign_id)) == campaign.sent_count
        events = [event for page in world.provider.events(campaign.campaign_id) for event in page]
        kinds |= {event.event for event in events}
        assert any(event.is_machine for event in events)
        since = max(event.happened_at for event in events)
        assert [event for page in world.provider.events(campaign.campaign_id, since=since) for event in page]
        assert world.provider.domains(campaign.campaign_id)[0].sent_count > 0
        for link in world.provider.links(campaign.campaign_id):
            assert list(world.provider.link_clicks(campaign.campaign_id, link.link_id))
    assert kinds == {"open", "click", "bounce", "opt_out", "complaint"}


def vars_of(habits: Habits) -> dict[str, Any]:
    return {name: getattr(habits, name) for name in habits.__slots__}


def test_every_route_of_the_simulator_conforms(
    world: World, conforms: Recorder, mailchimp_simulator_server: Sandbox
) -> None:
    """Also those that the provider has no use for; a route that is added and not called here fails."""
    call_everything(world)
    batch = world.api("POST", "/batches", {"operations": [{"method": "GET", "path": "/lists", "params": {"count": 1}}]})
    mailchimp_simulator_server.clock.advance(3600)
    assert world.api("GET", f"/batches/{batch['id']}")["response_body_url"]
    assert world.api("GET", "/batches")["total_items"] == 1
    world.api("DELETE", f"/batches/{batch['id']}")
    called = {(exchange.method, found_at(exchange.path)[0]) for exchange in conforms.seen}
    assert called == {(method, route) for route, handlers in ROUTES.items() for method in handlers}


def test_every_refusal_of_a_call_conforms(world: World, conforms: Recorder) -> None:
    wrong = world.open(api_key="f123456789abcdef0123456789abcdef-us1")
    token = world.open(api_key="not-a-key-but-a-token-us1")
    for provider in (wrong, token):
        with pytest.raises(PermanentError):
            provider.account()
    with pytest.raises(PermanentError):
        world.provider.merge_fields("0000000000")
    for status in (429, 500, 503):
        world.simulator.fail(kind="problem", status=status, times=2)
        with pytest.raises(TransientError):
            world.provider.account()
    assert {exchange.status for exchange in conforms.seen} == {401, 404, 429, 500, 503}


def test_an_error_that_is_no_json_is_the_one_violation_that_the_contract_expects(
    world: World, recorder: Recorder
) -> None:
    """Contract, section 2: 429, 403 and 502 with an HTML or an empty body."""
    for kind, status in (("html", 403), ("html", 502), ("empty", 429)):
        world.simulator.fail(kind=kind, status=status)
        assert world.provider.account()
    spoiled = [exchange for exchange in recorder.seen if exchange.violations]
    assert [exchange.status for exchange in spoiled] == [403, 502, 429]
    assert recorder.violations() == []


def test_a_wrong_request_is_reported(world: World, recorder: Recorder) -> None:
    """So that the tests above can fail: wrong values, keys and parameters that nobody knows, no API key, no path."""
    url, auth = f"{world.url}/3.0/lists/{world.list_id}/members", ("x", world.simulator.api_key)
    body = {"email_address": "ina@post.example", "status": "member"}
    requests.post(url, json=body, auth=auth, timeout=20)
    requests.get(url, params={"count": "all"}, auth=auth, timeout=20)
    requests.post(url, json={**body, "status": "subscribed", "merge_field": {}}, auth=auth, timeout=20)
    requests.get(url, params={"skip_merge_valdation": "true"}, auth=auth, timeout=20)
    requests.get(url, timeout=20)
    requests.get(f"{world.url}/3.0/nowhere", auth=auth, timeout=20)
    status, count, key, parameter, unauthorised, path = recorder.violations()
    assert "Request body property status must be equal to one of the allowed values" in status
    assert "Request query parameter count must be integer" in count
    assert "must NOT have additional properties; found 'merge_field'" in key
    assert "Unknown parameter skip_merge_valdation" in parameter
    assert "Invalid security scheme used" in unauthorised
    assert "Selected route not found" in path


def test_a_wrong_answer_is_reported(world: World, recorder: Recorder) -> None:
    """No JSON is expected of the errors that the contract names only."""
    for status in (200, 500):
        world.simulator.fail(kind="html", status=status)
        assert world.provider.account()
    for wrong in recorder.violations():
        assert '["response"' in wrong and "text/html" in wrong
    assert len(recorder.violations()) == 2


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__.removeprefix("test_"))
def test_the_answers_to_independent_clients_conform(
    story: Callable[..., None], mailchimp_simulator: Mailchimp, proxy: Proxy, recorder: Recorder
) -> None:
    """The conformance tests once more, through Prism. What those clients send is not ours to answer for."""
    official = mailchimp_marketing.Client({"api_key": mailchimp_simulator.api_key, "timeout": 120})
    official.api_client.host = f"{proxy.url}/3.0"
    third_party = MailChimp(mc_api=mailchimp_simulator.api_key, mc_user="any", timeout=120)
    third_party.base_url = f"{proxy.url}/3.0/"
    actors = {
        "official": official, "third_party": third_party, "list_id": mailchimp_simulator.list_id,
        "mailchimp_simulator": mailchimp_simulator,
    }  # fmt: skip
    story(**{name: actors[name] for name in inspect.signature(story).parameters})
    assert recorder.seen
    assert [found for found in recorder.violations() if '["response"' in found] == []
