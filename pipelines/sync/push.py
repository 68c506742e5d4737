"""A push from end to end: which plan, whether it may go, what a broken-off push leaves behind.

Belongs here: acceptance, the verdict asked once more, staleness, canary parts, the plan's status.
Does not: the batches themselves (sending.py), HTTP (providers/), what to change (a plan is never altered), Dagster.

One connection to the warehouse is never held across a call: it is opened before and after, not during.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import md5

import duckdb

from pipelines import clock
from pipelines.config import Home, SyncConfig
from pipelines.errors import (
    ConfigError,
    EnlistError,
    Interrupted,
    ProviderError,
    StalePlan,
    TransientError,
    UnsafePlan,
)
from pipelines.ledger import claims
from pipelines.ledger import load as ledger
from pipelines.ledger.journal import Journal
from pipelines.providers.base import Provider
from pipelines.sync import creating, plans, readback, stale
from pipelines.sync.naming import name_fields
from pipelines.sync.plans import Plan
from pipelines.sync.rereading import Rereading
from pipelines.sync.sending import Result, Row, Sender
from pipelines.warehouse import Warehouse, rows

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """Which part of which plan to push, and what a person accepted for it. `only` is the `hash_of` an email_key."""

    plan_id: str | None = None
    accept: tuple[str, ...] = ()
    by: str = "schedule"
    limit: int | None = None
    only: str | None = None


class Push:
    """One push of one sync's plan; `run_id` names its journal.

    `result` is what it did so far, also where an error ends it; None before there was a plan.
    """

    def __init__(
        self, home: Home, sync: SyncConfig, provider: Provider, warehouse: Warehouse, run_id: str, request: Request
    ) -> None:
        self.home = home
        self.sync = sync
        self.provider = provider
        self.warehouse = warehouse
        self.run_id = run_id
        self.request = request
        self.result: Result | None = None

    def run(self) -> Result:
        """Send what may be sent; raises `UnsafePlan` or `StalePlan` before anything is sent.

        When the provider dies or the user stops it, the journal is closed truly, the plan is `partly_applied`, and
        the error goes on. Changes without a usable answer are an error too, when all else is done.
        """
        plan = self._accepted_plan()
        result = self.result = Result(plan, self.run_id)
        if plan.status == "applied":
            return result
        if plan.size == 0:
            self._finish(plan, is_whole=True)
            return result
        if [rule.rule for rule in plan.stopped_by] == ["first_run"] and self.request.by == "schedule":
            result.is_waiting = True
            return result
        self._raise_if_unsafe(plan)
        planned, secrets = self._read_rows(plan)
        if not planned:
            if not self._is_part:
                self._finish(plan, is_whole=True)
            return result
        rereading = Rereading(self.provider, plan.audience_id, self.sync, planned)
        with self._expiring(plan):
            fields = self._fields_now(plan)
            lookout = _Lookout(rereading, plan.extracted_at)
            moved = lookout.moved(planned)
            self._raise_if_too_many(plan, moved, len(planned))
        creating.create(self.provider, plan.audience_id, plan.creates)
        sender = Sender(
            self.provider, plan, self._open_journal(plan, len(planned), fields), result, secrets, lookout.moved
        )
        self._send(plan, planned, moved, sender, rereading)
        return result

    @contextmanager
    def _expiring(self, plan: Plan) -> Iterator[None]:
        """Mark the plan as expired when it turns out to be stale."""
        try:
            yield
        except StalePlan:
            with self.warehouse.transaction() as connection:
                plans.set_status(connection, plan.plan_id, "expired")
            raise

    def _accepted_plan(self) -> Plan:
        with self.warehouse.transaction() as connection:
            ledger.load(connection, self.home.ledger)
            plan = self._find(plans.latest(connection, self.sync.sync), connection)
            if plan.status in ("superseded", "expired"):
                raise StalePlan(
                    f"Plan {plan.plan_id} is {plan.status}.", do=f"Make a new one: enlist plan {self.sync.sync}"
                )
            return plans.accept(connection, plan, self.request.accept, self.request.by)

    def _find(self, latest: Plan | None, connection: duckdb.DuckDBPyConnection) -> Plan:
        if self.request.plan_id:
            found = plans.get(connection, self.request.plan_id)
            if found.sync != self.sync.sync:
                raise ConfigError(
                    f"plan {found.plan_id} belongs to the sync {found.sync}.",
                    where=self.sync.sync,
                    do=f"Push it with `enlist push {found.sync} --plan {found.plan_id}`.",
                )
            return found
        if latest is None:
            raise StalePlan(f"{self.sync.sync} has no plan yet.", do=f"Make one: enlist plan {self.sync.sync}")
        return latest

    def _raise_if_unsafe(self, plan: Plan) -> None:
        if not plan.stopped_by:
            return
        with self.warehouse.transaction() as connection:
            plans.set_status(connection, plan.plan_id, "refused")
        sentences = " ".join(rule.sentence for rule in plan.stopped_by)
        flags = " ".join(dict.fromkeys(f"--accept {rule.rule}" for rule in plan.stopped_by if rule.acceptable))
        can_accept = all(rule.acceptable for rule in plan.stopped_by)
        do = f"Look at it with `enlist show {plan.plan_id}`"
        do += f", then push it with {flags}." if can_accept else "; nothing lifts this rule."
        raise UnsafePlan(f"The plan is not safe to push: {sentences}", where=plan.plan_id, do=do)

    def _read_rows(self, plan: Plan) -> tuple[Sequence[Row], Mapping[str, Mapping[str, str]]]:
        """The rows to send now, and the clear values of secret fields by email_key."""
        with self._expiring(plan), self.warehouse.transaction() as connection:
            stale.raise_if_stale(plan, self.home, self.sync, checksum_now=plans.checksum(connection, plan.plan_id))
            done = {
                row["change_id"]
                for row in rows(
                    connection,
                    "select change_id from ledger.pushes where plan_id = ? and outcome in ('applied', 'refused')",
                    [plan.plan_id],
                )
            }
            planned = [row for row in plans.changes(connection, plan.plan_id) if row["change_id"] not in done]
            return self._part(planned), self._clear_secrets(connection)

    def _part(self, planned: Sequence[Row]) -> Sequence[Row]:
        """The canary part of the plan: whole members, so that nobody is left without their tags."""
        if self.request.only is not None:
            return [row for row in planned if hash_of(row["email_key"]) == self.request.only]
        if self.request.limit is None:
            return planned
        members = list(dict.fromkeys(row["email_key"] for row in planned))[: self.request.limit]
        chosen = set(members)
        return [row for row in planned if row["email_key"] in chosen]

    def _clear_secrets(self, connection: duckdb.DuckDBPyConnection) -> Mapping[str, Mapping[str, str]]:
        if not self.sync.secret_names:
            return {}
        found = rows(connection, f"select email_key, secrets from sync_{self.sync.sync}.map_wanted")
        return {str(row["email_key"]): json.loads(str(row["secrets"])) for row in found}

    def _fields_now(self, plan: Plan) -> stale.Fields:
        """The merge fields that the sync names, as they are now; raises `StalePlan` when they or the account moved."""
        account = self.provider.account()
        self._claim(plan, account.account_id)
        name_fields(self.home, self.warehouse, self.provider, self.sync, plan.audience_id)
        fields = stale.named(self.provider.merge_fields(plan.audience_id), self.sync.field_names)
        with self.warehouse.open() as connection:
            extracted = stale.named_fields(connection, self.sync)
        stale.raise_if_elsewhere(plan, account, fields, extracted)
        return fields

    def _claim(self, plan: Plan, account_id: str) -> None:
        """Nobody can be reached through the sandbox: its audiences may have as many homes as they like."""
        connection = self.home.connection(plan.connection)
        if not connection.is_loopback():
            claims.claim(self.home.root, self.sync.sync, connection.kind, account_id, plan.audience_id)

    def _raise_if_too_many(self, plan: Plan, moved: Mapping[str, str], planned: int) -> None:
        if stale.too_many_moved(len(moved), planned, self.sync.safety.floor):
            raise StalePlan(
                f"{len(moved):,} of {planned:,} changes no longer fit the audience, which changed meanwhile: "
                f"{stale.counted(moved)}.",
                where=plan.plan_id,
                do=f"Make a new plan: enlist plan {self.sync.sync}",
            )

    def _send(
        self, plan: Plan, planned: Sequence[Row], moved: Mapping[str, str], sender: Sender, rereading: Rereading
    ) -> None:
        todo = [row for row in planned if row["change_id"] not in moved]
        result, before, is_whole = sender.result, self.provider.calls, False
        try:
            with self.warehouse.transaction() as connection:
                plans.set_status(connection, plan.plan_id, "applying")
            for row in planned:
                if row["change_id"] in moved:
                    sender.leave([row], "moved", moved[row["change_id"]])
            sender.send(todo)
            is_whole = self._is_whole(result)
            self._read_back(plan, sender, rereading)
        except EnlistError as error:
            sender.leave(sender.unsent(todo), "broken_off", error.what)
            error.do = f"It broke off: {result.summary(len(planned))}. {error.do}".strip()
            raise
        except KeyboardInterrupt:
            sender.leave(sender.unsent(todo), "interrupted", "the push was stopped")
            raise Interrupted(
                f"Stopped at a batch border: {result.summary(len(planned))}.",
                where=plan.plan_id,
                do=f"The next `enlist sync {self.sync.sync}` goes on from what the provider really has.",
            ) from None
        finally:
            result.calls = self.provider.calls - before
            sender.journal.end(calls=result.calls, left=result.outcomes["left"], is_read_back=result.is_read_back)
            self._finish(plan, is_whole=is_whole)
        self._raise_if_unanswered(plan, result, len(planned))

    def _raise_if_unanswered(self, plan: Plan, result: Result, planned: int) -> None:
        """After the last batch no other would find out that the provider is gone."""
        if failed := result.outcomes["failed"]:
            raise TransientError(
                f"{failed:,} of {planned:,} changes got no usable answer: {result.summary(planned)}.",
                where=plan.plan_id,
                do=f"Send the rest with `enlist push {plan.sync} --plan {plan.plan_id}`, or wait for the next run: it "
                "goes on from what the provider really has.",
            )

    def _read_back(self, plan: Plan, sender: Sender, rereading: Rereading) -> None:
        """Look whether the audience has what was applied; a provider in trouble spoils nothing that was sent."""
        try:
            sender.correct(readback.corrections(rereading, plan.extracted_at, sender.applied))
            sender.result.is_read_back = True
        except ProviderError as error:
            log.warning("%s: what was sent was not read back: %s", plan.plan_id, error.what)

    @property
    def _is_part(self) -> bool:
        return self.request.limit is not None or self.request.only is not None

    def _open_journal(self, plan: Plan, planned: int, fields: stale.Fields) -> Journal:
        return Journal(
            self.home.ledger,
            self.run_id,
            plan_id=plan.plan_id,
            sync=plan.sync,
            connection=plan.connection,
            audience_id=plan.audience_id,
            source_rows=dict(plan.source_rows),
            fields=dict(fields),
            accepted=[dict(acceptance) for acceptance in plan.accepted],
            planned=planned,
            is_part=self._is_part,
        )

    def _is_whole(self, result: Result) -> bool:
        is_done = result.outcomes["left"] == result.dependent and result.outcomes["failed"] == 0
        return is_done and not self._is_part

    def _finish(self, plan: Plan, *, is_whole: bool) -> None:
        with self.warehouse.transaction() as connection:
            ledger.load(connection, self.home.ledger)
            plans.set_status(connection, plan.plan_id, "applied" if is_whole else "partly_applied")


class _Lookout:
    """Looks which rows moved since the last look, the first time since the extract."""

    def __init__(self, rereading: Rereading, extracted_at: datetime) -> None:
        self._rereading = rereading
        self._since = extracted_at

    def moved(self, planned: Sequence[Row]) -> Mapping[str, str]:
        """Rows whose `before` no longer holds: {change_id: what moved}."""
        started = clock.naive(clock.now())
        found = stale.moved(planned, self._rereading.changed_since(self._since))
        self._since = started
        return found


def hash_of(email_key: str) -> str:
    """How a run names one address without naming the person."""
    return md5(email_key.encode(), usedforsecurity=False).hexdigest()
