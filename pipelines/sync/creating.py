"""What a sync may make at the provider before it sends: merge fields and groups, where `to.create_fields` says so.

Belongs here: finding what is missing, and making it at the push. Does not: the audience itself (audience.py), one
provider's API.
"""

from collections.abc import Iterable, Mapping

import duckdb

from pipelines.config import Home, SyncConfig
from pipelines.config.connections import ProviderConnection
from pipelines.errors import ConfigError
from pipelines.providers.base import Provider
from pipelines.warehouse import rows


def missing(connection: duckdb.DuckDBPyConnection, home: Home, sync: SyncConfig, plan_id: str) -> list[dict[str, str]]:
    """What the plan needs and the audience does not have: {what, name, category} each.

    Raises `ConfigError` when there is something and the sync does not ask to have it made.
    """
    found = [*_missing_fields(connection, sync), *_missing_groups(connection, home, sync, plan_id)]
    if found and not sync.to.create_fields:
        names = ", ".join(f"{one['what']} {one['name']}" for one in found)
        raise ConfigError(
            f"the audience has no {names}.",
            where=home.where(sync.sync, ("to",)),
            do="Create it at the provider, or set create_fields: true.",
        )
    return found


def create(provider: Provider, audience_id: str, creates: Iterable[Mapping[str, str]]) -> None:
    """Make what the plan says; what is there by now is left as it is."""
    for one in creates:
        if one["what"] == "merge field":
            provider.create_merge_field(audience_id, one["name"], one["name"])
        else:
            provider.create_group(audience_id, one["category"] or None, one["name"])


def _missing_fields(connection: duckdb.DuckDBPyConnection, sync: SyncConfig) -> list[dict[str, str]]:
    known = rows(connection, f"select name from sync_{sync.sync}.stage_fields")
    names = set(sync.field_names) - {str(row["name"]) for row in known}
    return [{"what": "merge field", "name": name, "category": ""} for name in sorted(names)]


def _missing_groups(
    connection: duckdb.DuckDBPyConnection, home: Home, sync: SyncConfig, plan_id: str
) -> list[dict[str, str]]:
    wanted = rows(
        connection,
        f"""
        select distinct unnest(from_json(json_extract(after, '$.groups'), '["VARCHAR"]')) as key
        from plan.changes where plan_id = ? and op = 'join'
        except
        select key from extract.groups inner join sync_{sync.sync}.settings using (connection, audience_id)
        order by key
        """,
        [plan_id],
    )
    found = []
    for row in wanted:
        category, name = _named(home, sync, str(row["key"]))
        found.append({"what": "group", "name": name, "category": category})
    return found


def _named(home: Home, sync: SyncConfig, key: str) -> tuple[str, str]:
    """Category, "" for none, and name of a group that plans call `key`: names and categories may hold ": " themselves.

    The sync's rules say which category is meant. They do not for the group of those who leave, nor for one that an undo
    restores: then it is what stands before the first ": ", where the provider has categories at all.
    """
    named = {rule.category for source in sync.sources for rule in source.groups if rule.category}
    fitting = [category for category in named if key.startswith(f"{category}: ")]
    if fitting:
        category = max(fitting, key=len)
        return category, key.removeprefix(f"{category}: ")
    account = home.connection(sync.to.connection)
    has_categories = isinstance(account, ProviderConnection) and account.has_categories
    category, colon, name = key.partition(": ")
    return (category, name) if has_categories and colon else ("", key)
