"""A paged collection of Mailchimp, read side by side, yielded in order, verified, nothing twice.

Belongs here: offsets, overlaps, counting, reading again. Does not: what the items mean.

Pages are numbered by offset, so somebody who leaves between two calls moves everybody behind by one: a reader that
only counts would lose one. Therefore neighbouring pages share one item. Where the last of one is not the first of the
next, the collection moved while it was read, and the whole is read again for what was missed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.errors import TransientError
from pipelines.providers.mailchimp.client import Client

MAX_COUNT = 1000  # more is silently cut to this
STRICT_SWEEPS = 5
LENIENT_SWEEPS = 2


@dataclass(frozen=True, slots=True)
class Listing:
    """Where a collection is, the key of its items, and what tells two items apart.

    `strict` raises when the collection can't be read whole. Statistics are lenient: their totals may count members
    who were deleted since, and their history with them.
    """

    path: str
    key: str
    identity: Callable[[Mapping[str, Any]], str]
    query: Mapping[str, str | int] = field(default_factory=dict)
    strict: bool = False


def read(client: Client, listing: Listing) -> Iterator[list[Mapping[str, Any]]]:
    """Pages of items, each item once; raises `TransientError` when a strict listing never held still."""
    seen: set[str] = set()
    for _ in range(STRICT_SWEEPS if listing.strict else LENIENT_SWEEPS):
        sweep = _Sweep(client, listing)
        before = len(seen)
        for items in sweep.pages():
            if fresh := _unseen(items, seen, listing.identity):
                yield fresh
        if len(seen) >= sweep.total and (sweep.seamless or len(seen) == before):
            return
    if listing.strict:
        raise TransientError(
            f"The {listing.key} of Mailchimp changed so fast that they could not be read completely.",
            do="Try again at a quieter moment; nothing was changed.",
        )


def trim(key: str, names: Sequence[str]) -> str:
    """The `fields` parameter that asks for these parts of each item and nothing else."""
    return ",".join(("total_items", *(f"{key}.{name}" for name in names)))


def count(client: Client, listing: Listing) -> int:
    """How many items the collection has."""
    query = {**listing.query, "count": 1, "fields": "total_items"}
    return int(client.get(listing.path, query)["total_items"])


class _Sweep:
    """One reading of all pages. Afterwards: `total` as last told, `seamless` if neighbouring pages fitted."""

    def __init__(self, client: Client, listing: Listing) -> None:
        self.total = 0
        self.seamless = True
        self._client = client
        self._listing = listing
        self._size = max(2, min(client.page_size, MAX_COUNT))

    def pages(self) -> Iterator[list[Mapping[str, Any]]]:
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

    def _take(self, body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        items: list[Mapping[str, Any]] = body.get(self._listing.key) or []
        self.total = int(body.get("total_items", len(items)))
        return items

    def _fits(self, previous: list[Mapping[str, Any]], items: list[Mapping[str, Any]]) -> bool:
        identity = self._listing.identity
        return bool(previous and items) and identity(previous[-1]) == identity(items[0])


def _unseen(
    items: list[Mapping[str, Any]], seen: set[str], identity: Callable[[Mapping[str, Any]], str]
) -> list[Mapping[str, Any]]:
    fresh = []
    for item in items:
        key = identity(item)
        if key not in seen:
            seen.add(key)
            fresh.append(item)
    return fresh
