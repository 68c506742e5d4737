"""Locks between processes: who waits, who is told Busy, and that a dead process holds nothing.

Belongs here: pipelines/locks.py. Does not: DuckDB's own lock (test_warehouse.py).
"""

import os
import threading
import time
from pathlib import Path

import pytest
from processes import LOCKING, another_process

from pipelines import locks
from pipelines.errors import Busy

BUSY = "The sync people is running already."


def test_a_second_process_is_told_busy_after_the_wait(tmp_path: Path) -> None:
    with another_process(LOCKING, tmp_path / "lock"):
        started = time.monotonic()
        with pytest.raises(Busy, match="running already") as caught, locks.held(tmp_path / "lock", wait=0.2, busy=BUSY):
            pass
        assert 0.2 <= time.monotonic() - started < 10
        assert (caught.value.exit_code, caught.value.do) == (6, "Try again when it is done.")


def test_a_lock_dies_with_its_process(tmp_path: Path) -> None:
    """A killed run leaves a Dagster pool slot taken for ever."""
    with another_process(LOCKING, tmp_path / "lock"):
        assert locks.is_held(tmp_path / "lock")
    assert not locks.is_held(tmp_path / "lock")
    with locks.held(tmp_path / "lock", wait=0, busy=BUSY):
        pass


def test_who_waits_long_enough_gets_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with another_process(LOCKING, path) as other:
        soon = threading.Timer(0.2, other.kill)
        soon.start()
        with locks.held(path, wait=10, busy=BUSY):
            assert other.wait() != 0
            assert locks.is_held(path)
        soon.join()


def test_a_lock_is_let_go_of_when_its_holder_fails(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "lock"
    with pytest.raises(ZeroDivisionError), locks.held(path, wait=0, busy=BUSY):
        assert locks.is_held(path)
        raise ZeroDivisionError
    assert not locks.is_held(path)


def test_the_file_of_a_lock_names_its_process_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text("99999999999")
    path.chmod(0o600)
    with locks.held(path, wait=0, busy=BUSY):
        assert path.read_text() == str(os.getpid())
    assert path.stat().st_mode & 0o077 == 0


def test_a_lock_that_nobody_ever_took_is_not_held(tmp_path: Path) -> None:
    assert not locks.is_held(tmp_path / "lock")
    assert not (tmp_path / "lock").exists()


def test_one_run_of_a_sync_at_a_time_and_another_sync_goes_its_way(tmp_path: Path) -> None:
    with locks.run_of(tmp_path, "people"):
        assert (locks.is_running(tmp_path, "people"), locks.is_running(tmp_path, "others")) == (True, False)
        with pytest.raises(Busy, match="Another run of people is going on"), locks.run_of(tmp_path, "people"):
            pass
        with locks.run_of(tmp_path, "others"):
            pass
    assert not locks.is_running(tmp_path, "people")
