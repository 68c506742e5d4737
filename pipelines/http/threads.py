"""Calls side by side: a few threads, results in order, little in memory.

Belongs here: the threads of one account. Does not: limits over processes (slots.py), what is called.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Threads:
    """`width` threads; `name` is what a debugger shows."""

    def __init__(self, width: int, name: str) -> None:
        self._width = width
        self._here = threading.local()
        self._threads = ThreadPoolExecutor(
            width, thread_name_prefix=name, initializer=lambda: setattr(self._here, "is_worker", True)
        )

    def in_order(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """`work` on every item side by side; results in the order of the items, few of them in memory at a time.

        Called from within such a `work` it goes on one by one: threads that wait for threads might all wait.
        """
        if getattr(self._here, "is_worker", False):
            yield from map(work, items)
            return
        running: deque[Future[Result]] = deque()
        try:
            for item in items:
                running.append(self._threads.submit(work, item))
                if len(running) >= self._width:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            for future in running:
                future.cancel()

    def close(self) -> None:
        """Let go of the threads; what has not begun is dropped."""
        self._threads.shutdown(wait=True, cancel_futures=True)
