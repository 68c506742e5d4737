"""A paged collection of MailUp, read side by side, yielded in order, verified, nothing twice.

Belongs here: page numbers, overlaps, counting. Does not: reading again (providers/sweeping.py), what the items mean.

Pages have numbers, so somebody who leaves between two calls moves everybody behind by one: a reader that only counts
would lose one. Therefore neighbouring pages share an item, as far as numbers allow: each page asks for a slightly other
size, such that it begins before the last one ended. Where the last item of one is not on the next, the collection moved
while it was read, and the whole is read again for what was missed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelines.providers.mailup.client import Client
from pipelines.providers.sweeping import Identity, Item, Sweep, read_whole


@dataclass(frozen=True, slots=True)
class Listing:
    """Where a collection is, and what tells two items apart.

    `strict` raises when the collection can't be read whole. Statistics are lenient: they move while mail is opened.
    """

    path: str
    identity: Identity
    query: Mapping[str, str | int] = field(default_factory=dict)
    strict: bool = True


@dataclass(frozen=True, slots=True)
class Window:
    """Page `number`, counted from 0, of pages of `size` items."""

    number: int
    size: int

    @property
    def end(self) -> int:
        """Position behind the last item."""
        return (self.number + 1) * self.size


def read(client: Client, listing: Listing) -> Iterator[list[Item]]:
    """Pages of items, each item once; raises `TransientError` when a strict listing never held still."""
    return read_whole(lambda: _Sweep(client, listing), listing.identity, strict=listing.strict, what="MailUp")


def read_rows(client: Client, path: str, query: Mapping[str, str | int] | None = None) -> Iterator[list[Item]]:
    """Pages of a collection whose items may be alike, such as two clicks: none is taken for a repetition.

    For what only grows at its end; nothing is verified.
    """
    number, done = 0, False
    while not done:
        page = Page(client.get(path, {**(query or {}), "PageNumber": number, "PageSize": client.page_size}))
        size = page.size or client.page_size
        number += 1
        done = not page.items or number * size >= page.total
        yield page.items


def items(client: Client, listing: Listing) -> list[Item]:
    """All items of a collection that is never large."""
    return [item for page in read(client, listing) for item in page]


def count(client: Client, path: str, query: Mapping[str, str | int] | None = None) -> int:
    """How many items the collection has."""
    return Page(client.get(path, {**(query or {}), "PageNumber": 0, "PageSize": 1})).total


class Page:
    """One answer: its items, how many there are in all, and how many a page really holds."""

    def __init__(self, body: Any) -> None:
        # A list that was made a moment ago answers null; some collections come without the envelope.
        envelope: Mapping[str, Any] = body if isinstance(body, dict) else {}
        found = body if isinstance(body, list) else envelope.get("items")
        self.items: list[Item] = found or []
        self.total = int(envelope.get("totalelementscount", len(self.items)) or 0)
        self.size = int(envelope.get("pagesize") or 0)


def next_window(end: int, most: int) -> Window:
    """The page of at most `most` items that holds the last position before `end` and reaches furthest beyond it."""
    best = max((Window((end - 1) // size, size) for size in range(most // 2 + 1, most + 1)), key=lambda one: one.end)
    # Where all sizes end there, no two pages of numbers can overlap.
    return best if best.end > end else Window(end // best.size, best.size)


class _Sweep(Sweep):
    def __init__(self, client: Client, listing: Listing) -> None:
        super().__init__()
        self._client = client
        self._listing = listing
        self._most = max(2, client.page_size)

    def pages(self) -> Iterator[list[Item]]:
        first = self._fetch(Window(0, self._most))
        if 0 < first.size < self._most:
            self._most = max(2, first.size)  # MailUp has a maximum and keeps to it without a word
        end, previous = self._most, self._take(first)
        yield previous
        while end < self.total:
            windows = self._windows(end)
            for window, page in zip(windows, self._client.in_order(self._fetch, windows), strict=True):
                found = self._take(page)
                overlaps = window.number * window.size < end
                self.seamless &= not overlaps or self._fits(previous, found)
                yield found
                previous, end = found, window.end

    def _windows(self, end: int) -> list[Window]:
        """All pages from there to the total that is known by now."""
        windows = []
        while end < self.total:
            window = next_window(end, self._most)
            windows.append(window)
            end = window.end
        return windows

    def _fetch(self, window: Window) -> Page:
        query = {**self._listing.query, "PageNumber": window.number, "PageSize": window.size}
        return Page(self._client.get(self._listing.path, query))

    def _take(self, page: Page) -> list[Item]:
        self.total = page.total
        return page.items

    def _fits(self, previous: list[Item], found: list[Item]) -> bool:
        identity = self._listing.identity
        return bool(previous) and identity(previous[-1]) in {identity(item) for item in found}
