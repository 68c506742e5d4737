"""The journal of a push: a line before each change is sent, and a line with what became of it.

Belongs here: the lines of one run's file. Does not: sending (sync/sending.py), reading them back (load.py), what goes
to the CRM (crm_journal.py).
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines import clock
from pipelines.ledger import files
from pipelines.providers.base import Outcome


def folder_of(ledger: Path) -> Path:
    """Where the journals are, one file per run."""
    return ledger / "pushes"


class RunFile:
    """A file of the ledger that one run writes: numbered lines with their times, the run itself in the first one."""

    def __init__(self, path: Path, run_id: str, **run: Any) -> None:
        self.run_id = run_id
        self._path = path
        self._seq = 0
        self._write([{"line": "run", "format": files.FORMAT, **run}])

    def _write(self, lines: Iterable[Mapping[str, Any]]) -> None:
        written_at = clock.exact_text(clock.now())  # two pushes of one second have an order too
        numbered = []
        for line in lines:
            self._seq += 1
            numbered.append({"run_id": self.run_id, "seq": self._seq, "written_at": written_at, **line})
        files.append(self._path, numbered)


class Journal(RunFile):
    """The journal of one push run. `row`s are rows of plan.changes as dictionaries."""

    def __init__(self, ledger: Path, run_id: str, **run: Any) -> None:
        super().__init__(folder_of(ledger) / f"{run_id}.ndjson", run_id, **run)

    def sending(self, rows: Iterable[Mapping[str, Any]], attempt: int = 1) -> None:
        """Say what is about to be sent; returns when the disk has it."""
        self._write({"line": "sending", "attempts": attempt, **row} for row in rows)

    def outcomes(self, outcomes: Sequence[Outcome]) -> None:
        """Say what became of changes that were sent; what is said last of a change counts."""
        self._write(
            {
                "line": "outcome",
                "change_id": outcome.change_id,
                "outcome": outcome.outcome,
                "code": outcome.code,
                "detail": outcome.detail,
                "remedy": outcome.remedy,
                "can_retry": outcome.can_retry,
                "provider_id": outcome.provider_id,
                "kept": dict(outcome.kept) if outcome.kept is not None else None,
            }
            for outcome in outcomes
        )

    def left(self, rows: Iterable[Mapping[str, Any]], code: str, detail: str) -> None:
        """Say which changes of the plan are not sent in this run, and why."""
        self._write({"line": "left", "outcome": "left", "code": code, "detail": detail, **row} for row in rows)

    def end(self, *, calls: int, left: int, is_read_back: bool = False) -> None:
        """Close the run; a journal without this line broke off. `is_read_back`: what was sent was looked at again."""
        self._write([{"line": "end", "calls": calls, "left_count": left, "is_read_back": is_read_back}])
