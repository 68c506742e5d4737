"""Whether the world moved since a plan was made.

Belongs here: staleness of a plan as a whole, drift of the provider's fields, staleness row by row.
Does not: reading the provider (push.py hands over what it read).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from pipelines import clock
from pipelines.config import Home, SyncConfig
from pipelines.errors import StalePlan
from pipelines.providers.base import Member
from pipelines.sync.plans import Plan
from pipelines.warehouse import rows

MAX_AGE = timedelta(hours=24)
MAX_MOVED = 0.05


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


def fields_hash(connection: duckdb.DuckDBPyConnection, sync: SyncConfig) -> str:
    """A hash that moves when a field that the sync names is renamed, retyped or gone."""
    canonical = json.dumps(named_fields(connection, sync), sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def drift(connection: duckdb.DuckDBPyConnection, sync: SyncConfig, before: str) -> tuple[str, ...]:
    """What happened to the sync's fields since `before` (their JSON at the last push), a sentence each (D13)."""
    now = named_fields(connection, sync)
    sentences = []
    for name, was in json.loads(before).items():
        if name not in now:
            continue
        for what, noun in (("field_id", "id"), ("label", "label"), ("type", "type")):
            if was[what] != now[name][what]:
                sentences.append(f"The {noun} of merge field {name} was {was[what]} and is {now[name][what]} now.")
    return tuple(sentences)


def raise_if_stale(plan: Plan, home: Home, sync: SyncConfig, *, fields_hash_now: str, checksum_now: str) -> None:
    """Raise `StalePlan` when the plan as a whole no longer fits, saying what moved."""
    reasons = (
        (plan.checksum != checksum_now, "its rows are not those that were frozen"),
        (plan.config_hash != sync.config_hash(home.connections), "the configuration of the sync changed"),
        (plan.fields_hash != fields_hash_now, "the merge fields at the provider changed"),
        (clock.naive(clock.now()) - plan.created_at > MAX_AGE, f"it is older than {MAX_AGE.days * 24} hours"),
    )
    for is_stale, why in reasons:
        if is_stale:
            raise StalePlan(f"Plan {plan.plan_id} is stale: {why}.", do=f"Make a new one: enlist plan {sync.sync}")


def moved(planned: Sequence[Mapping[str, Any]], changed: Iterable[Member], keys: Mapping[str, str]) -> dict[str, str]:
    """Which rows' `before` no longer holds: {change_id: what moved}.

    `changed` are the members that changed since the extract, `keys` their addresses' email_key.
    """
    now = {keys[member.email]: member for member in changed if member.email in keys}
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


def too_many_moved(count: int, size: int, floor: int) -> bool:
    """Whether so many rows moved that the plan as a whole is stale."""
    return count > floor and count > MAX_MOVED * size


def provider_time(moment: datetime) -> str:
    """A time of the warehouse, which is UTC without saying so, as the text that providers take."""
    return clock.text(moment.replace(tzinfo=UTC))
