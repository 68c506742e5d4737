"""Whether the world moved since a plan was made.

Belongs here: staleness of a plan as a whole, drift of the provider's fields, staleness row by row.
Does not: reading the provider (push.py hands over what it read).
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import duckdb

from pipelines import clock
from pipelines.config import Home, SyncConfig
from pipelines.errors import StalePlan
from pipelines.providers.base import Account, Member, MergeField
from pipelines.sync.plans import Plan
from pipelines.warehouse import rows

MAX_AGE = timedelta(hours=24)
MAX_MOVED = 0.05
# How far the clocks of this machine and of the provider may be apart without anything being overlooked.
SKEW = timedelta(minutes=5)
# What of a field may not move, and what it means when it did.
FACTS = (
    ("field_id", "id", "values would go into another field than those that were sent"),
    ("label", "label", "all its values, sent and new, stand under that label"),
    ("type", "type", "values that do not fit it are refused or rewritten"),
)
LAST_FIELDS = """
    select fields from ledger.runs
    where sync = ? and audience_id = ? and fields is not null order by started_at desc limit 1
"""

Fields = Mapping[str, Mapping[str, Any]]


class Frozen(Protocol):
    """A plan of either kind, for an audience or for a CRM, as far as staleness goes."""

    @property
    def checksum(self) -> str:
        """Of its rows, when they were frozen."""

    @property
    def config_hash(self) -> str:
        """Of the sync then."""

    @property
    def created_at(self) -> datetime:
        """When it was made."""


def named_fields(connection: duckdb.DuckDBPyConnection, sync: SyncConfig) -> dict[str, dict[str, Any]]:
    """The merge fields that the sync names, as the provider has them: {name: {field_id, label, type, required}}."""
    found = rows(
        connection,
        f"""
        select fields.name, field_id, label, type, required
        from extract.merge_fields as fields
        inner join sync_{sync.sync}.settings using (connection, audience_id)
        where list_contains(?, fields.name)
        order by fields.name
        """,
        [list(sync.field_names)],
    )
    return {str(row.pop("name")): row for row in found}


def named(merge_fields: Iterable[MergeField], names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The same from what was just read, for the fields with these names."""
    wanted = set(names)
    return {
        field.name: {"field_id": field.field_id, "label": field.label, "type": field.type, "required": field.required}
        for field in merge_fields
        if field.name in wanted
    }


def fields_hash(connection: duckdb.DuckDBPyConnection, sync: SyncConfig) -> str:
    """A hash that moves when a field that the sync names is renamed, retyped or gone."""
    return hash_of(named_fields(connection, sync))


def hash_of(fields: Fields) -> str:
    """The hash of fields as `named_fields` and `named` tell them."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def pushed_fields(connection: duckdb.DuckDBPyConnection, sync: SyncConfig, audience_id: str) -> Fields:
    """The fields that the sync named at its last push to the audience, as they were then; none before the first."""
    found = rows(connection, LAST_FIELDS, [sync.sync, audience_id])
    fields: Fields = json.loads(str(found[0]["fields"])) if found else {}
    return fields


def drift(connection: duckdb.DuckDBPyConnection, sync: SyncConfig, before: str) -> tuple[str, ...]:
    """What happened to the sync's fields since `before` (their JSON at the last push), a sentence each (D13)."""
    return drifted(named_fields(connection, sync), json.loads(before), sync.field_names)


def drifted(now: Fields, before: Fields, names: Iterable[str]) -> tuple[str, ...]:
    """The same for the fields with these names; one that is gone would be made anew, or else stops the sync."""
    return tuple(
        sentence
        for name in sorted(set(names) & before.keys())
        for sentence in (_moved_facts(name, before[name], now[name]) if name in now else [_gone(name, before[name])])
    )


def _moved_facts(name: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [
        f"The {noun} of merge field {name} was {was[what]} and is {now[what]} now: {meaning}."
        for what, noun, meaning in FACTS
        if was[what] != now[what]
    ]


def _gone(name: str, was: Mapping[str, Any]) -> str:
    return (
        f"Merge field {name} ({was['label']}, id {was['field_id']}) is gone: the values that were sent are not in a "
        f"field of that name any more."
    )


def is_too_old(created_at: datetime) -> bool:
    """Whether a plan that was made then may no longer be pushed."""
    return clock.naive(clock.now()) - created_at > MAX_AGE


def as_of_now(plan: Plan) -> Plan:
    """The plan as people are to see it: what still seems to wait is `expired` once it is too old to be pushed."""
    is_waiting = plan.status in ("pending", "refused")
    return replace(plan, status="expired") if is_waiting and is_too_old(plan.created_at) else plan


def why_stale(plan: Frozen, home: Home, sync: SyncConfig, *, checksum_now: str) -> str | None:
    """Why the plan as a whole no longer fits what is known here; None while it does."""
    return _first(
        (plan.checksum != checksum_now, "its rows are not those that were frozen"),
        (plan.config_hash != sync.config_hash(home.connections), "the configuration of the sync changed"),
        (is_too_old(plan.created_at), f"it is older than {MAX_AGE.days * 24} hours"),
    )


def raise_if_stale(plan: Plan, home: Home, sync: SyncConfig, *, checksum_now: str) -> None:
    """Raise `StalePlan` when the plan as a whole no longer fits what is known here, saying what moved."""
    _raise_for(plan, why_stale(plan, home, sync, checksum_now=checksum_now))


def raise_if_elsewhere(plan: Plan, account: Account, fields: Fields, extracted: Fields) -> None:
    """The same for what the provider says now; `fields` are those that the sync names, `extracted` as they were then.

    What the plan itself creates is no change, whether an earlier part of its push made it already or not.
    """
    own = {one["name"] for one in plan.creates if one["what"] == "merge field"}
    now = {name: field for name, field in fields.items() if name not in own}
    why = _first(
        (plan.account_id != account.account_id, "the connection opens another account than the one it was made for"),
        (plan.fields_hash != hash_of(now), f"the merge fields at the provider changed{_which(extracted, now)}"),
    )
    _raise_for(plan, why)


def _first(*reasons: tuple[bool, str]) -> str | None:
    return next((why for is_stale, why in reasons if is_stale), None)


def _raise_for(plan: Plan, why: str | None) -> None:
    if why:
        raise StalePlan(f"Plan {plan.plan_id} is stale: {why}.", do=f"Make a new one: enlist plan {plan.sync}")


def _which(extracted: Fields, now: Fields) -> str:
    names = sorted(name for name in extracted.keys() | now.keys() if extracted.get(name) != now.get(name))
    return f" ({', '.join(names)})" if names else ""


def moved(planned: Sequence[Mapping[str, Any]], changed: Iterable[tuple[str, Member]]) -> dict[str, str]:
    """Which rows' `before` no longer holds: {change_id: what moved}.

    `changed` are email_key and member of those who changed since the extract.
    """
    now = dict(changed)
    found = {}
    for row in planned:
        member, taken_by = now.get(row["email_key"]), None
        if row["op"] == "rename":
            member, taken_by = now.get(row["old_email_key"]), member
        why = _why_moved(row, member) if member else None
        if taken_by:
            why = f"the address is in the audience as {taken_by.status} now"
        if why:
            found[str(row["change_id"])] = why
    return found


def _why_moved(row: Mapping[str, Any], member: Member) -> str | None:
    before: Mapping[str, Any] = json.loads(row["before"]) if row["before"] else {}
    status = before.get("status")
    if row["op"] == "add" and member.status != status:
        return f"the address is in the audience as {member.status} now"
    if row["op"] in ("unsubscribe", "archive", "update") and member.status != status:
        return f"the member is {member.status} now"
    if row["op"] == "rename" and member.status != "subscribed":
        return f"the member is {member.status} now"
    if row["op"] in ("rename", "update", "add"):
        was = before.get("fields", {})
        other = sorted(name for name, value in was.items() if member.fields.get(name, "") != value)
        return f"{', '.join(other)} changed at the provider" if other else None
    return None


def counted(moved: Mapping[str, str]) -> str:
    """What `moved` found, the commonest first: "12 because the member is unsubscribed now, ..."."""
    return ", ".join(f"{count:,} because {why}" for why, count in Counter(moved.values()).most_common())


def too_many_moved(count: int, size: int, floor: int) -> bool:
    """Whether so many rows moved that the plan as a whole is stale."""
    return count > floor and count > MAX_MOVED * size


def provider_time(moment: datetime) -> str:
    """A time of the warehouse, which is UTC without saying so, as the text that providers take as `since`.

    It is a little earlier: who is read once too often is only compared, who is overlooked may have said no.
    """
    return clock.text(moment.replace(tzinfo=UTC) - SKEW)
