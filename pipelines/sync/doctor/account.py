"""What is in the account already (A6), and what the sync will do to it that can't be undone (N2).

Belongs here: telling that before the first push. Does not: rights (the provider's own `problems`), the plan's standing
table, which counts to the last person.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import duckdb

from pipelines.config import Home, SyncConfig
from pipelines.ledger import pins
from pipelines.providers.base import Account, Audience, Group, MergeField, Traits
from pipelines.sync.doctor.fields import missing
from pipelines.sync.doctor.findings import Finding, listed
from pipelines.sync.stale import Fields
from pipelines.warehouse import has_table, rows
from pipelines.words import counted

UNDO = "enlist undo takes a push back, but for those who said no in between"


@dataclass(frozen=True)
class Found:
    """The account as it was read, and the fields of the last push to the audience."""

    account: Account
    audience: Audience
    others: tuple[Audience, ...]
    merge_fields: tuple[MergeField, ...]
    groups: tuple[Group, ...]
    traits: Traits
    pushed: Fields


def inventory(home: Home, sync: SyncConfig, found: Found) -> Iterator[str]:
    """Notes on the account, the audience, and what else is there."""
    audience = found.audience
    pinned = "" if pins.pinned(home.ledger, sync.sync) else ", not pinned yet"
    yield f"{sync.to.connection}: account {found.account.name}, role {found.account.role}"
    yield (
        f"audience {audience.name}: {audience.subscribed_count:,} subscribed, {audience.unsubscribed_count:,} "
        f"unsubscribed, {audience.bounced_count:,} bounced{pinned}"
    )
    if found.others:
        told = (f"{other.name} ({other.subscribed_count:,} subscribed)" for other in found.others)
        yield f"{counted(len(found.others), 'other audience')} in the account, left alone by this sync: {listed(told)}"


def known_groups(connection: duckdb.DuckDBPyConnection, sync: SyncConfig) -> Mapping[str, int]:
    """How many members each group had when the audience was last read (E13); empty before that."""
    if not has_table(connection, f"sync_{sync.sync}", "extract_members"):
        return {}
    counted_groups = rows(
        connection,
        f"""
        select name, count(*) as members from (
            select unnest(from_json(groups, '["VARCHAR"]')) as name from sync_{sync.sync}.extract_members
            where status <> 'archived'
        ) group by name
        """,
    )
    return {str(row["name"]): int(str(row["members"])) for row in counted_groups}


def group_notes(needed: set[str], groups: Sequence[Group], sizes: Mapping[str, int]) -> Iterator[str]:
    """Groups of the sync that are there already, with how many are in them where that is known (E13)."""
    there = sorted(needed & {group.key for group in groups})
    told = (f"{name} ({counted(sizes.get(name, 0), 'member')})" if sizes else name for name in there)
    if there:
        yield f"groups of the sync that are there already: {listed(told)}"


def warnings(
    connection: duckdb.DuckDBPyConnection, home: Home, sync: SyncConfig, found: Found, sizes: Mapping[str, int]
) -> Iterator[Finding]:
    """What can't be undone, or only in part, with the line of the sync file that asks for it."""
    standing = _standing(connection, sync)
    yield from _strangers(home, sync, found, standing)
    yield from _overwritten(home, sync, sizes)
    adopted = (standing or {}).get("adopted", 0)
    if adopted and not found.pushed and sync.field_names:
        yield Finding(
            f"{counted(adopted, 'member')} of the audience are wanted by the CRM and become ours: what they have in "
            f"{listed(sync.field_names)} is overwritten with what the CRM has.",
            f"Look at them first: enlist show PLAN --op update. Then {UNDO}.",
            home.where(sync.sync, ("to",)),
            adopted,
        )
    if sync.consent.opt_outs == "crm_wins":
        yield Finding(
            "consent.opt_outs is crm_wins: people who said no at the provider are mailed again when the CRM says so.",
            "Keep the proof that they asked for it. `sticky` never lifts a person's no.",
            home.where(sync.sync, ("consent", "opt_outs")),
        )
    if sync.on_exit.then is not None:
        yield Finding(
            f"{sync.on_exit.after_days} days after they left, people are archived; who signs up or is wanted again "
            "in between stays.",
            "docs/safety.md, the purge clock, says what stops it.",
            home.where(sync.sync, ("on_exit", "then")),
        )
    made = missing(sync, found.merge_fields)
    if made and sync.to.create_fields and found.traits.makes_fields:
        yield Finding(
            f"The first push makes the merge {'field' if len(made) == 1 else 'fields'} {listed(made)}: of type text, "
            "and Enlist deletes no field.",
            "Make them at the provider beforehand if they should have another type or label: a type can't be changed.",
            home.where(sync.sync, ("to", "create_fields")),
        )


def _strangers(home: Home, sync: SyncConfig, found: Found, standing: Mapping[str, int] | None) -> Iterator[Finding]:
    if sync.to.unmanaged != "remove":
        return
    told, count = f"some of the {found.audience.subscribed_count:,} members", None
    if standing is not None:
        count = standing.get("not_in_crm", 0) + standing.get("not_wanted", 0)
        told = f"members ({count:,} at the last plan)"
    yield Finding(
        f"to.unmanaged is remove: {told} whom the sync does not want leave the audience, and so does whoever signs up "
        "there without being in the CRM.",
        f"Look at them before a push: enlist show PLAN --reason unmanaged. Then {UNDO}.",
        home.where(sync.sync, ("to", "unmanaged")),
        count,
    )


def _overwritten(home: Home, sync: SyncConfig, sizes: Mapping[str, int]) -> Iterator[Finding]:
    for number, source in enumerate(sync.sources):
        for at, rule in enumerate(source.groups):
            if rule.mode != "overwrite":
                continue
            prefix = f"{rule.category}: " if rule.category else ""
            name = getattr(rule, "name", None)
            there = sizes.get(f"{prefix}{name}", 0) if name else 0
            told = f" ({counted(there, 'member')} now)" if name and sizes else ""
            yield Finding(
                f"{f'Group {prefix}{name}' if name else 'Every group of the split'}{told} is overwritten: whoever is "
                "in it and not of this selection leaves it, also people added by hand.",
                f"`mode: mirror` moves our own people only; {UNDO}.",
                home.where(sync.sync, ("from", number, "groups", at)),
                there if name and sizes else None,
            )


def _standing(connection: duckdb.DuckDBPyConnection, sync: SyncConfig) -> Mapping[str, int] | None:
    """Present members by what they were to the last plan; None before there was one."""
    if not has_table(connection, f"sync_{sync.sync}", "plan_standing"):
        return None
    query = f"""
        select standing, sum(members) as members from sync_{sync.sync}.plan_standing
        where status <> 'archived' group by standing
    """
    return {str(row["standing"]): int(str(row["members"])) for row in rows(connection, query)}
