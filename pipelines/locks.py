"""Locks between processes: files in the home that the kernel lets go of when their process dies.

Belongs here: taking such a lock and saying who has it. Does not: connection slots of a provider account
(http/slots.py), Dagster's pools, which a killed run leaves taken for ever.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from pipelines.errors import Busy


@contextmanager
def held(path: Path, *, wait: float, busy: str, do: str = "Try again when it is done.") -> Iterator[None]:
    """Hold the lock `path`; after `wait` seconds in vain raise `Busy` with the sentence `busy`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Opened anew each time: flock belongs to the open file, so two threads exclude each other as two processes do.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(descriptor, wait, busy, do)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def run_of(folder: Path, sync: str) -> AbstractContextManager[None]:
    """Be the one run of a sync; `Busy` at once while another is. `folder` is that of the home's locks."""
    return held(_of_runs(folder, sync), wait=0, busy=f"Another run of {sync} is going on.")


def is_running(folder: Path, sync: str) -> bool:
    """Whether a run of the sync goes on, in whatever process."""
    return is_held(_of_runs(folder, sync))


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


def _of_runs(folder: Path, sync: str) -> Path:
    return folder / f"run-{sync}"


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
