"""The person who works at the provider by hand, for rehearsals: plain API calls, as anybody's.

Belongs here: what was in the audience before the first sync, and a few sample campaigns. Does not: what recipients do
with them (people.py).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import requests

from pipelines.config.connections import MailupConnection, ProviderConnection
from pipelines.errors import TransientError


@dataclass(frozen=True)
class Draft:
    """A campaign to send: its folder is its category (I11)."""

    title: str
    subject: str
    folder: str
    links: tuple[str, ...]

    @property
    def html(self) -> str:
        """The mail: a paragraph with each link."""
        return "".join(f'<p><a href="{link}">Lees meer</a></p>' for link in self.links)


DRAFTS = (
    Draft(
        "Nieuwsbrief oktober",
        "Wat verandert er per 1 januari?",
        "Nieuwsbrief",
        ("https://accountant.example/btw", "https://accountant.example/lonen", "https://accountant.example/agenda"),
    ),
    Draft(
        "Uitnodiging seminar",
        "U bent uitgenodigd: seminar opvolging",
        "Uitnodigingen",
        ("https://accountant.example/seminar", "https://accountant.example/route"),
    ),
    Draft(
        "Nieuwsbrief november",
        "Het jaareinde in vijf stappen",
        "Nieuwsbrief",
        ("https://accountant.example/jaareinde",),
    ),
)


def send_campaigns(connection: ProviderConnection, audience_id: str, drafts: Sequence[Draft] = DRAFTS) -> int:
    """Send the drafts to an audience of the sandbox unless it has had campaigns before; how many were sent."""
    if isinstance(connection, MailupConnection):
        return send_mailup_campaigns(connection, audience_id, drafts)
    if connection.url is None:
        return 0
    return send_mailchimp_campaigns(connection.url, connection.api_key.get_secret_value(), audience_id, drafts)


def send_mailup_campaigns(connection: MailupConnection, audience_id: str, drafts: Sequence[Draft]) -> int:
    """The same for a MailUp list; a draft's folder becomes its tag, and its title the message's notes."""
    with requests.Session() as session:
        form = {
            "grant_type": "password",
            "username": connection.username,
            "password": connection.password.get_secret_value(),
            "client_id": connection.client_id,
            "client_secret": connection.client_secret.get_secret_value(),
        }
        token = _call(session, "POST", f"{connection.url}/Authorization/OAuth/Token", data=form)["access_token"]
        session.headers["Authorization"] = f"Bearer {token}"
        base = f"{connection.url}/API/v1.1/Rest/ConsoleService.svc/Console/List/{audience_id}"
        if _call(session, "GET", f"{base}/Emails", params={"PageSize": 1})["TotalElementsCount"]:
            return 0
        tags = {
            name: _call(session, "POST", f"{base}/Tag", json=name)
            for name in sorted({draft.folder for draft in drafts})
        }
        for draft in drafts:
            body = {
                "Subject": draft.subject,
                "Notes": draft.title,
                "Content": draft.html,
                "Tags": [tags[draft.folder]],
            }
            message = _call(session, "POST", f"{base}/Email", json=body)
            _call(session, "POST", f"{base}/Email/{message['idMessage']}/Send")
    return len(drafts)


def send_mailchimp_campaigns(root: str, api_key: str, audience_id: str, drafts: Sequence[Draft] = DRAFTS) -> int:
    """Send the drafts to the audience unless it has had campaigns before; how many were sent.

    `root` is the root of the host as in connections.yaml.
    """
    with requests.Session() as session:
        session.auth = ("marketer", api_key)
        base = f"{root}/3.0"
        known = _call(session, "GET", f"{base}/campaigns", params={"list_id": audience_id, "count": 1})
        if known["total_items"]:
            return 0
        folders = {name: _folder(session, base, name) for name in sorted({draft.folder for draft in drafts})}
        for draft in drafts:
            _send(session, base, audience_id, draft, folders[draft.folder])
    return len(drafts)


def make_mailchimp_past(root: str, api_key: str, audience_id: str, addresses: Sequence[str]) -> None:
    """Give an audience a past: of the addresses, the first joined and opted out, the second was deleted for good.

    Both are in the CRM as well. Nobody may subscribe the one, and Mailchimp refuses the other (contract, section 5).
    """
    opted_out, deleted = addresses
    with requests.Session() as session:
        session.auth = ("marketer", api_key)
        members = f"{root}/3.0/lists/{audience_id}/members"
        for address in (opted_out, deleted):
            _call(session, "POST", members, json={"email_address": address, "status": "subscribed"})
        backstage = f"{root.rpartition('/')[0]}/sandbox/mailchimp/act"
        _call(session, "POST", backstage, json={"list_id": audience_id, "email": opted_out, "act": "opt_out"})
        _call(session, "POST", f"{members}/{member_hash(deleted)}/actions/delete-permanent")


def member_hash(address: str) -> str:
    """A member's id in Mailchimp's paths."""
    return hashlib.md5(address.lower().encode(), usedforsecurity=False).hexdigest()


def _folder(session: requests.Session, base: str, name: str) -> str:
    return str(_call(session, "POST", f"{base}/campaign-folders", json={"name": name})["id"])


def _send(session: requests.Session, base: str, audience_id: str, draft: Draft, folder_id: str) -> None:
    settings = {
        "subject_line": draft.subject,
        "title": draft.title,
        "from_name": "Accountant",
        "reply_to": "info@accountant.example",
        "folder_id": folder_id,
    }
    body = {"type": "regular", "recipients": {"list_id": audience_id}, "settings": settings}
    campaign_id = _call(session, "POST", f"{base}/campaigns", json=body)["id"]
    _call(session, "PUT", f"{base}/campaigns/{campaign_id}/content", json={"html": draft.html})
    _call(session, "POST", f"{base}/campaigns/{campaign_id}/actions/send")


def _call(session: requests.Session, method: str, url: str, **arguments: Any) -> Any:
    answer = session.request(method, url, timeout=(5, 60), **arguments)
    if not answer.ok:
        what = f"the sandbox answered {answer.status_code} to the sample campaigns."
        raise TransientError(what, where=url, do="Stop it, delete sandbox/ in the home, and try again.")
    return answer.json() if answer.content else None
