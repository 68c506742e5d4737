"""Ctrl-C and SIGTERM while a push goes on: the batch under way is finished and written down first.

Belongs here: those signals inside the push asset. Does not: what a stopped push leaves behind (sync/push.py), signals
at any other time (cli/running.py).

Dagster answers a signal with an error of its own in the middle of whatever runs: the outcome of the batch under way
would be lost, and nobody would have counted what was left.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from types import FrameType

from pipelines import progress

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _Border:
    """Listens to progress, which is told after each batch, and raises there once somebody asked to stop.

    Of the imports of a batch it is told as well, and never raises there.
    """

    def __init__(self) -> None:
        self._outside = copy_context()
        self._is_asked = False

    def ask(self, number: int, frame: FrameType | None) -> None:
        """The first signal waits for the end of the batch, the second does not."""
        if self._is_asked:
            raise KeyboardInterrupt
        self._is_asked = True

    def stage(self, sync: str, stage: str) -> None:
        self._outside.run(progress.stage, sync, stage)

    def advance(self, what: str, done: int, total: int | None) -> None:
        self._outside.run(progress.advance, what, done, total)
        if self._is_asked and what != progress.ROWS_IMPORTED:
            raise KeyboardInterrupt


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise KeyboardInterrupt at the next batch border after a signal; only in the main thread, which gets them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    border = _Border()
    before = {number: signal.signal(number, border.ask) for number in SIGNALS}
    try:
        with progress.shown_by(border):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
