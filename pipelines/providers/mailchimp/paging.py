"""A paged collection of Mailchimp, read side by side, yielded in order, verified, nothing twice.

Belongs here: offsets, overlaps, counting. Does not: reading again (providers/sweeping.py), what the items mean.

Pages are numbered by offset, so somebody who leaves between two calls moves everybody behind by one: a reader that
only counts would lose one. Therefore neighbouring pages share one item. Where the last of one is not the first of the
next, the collection moved while it was read, and the whole is read again for what was missed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.providers.mailchimp.client import Client
from pipelines.providers.sweeping import Identity, Item, Sweep, read_whole

MAX_COUNT = 1000  # more is silently cut to this


@dataclass(frozen=True, slots=True)
class Listing:
    """Where a collection is, the key of its items, and what tells two items apart.

    `strict` raises when the collection can't be read whole. Statistics are lenient: their totals may count members
    who were deleted since, and their history with them.
    """

    path: str
    key: str
    identity: Identity
    query: Mapping[str, str | int] = field(default_factory=dict)
    strict: bool = False


def read(client: Client, listing: Listing) -> Iterator[list[Item]]:
    """Pages of items, each item once; raises `TransientError` when a strict listing never held still."""
    what = f"Mailchimp's {listing.key}"
    return read_whole(lambda: _Sweep(client, listing), listing.identity, strict=listing.strict, what=what)


def trim(key: str, names: Sequence[str]) -> str:
    """The `fields` parameter that asks for these parts of each item and nothing else."""
    return ",".join(("total_items", *(f"{key}.{name}" for name in names)))


def count(client: Client, listing: Listing) -> int:
    """How many items the collection has."""
    query = {**listing.query, "count": 1, "fields": "total_items"}
    return int(client.get(listing.path, query)["total_items"])


class _Sweep(Sweep):
    def __init__(self, client: Client, listing: Listing) -> None:
        super().__init__()
        self._client = client
        self._listing = listing
        self._size = max(2, min(client.page_size, MAX_COUNT))

    def pages(self) -> Iterator[list[Item]]:
        previous = self._take(self._fetch(0))
        yield previous
        step = self._size - 1
        offset = step
        while offset < self.total - 1:  # the item at `offset` is on the page before
            offsets = range(offset, self.total - 1, step)
            for body in self._client.in_order(self._fetch, offsets):
                items = self._take(body)
                self.seamless &= self._fits(previous, items)
                yield items
                previous = items
            offset = offsets[-1] + step

    def _fetch(self, offset: int) -> Mapping[str, Any]:
        return self._client.get(self._listing.path, {**self._listing.query, "count": self._size, "offset": offset})

    def _take(self, body: Mapping[str, Any]) -> list[Item]:
        items: list[Item] = body.get(self._listing.key) or []
        self.total = int(body.get("total_items", len(items)))
        return items

    def _fits(self, previous: list[Item], items: list[Item]) -> bool:
        identity = self._listing.identity
        return bool(previous and items) and identity(previous[-1]) == identity(items[0])
