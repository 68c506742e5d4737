"""One sync's audience: which one it is, and its fields, groups and members brought into the warehouse.

Belongs here: resolving and pinning, loading. Does not: the account (providers/loading.py), which members are read
(members.py), one provider's API, the diff.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from pipelines import clock
from pipelines.config import Home, SyncConfig
from pipelines.config.problems import suggest
from pipelines.errors import ConfigError
from pipelines.ledger import pins
from pipelines.providers.base import Audience, MergeField, Provider
from pipelines.providers.loading import record_audience
from pipelines.sync import settings, stale
from pipelines.sync.members import Members
from pipelines.sync.naming import name_fields
from pipelines.warehouse import Warehouse


@dataclass(frozen=True)
class Extracted:
    """What was read of an audience. `why` all members were read, None where only those who changed were."""

    audience: Audience
    members: int
    merge_fields: int
    groups: int
    why: str | None


def load_audience(home: Home, warehouse: Warehouse, provider: Provider, sync: SyncConfig) -> Extracted:
    """Read the sync's audience as it is now, and write the sync's settings that go with it.

    Raises `ConfigError` when the audience or a merge field that the sync names is not there, or when the sync was
    pinned to another audience before.
    """
    started = clock.now()
    account = provider.account()
    audience = find(provider, home, sync) or _create(provider, home, sync)
    pins.pin(home.ledger, sync.sync, sync.to.connection, account.account_id, audience.audience_id, audience.name)
    name_fields(home, warehouse, provider, sync, audience.audience_id)
    merge_fields = provider.merge_fields(audience.audience_id)
    if not (sync.to.create_fields and provider.traits.makes_fields):
        with warehouse.open() as database:
            pushed = stale.pushed_fields(database, sync, audience.audience_id)
        check_fields(merge_fields, home, sync, audience, pushed)
    groups = provider.groups(audience.audience_id)
    members = Members(home, warehouse, provider, sync, audience).read(merge_fields, groups, started)
    objections = sorted(provider.objections(audience.audience_id))
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
        members.write(database, sync)
        database.execute("delete from extract.objections where sync = ?", [sync.sync])
        database.execute("insert into extract.objections select ?, unnest(?::text[])", [sync.sync, objections])
    return Extracted(audience, members.count, len(merge_fields), len(groups), members.why)


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


def check_fields(
    merge_fields: Sequence[MergeField], home: Home, sync: SyncConfig, audience: Audience, pushed: stale.Fields
) -> None:
    """Raise `ConfigError` at the line of a merge field that the audience does not have: it would be lost silently.

    `pushed` are the fields of the last push: what became of one that was there then is told (D13).
    """
    known = {field.name for field in merge_fields}
    for at, source in enumerate(sync.sources):
        for name in source.fields:
            if name in known:
                continue
            was = pushed.get(name)
            now = next((field for field in merge_fields if was and field.field_id == was["field_id"]), None)
            became = f" any more: it is called {now.name} now" if now else " any more" if was else ""
            raise ConfigError(
                f"the audience {audience.name!r} has no merge field {name}{became}.",
                where=home.where(sync.sync, ("from", at, "fields", name)),
                do=(f"Name it {name} again at the provider, or {now.name} here." if now else "")
                or suggest(name, sorted(known))
                or "Create it at the provider.",
            )


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
