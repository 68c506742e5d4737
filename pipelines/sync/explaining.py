"""One person's whole story, from the CRM record and the rule that decided to the last click.

Belongs here: gathering it from the tables, as far as they exist. Does not: drawing it (cli/explaining.py), words for
rules (rules.py), the queries (story_queries.py).

A person is the records that had the address and the other addresses of those records, so that a changed address
breaks no story. Values of secret fields are never shown, not even as hashes.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import duckdb

from pipelines.config import Home, SyncConfig
from pipelines.quality.addresses import Verdict
from pipelines.sync import crm_story, purges, rules, story_queries
from pipelines.sync.person import HIDDEN, Person
from pipelines.warehouse import has_table, rows

HASH = "md5:"
Row = dict[str, Any]


def explain(connection: duckdb.DuckDBPyConnection, home: Home, address: Verdict) -> Row:
    """Everything that is known about an address, as far as there are tables of it; ready for JSON.

    Keys: is_known, address, email_keys, syncs, suppressions, consent_events, plans, pushes, campaigns, links,
    write_back_plans, write_backs, write_back_holds.
    """
    person = find(connection, home, address.email_key or "")
    secrets = {name for sync in home.syncs.values() for name in sync.secret_names}
    story: Row = {
        "address": {name: getattr(address, name) for name in ("email_key", "verdict", "rule", "detail", "suggestion")},
        "email_keys": list(person.email_keys),
        "syncs": [_sync(connection, home, name, person, secrets) for name in _sync_names(connection, home)],
        "suppressions": _of_addresses(connection, person, story_queries.SUPPRESSIONS),
        "consent_events": _of_addresses(connection, person, story_queries.CONSENT),
        "plans": _readable(rows(connection, story_queries.PLANS, {"email_keys": list(person.email_keys)}), secrets),
        "pushes": _readable(rows(connection, story_queries.PUSHES, {"email_keys": list(person.email_keys)}), secrets),
        "campaigns": _of_addresses(connection, person, story_queries.CAMPAIGNS, needs=("sends", "campaigns")),
        "links": _of_addresses(connection, person, story_queries.LINKS, needs=("link_clicks", "campaigns")),
        **crm_story.of(connection, home, person),
    }
    story["syncs"] = [one for one in story["syncs"] if one["is_known"]]
    kinds = ("syncs", "suppressions", "consent_events", "plans", "pushes", "campaigns", "write_backs")
    return {"is_known": any(story[kind] for kind in kinds), **story}


def find(connection: duckdb.DuckDBPyConnection, home: Home, email_key: str) -> Person:
    """The records that have or had the address, and the addresses that these have or had."""
    known = " union all ".join(
        [
            "select entity, contact_key, email_key from ledger.pushes where outcome not in ('refused', 'left')",
            "select entity, contact_key, old_email_key from ledger.pushes where old_email_key is not null",
            "select entity, contact_key, email_key from ledger.write_backs",
            *(
                f"select entity, contact_key, email_key from sync_{name}.map_records"
                for name in _sync_names(connection, home)
                if has_table(connection, f"sync_{name}", "map_records")
            ),
        ]
    )
    found = rows(
        connection,
        f"""
        with known as (select distinct * from ({known}) where contact_key is not null and email_key is not null)
        select known.* from known
        semi join (select * from known where email_key = ?) as meant using (entity, contact_key)
        order by all
        """,
        [email_key],
    )
    others = dict.fromkeys(str(row["email_key"]) for row in found if row["email_key"] != email_key)
    records = dict.fromkeys((str(row["entity"]), str(row["contact_key"])) for row in found)
    return Person((email_key, *others), tuple(records))


def places_of(connection: duckdb.DuckDBPyConnection, home: Home, email_key: str) -> list[Row]:
    """The address in each sync's audience: {sync, connection, audience_id, status, left_by}, where it is or was."""
    found = []
    for name in home.syncs:
        if has_table(connection, f"sync_{name}", "stage_members"):
            query = story_queries.PLACE.format(sync=name)
            found += rows(connection, query, {"sync": name, "email_key": email_key})
    return found


def _sync_names(connection: duckdb.DuckDBPyConnection, home: Home) -> list[str]:
    """The home's syncs, and those whose file is gone but whose story is not."""
    gone = rows(connection, "select distinct sync from ledger.runs where sync is not null order by sync")
    return list(dict.fromkeys([*home.syncs, *(str(row["sync"]) for row in gone)]))


def _sync(connection: duckdb.DuckDBPyConnection, home: Home, name: str, person: Person, secrets: set[str]) -> Row:
    sync = home.syncs.get(name)
    keys = {"email_keys": list(person.email_keys)}
    records = _records(connection, home, name, person)
    wanted = _by_key(_table(connection, name, "map_wanted", story_queries.WANTED, keys), secrets)
    present = _by_key(_table(connection, name, "stage_members", story_queries.PRESENT, keys), secrets)
    managed = _by_key(rows(connection, story_queries.MEMBERS, {"sync": name, **keys}), secrets)
    holds = rows(connection, story_queries.HOLDS, {"sync": name, **person.parameters})
    clocks = purges.waiting(connection, sync) if sync else {}
    settings = _table(connection, name, "settings", "select * from sync_{sync}.settings", None)
    place = settings[0] if settings else next(iter(managed.values()), {})
    members = [
        {
            **{"email_key": key, "wanted": wanted.get(key), "ledger": managed.get(key), "provider": present.get(key)},
            "purge_after": clocks.get(key),
        }
        for key in person.email_keys
        if key in wanted or key in managed or key in present
    ]
    return {
        **{"sync": name, "is_detached": sync is None, "is_known": bool(records or members or holds)},
        **{"connection": place.get("connection"), "audience_id": place.get("audience_id")},
        **{"read_at": place.get("extracted_at"), "sent_since": _sent_since(connection, name, person, place)},
        **{"records": records, "members": members, "holds": holds},
        "clock_stopped_because": _why_stopped(sync, managed, clocks),
    }


def _sent_since(connection: duckdb.DuckDBPyConnection, name: str, person: Person, place: Row) -> int:
    """How many changes of the person went out after the audience was read."""
    query = """
        select count(*) from ledger.pushes
        where sync = ? and list_contains(?, email_key) and happened_at > ?
            and outcome in ('applied', 'sending', 'failed')
    """
    found = connection.execute(query, [name, list(person.email_keys), place.get("extracted_at")]).fetchall()
    return int(found[0][0])


def _records(connection: duckdb.DuckDBPyConnection, home: Home, name: str, person: Person) -> list[Row]:
    """The CRM records of the person with the rule that decided about each."""
    found = _table(connection, name, "map_records", story_queries.RECORDS, person.parameters)
    winners = {
        (row["entity"], row["contact_key"]): row
        for row in _table(connection, name, "map_duplicates", story_queries.WINNERS, person.parameters)
    }
    return [
        {**record, "because": rules.because(connection, home, name, record, winners.get(_key(record)))}
        for record in found
    ]


def _key(record: Mapping[str, Any]) -> tuple[Any, Any]:
    return record["entity"], record["contact_key"]


def _why_stopped(sync: SyncConfig | None, managed: Mapping[str, Row], clocks: Mapping[str, Any]) -> str | None:
    """Why somebody who was given a date is not purged on it."""
    dated = [key for key, member in managed.items() if member["purge_after"] and key not in clocks]
    if not dated:
        return None
    if sync is None or sync.on_exit.then != "archive":
        return "the sync no longer says `on_exit.then: archive`"
    return "the person is wanted or subscribed again, gone at the provider, or blocked by hand"


def _of_addresses(
    connection: duckdb.DuckDBPyConnection, person: Person, query: str, needs: Sequence[str] = ()
) -> list[Row]:
    if not all(has_table(connection, "marts", table) for table in needs):
        return []
    return rows(connection, query, {"email_keys": list(person.email_keys)})


def _table(connection: duckdb.DuckDBPyConnection, sync: str, table: str, query: str, parameters: object) -> list[Row]:
    """The answer of a sync's table, nothing while there is none."""
    return rows(connection, query.format(sync=sync), parameters) if has_table(connection, f"sync_{sync}", table) else []


def _by_key(found: Iterable[Row], secrets: set[str]) -> dict[str, Row]:
    """Rows by email_key, JSON read and without secrets."""
    return {row["email_key"]: row for row in _readable(found, secrets)}


def _readable(found: Iterable[Row], secrets: set[str]) -> list[Row]:
    parsed = ("fields", "sent", "kept", "before", "after")
    return [
        {
            name: without_secrets(json.loads(value), secrets) if name in parsed and isinstance(value, str) else value
            for name, value in row.items()
        }
        for row in found
    ]


def without_secrets(value: Any, secrets: set[str]) -> Any:
    """The same value with secret fields only named; also those of a sync whose file is gone, by their hash."""
    if isinstance(value, dict):
        return {
            name: HIDDEN if name in secrets and item else without_secrets(item, secrets) for name, item in value.items()
        }
    if isinstance(value, list):
        return [without_secrets(item, secrets) for item in value]
    return HIDDEN if isinstance(value, str) and value.startswith(HASH) else value
