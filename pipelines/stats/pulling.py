"""Campaigns and what people did with them, from the provider into the stats tables.

Belongs here: which campaigns are read again, landing and loading. Does not: rates and sums (dbt's marts).

A campaign that can still move (sent within `stats.window_days`) is read again whole and replaces what was there, so
that events which the provider repeats never count twice; older ones stay as they are, also when the provider has
forgotten them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import duckdb

from pipelines import clock, progress
from pipelines.config import Home, SyncConfig
from pipelines.landing import Landed, land
from pipelines.providers.base import Campaign, Event, Link, LinkClick, Provider, Send
from pipelines.quality import addresses
from pipelines.warehouse import Warehouse, rows

# Columns of a value object that the stats tables hold as something else than text.
CASTS = {
    "sent_at": "{}::timestamptz at time zone 'UTC'",
    "happened_at": "{}::timestamptz at time zone 'UTC'",
    "is_machine": "{}::boolean",
}


@dataclass(frozen=True)
class Pulled:
    """How much was read."""

    campaigns: int = 0
    sends: int = 0
    events: int = 0
    links: int = 0
    link_clicks: int = 0


def pull_campaigns(home: Home, warehouse: Warehouse, provider: Provider, sync: SyncConfig, audience_id: str) -> int:
    """Bring stats.campaigns up to the provider's totals of campaigns within the window; how many were read."""
    campaigns = list(provider.campaigns(audience_id, since=_window_start(sync)))
    landed = _land(home, sync, "campaigns", Campaign, [campaigns])
    with warehouse.transaction() as database:
        database.execute(
            f"""
            insert or replace into stats.campaigns by name
            select {_columns(Campaign)}, ? as connection, ? as read_at from {landed.relation}
            """,
            [sync.to.connection, clock.naive(clock.now())],
        )
    return len(campaigns)


def pull_details(home: Home, warehouse: Warehouse, provider: Provider, sync: SyncConfig, audience_id: str) -> Pulled:
    """Read sends, events, links and clickers of every campaign that may still move, campaign by campaign."""
    with warehouse.open() as database:
        due = rows(
            database,
            """
            select campaign_id from stats.campaigns
            where connection = ? and audience_id = ? and sent_at >= ?::timestamptz at time zone 'UTC' order by sent_at
            """,
            [sync.to.connection, audience_id, _window_start(sync)],
        )
    pulled = Pulled(campaigns=len(due))
    for at, row in enumerate(due, start=1):
        one = _pull_campaign(home, warehouse, provider, sync, str(row["campaign_id"]))
        pulled = Pulled(*(getattr(pulled, field.name) + getattr(one, field.name) for field in fields(Pulled)))
        progress.advance("campaigns", at, len(due))
    return pulled


def _pull_campaign(home: Home, warehouse: Warehouse, provider: Provider, sync: SyncConfig, campaign_id: str) -> Pulled:
    links = list(provider.links(campaign_id))
    landed: dict[str, tuple[type, Landed]] = {
        "sends": (Send, _land(home, sync, "sends", Send, provider.sends(campaign_id))),
        "events": (Event, _land(home, sync, "events", Event, provider.events(campaign_id))),
        "links": (Link, _land(home, sync, "links", Link, [links])),
        "link_clicks": (
            LinkClick,
            _land(home, sync, "link_clicks", LinkClick, _clicks(provider, campaign_id, links)),
        ),
    }
    with warehouse.transaction() as database:
        for table, (kind, part) in landed.items():
            _replace(database, sync.to.connection, campaign_id, table, kind, part)
        database.execute(
            "delete from stats.reads where connection = ? and campaign_id = ?", [sync.to.connection, campaign_id]
        )
        database.execute(
            "insert into stats.reads values (?, ?, ?)", [sync.to.connection, campaign_id, clock.naive(clock.now())]
        )
    return Pulled(0, *(part.rows for _, part in landed.values()))


def _clicks(provider: Provider, campaign_id: str, links: Sequence[Link]) -> Iterator[Sequence[LinkClick]]:
    for link in links:
        if link.clicks:
            yield from provider.link_clicks(campaign_id, link.link_id)


def _window_start(sync: SyncConfig) -> str:
    return clock.text(clock.now().astimezone(UTC) - timedelta(days=sync.stats.window_days))


def _land(home: Home, sync: SyncConfig, table: str, kind: type, pages: Iterable[Sequence[Any]]) -> Landed:
    names = [field.name for field in fields(kind)]
    as_text: Callable[[Any], str | None] = lambda value: None if value is None else str(value)  # noqa: E731
    folder: Path = home.landing / "stats" / sync.sync / table
    return land(folder, names, ([[as_text(getattr(one, name)) for name in names] for one in page] for page in pages))


def _columns(kind: type) -> str:
    """The value object's columns as SQL: text, but for those that the tables type."""
    columns = []
    for field in fields(kind):
        cast = CASTS.get(field.name, "{}::bigint" if field.type in (int, int | None) else "{}")
        columns.append(f"{cast.format(field.name)} as {field.name}")
    return ", ".join(columns)


def _replace(
    database: duckdb.DuckDBPyConnection, connection: str, campaign_id: str, table: str, kind: type, landed: Landed
) -> None:
    has_person = any(field.name == "email" for field in fields(kind))
    if has_person:
        addresses.judge_new(database, f"select distinct email as address from {landed.relation}")
    person = "inner join quality.addresses on landed.email = addresses.address" if has_person else ""
    key = ", addresses.email_key" if has_person else ""
    database.execute(f"delete from stats.{table} where connection = ? and campaign_id = ?", [connection, campaign_id])
    database.execute(
        f"""
        insert into stats.{table} by name
        select landed.*, ? as connection {key} from (select {_columns(kind)} from {landed.relation}) as landed {person}
        """,
        [connection],
    )
