"""Many rows over many calls: in chunks, halved where one row spoils a call, side by side, ended when nothing answers.

Belongs here: keeping what was answered when a later call fails. Does not: bodies and outcomes (such as
mailup/writing.py).
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol, TypeGuard, TypeVar

from pipelines.errors import ProviderError
from pipelines.http.client import RefusedError
from pipelines.providers.base import Change

SPOILED = frozenset({400, 413})  # the call as a whole is refused, perhaps for one of its rows

Item = TypeVar("Item")
Result = TypeVar("Result")


def chunks(rows: Iterable[Item], size: int) -> Iterator[tuple[Item, ...]]:
    """Rows in tuples of `size`, the last one shorter."""
    iterator = iter(rows)
    while chunk := tuple(islice(iterator, size)):
        yield chunk


class InOrder(Protocol):
    """What works on items side by side, such as `Threads`."""

    def in_order(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Results in the order of the items."""


def is_of_row(result: object) -> TypeGuard[RefusedError]:
    """Whether a result of `split` or a part of it says no to its one row, not to the call."""
    return isinstance(result, RefusedError) and result.status in SPOILED


def split(
    rows: Sequence[Change], post: Callable[[Sequence[Change]], Result]
) -> Iterator[tuple[Sequence[Change], Result | ProviderError]]:
    """Post all rows, and halves of them where a call is refused, down to the row that spoils it.

    A refusal is yielded for single rows only; a failure for all the rows that it leaves open.
    """
    try:
        yield rows, post(rows)
    except RefusedError as error:
        if error.status not in SPOILED or len(rows) == 1:
            yield rows, error
            return
        middle = len(rows) // 2
        yield from split(rows[:middle], post)
        yield from split(rows[middle:], post)
    except ProviderError as error:
        yield rows, error


def side_by_side(
    threads: InOrder, work: Callable[[Item], Result], items: Iterable[Item]
) -> list[Result | ProviderError]:
    """Results or failures, in the order of the items. After the first failure no further item is begun."""
    failure: list[ProviderError] = []
    lock = threading.Lock()

    def attempt(item: Item) -> Result | ProviderError:
        if failure:
            return failure[0]
        try:
            return work(item)
        except ProviderError as error:
            with lock:
                failure.append(error)
            return error

    return list(threads.in_order(attempt, items))


def raise_if_nothing_answered(results: Iterable[object]) -> None:
    """Raise the first failure when all results are failures: then the call as such is in trouble, not its rows.

    Where some rows were answered, their outcomes must not be lost: the others have failed, which the push says when it
    is done.
    """
    first: ProviderError | None = None
    for result in results:
        if not isinstance(result, ProviderError):
            return
        first = first or result
    if first is not None:
        raise first
