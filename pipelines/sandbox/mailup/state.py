"""All documents of the MailUp simulator, indexed, and the history of what changed them.

Belongs here: finding, saving, numbering, time. Does not: any rule of the API.
"""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipelines.sandbox.clock import MovableClock, stamp
from pipelines.sandbox.documents import Collection, Documents
from pipelines.sandbox.mailup.deliveries import Deliveries
from pipelines.sandbox.mailup.model import (
    Account,
    Group,
    Import,
    MailList,
    Message,
    Objection,
    Recipient,
    Sending,
    Status,
    Subscription,
    Tag,
    Token,
)
from pipelines.sandbox.mailup.switches import Switches
from pipelines.sandbox.state import SimulatorState


def address_hash(email: str) -> str:
    """How the history and the objections know an address: SHA-256 of it in lower case, cut to 16 digits."""
    return hashlib.sha256(email.lower().encode()).hexdigest()[:16]


class Roster:
    """A set of recipient ids that is read in ascending order; sorted anew only after it changed."""

    def __init__(self) -> None:
        self._ids: set[int] = set()
        self._sorted: list[int] | None = []

    def __contains__(self, recipient_id: int) -> bool:
        return recipient_id in self._ids

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, recipient_id: int) -> None:
        """Puts one in."""
        if recipient_id not in self._ids:
            self._ids.add(recipient_id)
            self._sorted = None

    def discard(self, recipient_id: int) -> None:
        """Takes one out, if it is there."""
        if recipient_id in self._ids:
            self._ids.remove(recipient_id)
            self._sorted = None

    def ids(self) -> Sequence[int]:
        """All of them, ascending."""
        if self._sorted is None:
            self._sorted = sorted(self._ids)
        return self._sorted


class Book:
    """The address book: recipients by id, address, mobile number and group."""

    def __init__(self, documents: Documents) -> None:
        self._all: Collection[Recipient] = Collection(documents, "recipients", Recipient, lambda found: str(found.id))
        self.by_id: dict[int, Recipient] = {}
        self._by_email: dict[str, Recipient] = {}
        self._by_mobile: dict[str, Recipient] = {}
        self._groups: dict[int, Roster] = {}
        for recipient in self._all:
            self._index(recipient)

    def _index(self, recipient: Recipient) -> None:
        self.by_id[recipient.id] = recipient
        self._by_email[recipient.email.lower()] = recipient
        if recipient.mobile_number:
            self._by_mobile[mobile_of(recipient.mobile_prefix, recipient.mobile_number)] = recipient
        for group_id in recipient.groups:
            self.group(group_id).add(recipient.id)

    def get(self, recipient_id: int) -> Recipient | None:
        """By id."""
        return self.by_id.get(recipient_id)

    def at(self, email: str) -> Recipient | None:
        """By address, in whatever case."""
        return self._by_email.get(email.strip().lower())

    def with_mobile(self, prefix: str, number: str) -> Recipient | None:
        """By mobile number."""
        return self._by_mobile.get(mobile_of(prefix, number))

    def group(self, group_id: int) -> Roster:
        """Members of the group."""
        if group_id not in self._groups:
            self._groups[group_id] = Roster()
        return self._groups[group_id]

    def save(self, recipient: Recipient) -> Recipient:
        """Writes a new or changed recipient down (address, mobile and groups change through the methods below)."""
        self._index(self._all.put(recipient))
        return recipient

    def rename(self, recipient: Recipient, email: str) -> None:
        """Gives another address."""
        del self._by_email[recipient.email.lower()]
        recipient.email = email
        self.save(recipient)

    def set_mobile(self, recipient: Recipient, prefix: str, number: str) -> None:
        """Gives another mobile number; "" for none."""
        self._by_mobile.pop(mobile_of(recipient.mobile_prefix, recipient.mobile_number), None)
        recipient.mobile_prefix, recipient.mobile_number = prefix, number
        self.save(recipient)

    def join(self, recipient: Recipient, group_id: int) -> None:
        """Into the group."""
        recipient.groups = sorted({*recipient.groups, group_id})
        self.save(recipient)

    def leave(self, recipient: Recipient, group_id: int) -> None:
        """Out of the group."""
        recipient.groups = [found for found in recipient.groups if found != group_id]
        self.group(group_id).discard(recipient.id)
        self.save(recipient)

    def remove(self, recipient: Recipient) -> None:
        """The recipient is gone."""
        for group_id in recipient.groups:
            self.group(group_id).discard(recipient.id)
        self._by_mobile.pop(mobile_of(recipient.mobile_prefix, recipient.mobile_number), None)
        del self._by_email[recipient.email.lower()]
        del self.by_id[recipient.id]
        self._all.remove(recipient)


def mobile_of(prefix: str, number: str) -> str:
    """A mobile number as a key."""
    return f"{prefix.strip().lstrip('+0')} {number.strip()}"


class Subscriptions:
    """Who stands where with which list."""

    def __init__(self, documents: Documents) -> None:
        self._all: Collection[Subscription] = Collection(
            documents, "subscriptions", Subscription, lambda found: f"{found.list_id}:{found.recipient_id}"
        )
        self._rosters: dict[tuple[int, str], Roster] = {}
        for subscription in self._all:
            self._index(subscription)

    def _index(self, subscription: Subscription) -> None:
        list_id, recipient_id = subscription.list_id, subscription.recipient_id
        everybody = self.roster(list_id)
        if recipient_id in everybody:
            for status in ("Subscribed", "Pending", "Unsubscribed"):
                self.roster(list_id, status).discard(recipient_id)
        everybody.add(recipient_id)
        self.roster(list_id, subscription.status).add(recipient_id)

    def get(self, list_id: int, recipient_id: int) -> Subscription | None:
        """The subscription, None when the recipient is not in the list."""
        return self._all.get(f"{list_id}:{recipient_id}")

    def roster(self, list_id: int, status: Status | str = "") -> Roster:
        """Recipients of the list with this status; "" for any."""
        found = self._rosters.get((list_id, status))
        if found is None:
            found = self._rosters[list_id, status] = Roster()
        return found

    def save(self, subscription: Subscription) -> None:
        """Writes a new or changed one down."""
        self._index(self._all.put(subscription))

    def remove(self, subscription: Subscription) -> None:
        """The recipient is not in the list any more."""
        for status in ("", subscription.status):
            self.roster(subscription.list_id, status).discard(subscription.recipient_id)
        self._all.remove(subscription)


class State(SimulatorState[Account, Switches]):
    """Everything that the simulator knows.

    The history names list_id, recipient_id, group_id, status_before, status_after, optout_type, against_will, fields
    and id.
    """

    def __init__(self, path: Path, clock: MovableClock, seed: int, switches: Switches) -> None:
        self.seed = seed
        self.ticks = clock.ticks
        super().__init__(path, clock, switches)

    def _load(self) -> None:
        documents = self._documents
        self._accounts = Collection(documents, "account", Account, lambda found: found.uid)
        self.tokens: Collection[Token] = Collection(documents, "tokens", Token, lambda found: found.access)
        self.lists: Collection[MailList] = Collection(documents, "lists", MailList, lambda found: str(found.id))
        self.groups: Collection[Group] = Collection(documents, "groups", Group, lambda found: str(found.id))
        self.book = Book(documents)
        self.subscriptions = Subscriptions(documents)
        self.objections: Collection[Objection] = Collection(
            documents, "objections", Objection, lambda found: f"{found.list_id}:{found.address_hash}"
        )
        self.imports: Collection[Import] = Collection(documents, "imports", Import, lambda found: str(found.id))
        self.tags: Collection[Tag] = Collection(documents, "tags", Tag, lambda found: str(found.id))
        self.messages: Collection[Message] = Collection(documents, "messages", Message, lambda found: str(found.id))
        self.sendings: Collection[Sending] = Collection(documents, "sendings", Sending, lambda found: str(found.id))
        self.deliveries = Deliveries(documents)

    def stamp(self) -> str:
        """The moment as it is kept."""
        return stamp(self.now())

    def secret(self, kind: str) -> str:
        """A token or code nobody has seen; the same sequence in every sandbox of the same seed."""
        return hashlib.sha256(f"{self.seed}:{kind}:{self.number(f'{kind} id')}".encode()).hexdigest()[:48]

    def groups_of(self, list_id: int) -> list[Group]:
        """Groups of the list, oldest first."""
        return [group for group in self.groups if group.list_id == list_id]

    def messages_of(self, list_id: int) -> list[Message]:
        """E-mail messages of the list, oldest first."""
        return [message for message in self.messages if message.list_id == list_id and message.kind == "email"]

    def recipients(self, ids: Iterable[int]) -> list[Recipient]:
        """The recipients with these ids."""
        return [self.book.by_id[found] for found in ids]

    def objection(self, list_id: int, email: str) -> Objection | None:
        """What the person with this address said to the list, if it was no."""
        return self.objections.get(f"{list_id}:{address_hash(email)}") if len(self.objections) else None
