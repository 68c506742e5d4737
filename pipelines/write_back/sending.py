"""Sending a plan to the CRM, from end to end: whether it may go, record by record, what a broken-off run leaves.

Belongs here: acceptance, staleness, the journal, batches, giving up on a CRM that is away. Does not: what is in the
plan (drafting.py), one CRM's calls (crm/), Dagster.

Nothing is ever doubled: every writer looks first, and notes and events carry a marker. So what was under way when a run
was killed is simply asked for again. One connection to the warehouse is never held across a call.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from json import loads
from typing import Any

from pipelines import locks, progress
from pipelines.config import Home, SyncConfig
from pipelines.crm import open_writer
from pipelines.crm.base import CalendarEvent, Edit, Note, Writer, Written
from pipelines.errors import ConfigError, EnlistError, Interrupted, TransientError, UnsafePlan
from pipelines.ledger import load as ledger
from pipelines.ledger.crm_journal import CrmJournal
from pipelines.sync import stale
from pipelines.warehouse import Warehouse
from pipelines.write_back import drafting, plans
from pipelines.write_back.plans import CrmPlan

BATCH = 25  # records between two looks at the disk; a kill leaves as many without an answer at most
WAIT = 600.0  # seconds for another run that writes to the same CRM
MOST_FAILED = 5  # answers that can't be used, one after the other: the CRM is away

Row = dict[str, Any]
Opened = Callable[[str], Writer]


@dataclass(frozen=True)
class Request:
    """Which plan to send, and what a person accepted for it; without a plan, what the sync asks for now."""

    plan_id: str | None = None
    accept: tuple[str, ...] = ()
    by: str = "schedule"


@dataclass
class Result:
    """What became of a plan. `is_waiting`: nothing was sent, because nobody accepted the first one yet."""

    plan: CrmPlan
    outcomes: Counter[str] = field(default_factory=Counter)
    is_waiting: bool = False


class WriteBack:
    """One run that writes to the CRMs of one sync; `run_id` names its journal."""

    def __init__(
        self,
        home: Home,
        sync: SyncConfig,
        warehouse: Warehouse,
        run_id: str,
        request: Request,
        *,
        opened: Opened | None = None,
    ) -> None:
        self.home = home
        self.sync = sync
        self.warehouse = warehouse
        self.run_id = run_id
        self.request = request
        self._opened = opened or self._open

    def run(self) -> Result:
        """Send what may be sent; raises `UnsafePlan` or `StalePlan` before anything is sent.

        When the CRM dies or the user stops it, what was answered is in the journal, the plan is `partly_applied`, and
        the error goes on.
        """
        plan = self._accepted_plan()
        result = Result(plan)
        if plan.status == "applied":
            return result
        if [rule.rule for rule in plan.stopped_by] == ["first_run"] and self.request.by == "schedule":
            result.is_waiting = True
            return result
        self._raise_if_unsafe(plan)
        todo, left = self._read_rows(plan)
        result.outcomes["left"] = left
        if todo:
            self._send(plan, todo, result)
        else:
            self._finish(plan, is_whole=left == 0)
        return result

    def _accepted_plan(self) -> CrmPlan:
        with self.warehouse.transaction() as connection:
            ledger.load(connection, self.home.ledger)
            if self.request.plan_id is None:
                plan = drafting.plan_write_back(connection, self.home, self.sync)
            else:
                plan = plans.get(connection, self.request.plan_id)
            plans.raise_unless_of(plan, self.sync.sync)
            return plans.accept(connection, plan, self.request.accept, self.request.by)

    def _raise_if_unsafe(self, plan: CrmPlan) -> None:
        if not plan.stopped_by:
            return
        with self.warehouse.transaction() as connection:
            plans.set_status(connection, plan.plan_id, "refused")
        sentences = " ".join(rule.sentence for rule in plan.stopped_by)
        flags = " ".join(dict.fromkeys(f"--accept {rule.rule}" for rule in plan.stopped_by))
        raise UnsafePlan(
            f"The plan is not safe to write to the CRM: {sentences}",
            where=plan.plan_id,
            do=f"Look at it with `enlist crm show {plan.plan_id}`, then `enlist crm push {plan.plan_id} {flags}`.",
        )

    def _read_rows(self, plan: CrmPlan) -> tuple[list[Row], int]:
        """The rows to send now, and how many are left because nobody asks for them any more."""
        with self.warehouse.transaction() as connection:
            why = stale.why_stale(plan, self.home, self.sync, checksum_now=plans.checksum(connection, plan.plan_id))
            if why:
                raise plans.stale(plan, why)
            found = drafting.redraw(connection, self.home, self.sync, plan, "write")
        todo = [row for row in found if row["state"] == "planned"]
        return todo, len(found) - len(todo)

    def _send(self, plan: CrmPlan, todo: Sequence[Row], result: Result) -> None:
        journal = CrmJournal(
            self.home.ledger,
            self.run_id,
            plan_id=plan.plan_id,
            sync=plan.sync,
            kind=plan.kind,
            accepted=[dict(acceptance) for acceptance in plan.accepted],
            planned=len(todo),
        )
        sending, is_whole = _Sending(journal, result.outcomes, len(todo)), False
        with self.warehouse.transaction() as connection:
            plans.set_status(connection, plan.plan_id, "applying")
        try:
            self._send_rows(todo, sending)
            is_whole = not (result.outcomes["failed"] or result.outcomes["left"])
        except EnlistError as error:
            error.do = f"It broke off: {_summary(result.outcomes, len(todo))}. {error.do}".strip()
            raise
        except KeyboardInterrupt:
            raise Interrupted(
                f"Stopped: {_summary(result.outcomes, len(todo))}.",
                where=plan.plan_id,
                do="Nothing is written twice: push the plan again, or wait for the next run.",
            ) from None
        finally:
            journal.end()
            self._finish(plan, is_whole=is_whole)

    def _send_rows(self, todo: Sequence[Row], sending: "_Sending") -> None:
        """All rows in their order, alike ones together; every CRM is asked before anything is sent to any."""
        with ExitStack() as stack:
            writers = {name: stack.enter_context(self._writer(name)) for name in sorted({_crm(row) for row in todo})}
            for name, writer in writers.items():
                _check(writer, [row for row in todo if _crm(row) == name])
            for alike in _groups(todo):
                for at in range(0, len(alike), BATCH):
                    sending.send(writers[_crm(alike[0])], alike[at : at + BATCH])

    @contextmanager
    def _writer(self, name: str) -> Iterator[Writer]:
        """What writes to the CRM; two runs never write to it at once, or one note could be made twice."""
        busy = f"Another run is writing to {name}."
        with locks.held(self.home.locks / f"write-{name}", wait=WAIT, busy=busy), closing(self._opened(name)) as writer:
            yield writer

    def _open(self, name: str) -> Writer:
        return open_writer(name, self.home.connection(name), self.home.root)  # type: ignore[arg-type]

    def _finish(self, plan: CrmPlan, *, is_whole: bool) -> None:
        with self.warehouse.transaction() as connection:
            ledger.load(connection, self.home.ledger)
            plans.set_status(connection, plan.plan_id, "applied" if is_whole else "partly_applied")


@dataclass
class _Sending:
    """Batches to a writer, each written down before and after."""

    journal: CrmJournal
    outcomes: Counter[str]
    total: int
    done: int = 0
    failed_in_a_row: int = 0

    def send(self, writer: Writer, batch: Sequence[Row]) -> None:
        """Raises `TransientError` when one record after the other gets no usable answer."""
        self.journal.sending(batch)
        answers: list[tuple[Row, Written]] = []
        try:
            for row, written in zip(batch, _write(writer, batch), strict=True):
                answers.append((row, written))
                self._count(written)
        finally:
            self.journal.outcomes(answers)
        self.done += len(batch)
        progress.advance("records in the CRM", self.done, self.total)

    def _count(self, written: Written) -> None:
        self.outcomes[written.outcome] += 1
        self.failed_in_a_row = self.failed_in_a_row + 1 if written.outcome == "failed" else 0
        if self.failed_in_a_row >= MOST_FAILED:
            raise TransientError(
                f"no usable answer came {MOST_FAILED} times in a row.", where="the CRM", do="Try again later."
            )


def _check(writer: Writer, todo: Sequence[Row]) -> None:
    """Raise `ConfigError` for a field or value that can't be written to any record, before anything is sent."""
    for entity, name, value in sorted(
        {(row["entity"], row["field"], row["after"]) for row in todo if row["op"] == "set"}
    ):
        problems = writer.check(_entity(entity), {name: value})
        if problems:
            raise ConfigError(
                problems[0], where=f"{entity}, {name}", do="Nothing was written. Mend the field or the value."
            )


def _write(writer: Writer, batch: Sequence[Row]) -> Iterator[Written]:
    """The batch, all of one op."""
    match batch[0]["op"]:
        case "set":
            return writer.edit([_edit(row) for row in batch])
        case "note":
            return writer.note(
                [Note(_entity(row["entity"]), row["contact_key"], row["field"], row["after"]) for row in batch]
            )
        case _:
            return writer.plan_event([_event(row) for row in batch])


def _edit(row: Row) -> Edit:
    """What people asked for by hand was decided by what they saw; an opt-out is right whatever stands there."""
    is_seen = row["kind"] == "edit" and row["is_known"]
    expected = {row["field"]: row["before"] or ""} if is_seen else {}
    return Edit(_entity(row["entity"]), row["contact_key"], {row["field"]: row["after"]}, expected)


def _event(row: Row) -> CalendarEvent:
    told = loads(row["after"])
    return CalendarEvent(
        _entity(row["entity"]),
        row["contact_key"],
        row["field"],
        told["subject"],
        datetime.fromisoformat(told["starts_at"]),
        minutes=told["minutes"],
        text=told["text"],
    )


def _groups(todo: Sequence[Row]) -> Iterator[list[Row]]:
    """Rows that one call may take together, each group in its order."""
    for _, alike in groupby(
        todo, key=lambda row: (_crm(row), row["kind"], row["op"], row["op"] != "set" or row["field"])
    ):
        yield list(alike)


def _crm(row: Row) -> str:
    """The connection that the row's entity is of."""
    return str(row["entity"]).partition(".")[0]


def _entity(name: str) -> str:
    """The entity as its connection calls it."""
    return name.partition(".")[2]


def _summary(outcomes: Counter[str], planned: int) -> str:
    told = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(outcomes.items()) if count)
    return f"{told or 'nothing was sent'} of {planned:,}"
