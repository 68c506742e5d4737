"""Reading a collection whole while it moves: sweep over all its pages, and sweep again for what was missed.

Belongs here: when a sweep was enough, and what of it is new. Does not: pages and how neighbours overlap, which each
provider numbers its own way (such as mailup/paging.py).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pipelines.errors import TransientError

STRICT_SWEEPS = 5
LENIENT_SWEEPS = 2

Item = Mapping[str, Any]
Identity = Callable[[Item], str]


class Sweep(ABC):
    """One reading of all pages. Afterwards: `total` as last told, `seamless` if neighbouring pages fitted."""

    def __init__(self) -> None:
        self.total = 0
        self.seamless = True

    @abstractmethod
    def pages(self) -> Iterator[list[Item]]:
        """The items of one page after another."""


def read_whole(sweep: Callable[[], Sweep], identity: Identity, *, strict: bool, what: str) -> Iterator[list[Item]]:
    """Pages of items, each item once; a `strict` reading raises `TransientError` when `what` never held still.

    A lenient one ends with what was found: totals may count what is not shown any more.
    """
    seen: set[str] = set()
    for _ in range(STRICT_SWEEPS if strict else LENIENT_SWEEPS):
        one = sweep()
        before = len(seen)
        for items in one.pages():
            if fresh := _unseen(items, seen, identity):
                yield fresh
        if len(seen) >= one.total and (one.seamless or len(seen) == before):
            return
    if strict:
        raise TransientError(
            "the list changed so fast that not all could be read.",
            where=what,
            do="Try again at a quieter moment; nothing was changed.",
        )


def _unseen(items: list[Item], seen: set[str], identity: Identity) -> list[Item]:
    fresh = []
    for item in items:
        key = identity(item)
        if key not in seen:
            seen.add(key)
            fresh.append(item)
    return fresh
