"""The journal of what goes to a CRM: a line before each record is written to, and a line with what became of it.

Belongs here: the lines of one run's file, and these files as a table. Does not: writing to a CRM
(write_back/sending.py), what a person gets (reports/worklist.py), the journal of a push (journal.py).
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from pipelines.crm.base import Written
from pipelines.ledger.journal import RunFile

PREFIX = "crm-"  # a run may have a journal of a push as well, and the files are told apart by their names
TEXT = (
    *("line", "run_id", "plan_id", "change_id", "sync", "kind", "op", "reason", "entity", "contact_key", "owner"),
    *("email_key", "field", "before", "after", "record_hash", "outcome", "code", "detail", "remedy"),
)
COLUMNS = dict.fromkeys(TEXT, "VARCHAR") | {
    "seq": "BIGINT",
    "can_retry": "BOOLEAN",
    "written_at": "TIMESTAMPTZ",
    "found": "JSON",
    "kept": "JSON",
}
ROW = (
    *("plan_id", "change_id", "sync", "kind", "op", "reason", "entity", "contact_key", "owner", "email_key", "field"),
    *("before", "after", "record_hash"),
)
# What was sent and has no answer stays `sending`: the next plan asks for it again, and every writer looks first.
WRITE_BACKS = """
insert into ledger.write_backs by name
with sent as (
    select * from lines where line in ('sending', 'handed_out')
    qualify row_number() over (partition by run_id, change_id order by seq desc) = 1
),
answers as (
    select * from lines where line = 'outcome'
    qualify row_number() over (partition by run_id, change_id order by seq desc) = 1
)
select
    sent.run_id, sent.seq, sent.plan_id, sent.change_id, sent.sync, sent.kind, sent.op, sent.reason, sent.entity,
    sent.contact_key, sent.owner, sent.email_key, sent.field, sent.before, sent.after, sent.record_hash,
    coalesce(answers.outcome, sent.line) as outcome, answers.code, answers.detail, answers.remedy,
    coalesce(answers.can_retry, false) as can_retry,
    cast(answers.found as varchar) as found, cast(answers.kept as varchar) as kept,
    coalesce(answers.written_at, sent.written_at) at time zone 'UTC' as happened_at,
from sent
left join answers on sent.run_id = answers.run_id and sent.change_id = answers.change_id
"""


def folder_of(ledger: Path) -> Path:
    """Where the journals are, one file per run."""
    return ledger / "write_backs"


class CrmJournal(RunFile):
    """The journal of one run that writes to a CRM. `row`s are rows of plan.write_back_rows as dictionaries."""

    def __init__(self, ledger: Path, run_id: str, **run: Any) -> None:
        super().__init__(folder_of(ledger) / f"{PREFIX}{run_id}.ndjson", run_id, **run)

    def sending(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Say what is about to be sent; returns when the disk has it."""
        self._write({"line": "sending", **_told(row)} for row in rows)

    def outcomes(self, answers: Sequence[tuple[Mapping[str, Any], Written]]) -> None:
        """Say what became of rows that were sent."""
        self._write(
            {
                "line": "outcome",
                "change_id": row["change_id"],
                "outcome": written.outcome,
                "code": written.code,
                "detail": written.detail,
                "remedy": written.remedy,
                "can_retry": written.can_retry,
                "found": dict(written.found),
                "kept": dict(written.kept),
            }
            for row, written in answers
        )

    def handed_out(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Say which rows stand in a file that a person has now."""
        self._write({"line": "handed_out", **_told(row)} for row in rows)

    def end(self) -> None:
        """Close the run; a journal without this line broke off."""
        self._write([{"line": "end"}])


def load(connection: duckdb.DuckDBPyConnection) -> None:
    """Bring ledger.write_backs up to the journals whose `lines` were read, whole runs at a time."""
    connection.execute("delete from ledger.write_backs where run_id in (select run_id from lines)")
    connection.execute(WRITE_BACKS)


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ROW}
