"""Who is in a list, and how each of them stands: ids, addresses, opt-ins and opt-outs, without their fields.

Belongs here: EmailOptins as our value objects, kept for the minutes of one push. Does not: members with fields and
groups (reading.py).

A plain import adds whoever is not there, also somebody who was taken off the list an hour ago. So what changes members
asks the roster first. It also leads from an address to an id, for no address may stand in a URL.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.providers.base import Status
from pipelines.providers.mailup.client import CONSOLE, Client
from pipelines.providers.mailup.paging import Listing, read
from pipelines.providers.mailup.values import UNKNOWN_CAUSE, Cause, cause, same, utc

FRESH_SECONDS = 300.0

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Consent:
    """How one person stands in a list. `cause` and `message_id` are those of an opt-out."""

    provider_id: str
    email: str
    status: Status
    joined_at: str | None
    changed_at: str | None
    cause: Cause | None
    opted_out_at: str | None
    message_id: str | None


class Roster:
    """One list as it was read."""

    def __init__(self, people: Mapping[str, Consent]) -> None:
        self.read_at = time.monotonic()
        self.by_id = dict(people)
        self._ids = {same(one.email): one.provider_id for one in people.values()}

    def find(self, provider_id: str | None, email: str) -> Consent | None:
        """The person with this id, else with this address."""
        return self.by_id.get(provider_id or "") or self.by_id.get(self._ids.get(same(email), ""))

    def put(self, one: Consent) -> None:
        """Somebody who was seen in the list since."""
        self.by_id[one.provider_id] = one
        self._ids[same(one.email)] = one.provider_id

    @property
    def is_fresh(self) -> bool:
        """Whether it is young enough to send by."""
        return time.monotonic() - self.read_at < FRESH_SECONDS


class Rosters:
    """The rosters of one account."""

    def __init__(self, client: Client, order_by: str | None) -> None:
        self._client = client
        self._query = ascending(order_by)
        self._known: dict[str, Roster] = {}
        self._elsewhere: dict[str, tuple[float, frozenset[str]]] = {}

    def of(self, audience_id: str) -> Roster:
        """The list's roster, not older than some minutes."""
        known = self._known.get(audience_id)
        return known if known and known.is_fresh else self.read(audience_id)

    def read(self, audience_id: str) -> Roster:
        """The list's roster as of now."""
        people: dict[str, Consent] = {}
        listing = Listing(f"{list_path(audience_id)}/Recipients/EmailOptins", person_id, self._query)
        for page in read(self._client, listing):
            people.update((person_id(item), self._consent(item)) for item in page)
        self._known[audience_id] = Roster(people)
        return self._known[audience_id]

    def unsubscribed(self, audience_id: str) -> frozenset[str]:
        """Addresses (as `same` writes them) that are unsubscribed in a list, not older than some minutes."""
        read_at, known = self._elsewhere.get(audience_id, (0.0, frozenset()))
        if not read_at or time.monotonic() - read_at > FRESH_SECONDS:
            listing = Listing(f"{list_path(audience_id)}/Recipients/Unsubscribed", person_id, self._query)
            known = frozenset(same(str(item["email"])) for page in read(self._client, listing) for item in page)
            self._elsewhere[audience_id] = (time.monotonic(), known)
        return known

    def _consent(self, item: Item) -> Consent:
        zone = self._client.zone
        joined_at = utc(item.get("optin_date"), zone)
        opted_out_at = utc(item.get("optout_date"), zone)
        times = [joined_at, opted_out_at, utc(item.get("optin_request_date"), zone)]
        why = _cause(item, opted_out_at)
        return Consent(
            provider_id=person_id(item),
            email=str(item["email"]),
            status=why.status if why else _present(item),
            joined_at=joined_at,
            changed_at=max((moment for moment in times if moment), default=None),
            cause=why,
            opted_out_at=opted_out_at,
            message_id=str(item["optout_msgid"]) if why and item.get("optout_msgid") else None,
        )


def list_path(audience_id: str) -> str:
    """Where a list is; an id that is none leads nowhere."""
    return f"{CONSOLE}/List/{int(audience_id)}"


def person_id(item: Item) -> str:
    """The id of the person a document is about."""
    return str(item["idrecipient"])


def ascending(order_by: str | None) -> dict[str, str]:
    """The query that lets newcomers come last, so that nobody moves while pages are read."""
    return {"orderby": f'"{order_by} asc"'} if order_by else {}


def descending(order_by: str | None) -> dict[str, str]:
    """The query that lets newcomers come first."""
    return {"orderby": f'"{order_by} desc"'} if order_by else {}


def _cause(item: Item, opted_out_at: str | None) -> Cause | None:
    """Why the person is unsubscribed, None for somebody who is not. A word that nobody documented counts as a no."""
    word = str(item.get("status") or "").upper()
    if word in ("OPTIN", "PENDING") or (not word and opted_out_at is None):
        return None
    found = cause(item.get("optout_type"), item.get("optout_subtype"))
    return found if item.get("optout_type") is not None else UNKNOWN_CAUSE


def _present(item: Item) -> Status:
    return "pending" if str(item.get("status") or "").upper() == "PENDING" else "subscribed"
