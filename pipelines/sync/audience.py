"""One sync's audience: which one it is, and its fields, groups and members brought into the warehouse.

Belongs here: resolving and pinning, landing and loading. Does not: the account (providers/loading.py), one provider's
API, the diff.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import duckdb

from pipelines import clock, progress
from pipelines.config import Home, SyncConfig
from pipelines.config.problems import suggest
from pipelines.errors import ConfigError
from pipelines.landing import land
from pipelines.ledger import pins
from pipelines.providers.base import Audience, Member, MergeField, Provider
from pipelines.providers.loading import record_audience
from pipelines.providers.secrets import conceal
from pipelines.sync import settings
from pipelines.sync.pending import refuse_pending
from pipelines.warehouse import Warehouse

MEMBER_COLUMNS = (
    *("provider_id", "email", "status", "fields", "tags", "groups"),
    *("opt_out_reason", "joined_at", "changed_at"),
)


@dataclass(frozen=True)
class Extracted:
    """What was read of an audience."""

    audience: Audience
    members: int
    merge_fields: int
    groups: int


def load_audience(home: Home, warehouse: Warehouse, provider: Provider, sync: SyncConfig) -> Extracted:
    """Read the sync's audience as it is now, and write the sync's settings that go with it.

    Raises `ConfigError` when the audience or a merge field that the sync names is not there, or when the sync was
    pinned to another audience before.
    """
    refuse_pending(home, sync)
    started = clock.now()
    account = provider.account()
    audience = find(provider, home, sync) or _create(provider, home, sync)
    pins.pin(home.ledger, sync.sync, sync.to.connection, account.account_id, audience.audience_id, audience.name)
    merge_fields = provider.merge_fields(audience.audience_id)
    if not sync.to.create_fields:
        check_fields(merge_fields, home, sync, audience)
    groups = provider.groups(audience.audience_id)
    total = audience.subscribed_count + audience.unsubscribed_count + audience.bounced_count
    landed = land(
        home.landing / "members" / sync.sync,
        MEMBER_COLUMNS,
        _rows(_members(provider, sync, audience, merge_fields), total),
    )
    with warehouse.transaction() as database:
        record_audience(database, sync.to.connection, account.account_id, audience)
        _replace(database, "merge_fields", sync, audience, [_field_row(field) for field in merge_fields])
        _replace(
            database,
            "groups",
            sync,
            audience,
            [(group.group_id, group.name, group.category, group.key) for group in groups],
        )
        settings.write(
            database,
            sync,
            provider.traits,
            account_id=account.account_id,
            audience_id=audience.audience_id,
            extracted_at=started,
        )
        database.execute(f"create or replace table sync_{sync.sync}.extract_members as select * from {landed.relation}")
    return Extracted(audience, landed.rows, len(merge_fields), len(groups))


def resolve(provider: Provider, home: Home, sync: SyncConfig) -> Audience:
    """See `find`; `ConfigError` when there is none."""
    found = find(provider, home, sync)
    if found is not None:
        return found
    names = [audience.name for audience in provider.audiences()]
    raise ConfigError(
        f"{sync.to.connection} has no audience {sync.to.audience!r}.",
        where=home.where(sync.sync, ("to", "audience")),
        do=suggest(sync.to.audience, names) or "Create it there first.",
    )


def _create(provider: Provider, home: Home, sync: SyncConfig) -> Audience:
    """The audience made anew where the sync gives the data (A1): empty, it mails nobody, and a plan needs it."""
    if sync.to.create is None:
        return resolve(provider, home, sync)
    return provider.create_audience(sync.to.audience, sync.to.create)


def find(provider: Provider, home: Home, sync: SyncConfig) -> Audience | None:
    """The audience whose id or name the sync gives, else the pinned one, which may have a new name; or None."""
    audiences = provider.audiences()
    named = [one for one in audiences if one.audience_id == sync.to.audience]
    named = named or [one for one in audiences if one.name == sync.to.audience]
    if len(named) == 1:
        return named[0]
    pinned = pins.pinned(home.ledger, sync.sync)
    for audience in named or audiences:
        if pinned and audience.audience_id == pinned["audience_id"]:
            return audience
    if named:
        raise ConfigError(
            f"{len(named)} audiences of {sync.to.connection} are called {sync.to.audience!r}.",
            where=home.where(sync.sync, ("to", "audience")),
            do=f"Give the id of one: {', '.join(audience.audience_id for audience in named)}.",
        )
    return None


def check_fields(merge_fields: Sequence[MergeField], home: Home, sync: SyncConfig, audience: Audience) -> None:
    """Raise `ConfigError` at the line of a merge field that the audience does not have: it would be lost silently."""
    known = {field.name for field in merge_fields}
    for at, source in enumerate(sync.sources):
        for name in source.fields:
            if name not in known:
                raise ConfigError(
                    f"the audience {audience.name!r} has no merge field {name}.",
                    where=home.where(sync.sync, ("from", at, "fields", name)),
                    do=suggest(name, sorted(known)) or "Create it at the provider.",
                )


def _members(
    provider: Provider, sync: SyncConfig, audience: Audience, merge_fields: Sequence[MergeField]
) -> Iterator[Sequence[Member]]:
    """Pages of members with every field that the sync names; one that is still to be made is empty."""
    known = {field.name for field in merge_fields}
    asked = [name for name in sync.field_names if name in known]
    absent = dict.fromkeys((name for name in sync.field_names if name not in known), "")
    for page in provider.members(audience.audience_id, fields=asked):
        members = [conceal(member, sync.secret_names) for member in page]
        yield [replace(member, fields={**member.fields, **absent}) for member in members] if absent else members


def _rows(pages: Iterator[Sequence[Member]], total: int) -> Iterator[list[tuple[str | None, ...]]]:
    done = 0
    for page in pages:
        done += len(page)
        progress.advance("members", done, max(total, done))
        yield [
            (
                *(member.provider_id, member.email, member.status),
                json.dumps(dict(sorted(member.fields.items())), ensure_ascii=False, separators=(",", ":")),
                json.dumps(member.tags, ensure_ascii=False),
                json.dumps(member.groups, ensure_ascii=False),
                *(member.opt_out_reason, member.joined_at, member.changed_at),
            )
            for member in page
        ]


def _field_row(field: MergeField) -> tuple[object, ...]:
    return (
        *(field.name, field.field_id, field.label, field.type, field.required),
        *(field.max_bytes, list(field.choices)),
    )


def _replace(
    database: duckdb.DuckDBPyConnection,
    table: str,
    sync: SyncConfig,
    audience: Audience,
    values: Sequence[tuple[object, ...]],
) -> None:
    key = [sync.to.connection, audience.audience_id]
    database.execute(f"delete from extract.{table} where connection = ? and audience_id = ?", key)
    for row in values:
        marks = ", ".join("?" for _ in [*key, *row])
        database.execute(f"insert into extract.{table} values ({marks})", [*key, *row])
