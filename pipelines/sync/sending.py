"""The batches of a push: a line in the journal before each, its outcomes after.

Belongs here: sending rows in the plan's order, and what that order implies for rows that depend on others.
Does not: whether to send at all (push.py), how a batch travels (providers/).
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pipelines import progress
from pipelines.ledger.journal import Journal
from pipelines.providers.base import Batch, Change, Outcome, Provider
from pipelines.providers.secrets import conceal_fields
from pipelines.sync import plans
from pipelines.sync.plans import Plan

Row = Mapping[str, Any]

# Labels of somebody whom the provider did not take would be refused as well.
CARRIERS = ("add", "rename")


@dataclass
class Result:
    """What a push did, in changes.

    `dependent` of the changes left are labels of members whom the provider did not take. `is_waiting`: it is a first
    plan that nobody accepted yet, and nothing was sent.
    """

    plan: Plan
    run_id: str
    outcomes: Counter[str] = field(default_factory=Counter)
    by_op: Counter[tuple[str, str]] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    dependent: int = 0
    is_waiting: bool = False

    def count(self, op: str, outcome: str, code: str | None = None) -> None:
        """Take one outcome into the sums."""
        self.outcomes[outcome] += 1
        self.by_op[op, outcome] += 1
        if outcome == "refused":
            self.refusals[code or "unknown"] += 1


class Sender:
    """Sends rows of one plan; `secrets` are the clear values of secret fields by email_key."""

    def __init__(
        self,
        provider: Provider,
        plan: Plan,
        journal: Journal,
        result: Result,
        secrets: Mapping[str, Mapping[str, str]],
    ) -> None:
        self.journal = journal
        self._provider = provider
        self._plan = plan
        self._result = result
        self._secrets = secrets
        self._not_taken: set[str] = set()
        self._done: set[str] = set()

    def send(self, todo: Sequence[Row]) -> None:
        """Send the rows, op by op in their order."""
        for _, group in plans.by_op(todo):
            self._send_op(group, len(todo))

    def leave(self, left: Sequence[Row], code: str, detail: str) -> None:
        """Write down that rows are not sent, and why."""
        self.journal.left((self._line(row) for row in left), code, detail)
        for row in left:
            self._done.add(row["change_id"])
            self._result.count(row["op"], "left")
            if row["op"] in CARRIERS:
                self._not_taken.add(row["email_key"])

    def unsent(self, todo: Sequence[Row]) -> list[Row]:
        """Rows that were neither sent nor left."""
        return [row for row in todo if row["change_id"] not in self._done]

    def _send_op(self, group: Sequence[Row], total: int) -> None:
        waiting = [row for row in group if row["op"] not in CARRIERS and row["email_key"] in self._not_taken]
        if waiting:
            self.leave(waiting, "member_not_taken", "the provider did not take the member")
            self._result.dependent += len(waiting)
        todo = {row["change_id"]: row for row in self.unsent(group)}
        for batch in self._provider.batches(self._plan.audience_id, self._changes(todo.values())):
            self.journal.sending(self._line(todo[change.change_id]) for change in batch.changes)
            self._done.update(change.change_id for change in batch.changes)
            self._take(batch, self._provider.send(self._plan.audience_id, batch))
            progress.advance("changes", len(self._done), total)

    def _take(self, batch: Batch, outcomes: Sequence[Outcome]) -> None:
        self.journal.outcomes(
            [self._conceal(change, outcome) for change, outcome in zip(batch.changes, outcomes, strict=True)]
        )
        for change, outcome in zip(batch.changes, outcomes, strict=True):
            self._result.count(change.op, outcome.outcome, outcome.code)
            if outcome.outcome != "applied" and change.op in CARRIERS:
                self._not_taken.add(change.email_key)

    def _changes(self, todo: Iterator[Row] | Any) -> Iterator[Change]:
        """Rows as the provider takes them, with secret fields in clear."""
        for row in todo:
            change = plans.as_change(row)
            clear = self._secrets.get(change.email_key)
            if clear and "fields" in change.after:
                fields = {**change.after["fields"], **{name: value or "" for name, value in clear.items()}}
                change = replace(change, after={**change.after, "fields": fields})
            yield change

    def _conceal(self, change: Change, outcome: Outcome) -> Outcome:
        clear = self._secrets.get(change.email_key)
        if not clear or not outcome.kept:
            return outcome
        return replace(outcome, kept={**outcome.kept, "fields": conceal_fields(outcome.kept["fields"], clear)})

    def _line(self, row: Row) -> dict[str, Any]:
        """A row of plan.changes as a line of the journal: JSON as objects, so that it is not escaped twice."""
        return {
            **{name: value for name, value in row.items() if name not in ("seq", "before", "after")},
            "connection": self._plan.connection,
            "audience_id": self._plan.audience_id,
            "before": json.loads(row["before"]) if row["before"] else None,
            "after": json.loads(row["after"]),
        }
