"""A push from end to end: which plan, whether it may go, what a broken-off push leaves behind.

Belongs here: acceptance, the verdict asked once more, staleness, canary parts, the plan's status.
Does not: the batches themselves (sending.py), HTTP (providers/), what to change (a plan is never altered), Dagster.

One connection to the warehouse is never held across a call: it is opened before and after, not during.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import md5
from typing import Any

from pipelines.config import Home, SyncConfig
from pipelines.errors import EnlistError, Interrupted, StalePlan, UnsafePlan
from pipelines.ledger import load as ledger
from pipelines.ledger.journal import Journal
from pipelines.providers.base import Member, Provider
from pipelines.providers.secrets import conceal
from pipelines.quality import addresses
from pipelines.sync import creating, plans, stale
from pipelines.sync.freeze import checksum
from pipelines.sync.plans import Plan
from pipelines.sync.sending import Result, Row, Sender
from pipelines.warehouse import Warehouse, rows


@dataclass(frozen=True)
class Request:
    """Which part of which plan to push, and what a person accepted for it. `only` is the `hash_of` an email_key."""

    plan_id: str | None = None
    accept: tuple[str, ...] = ()
    by: str = "schedule"
    limit: int | None = None
    only: str | None = None


class Push:
    """One push of one sync's plan; `run_id` names its journal."""

    def __init__(
        self, home: Home, sync: SyncConfig, provider: Provider, warehouse: Warehouse, run_id: str, request: Request
    ) -> None:
        self.home = home
        self.sync = sync
        self.provider = provider
        self.warehouse = warehouse
        self.run_id = run_id
        self.request = request

    def run(self) -> Result:
        """Send what may be sent; raises `UnsafePlan` or `StalePlan` before anything is sent.

        When the provider dies or the user stops it, the journal is closed truly, the plan is `partly_applied`, and
        the error goes on.
        """
        plan = self._accepted_plan()
        result = Result(plan, self.run_id)
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
            self._finish(plan, is_whole=not self._is_part)
            return result
        moved = self._moved_rows(plan, planned)
        self._send(plan, planned, moved, secrets, result)
        return result

    def _accepted_plan(self) -> Plan:
        with self.warehouse.transaction() as connection:
            ledger.load(connection, self.home.ledger)
            plan = self._find(plans.latest(connection, self.sync.sync), connection)
            if plan.status in ("superseded", "expired"):
                raise StalePlan(
                    f"Plan {plan.plan_id} is {plan.status}.", do=f"Make a new one: enlist plan {self.sync.sync}"
                )
            return plans.accept(connection, plan, self.request.accept, self.request.by)

    def _find(self, latest: Plan | None, connection: Any) -> Plan:
        if self.request.plan_id:
            return plans.get(connection, self.request.plan_id)
        if latest is None:
            raise StalePlan(f"{self.sync.sync} has no plan yet.", do=f"Make one: enlist plan {self.sync.sync}")
        return latest

    def _raise_if_unsafe(self, plan: Plan) -> None:
        if not plan.stopped_by:
            return
        with self.warehouse.transaction() as connection:
            plans.set_status(connection, plan.plan_id, "refused")
        sentences = " ".join(rule.sentence for rule in plan.stopped_by)
        flags = " ".join(f"--accept {rule.rule}" for rule in plan.stopped_by if rule.acceptable)
        can_accept = all(rule.acceptable for rule in plan.stopped_by)
        do = f"Look at it with `enlist show {plan.plan_id}`"
        do += f", then push it with {flags}." if can_accept else "; nothing lifts this rule."
        raise UnsafePlan(f"The plan is not safe to push: {sentences}", where=plan.plan_id, do=do)

    def _read_rows(self, plan: Plan) -> tuple[Sequence[Row], Mapping[str, Mapping[str, str]]]:
        """The rows to send now, and the clear values of secret fields by email_key."""
        with self.warehouse.transaction() as connection:
            try:
                stale.raise_if_stale(
                    plan,
                    self.home,
                    self.sync,
                    fields_hash_now=stale.fields_hash(connection, self.sync),
                    checksum_now=checksum(connection, plan.plan_id),
                )
            except StalePlan:
                plans.set_status(connection, plan.plan_id, "expired")
                connection.commit()
                connection.begin()
                raise
            done = {
                row["change_id"]
                for row in rows(
                    connection,
                    "select change_id from ledger.pushes where plan_id = ? and outcome in ('applied', 'refused')",
                    [plan.plan_id],
                )
            }
            planned = [row for row in plans.changes(connection, plan.plan_id) if row["change_id"] not in done]
            plans.set_status(connection, plan.plan_id, "applying")
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

    def _clear_secrets(self, connection: Any) -> Mapping[str, Mapping[str, str]]:
        if not self.sync.secret_names:
            return {}
        found = rows(connection, f"select email_key, secrets from sync_{self.sync.sync}.map_wanted")
        return {str(row["email_key"]): json.loads(str(row["secrets"])) for row in found}

    def _moved_rows(self, plan: Plan, planned: Sequence[Row]) -> Mapping[str, str]:
        """Rows whose `before` no longer holds, from a re-read of the members that changed since the extract."""
        changed: list[Member] = []
        since = stale.provider_time(plan.extracted_at)
        for page in self.provider.members(plan.audience_id, fields=self.sync.field_names, since=since):
            changed.extend(conceal(member, self.sync.secret_names) for member in page)
        keys = {member.email: addresses.judge(member.email).email_key or "" for member in changed}
        moved = stale.moved(planned, changed, keys)
        if stale.too_many_moved(len(moved), len(planned), self.sync.safety.floor):
            with self.warehouse.transaction() as connection:
                plans.set_status(connection, plan.plan_id, "expired")
            raise StalePlan(
                f"{len(moved):,} of {len(planned):,} changes no longer fit the audience, which changed meanwhile.",
                where=plan.plan_id,
                do=f"Make a new plan: enlist plan {self.sync.sync}",
            )
        return moved

    def _send(
        self,
        plan: Plan,
        planned: Sequence[Row],
        moved: Mapping[str, str],
        secrets: Mapping[str, Mapping[str, str]],
        result: Result,
    ) -> None:
        creating.create(self.provider, plan.audience_id, plan.creates)
        sender = Sender(self.provider, plan, self._open_journal(plan, len(planned)), result, secrets)
        todo = [row for row in planned if row["change_id"] not in moved]
        before, is_whole = self.provider.calls, False
        try:
            for row in planned:
                if row["change_id"] in moved:
                    sender.leave([row], "moved", moved[row["change_id"]])
            sender.send(todo)
            is_whole = self._is_whole(result)
        except EnlistError as error:
            sender.leave(sender.unsent(todo), "broken_off", error.what)
            raise
        except KeyboardInterrupt:
            sender.leave(sender.unsent(todo), "interrupted", "the push was stopped")
            raise Interrupted(
                f"Stopped at a batch border: {result.outcomes['applied']:,} applied, {result.outcomes['left']:,} left.",
                where=plan.plan_id,
                do=f"The next `enlist sync {self.sync.sync}` goes on from what the provider really has.",
            ) from None
        finally:
            result.calls = self.provider.calls - before
            sender.journal.end(calls=result.calls, left=result.outcomes["left"])
            self._finish(plan, is_whole=is_whole)

    @property
    def _is_part(self) -> bool:
        return self.request.limit is not None or self.request.only is not None

    def _open_journal(self, plan: Plan, planned: int) -> Journal:
        with self.warehouse.open() as connection:
            fields = stale.named_fields(connection, self.sync)
        return Journal(
            self.home.ledger,
            self.run_id,
            plan_id=plan.plan_id,
            sync=plan.sync,
            connection=plan.connection,
            audience_id=plan.audience_id,
            source_rows=dict(plan.source_rows),
            fields=fields,
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


def hash_of(email_key: str) -> str:
    """How a run names one address without naming the person."""
    return md5(email_key.encode(), usedforsecurity=False).hexdigest()
