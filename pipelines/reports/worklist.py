"""The work-list of a sync: what a person enters in a CRM that Enlist can't write to (H3), as Excel or CSV.

Belongs here: which rows are on it, the file, remembering in the ledger what was handed out. Does not: what is asked
(write_back/drafting.py), cells (workbook.py).

What stands in a file that somebody has is left out of the next one, and what the CRM shows by now of every one. The
file is written first and remembered after: should that break off, a row is handed out twice rather than never.
"""

import csv
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from pipelines import clock, locks
from pipelines.config import Home, SyncConfig
from pipelines.errors import ConfigError
from pipelines.ledger import load
from pipelines.ledger.crm_journal import CrmJournal
from pipelines.reports import workbook
from pipelines.reports.files import replacing
from pipelines.reports.formulas import harmless
from pipelines.reports.workbook import Block, Column, Sheet
from pipelines.warehouse import rows
from pipelines.write_back import drafting, plans

EXCEL, CSV = ".xlsx", ".csv"
COLUMNS: Mapping[str, Column] = {
    "owner": Column("Owner", 28),
    "entity": Column("Entity", 22),
    "contact_key": Column("Key", 14),
    "email_key": Column("Address", 36),
    "what": Column("What", 10),
    "field": Column("Field", 24),
    "before": Column("Was", 22, is_long=True),
    "after": Column("Enter", 60, is_long=True),
    "reason": Column("Why", 14),
}
# What a CRM takes from an imported file: whose record, which field, which value. In a CSV file they stay as they are.
IMPORTED = frozenset({"entity", "contact_key", "email_key", "field", "after"})
WHAT = {"set": "field", "note": "note", "event": "event"}
NOTE = "This file holds addresses in full, for whoever enters them. Keep it as carefully as the CRM itself."
NEXT = "What stands here is left out of the next work-list; with --again it comes once more, unless the CRM has it."
OPEN = "select * from drafted where state = 'planned' and way = 'hand' order by owner, contact_key, entity, place"


@dataclass(frozen=True)
class WorkList:
    """What was handed out: the file (None: nothing to enter), its rows by entity, and how many had been before."""

    path: Path | None
    counts: Sequence[Mapping[str, Any]]
    handed_out_before: int

    @property
    def size(self) -> int:
        """How many rows the file has."""
        return sum(int(row["count"]) for row in self.counts)


def hand_out(
    home: Home, sync: SyncConfig, to: Path | None = None, *, plan_id: str | None = None, again: bool = False
) -> WorkList:
    """Write what is to be entered by hand into a file and remember it: what the sync asks for, or the rows of a plan.

    `to` is a folder, or a file ending in .xlsx or .csv; left out: the home's reports/. `again`: rows that were handed
    out before come too, unless the CRM has them. Raises `ConfigError` where nothing can be written, `Busy` while the
    sync runs.
    """
    path = _path(home, sync, to)
    with locks.run_of(home.locks, sync.sync):
        with load.opened(home) as connection:
            found, before = _rows(connection, home, sync, plan_id, again=again)
        run_id = uuid.uuid4().hex
        if not found:
            return WorkList(None, (), before)
        _write(path, sync, found)
        journal = CrmJournal(home.ledger, run_id, sync=sync.sync, kind="worklist", file=path.name)
        journal.handed_out({"change_id": f"{run_id}:{at}", **row} for at, row in enumerate(found, start=1))
        journal.end()
    entities = [str(row["entity"]) for row in found]
    counts = [{"entity": entity, "count": entities.count(entity)} for entity in sorted(set(entities))]
    return WorkList(path, counts, before)


def _rows(
    connection: duckdb.DuckDBPyConnection, home: Home, sync: SyncConfig, plan_id: str | None, *, again: bool
) -> tuple[list[dict[str, Any]], int]:
    """The rows to hand out, as plan.write_back_rows has them, and how many were handed out before and are left out."""
    if plan_id is not None:
        plan = plans.get(connection, plan_id)
        plans.raise_unless_of(plan, sync.sync)
        by_hand = drafting.redraw(connection, home, sync, plan, "hand", again=again)
        left = [row for row in by_hand if row["state"] == "planned" and not row["is_handed_out"]]
        return left, sum(row["is_handed_out"] and row["state"] != "there" for row in by_hand)
    drafting.draw(connection, home, sync, "write_back", {}, again=again)
    query = "select count(*) as count from drafted where state = 'handed_out'"
    before = int(str(rows(connection, query)[0]["count"]))
    return [row | {"plan_id": None, "sync": sync.sync} for row in rows(connection, OPEN)], before


def _path(home: Home, sync: SyncConfig, to: Path | None) -> Path:
    if to is not None and not to.is_dir():
        if to.suffix.lower() not in (EXCEL, CSV):
            raise ConfigError(
                "this is neither a folder nor the name of a work-list.",
                where=str(to),
                do=f"Name a folder that exists, or a file ending in {EXCEL} or {CSV}.",
            )
        return to.absolute()
    folder = (to or home.reports).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{sync.sync}-worklist-{clock.now():%Y%m%d-%H%M%S}{EXCEL}"


def _write(path: Path, sync: SyncConfig, found: Sequence[Mapping[str, Any]]) -> None:
    if path.suffix.lower() == CSV:
        with replacing(path) as draft, draft.open("w", newline="", encoding="utf-8-sig") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows([_csv_cell(row, name) for name in COLUMNS] for row in found)
        return
    lines = [[_cell(row, name) for name in COLUMNS] for row in found]
    told: list[list[Any]] = [
        ["Sync", sync.sync],
        ["Rows", len(lines)],
        ["Made", clock.naive(clock.now())],
        [NOTE],
        [NEXT],
    ]
    workbook.write(
        path, [Block("To be entered in the CRM", (), told)], [Sheet("Work-list", tuple(COLUMNS.values()), lines)]
    )


def _cell(row: Mapping[str, Any], name: str) -> Any:
    if name == "what":
        return WHAT[row["op"]]
    return plans.entered(row) if name == "after" else row[name]


def _csv_cell(row: Mapping[str, Any], name: str) -> Any:
    """A cell of a file without types: harmless to whoever opens it, unless a CRM is to read it."""
    value = _cell(row, name)
    return value if name in IMPORTED or value is None else harmless(str(value))
