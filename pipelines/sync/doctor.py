"""The doctor: tries everything that a sync needs and says what a person should look at.

Belongs here: findings and notes about one sync. Does not: changing anything, showing (cli/checking.py), the rules that
stop a plan (safety.py).

A connection that can't be used at all raises its own error; a finding is what works but should not stay so.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from pipelines.config import Home, SyncConfig
from pipelines.crm import open_source
from pipelines.ledger import pins
from pipelines.providers.base import Audience, MergeField, Provider
from pipelines.providers.loading import connected
from pipelines.sync.audience import check_fields, find, resolve
from pipelines.sync.naming import name_fields
from pipelines.sync.pending import refuse_pending
from pipelines.warehouse import Warehouse, has_table, rows


@dataclass(frozen=True)
class Finding:
    """Something to look at, and what to do about it."""

    what: str
    do: str


@dataclass(frozen=True)
class Examination:
    """What was found, and what is in order."""

    findings: tuple[Finding, ...]
    notes: tuple[str, ...]


def examine(home: Home, sync: SyncConfig) -> Examination:
    """Try the CRM, the account, the audience and the mapping of a sync."""
    refuse_pending(home, sync)
    notes = list(_try_crm(home, sync))
    findings: list[Finding] = []
    with connected(home, sync.to.connection) as provider:
        account = provider.account()
        if sync.to.create is not None and find(provider, home, sync) is None:
            notes.append(f"the audience {sync.to.audience} is made by the first plan")
            return Examination((), tuple(notes))
        audience = resolve(provider, home, sync)
        name_fields(home, Warehouse(home), provider, sync, audience.audience_id)
        merge_fields = provider.merge_fields(audience.audience_id)
        if not sync.to.create_fields:
            check_fields(merge_fields, home, sync, audience)
        notes.append(f"{sync.to.connection}: account {account.name}, role {account.role}")
        findings += [Finding(problem, "Ask an administrator of the account.") for problem in account.problems]
        findings += _mapping(sync, audience, merge_fields)
        notes.append(_inventory(provider, home, sync, audience))
    findings += _last_extract(home, sync)
    return Examination(tuple(findings), tuple(notes))


def _try_crm(home: Home, sync: SyncConfig) -> Iterator[str]:
    for source in sync.sources:
        connection = home.connection(source.connection)
        with (
            closing(open_source(source.connection, connection, home.root)) as crm,  # type: ignore[arg-type]
            closing(crm.extract(source.entity_name)) as pages,
        ):
            page = next(pages)
        yield f"{source.entity}: readable, {len(page.columns)} columns"


def _mapping(sync: SyncConfig, audience: Audience, merge_fields: Sequence[MergeField]) -> Iterator[Finding]:
    named = set(sync.field_names)
    for field in merge_fields:
        if field.required and field.name not in named:
            yield Finding(
                f"Merge field {field.name} ({field.label}) is required at the provider and not mapped.",
                "Map it in the sync, or make it optional at the provider: every add would be refused.",
            )
        elif field.required:
            yield Finding(
                f"Merge field {field.name} ({field.label}) is required at the provider; rows without it are refused.",
                "Map it to something that is never empty, or make it optional at the provider.",
            )
    if audience.double_opt_in and not sync.consent.double_opt_in:
        yield Finding(
            "The audience asks new members to confirm, the sync does not.",
            "Set consent.double_opt_in: true, or switch it off at the provider.",
        )


def _inventory(provider: Provider, home: Home, sync: SyncConfig, audience: Audience) -> str:
    """What is in the account already (A6)."""
    others = len(provider.audiences()) - 1
    pinned = "" if pins.pinned(home.ledger, sync.sync) else ", not pinned yet"
    return (
        f"audience {audience.name}: {audience.subscribed_count:,} subscribed, {audience.unsubscribed_count:,} "
        f"unsubscribed, {audience.bounced_count:,} bounced{pinned}; {others} other audiences are left alone"
    )


def _last_extract(home: Home, sync: SyncConfig) -> Iterator[Finding]:
    """What the last plan's mapping had to leave out."""
    with Warehouse(home).open() as connection:
        if not has_table(connection, f"sync_{sync.sync}", "plan_holds"):
            return
        held = rows(
            connection,
            "select reason, count(*) as count from plan.holds where sync = ? group by all order by reason",
            [sync.sync],
        )
        failed = rows(
            connection, "select sentence from quality.expectations where sync = ? and not passed", [sync.sync]
        )
    remedies = {
        "bad_address": "They are in quality.bad_emails with their owners.",
        "missing_address": "They are in quality.bad_emails with their owners.",
        "unknown_consent": "A predicate of the sync gives null for them, which counts as no: see plan.holds.",
        "duplicate": "Several records share an address: see plan.holds for both owners.",
        "refused_before": f"See enlist failures {sync.sync}.",
    }
    for row in held:
        if row["reason"] in remedies:
            yield Finding(f"{row['count']:,} records are held: {row['reason']}.", remedies[str(row["reason"])])
    for row in failed:
        yield Finding(str(row["sentence"]), "Mend the CRM's data, or the sync's quality limits.")
