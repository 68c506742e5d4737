"""Progress of long work, said once and shown by whoever listens.

Belongs here: the two verbs that stages use, and the listener. Does not: drawing (cli/output.py), logging.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

# Told in the middle of a batch, where nobody may stop: see defs/stopping.py.
ROWS_IMPORTED = "rows imported"


class Listener(Protocol):
    """Whoever shows progress."""

    def stage(self, sync: str, stage: str) -> None:
        """A stage of a sync began."""

    def advance(self, what: str, done: int, total: int | None) -> None:
        """`done` of `total` (None: unknown) are through."""


class Silent:
    """Shows nothing: what tests and the Dagster daemon use."""

    def stage(self, sync: str, stage: str) -> None:
        """Nothing."""

    def advance(self, what: str, done: int, total: int | None) -> None:
        """Nothing."""


_SILENT = Silent()
_listener: ContextVar[Listener | None] = ContextVar("progress", default=None)


@contextmanager
def shown_by(listener: Listener) -> Iterator[None]:
    """Let `listener` hear of progress inside the block."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def stage(sync: str, stage: str) -> None:
    """Say that a stage of a sync begins."""
    (_listener.get() or _SILENT).stage(sync, stage)


def advance(what: str, done: int, total: int | None = None) -> None:
    """Say how far long work got."""
    (_listener.get() or _SILENT).advance(what, done, total)
