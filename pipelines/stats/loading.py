"""Value objects of statistics into the stats tables, and how far those are from a campaign's totals.

Belongs here: landing pages, casting columns, replacing rows, counting. Does not: what is read (pulling.py).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import duckdb

from pipelines.config import Home, SyncConfig
from pipelines.landing import Landed, land
from pipelines.providers.base import Campaign, DomainTotals, Event, Link, LinkClick, Send
from pipelines.quality import addresses

TABLES: Mapping[type, str] = {
    Campaign: "campaigns",
    Send: "sends",
    Event: "events",
    Link: "links",
    LinkClick: "link_clicks",
    DomainTotals: "domains",
}
# Columns of a value object that the stats tables hold as something else than text.
CASTS = {
    "sent_at": "{}::timestamptz at time zone 'UTC'",
    "happened_at": "{}::timestamptz at time zone 'UTC'",
    "is_machine": "{}::boolean",
}
# Totals of a campaign and the events that they count.
COUNTED = {
    "opens": "event = 'open'",
    "proxy_excluded_opens": "event = 'open' and not is_machine",
    "clicks": "event = 'click'",
    "opt_outs": "event = 'opt_out'",
    "complaints": "event = 'complaint'",
}

Gap = Mapping[str, int]


@dataclass(frozen=True)
class Target:
    """The campaign whose rows are replaced."""

    connection: str
    campaign_id: str

    @property
    def key(self) -> list[Any]:
        """Connection and campaign, as parameters of a query."""
        return [self.connection, self.campaign_id]


@dataclass(frozen=True)
class Part:
    """What was read for one table; `only` (SQL, parameter) is true of the rows that it replaces, None for all."""

    kind: type
    landed: Landed
    only: tuple[str, Any] | None = None


def land_pages(home: Home, sync: SyncConfig, kind: type, pages: Iterable[Sequence[Any]]) -> Landed:
    """Land pages of value objects of one kind as text."""
    names = [field.name for field in fields(kind)]
    texts = ([[_text(getattr(one, name)) for name in names] for one in page] for page in pages)
    return land(home.landing / "stats" / sync.sync / TABLES[kind], names, texts)


def columns_of(kind: type) -> str:
    """The value object's columns as SQL: text, but for those that the tables type."""
    columns = []
    for field in fields(kind):
        cast = CASTS.get(field.name, "{}::bigint" if field.type in (int, int | None) else "{}")
        columns.append(f"{cast.format(field.name)} as {field.name}")
    return ", ".join(columns)


def replace_rows(database: duckdb.DuckDBPyConnection, target: Target, part: Part) -> None:
    """Put what was read in place of what the campaign had."""
    table, landed = TABLES[part.kind], part.landed
    has_person = any(field.name == "email" for field in fields(part.kind))
    if has_person:
        addresses.judge_new(database, f"select distinct email as address from {landed.relation}")
    person = "inner join quality.addresses on landed.email = addresses.address" if has_person else ""
    key = ", addresses.email_key" if has_person else ""
    condition, parameters = (f" and {part.only[0]}", [part.only[1]]) if part.only else ("", [])
    database.execute(
        f"delete from stats.{table} where connection = ? and campaign_id = ?{condition}", [*target.key, *parameters]
    )
    database.execute(
        f"""
        insert into stats.{table} by name
        select landed.*, ? as connection {key}
        from (select {columns_of(part.kind)} from {landed.relation}) as landed {person}
        """,
        [target.connection],
    )


def gap_of(
    database: duckdb.DuckDBPyConnection,
    target: Target,
    totals: Mapping[str, int | None],
    totals_at: datetime,
    before: Gap,
) -> dict[str, int]:
    """By how much the campaign's totals are more than its events; `before` wherever that still fits.

    Totals keep what was done by people who were deleted since, so the gap of a whole read needn't be nothing. Events
    since the totals were read may be in them or not.
    """
    counts = ", ".join(f"count(*) filter ({which}) as {name}" for name, which in COUNTED.items())
    query = f"select {counts} from stats.events where connection = ? and campaign_id = ?"
    least = database.execute(f"{query} and happened_at < ?", [*target.key, totals_at]).fetchall()[0]
    most = database.execute(query, target.key).fetchall()[0]
    gap = {}
    for name, low, high in zip(COUNTED, least, most, strict=True):
        total, known = totals[name], before.get(name, 0)
        if total is None or low + known <= total <= high + known:
            gap[name] = known
        else:
            gap[name] = total - min(max(total, low), high)
    return gap


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
