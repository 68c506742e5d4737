"""The batches of a push: a line in the journal before each, its outcomes after.

Belongs here: sending rows in the plan's order, and what that order implies for rows that depend on others.
Does not: whether to send at all (push.py), how a batch travels (providers/), looking back (readback.py).
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from pipelines import progress
from pipelines.ledger.journal import Journal
from pipelines.providers.base import Batch, Change, Op, Outcome, Provider
from pipelines.providers.secrets import conceal_fields
from pipelines.sync import plans
from pipelines.sync.plans import Plan
from pipelines.sync.readback import Applied, Correction

Row = Mapping[str, Any]
Watch = Callable[[Sequence[Row]], Mapping[str, str]]

# Labels of somebody whom the provider did not take would be refused as well.
CARRIERS = ("add", "rename")
# Whoever says no and is archived the next moment can't be told from anybody else in the archive.
LEAVERS = ("unsubscribe", "archive")


@dataclass
class Result:
    """What a push did, in changes.

    `dependent` of the changes left are labels of members whom the provider did not take. `is_waiting`: it is a first
    plan that nobody accepted yet, and nothing was sent. `is_read_back`: the audience was looked at after it.
    """

    plan: Plan
    run_id: str
    outcomes: Counter[str] = field(default_factory=Counter)
    by_op: Counter[tuple[str, str]] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    dependent: int = 0
    is_waiting: bool = False
    is_read_back: bool = False

    def count(self, op: str, outcome: str, code: str | None = None) -> None:
        """Take one outcome into the sums."""
        self.outcomes[outcome] += 1
        self.by_op[op, outcome] += 1
        if outcome == "refused":
            self.refusals[code or "unknown"] += 1

    def correct(self, op: str, outcome: Outcome) -> None:
        """Take back that a change was applied, where it was not."""
        if outcome.outcome != "applied":
            self.outcomes["applied"] -= 1
            self.by_op[op, "applied"] -= 1
            self.count(op, outcome.outcome, outcome.code)

    def summary(self, planned: int) -> str:
        """What became of so many changes: "120 applied, 1 refused, 9 left"; what none of it happened to is not told."""
        told = dict.fromkeys(("applied", "refused", "failed", "left"), 0) | self.outcomes
        told["without an answer"] = planned - self.outcomes.total()
        always = ("applied", "refused", "left")
        return ", ".join(f"{count:,} {what}" for what, count in told.items() if count or what in always)


class Sender:
    """Sends rows of one plan; `secrets` are the clear values of secret fields by email_key.

    `watch` looks who of some rows moved in this very moment: {change_id: what moved}. It is asked before each batch of
    leavers but the first, which follows the push's own look.
    """

    def __init__(
        self,
        provider: Provider,
        plan: Plan,
        journal: Journal,
        result: Result,
        secrets: Mapping[str, Mapping[str, str]],
        watch: Watch,
    ) -> None:
        self.journal = journal
        self.applied: list[Applied] = []
        self._watch = watch
        self._is_first = True
        self._provider = provider
        self._plan = plan
        self.result = result
        self._secrets = secrets
        self._not_taken: set[str] = set()
        self._done: set[str] = set()

    def send(self, todo: Sequence[Row]) -> None:
        """Send the rows, op by op in their order."""
        progress.advance("changes", 0, len(todo))  # who asked to stop before the first batch is heard before it
        for op, group in plans.by_op(todo):
            self._send_op(group, self._along(op, group, todo), len(todo))

    def leave(self, left: Sequence[Row], code: str, detail: str) -> None:
        """Write down that rows are not sent, and why."""
        self.journal.left((self._line(row) for row in left), code, detail)
        for row in left:
            self._done.add(row["change_id"])
            self.result.count(row["op"], "left")
            if row["op"] in CARRIERS:
                self._not_taken.add(row["email_key"])

    def unsent(self, todo: Sequence[Row]) -> list[Row]:
        """Rows that were neither sent nor left."""
        return [row for row in todo if row["change_id"] not in self._done]

    def _along(self, op: str, group: Sequence[Row], todo: Sequence[Row]) -> list[Row]:
        """Rows of another op that may travel with the group's: they are of the same people."""
        other = self._provider.traits.along.get(cast("Op", op))
        people = {row["email_key"] for row in group} if other else set()
        return [row for row in todo if row["op"] == other and row["email_key"] in people]

    def _send_op(self, group: Sequence[Row], along: Sequence[Row], total: int) -> None:
        self._leave_dependent(self.unsent(group))
        todo = {row["change_id"]: row for row in self.unsent([*group, *along])}
        for batch in self._provider.batches(self._plan.audience_id, self._changes(todo.values())):
            self._send_batch(batch, [todo[change.change_id] for change in batch.changes])
            progress.advance("changes", len(self._done), total)

    def _leave_dependent(self, rows: Sequence[Row]) -> None:
        """Leave those of members whom the provider did not take."""
        waiting = [row for row in rows if self._is_dependent(row)]
        if waiting:
            self.leave(waiting, "member_not_taken", "the provider did not take the member")
            self.result.dependent += len(waiting)

    def _is_dependent(self, row: Row) -> bool:
        return row["op"] not in CARRIERS and row["email_key"] in self._not_taken

    def _send_batch(self, batch: Batch, rows: Sequence[Row]) -> None:
        moved = self._watch(rows) if batch.op in LEAVERS and not self._is_first else {}
        self._is_first = False
        for row in rows:
            if row["change_id"] in moved:
                self.leave([row], "moved", moved[row["change_id"]])
        rows = [row for row in rows if row["change_id"] not in moved]
        if not rows:
            return
        batch = replace(batch, changes=tuple(one for one in batch.changes if one.change_id not in moved))
        self.journal.sending(self._line(row) for row in rows)
        self._done.update(row["change_id"] for row in rows)
        self._take(rows, batch, self._provider.send(self._plan.audience_id, batch))

    def _take(self, rows: Sequence[Row], batch: Batch, outcomes: Sequence[Outcome]) -> None:
        answers = [self._conceal(change, outcome) for change, outcome in zip(batch.changes, outcomes, strict=True)]
        answered = list(zip(rows, answers, strict=True))
        for row, answer in answered:
            if row["op"] in CARRIERS and answer.outcome != "applied":
                self._not_taken.add(row["email_key"])
        told = [(row, answer) for row, answer in answered if not self._is_dependent(row)]
        self.journal.outcomes([answer for _, answer in told])
        for row, answer in told:
            self.result.count(row["op"], answer.outcome, answer.code)
            if answer.outcome == "applied":
                self.applied.append(Applied(row, _told(row, answer), answer.provider_id, answer.is_seen))
        self._leave_dependent(rows)  # what travelled along: the last line of the journal counts

    def correct(self, corrections: Sequence[Correction]) -> None:
        """Write down what the audience shows otherwise than its answers said."""
        self.journal.outcomes([outcome for _, outcome in corrections])
        for row, outcome in corrections:
            self.result.correct(row["op"], outcome)

    def _changes(self, todo: Iterable[Row]) -> Iterator[Change]:
        """Rows as the provider takes them, with secret fields in clear."""
        for row in todo:
            change = plans.as_change(row)
            clear = self._secrets.get(change.email_key)
            if clear and "fields" in change.after:
                named = change.after["fields"]  # an undo names no secret field
                fields = {**named, **{name: value or "" for name, value in clear.items() if name in named}}
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


def _told(row: Row, answer: Outcome) -> Mapping[str, str] | None:
    """The fields that an answer showed otherwise than they were sent; None where it showed none."""
    if answer.kept is None:
        return None
    sent = json.loads(row["after"]).get("fields", {})
    return {name: value for name, value in answer.kept["fields"].items() if sent.get(name) != value}
