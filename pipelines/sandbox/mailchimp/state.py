"""All documents of the Mailchimp simulator, indexed, and the history of what changed them.

Belongs here: finding, saving, numbering, time. Does not: any rule of the API.
"""

import hashlib
import heapq
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

from pipelines.sandbox.clock import Clock, stamp
from pipelines.sandbox.documents import Collection, Documents
from pipelines.sandbox.mailchimp.model import (
    Account,
    Audience,
    Batch,
    Campaign,
    Category,
    Delivery,
    Folder,
    Interest,
    Mark,
    Member,
    MergeField,
    Operation,
    Segment,
)
from pipelines.sandbox.mailchimp.switches import Switches
from pipelines.sandbox.state import SimulatorState


def md5(text: str) -> str:
    """MD5 hex of the text in UTF-8."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def address_hash(email_address: str) -> str:
    """The id of a member: MD5 of the address in lower case (Unicode)."""
    return md5(email_address.lower())


class Roll:
    """The members of every audience: by contact, by address, by tag; listed in the order in which they came."""

    def __init__(self, documents: Documents) -> None:
        self._all: Collection[Member] = Collection(documents, "members", Member, lambda member: member.contact_id)
        self._audiences: dict[str, dict[str, Member]] = {}
        self._by_hash: dict[tuple[str, str], Member] = {}
        self._tagged: dict[str, dict[str, Member]] = {}
        for member in self._all:
            self._index(member)

    def _index(self, member: Member) -> None:
        self._audiences.setdefault(member.list_id, {})[member.contact_id] = member
        self._by_hash[member.list_id, address_hash(member.email_address)] = member
        for segment in member.tags:
            self._tagged.setdefault(segment, {})[member.contact_id] = member

    def of(self, list_id: str) -> dict[str, Member]:
        """Members of the audience by contact_id."""
        return self._audiences.get(list_id, {})

    def tagged(self, segment_id: int) -> dict[str, Member]:
        """Members who have the tag, by contact_id."""
        return self._tagged.get(str(segment_id), {})

    def at(self, list_id: str, email_address: str) -> Member | None:
        """The member with this address, in whatever case."""
        return self._by_hash.get((list_id, address_hash(email_address)))

    def find(self, list_id: str, path_id: str) -> Member | None:
        """By what a path may hold: the MD5, the address itself, or the contact_id."""
        if "@" in path_id:
            return self.at(list_id, path_id)
        return self._by_hash.get((list_id, path_id)) or self.of(list_id).get(path_id)

    def save(self, member: Member) -> Member:
        """Writes a new or changed member down (its address and tags change through the methods below)."""
        self._index(self._all.put(member))
        return member

    def rename(self, member: Member, email_address: str) -> None:
        """Gives the member another address; the old one is free afterwards."""
        del self._by_hash[member.list_id, address_hash(member.email_address)]
        member.email_address = email_address
        self.save(member)

    def untag(self, member: Member, segment_id: int) -> None:
        """Takes one tag away."""
        del member.tags[str(segment_id)]
        del self._tagged[str(segment_id)][member.contact_id]
        self.save(member)

    def remove(self, member: Member) -> None:
        """The member is gone."""
        for segment in member.tags:
            del self._tagged[segment][member.contact_id]
        del self._by_hash[member.list_id, address_hash(member.email_address)]
        del self._audiences[member.list_id][member.contact_id]
        self._all.remove(member)


class Deliveries:
    """Recipients of every campaign, and what has yet to happen to them, soonest first."""

    def __init__(self, documents: Documents) -> None:
        self._all: Collection[Delivery] = Collection(
            documents, "deliveries", Delivery, lambda found: f"{found.campaign_id}:{found.contact_id}"
        )
        self._campaigns: dict[str, dict[str, Delivery]] = {}
        self._contacts: dict[str, list[Delivery]] = {}
        self._due: list[tuple[str, str, str, str]] = []
        for delivery in self._all:
            self._index(delivery)

    def _index(self, delivery: Delivery) -> None:
        self._campaigns.setdefault(delivery.campaign_id, {})[delivery.contact_id] = delivery
        self._contacts.setdefault(delivery.contact_id, []).append(delivery)
        for at, what in delivery.due:
            heapq.heappush(self._due, (at, delivery.campaign_id, delivery.contact_id, what))

    def of(self, campaign_id: str) -> dict[str, Delivery]:
        """Deliveries of the campaign by contact_id."""
        return self._campaigns.get(campaign_id, {})

    def to(self, contact_id: str) -> list[Delivery]:
        """What this contact got, oldest first."""
        return self._contacts.get(contact_id, [])

    def add(self, delivery: Delivery) -> None:
        """A new one."""
        self._index(self._all.put(delivery))

    def save(self, delivery: Delivery) -> None:
        """Writes a change down."""
        self._all.put(delivery)

    def forget(self, campaign_id: str) -> None:
        """The campaign was deleted."""
        for delivery in self._campaigns.pop(campaign_id, {}).values():
            self._contacts[delivery.contact_id].remove(delivery)
            self._all.remove(delivery)

    def fall_due(self, now: str) -> Iterator[tuple[Delivery, str, str]]:
        """(delivery, moment, what) of everything due by now, each once."""
        while self._due and self._due[0][0] <= now:
            at, campaign_id, contact_id, what = heapq.heappop(self._due)
            delivery = self.of(campaign_id).get(contact_id)
            if delivery is not None:
                delivery.due.remove([at, what])
                self.save(delivery)
                yield delivery, at, what


class Batches:
    """Batch requests in the order in which they came, and the operations of each."""

    def __init__(self, documents: Documents) -> None:
        self._all: Collection[Batch] = Collection(documents, "batches", Batch, lambda batch: batch.id)
        self._operations: Collection[Operation] = Collection(
            documents, "operations", Operation, lambda found: f"{found.batch_id}:{found.place}"
        )
        self._of: dict[str, list[Operation]] = {}
        for operation in sorted(self._operations, key=lambda found: found.place):
            self._of.setdefault(operation.batch_id, []).append(operation)

    def __iter__(self) -> Iterator[Batch]:
        return iter(self._all)

    def get(self, batch_id: str) -> Batch | None:
        """The batch, or None."""
        return self._all.get(batch_id)

    def operations(self, batch_id: str) -> list[Operation]:
        """Those of the batch, in the order in which they are performed."""
        return self._of.get(batch_id, [])

    def save(self, batch: Batch) -> None:
        """Writes a new or changed batch down."""
        self._all.put(batch)

    def save_operation(self, operation: Operation) -> None:
        """Writes an answer down."""
        self._operations.put(operation)

    def set_operations(self, batch_id: str, operations: Iterable[Operation]) -> None:
        """These instead of what the batch had, with their places from 0 on."""
        self._drop_operations(batch_id)
        self._of[batch_id] = list(operations)
        for place, operation in enumerate(self._of[batch_id]):
            operation.place = place
            self._operations.put(operation)

    def remove(self, batch: Batch) -> None:
        """The batch and its answers are gone."""
        self._drop_operations(batch.id)
        self._all.remove(batch)

    def _drop_operations(self, batch_id: str) -> None:
        for operation in self._of.pop(batch_id, []):
            self._operations.remove(operation)


class State(SimulatorState[Account, Switches]):
    """Everything that the simulator knows. `url` is the server's root, for addresses of files beside the API.

    The history names list_id, member_id (MD5), status_before, status_after, fields and ids.
    """

    def __init__(self, path: Path, clock: Clock, seed: int, switches: Switches, url: str) -> None:
        self.seed = seed
        self.url = url
        super().__init__(path, clock, switches)

    def _load(self) -> None:
        documents = self._documents
        self._accounts = Collection(documents, "account", Account, lambda found: found.account_id)
        self.audiences: Collection[Audience] = Collection(documents, "audiences", Audience, lambda found: found.id)
        self.members = Roll(documents)
        self.fields: Collection[MergeField] = Collection(
            documents, "merge_fields", MergeField, lambda found: f"{found.list_id}:{found.merge_id}"
        )
        self.categories: Collection[Category] = Collection(documents, "categories", Category, lambda found: found.id)
        self.interests: Collection[Interest] = Collection(documents, "interests", Interest, lambda found: found.id)
        self.segments: Collection[Segment] = Collection(documents, "segments", Segment, lambda found: str(found.id))
        self.folders: Collection[Folder] = Collection(documents, "folders", Folder, lambda found: found.id)
        self.campaigns: Collection[Campaign] = Collection(documents, "campaigns", Campaign, lambda found: found.id)
        self.deliveries = Deliveries(documents)
        self.batches = Batches(documents)
        self.marks: Collection[Mark] = Collection(
            documents, "marks", Mark, lambda found: f"{found.kind}:{found.list_id}:{found.address_hash}"
        )

    def stamp(self, seconds_ago: int = 0) -> str:
        """The moment as Mailchimp writes it."""
        return stamp(self.now() - timedelta(seconds=seconds_ago))

    def new_id(self, kind: str, length: int = 10) -> str:
        """A hex id; the same sequence in every sandbox of the same seed."""
        return md5(f"{self.seed}:{kind}:{self.number(f'{kind} id')}")[:length]

    def fields_of(self, list_id: str) -> list[MergeField]:
        """Merge fields of the audience by display order."""
        found = (item for item in self.fields if item.list_id == list_id)
        return sorted(found, key=lambda item: (item.display_order, item.merge_id))

    def interests_of(self, list_id: str) -> list[Interest]:
        """Groups of the audience, over all categories."""
        return [item for item in self.interests if item.list_id == list_id]

    def segments_of(self, list_id: str) -> list[Segment]:
        """Tags of the audience, oldest first."""
        return [item for item in self.segments if item.list_id == list_id]

    def mark(self, kind: str, list_id: str, email_address: str) -> Mark | None:
        """The mark of this kind on the address, if any."""
        return self.marks.get(f"{kind}:{list_id}:{address_hash(email_address)}")
