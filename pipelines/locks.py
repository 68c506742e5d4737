"""Locks between processes: files in the home that the kernel lets go of when their process dies.

Belongs here: taking such a lock and saying who has it. Does not: connection slots of a provider account
(http/slots.py), Dagster's pools, which a killed run leaves taken for ever.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.errors import Busy


@contextmanager
def held(path: Path, *, wait: float, busy: str, do: str = "Try again when it is done.") -> Iterator[None]:
    """Hold the lock `path`; after `wait` seconds in vain raise `Busy` with the sentence `busy`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(descriptor, wait, busy, do)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether a living process has the lock."""
    if not path.exists():
        return False
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _take(descriptor: int, wait: float, busy: str, do: str) -> None:
    give_up = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= give_up:
                raise Busy(busy, do=do) from None
            time.sleep(min(0.1, max(wait / 10, 0.01)))
        else:
            return
