"""Slots and pace: how many calls run at a time and start in a second, over all threads and processes of this machine.

Belongs here: taking and giving back a slot, waiting for one's turn. Does not: what is done with it (client.py), the
numbers (connections.yaml).

A slot is a file that is flock'd while a call runs. The kernel drops the lock when the process ends, however it ends,
so a killed run never keeps a slot. Pace is a file with the time from which the next call may start.
"""

import fcntl
import hashlib
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.errors import Busy

POLL_SECONDS = 0.02
PATIENCE_SECONDS = 600.0


def fingerprint(secret: str) -> str:
    """A short name for an account that can stand in a file name and doesn't give its key away."""
    return hashlib.sha256(secret.encode()).hexdigest()[:16]


class Slots:
    """`size` slots named `name` in `folder`; everybody who opens the same folder and name shares them."""

    def __init__(
        self,
        folder: Path,
        name: str,
        size: int,
        *,
        patience: float = PATIENCE_SECONDS,
        wait: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._files = [folder / f"{name}-{number}.slot" for number in range(size)]
        self._patience = patience
        self._wait = wait
        self._clock = clock

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold one slot; raises `Busy` when none came free within `patience` seconds."""
        slot = self._take()
        try:
            yield
        finally:
            os.close(slot)

    def _take(self) -> int:
        deadline = self._clock() + self._patience
        while True:
            for file in random.sample(self._files, len(self._files)):
                slot = _try(file)
                if slot is not None:
                    return slot
            if self._clock() > deadline:
                raise Busy(
                    f"All {len(self._files)} connections of this account stayed in use for "
                    f"{self._patience:.0f} seconds.",
                    do="Wait until the other runs on this account have ended, then try again.",
                )
            self._wait(POLL_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 (spreads the pollers, no secret)


class Pace:
    """At most `per_second` calls a second for everybody who opens the same folder and name (A12)."""

    def __init__(
        self,
        folder: Path,
        name: str,
        per_second: float,
        *,
        wait: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / f"{name}.pace"
        self._gap = 1 / per_second
        self._wait = wait
        self._clock = clock

    def turn(self) -> None:
        """Wait until one more call may start."""
        descriptor = _open(self._file)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            now = self._clock()
            start = self._start(os.pread(descriptor, 64, 0), now)
            os.pwrite(descriptor, f"{start + self._gap:032.6f}".encode(), 0)
        finally:
            os.close(descriptor)
        if start > now:
            self._wait(start - now)

    def _start(self, noted: bytes, now: float) -> float:
        # The clock starts anew with the machine: a note from before the last start may lie far ahead and means nothing.
        start = float(noted) if noted else now
        return start if now < start < now + PATIENCE_SECONDS else now


class Paces:
    """A `Pace` for each of a service's operations, for a service that limits each of them by itself."""

    def __init__(self, folder: Path, name: str, per_second: float) -> None:
        self._folder = folder
        self._name = name
        self._per_second = per_second
        self._paces: dict[str, Pace] = {}

    def of(self, operation: str) -> Pace:
        """The pace of an operation, whose name can stand in a file name."""
        if operation not in self._paces:
            self._paces[operation] = Pace(self._folder, f"{self._name}-{operation}", self._per_second)
        return self._paces[operation]


def _open(file: Path) -> int:
    # Opened anew each time: flock belongs to the open file, so two threads exclude each other as two processes do.
    return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _try(file: Path) -> int | None:
    slot = _open(file)
    try:
        fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(slot)
        return None
    return slot
