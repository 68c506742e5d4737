"""The account behind Prism, and everything that can be asked of it.

Belongs here: a provider connected through Prism, an audience that is full, a call of every route. Does not: facts
(test_prism.py), Prism itself (prism_proxy.py).
"""

from pathlib import Path
from typing import Any

import requests

from pipelines.config.connections import MailchimpConnection
from pipelines.http.client import Patience
from pipelines.providers.base import Change, Member, Op, Outcome, Provider
from pipelines.providers.mailchimp.provider import MailchimpProvider
from pipelines.sandbox.mailchimp.simulator import Mailchimp

PAGE = '<a href="https://vereniging.example/agenda">Agenda</a> <a href="https://vereniging.example/leden">Leden</a>'
ANKE, BAS, CARLA, DIRK = (
    f"{name}.example" for name in ("anke.vis@privemail", "bas.tuin@privemail", "carla.duyn@hofstede", "d.oost@hofstede")
)  # fmt: skip
REFUSER = "koos.lamp@buurtkrant.example"
FIELD_TYPES = ("text", "number", "address", "phone", "date", "url", "imageurl", "radio", "dropdown", "birthday", "zip")
REPORTS = (
    "/email-activity", "/sent-to", "/open-details", "/click-details", "/unsubscribed", "/domain-performance",
    "/abuse-reports",
)  # fmt: skip


class World:
    """The account behind Prism, and a provider that is connected to it."""

    def __init__(self, simulator: Mailchimp, url: str, locks: Path) -> None:
        self.simulator = simulator
        self.list_id = simulator.list_id
        self.url = url
        self._locks = locks
        self._opened: list[Provider] = []
        self.provider = self.open()

    def open(self, **settings: Any) -> MailchimpProvider:
        """A provider with other settings; it waits for nothing."""
        settings = {"api_key": self.simulator.api_key, "page_size": 5, **settings}
        connection = MailchimpConnection(kind="mailchimp", url=self.url, **settings)
        patience = Patience(connect_timeout=5, read_timeout=20, max_attempts=2, wait=lambda seconds: None)
        provider = MailchimpProvider("mailchimp", connection, self._locks, patience=patience)
        self._opened.append(provider)
        return provider

    def close(self) -> None:
        for provider in self._opened:
            provider.close()

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """A call that the provider does not make, through Prism too."""
        url = f"{self.url}/3.0{path.replace('LIST', f'/lists/{self.list_id}')}"
        answer = requests.request(method, url, json=body, auth=("x", self.simulator.api_key), timeout=20)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def push(self, changes: list[Change], provider: Provider | None = None) -> dict[str, str | None]:
        """{change_id: refusal code, or what became of it}."""
        sender = provider or self.provider
        batches = list(sender.batches(self.list_id, changes))
        outcomes: list[Outcome] = [found for batch in batches for found in sender.send(self.list_id, batch)]
        assert len(outcomes) == len(changes)
        return {found.change_id: found.code or found.outcome for found in outcomes}

    def members(self, *names: str, since: str | None = None) -> dict[str, Member]:
        pages = self.provider.members(self.list_id, fields=names, since=since)
        return {member.email: member for page in pages for member in page}


def change(op: Op, email: str, before: Any, after: Any, member: Member | None = None, tag: str = "") -> Change:
    provider_id = member.provider_id if member else None
    return Change(f"{op} {email.partition('@')[0]}{tag}", op, email, email.lower(), provider_id, before, after)


def add(email: str, before: Any = None, status: str = "subscribed", **fields: str) -> Change:
    return change("add", email, before, {"status": status, "fields": fields or {"FNAME": "Ann"}})


def update(member: Member, **fields: str) -> Change:
    return change("update", member.email, {"status": member.status, "fields": {}}, {"fields": fields}, member)


def fill(world: World) -> None:
    """Gives the audience something of everything that Mailchimp can hold."""
    for number, kind in enumerate(FIELD_TYPES):
        options = {"options": {"choices": ["Rood", "Blauw"]}} if kind in ("radio", "dropdown") else {}
        world.api("POST", "LIST/merge-fields", {"name": f"Veld {kind}", "type": kind, "tag": f"F{number}", **options})
    ids = []
    for title in ("Soort", "Raad"):
        category = world.api("POST", "LIST/interest-categories", {"title": title, "type": "checkboxes"})
        for name in ("Leden", "Vrienden"):
            path = f"LIST/interest-categories/{category['id']}/interests"
            ids.append(world.api("POST", path, {"name": name})["id"])
    values = {
        "F0": "Tekst", "F1": 15.5, "F3": "030 1234567", "F4": "2026-11-21", "F5": "https://vereniging.example/",
        "F7": "Rood", "F8": "Blauw", "F9": "11/21", "F10": "90210",
        "F2": {"addr1": "Dorpsstraat 1", "city": "Utrecht", "state": "UT", "zip": "3511", "country": "NL"},
    }  # fmt: skip
    world.api("PATCH", f"LIST/members/{ANKE}", {"merge_fields": values, "interests": {ids[0]: True, ids[3]: True}})
    tags = {"tags": [{"name": f"Tag {number}", "status": "active"} for number in range(60)]}
    world.api("POST", f"LIST/members/{ANKE}/tags", tags)
    world.api("DELETE", f"LIST/members/{BAS}")
    world.simulator.act(world.list_id, CARLA, "hard_bounce")
    world.simulator.act(world.list_id, DIRK, "complain")
    for status in ("pending", "transactional"):
        world.api("POST", "LIST/members", {"email_address": f"{status}@post.example", "status": status})


def call_everything(world: World) -> None:
    """Every route of the simulator, but for batches, with every id a real one."""
    call_audiences(world)
    call_fields_and_groups(world)
    call_members_and_segments(world)
    call_campaigns(world)


def call_audiences(world: World) -> None:
    world.api("GET", "/")
    world.api("GET", "/ping")
    body = {
        "name": "Leden",
        "contact": {"company": "V", "address1": "S 1", "zip": "3511", "city": "Utrecht", "state": "", "country": "NL"},
        "permission_reminder": "U bent lid.",
        "campaign_defaults": {"from_name": "V", "from_email": "v@v.example", "subject": "Nieuws", "language": "nl"},
        "email_type_option": False,
    }
    made = world.api("POST", "/lists", body)
    world.api("PATCH", f"/lists/{made['id']}", {**body, "double_optin": True})
    assert world.api("GET", "/lists?include_total_contacts=true")["total_items"] == 2
    assert world.api("GET", f"/lists/{made['id']}")["double_optin"] is True
    world.api("DELETE", f"/lists/{made['id']}")


def call_fields_and_groups(world: World) -> None:
    fill(world)
    for item in world.api("GET", "LIST/merge-fields?count=50")["merge_fields"]:
        path = f"LIST/merge-fields/{item['merge_id']}"
        world.api("PATCH", path, {"name": f"{world.api('GET', path)['name']}!"})
    world.api("DELETE", path)
    root = "LIST/interest-categories"
    path = f"{root}/{world.api('GET', root)['categories'][0]['id']}"
    world.api("PATCH", path, {"title": "Rol", "type": world.api("GET", path)["type"]})
    interest = f"{path}/interests/{world.api('GET', f'{path}/interests')['interests'][0]['id']}"
    world.api("PATCH", interest, {"name": f"{world.api('GET', interest)['name']}!"})
    world.api("DELETE", interest)
    world.api("DELETE", path)


def call_members_and_segments(world: World) -> None:
    path = f"LIST/members/{ANKE}"
    world.api("PUT", path, {"email_address": ANKE, "status_if_new": "subscribed", "merge_fields": {"FNAME": "A"}})
    assert world.api("GET", path)["tags_count"] == 60
    assert world.api("GET", "LIST/members?status=archived&vip_only=false&count=1")["total_items"] == 1
    assert world.api("GET", f"{path}/tags?count=100")["total_items"] == 60
    assert world.api("GET", "LIST/tag-search?name=Tag")["total_items"] == 60
    item = {"email_address": "jo@post.example", "status": "subscribed", "tags": ["Vip"]}
    wrong = {"email_address": "foo@example.com", "status": "subscribed"}
    body = {"members": [item, wrong, {"email_address": ANKE, "email_type": "text"}], "update_existing": True}
    answer = world.api("POST", "LIST", body)
    assert (answer["total_created"], answer["total_updated"], answer["error_count"]) == (1, 1, 1)
    world.api("POST", "LIST/members/jo@post.example/actions/delete-permanent")
    segment = world.api("POST", "LIST/segments", {"name": "Raad", "static_segment": [ANKE]})
    path = f"LIST/segments/{segment['id']}"
    world.api("POST", path, {"members_to_add": [REFUSER, ANKE], "members_to_remove": []})
    assert world.api("GET", path)["member_count"] == 1
    assert world.api("GET", f"{path}/members?include_unsubscribed=true")["total_items"] == 2
    assert world.api("GET", "LIST/segments?type=static&count=100")["total_items"] == 62
    world.api("DELETE", path)


def call_campaigns(world: World) -> None:
    folder = world.api("POST", "/campaign-folders", {"name": "Nieuwsbrieven"})
    settings = {"subject_line": "Nieuws", "title": "N1", "from_name": "V", "reply_to": "v@v.example"}
    recipients = {"list_id": world.list_id}
    body = {"type": "regular", "recipients": recipients, "settings": {**settings, "folder_id": folder["id"]}}
    path = f"/campaigns/{world.api('POST', '/campaigns', body)['id']}"
    world.api("PUT", f"{path}/content", {"html": PAGE})
    assert world.api("GET", f"{path}/content")["plain_text"]
    assert world.api("GET", path)["status"] == "save"
    world.api("POST", f"{path}/actions/send")
    assert world.api("GET", "/campaign-folders")["folders"][0]["count"] == 1
    assert world.api("GET", "/campaigns")["campaigns"][0]["status"] == "sent"
    assert world.api("GET", "/reports")["total_items"] == 1
    report = path.replace("campaigns", "reports")
    for detail in ("", *REPORTS):
        world.api("GET", f"{report}{detail}")
    link = world.api("GET", f"{report}/click-details")["urls_clicked"][0]
    world.api("GET", f"{report}/click-details/{link['id']}/members")
    world.api("DELETE", path)
