"""The look back after a push: whether the audience has what the provider said yes to.

Belongs here: comparing applied changes with what the members show, and writing down what is otherwise. Does not:
reading (rereading.py), sending (sending.py).

Rows that the provider itself has read back are done. The members of the others are asked for, where they are so few
that this takes fewer calls than the whole audience. Else whoever changed since the extract is read, which is everybody
whom the push really changed. Where somebody does not show what was sent, everybody is read once: a provider may change
a member without saying so. There is no third look.

What a provider rewrites its own way was kept; what is as it was before, or not there at all, was not. A row of which
nothing was kept is refused after all. One of which a part was kept stays applied, or the ledger would forget that the
member is ours; its code says what is missing.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipelines import progress
from pipelines.providers.base import Member, Outcome
from pipelines.sync.rereading import Rereading

CODE = "not_kept"
SAID_YES = "The provider said yes, but "
REMEDY = "Look at the member at the provider: the change is sent again when the record changes in the CRM."
TOLD_EVERY = 500
REMEDY_LATER = "Nothing: the next plan looks at the member again."
# Refused rows of these ops wait until their data changes (dbt's plan_changes).
HELD = frozenset({"add", "update", "rename", "tag", "join"})
LABELS: Mapping[str, tuple[str, bool]] = {
    "tag": ("tags", True),
    "untag": ("tags", False),
    "join": ("groups", True),
    "leave": ("groups", False),
}

Fields = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Missing:
    """What a member does not show of a row, as the end of a sentence; `is_all`: nothing of the row was kept."""

    what: str
    is_all: bool = True


@dataclass(frozen=True, slots=True)
class Applied:
    """A row of plan.changes that the provider said yes to.

    `told` are the fields that its answer showed otherwise than they were sent; None where it showed none at all.
    `is_seen`: the provider looked itself.
    """

    row: Mapping[str, Any]
    told: Fields | None
    provider_id: str | None = None
    is_seen: bool = False


Correction = tuple[Mapping[str, Any], Outcome]


def corrections(rereading: Rereading, extracted_at: datetime, applied: Iterable[Applied]) -> list[Correction]:
    """Rows with the outcome that they really had, where it is another, or where it says more, than the answer."""
    look = _Look(applied)
    if not look.waiting:
        return []
    if (few := _few(rereading, look)) is not None:
        for key, member in few:
            look.last(key, member)
        return look.told()
    for number, (key, member) in enumerate(rereading.changed_since(extracted_at), start=1):
        look.first(key, member)
        _tell(number)
    if look.waiting:
        for number, (key, member) in enumerate(rereading.everybody(), start=1):
            look.last(key, member)
            _tell(number)
    return look.told()


def _few(rereading: Rereading, look: "_Look") -> Iterator[tuple[str, Member]] | None:
    """Those who wait, where all of them can be asked for; an add is held against who changed since the extract."""
    waiting = [one for group in look.waiting.values() for one in group]
    ids = {one.provider_id for one in waiting if one.provider_id and one.row["op"] != "add"}
    return rereading.some(ids) if all(one.provider_id in ids for one in waiting) else None


class _Look:
    """Who waits to be seen as sent, by email_key, and the corrections found so far."""

    def __init__(self, applied: Iterable[Applied]) -> None:
        self.waiting: dict[str, list[Applied]] = defaultdict(list)
        self.found: list[Correction] = []
        self._touched: set[str] = set()
        for one in applied:
            if _is_visible(one.row) and not one.is_seen:
                self.waiting[one.row["email_key"]].append(one)

    def first(self, key: str, member: Member) -> None:
        """Take somebody who changed; what they do not show waits for the last look."""
        self._touched.add(key)
        if open_rows := [one for one in self.waiting.pop(key, ()) if not self._is_kept(one, member)]:
            self.waiting[key] = open_rows

    def last(self, key: str, member: Member) -> None:
        """Take somebody; what they do not show now was not kept."""
        for one in self.waiting.pop(key, ()):
            missing = missing_of(one, member, is_untouched=key not in self._touched)
            if missing is None:
                self._note_rewritten(one, member)
            elif missing.is_all:
                self.found.append(_refused(one, missing.what, can_retry=one.row["op"] not in HELD))
            else:
                self.found.append(_partly(one, missing.what, member))

    def told(self) -> list[Correction]:
        """All corrections; who waits to the end is not there."""
        absent = (one for group in self.waiting.values() for one in group)
        return [*self.found, *(_not_there(one) for one in absent if one.row["op"] in HELD)]

    def _is_kept(self, one: Applied, member: Member) -> bool:
        if missing_of(one, member, is_untouched=False):
            return False
        self._note_rewritten(one, member)
        return True

    def _note_rewritten(self, one: Applied, member: Member) -> None:
        if one.told is None and (now := _fields_now(one, member)) != _sent(one):
            outcome = Outcome(
                one.row["change_id"], "applied", provider_id=member.provider_id, kept={"fields": dict(now)}
            )
            self.found.append((one.row, outcome))


def missing_of(one: Applied, member: Member, *, is_untouched: bool) -> Missing | None:
    """What the member does not show of what was sent; None when all of it is there.

    The status of somebody who returned is only held against whom nothing changed since the extract: anybody else may
    have said no, or have been archived by hand, a moment ago.
    """
    op, after, before = one.row["op"], json.loads(one.row["after"]), json.loads(one.row["before"] or "{}")
    if op in LABELS:
        return _labels(op, before, after, member)
    if op == "unsubscribe":
        return Missing(f"the member is {member.status}") if member.status in ("subscribed", "pending") else None
    if op == "archive":
        return Missing(f"the member is {member.status}") if member.status == before.get("status") else None
    if op == "add" and is_untouched and member.status == before.get("status"):
        return Missing(f"the member is still {member.status}")
    fields_before = before.get("fields", {} if one.row["before"] is None else None)
    sent = _sent(one)
    lost = _lost(one, fields_before, member.fields)
    differing = [name for name, value in sent.items() if (fields_before or {}).get(name, "") != value]
    is_all = op == "update" and set(differing) <= set(lost)
    return Missing(f"{', '.join(lost)} {'is' if len(lost) == 1 else 'are'} not as sent", is_all) if lost else None


def _labels(op: str, before: Mapping[str, Any], after: Mapping[str, Any], member: Member) -> Missing | None:
    kind, is_given = LABELS[op]
    now = {label.lower() for label in (member.tags if kind == "tags" else member.groups)}
    more, less = (after, before) if is_given else (before, after)
    less_keys = {label.lower() for label in less[kind]}
    named = [label for label in more[kind] if label.lower() not in less_keys]
    wrong = [label for label in named if (label.lower() in now) is not is_given]
    verb = "lacks" if is_given else "still has"
    return Missing(f"the member {verb} {', '.join(wrong)}", is_all=wrong == named) if wrong else None


def _lost(one: Applied, before: Fields | None, now: Fields) -> list[str]:
    """Fields that are as they were `before` (None: nobody knows), unless the answer itself showed that value."""
    lost = []
    for name, value in _sent(one).items():
        has = now.get(name, "")
        if has == value or (before is not None and has != before.get(name, "")):
            continue
        is_rewritten = bool(has and value) and one.told is not None and one.told.get(name, value) == has
        if not is_rewritten:
            lost.append(name)
    return sorted(lost)


def _sent(one: Applied) -> Fields:
    fields: Fields = json.loads(one.row["after"]).get("fields", {})
    return fields


def _fields_now(one: Applied, member: Member) -> Fields:
    return {name: member.fields.get(name, "") for name in _sent(one)}


def _is_visible(row: Mapping[str, Any]) -> bool:
    """Whether a change shows in a member at all: one that hands a member to another record may not."""
    before, after = json.loads(row["before"] or "{}"), json.loads(row["after"])
    return not (row["op"] == "update" and before.get("fields") == after.get("fields")) and row["op"] != "delete"


def _not_there(one: Applied) -> Correction:
    is_held = one.row["op"] in ("add", "rename")  # the labels of somebody who is not there wait for them
    return _refused(one, "the member is not in the audience", can_retry=not is_held)


def _refused(one: Applied, what: str, *, can_retry: bool) -> Correction:
    return one.row, Outcome(
        one.row["change_id"],
        "refused",
        code=CODE,
        detail=f"{SAID_YES}{what}.",
        remedy=REMEDY_LATER if can_retry else REMEDY,
        can_retry=can_retry,
        provider_id=one.row["provider_id"],
    )


def _partly(one: Applied, what: str, member: Member) -> Correction:
    return one.row, Outcome(
        one.row["change_id"],
        "applied",
        code=CODE,
        detail=f"{SAID_YES}{what}.",
        remedy=REMEDY,
        provider_id=member.provider_id,
        kept={"fields": dict(_fields_now(one, member))} if _sent(one) else None,
    )


def _tell(number: int) -> None:
    if number % TOLD_EVERY == 0:
        progress.advance("members read back", number)
