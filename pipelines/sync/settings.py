"""The policies of a sync as a table of one row, so that the plan's SQL is the same for every sync.

Belongs here: the columns of sync_NAME.settings, the --vars of the map models and of the marts. Does not: what they mean
(dbt).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import duckdb

from pipelines import clock
from pipelines.config import Home, SyncConfig
from pipelines.config.connections import ProviderConnection
from pipelines.config.sync import GroupRule, GroupSplit, Source, TagRule, TagSplit
from pipelines.providers.base import Traits


def write(
    connection: duckdb.DuckDBPyConnection,
    sync: SyncConfig,
    traits: Traits,
    *,
    account_id: str,
    audience_id: str,
    extracted_at: datetime,
) -> None:
    """Write the one row; `extracted_at` is when the reading of the audience began."""
    values: dict[str, tuple[str, Any]] = {
        "sync": ("text", sync.sync),
        "connection": ("text", sync.to.connection),
        "account_id": ("text", account_id),
        "audience_id": ("text", audience_id),
        "extracted_at": ("timestamp", clock.naive(extracted_at)),
        "planned_at": ("timestamp", clock.naive(clock.now())),
        "mode": ("text", sync.mode),
        "unmanaged": ("text", sync.to.unmanaged),
        "exit_do": ("text", sync.on_exit.do or traits.default_exit),
        "exit_group": ("text", sync.on_exit.group),
        "exit_then": ("text", sync.on_exit.then),
        "exit_after_days": ("integer", sync.on_exit.after_days),
        "opt_outs": ("text", sync.consent.opt_outs),
        "scope": ("text", sync.consent.scope),
        "block_hard_bounces": ("boolean", sync.consent.hard_bounces == "block"),
        "soft_bounces": ("integer", sync.consent.soft_bounces),
        "double_opt_in": ("boolean", sync.consent.double_opt_in),
        "removable": ("text[]", sorted(traits.removable)),
        "renamable": ("text[]", sorted(traits.renamable)),
    }
    schema = f"sync_{sync.sync}"
    columns = ", ".join(f"{name} {kind}" for name, (kind, _) in values.items())
    connection.execute(f"create schema if not exists {schema}")
    connection.execute(f"create or replace table {schema}.settings ({columns})")
    marks = ", ".join("?" for _ in values)
    connection.execute(f"insert into {schema}.settings values ({marks})", [value for _, value in values.values()])


def map_vars(home: Home, sync: SyncConfig) -> dict[str, Any]:
    """The --vars with which dbt builds stage, map and plan of one sync: names and SQL, no secret and no person."""
    return {
        "sync": sync.sync,
        "sources": [_source(home, sync, source) for source in sync.sources],
        "prefer": list(sync.duplicates.prefer),
        "merge": list(sync.duplicates.merge),
    }


def marts_vars(home: Home) -> dict[str, Any]:
    """The --vars with which dbt builds the marts: the syncs, how their notes are worded, where they park, tags."""
    syncs = home.syncs.values()
    return {
        "syncs": sorted(home.syncs),
        "dormant_after": min((sync.stats.dormant_after for sync in syncs), default=10),
        "notes": {
            sync.sync: {"language": sync.stats.notes_language, "timezone": sync.schedule.timezone} for sync in syncs
        },
        "parking": {sync.sync: sync.on_exit.group for sync in syncs if sync.on_exit.group},
        "tagging": sorted({sync.to.connection for sync in syncs if _has_campaign_tags(home, sync)}),
    }


def _has_campaign_tags(home: Home, sync: SyncConfig) -> bool:
    connection = home.connection(sync.to.connection)
    return isinstance(connection, ProviderConnection) and connection.has_campaign_tags


def _source(home: Home, sync: SyncConfig, source: Source) -> dict[str, Any]:
    return {
        "entity": source.entity,
        "relation": source.relation,
        "key": home.key_of(source),
        "owner": source.owner,
        "email": list(source.email),
        "where": source.where,
        "exclude": [{"name": name, "when": when} for name, when in source.exclude.items()],
        "opt_out": source.opt_out or None,
        "newest": sync.duplicates.newest,
        "fields": [
            {"name": name, "sql": rule.sql, "secret": rule.secret, "empty": rule.empty}
            for name, rule in source.fields.items()
        ],
        "tags": [_label(rule, None) for rule in source.tags],
        "groups": [_label(rule, rule.category) for rule in source.groups],
    }


def _label(rule: TagRule | TagSplit | GroupRule | GroupSplit, category: str | None) -> Mapping[str, Any]:
    prefix = f"{category}: " if category else ""
    policies = {} if isinstance(rule, TagRule | TagSplit) else {"mode": rule.mode, "existing": rule.existing}
    if isinstance(rule, TagSplit | GroupSplit):
        return {"split": rule.split, "by": rule.by, "prefix": prefix, **policies}
    return {"name": prefix + rule.name, "when": rule.when, **policies}
