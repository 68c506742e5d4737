"""Recipients of every message, and what has yet to happen to them, soonest first.

Belongs here: keeping and finding deliveries. Does not: what they say in statistics (statistics.py), what follows for
the recipient (acts.py).
"""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pipelines.sandbox.documents import Collection, Documents
from pipelines.sandbox.mailup.model import Delivery

FOR_EVER = "9999"

First = Callable[[Delivery], str]


@dataclass(frozen=True, slots=True)
class _Found:
    """Deliveries of one message to which something had happened; good from `since` to `oldest`, before `until`."""

    since: str
    oldest: str
    until: str
    items: list[Delivery]


class Deliveries:
    """One delivery for each message and recipient; in the order of the first sending."""

    def __init__(self, documents: Documents) -> None:
        self._all: Collection[Delivery] = Collection(
            documents, "deliveries", Delivery, lambda found: f"{found.message_id}:{found.recipient_id}"
        )
        self._messages: dict[int, dict[int, Delivery]] = {}
        self._recipients: dict[int, dict[int, Delivery]] = {}
        self._due: list[tuple[str, int, int, str]] = []
        self._found: dict[tuple[int, str], _Found] = {}
        for delivery in self._all:
            self._index(delivery)
            self._await(delivery)

    def _index(self, delivery: Delivery) -> None:
        self._messages.setdefault(delivery.message_id, {})[delivery.recipient_id] = delivery
        self._recipients.setdefault(delivery.recipient_id, {})[delivery.message_id] = delivery

    def _await(self, delivery: Delivery) -> None:
        for at, what in delivery.due:
            heapq.heappush(self._due, (at, delivery.message_id, delivery.recipient_id, what))

    def get(self, message_id: int, recipient_id: int) -> Delivery | None:
        """What this recipient got of this message, None when nothing."""
        return self.of(message_id).get(recipient_id)

    def of(self, message_id: int) -> dict[int, Delivery]:
        """Deliveries of the message by recipient."""
        return self._messages.get(message_id, {})

    def to(self, recipient_id: int) -> dict[int, Delivery]:
        """What this recipient got, by message, oldest first."""
        return self._recipients.get(recipient_id, {})

    def save(self, delivery: Delivery) -> None:
        """Writes a new or changed one down; what has yet to happen is awaited only by `send`."""
        self._index(self._all.put(delivery))
        self._forget_found(delivery.message_id)

    def _forget_found(self, message_id: int) -> None:
        for key in [key for key in self._found if key[0] == message_id]:
            del self._found[key]

    def happened(self, message_id: int, what: str, first: First, since: str, now: str) -> list[Delivery]:
        """Those sent since then whose `first` moment of `what` has come by now ("" for never).

        Remembered until something changes or falls due: clients read page after page of the same hundred thousand.
        """
        known = self._found.get((message_id, what))
        if known is None or not (known.since <= since <= known.oldest and now < known.until):
            known = self._found[message_id, what] = self._look(message_id, first, since, now)
        return known.items

    def _look(self, message_id: int, first: First, since: str, now: str) -> _Found:
        kept = [delivery for delivery in self.of(message_id).values() if delivery.sent[-1] >= since]
        moments = [(first(delivery), delivery) for delivery in kept]
        until = min((moment for moment, _ in moments if moment > now), default=FOR_EVER)
        oldest = min((delivery.sent[-1] for delivery in kept), default=FOR_EVER)
        return _Found(since, oldest, until, [delivery for moment, delivery in moments if moment and moment <= now])

    def send(self, delivery: Delivery) -> None:
        """A new one, or one that goes out once more."""
        self.save(delivery)
        self._await(delivery)

    def forget(self, message_id: int) -> None:
        """The message was deleted."""
        self._forget_found(message_id)
        for delivery in self._messages.pop(message_id, {}).values():
            del self._recipients[delivery.recipient_id][message_id]
            self._all.remove(delivery)

    def fall_due(self, now: str) -> Iterator[tuple[Delivery, str]]:
        """(delivery, what) of everything due by now, each once."""
        while self._due and self._due[0][0] <= now:
            at, message_id, recipient_id, what = heapq.heappop(self._due)
            delivery = self.get(message_id, recipient_id)
            if delivery is not None and [at, what] in delivery.due:
                delivery.due.remove([at, what])
                self.save(delivery)
                yield delivery, what
