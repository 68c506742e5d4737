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

# Totals that follow from what is known of single people.
KNOWN = (
    *("sent_count", "hard_bounces", "soft_bounces", "opens", "unique_opens", "clicks", "unique_clicks"),
    *("opt_outs", "complaints"),
)
# What tells two rows of a campaign apart.
KEYS: Mapping[type, tuple[str, ...]] = {
    Send: ("email_key",),
    Link: ("link_id",),
    LinkClick: ("link_id", "email_key"),
    DomainTotals: ("domain",),
}
# Totals that count the rows of a table, and how: what is more than they say was put right by the provider.
COUNTED_BY: Mapping[type, Mapping[str, str]] = {
    Send: {"sent_count": "count(*)"},
    LinkClick: {"clicks": "sum(clicks)"},
    Event: {name: f"count(*) filter ({which})" for name, which in COUNTED.items()},
}
# What happened, and the how many-eth time it was told.
HAPPENING = """
    concat_ws(' ', email_key, event, case when event in ('open', 'click') then concat_ws(' ', happened_at, url) end)
        as happening,
    row_number() over (partition by happening) as nth
"""

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


_OF_TARGET = "from stats.{} where connection = ? and campaign_id = ?"


def replace_rows(database: duckdb.DuckDBPyConnection, target: Target, part: Part) -> None:
    """Put what was read in place of what the campaign had."""
    table, landed = TABLES[part.kind], part.landed
    has_person = any(field.name == "email" for field in fields(part.kind))
    if has_person:
        addresses.judge_new(database, f"select distinct email as address from {landed.relation}")
    person = "inner join quality.addresses on landed.email = addresses.address" if has_person else ""
    key = ", addresses.email_key" if has_person else ""
    condition, parameters = (f" and {part.only[0]}", [part.only[1]]) if part.only else ("", [])
    database.execute(f"delete {_OF_TARGET.format(table)}{condition}", [*target.key, *parameters])
    database.execute(
        f"""
        insert into stats.{table} by name
        select landed.*, ? as connection {key}
        from (select {columns_of(part.kind)} from {landed.relation}) as landed {person}
        """,
        [target.connection],
    )


def _swap_rows(database: duckdb.DuckDBPyConnection, target: Target, part: Part) -> None:
    """The same, with what stood there before in temp.held and what stands there now in temp.told."""
    of_target = _OF_TARGET.format(TABLES[part.kind])
    condition, parameters = (f" and {part.only[0]}", [part.only[1]]) if part.only else ("", [])
    database.execute(
        f"create or replace temp table held as select * {of_target}{condition}", [*target.key, *parameters]
    )
    replace_rows(database, target, part)
    database.execute(f"create or replace temp table told as select * {of_target}", target.key)


def merge_rows(database: duckdb.DuckDBPyConnection, target: Target, part: Part) -> None:
    """Add what was read to what the campaign had, where the provider has forgotten some of it: nothing becomes less."""
    table = TABLES[part.kind]
    _swap_rows(database, target, part)
    if part.kind is Event:
        # As often as it was told at one time, or ever before; people leave, complain and bounce once.
        database.execute(f"""
            insert into stats.events by name
            select * exclude (happening, nth) from (select *, {HAPPENING} from held) as held
            anti join (select {HAPPENING} from told) as told using (happening, nth)
        """)
    else:
        columns = ", ".join(_merged(field) for field in fields(part.kind))
        keys = ", ".join(KEYS[part.kind])
        person = ", first(email_key) as email_key" if "email_key" in KEYS[part.kind] else ""
        database.execute(f"delete {_OF_TARGET.format(table)}", target.key)
        database.execute(f"""
            insert into stats.{table} by name
            select {columns}, first(connection) as connection {person}
            from (select * from told union all by name select * from held)
            group by {keys}
        """)
    database.execute("drop table held; drop table told")


def renew_rows(
    database: duckdb.DuckDBPyConnection,
    target: Target,
    part: Part,
    totals: Mapping[str, int | None],
    totals_at: datetime,
) -> None:
    """Put what was read in place of what the campaign had, but keep rows that its totals still count.

    Those are of people who were deleted since: a provider tells no more of them, and counts them all the same. Where
    there would be more than the totals say, the provider has put something right, and only what it tells counts.
    """
    if part.kind not in COUNTED_BY:
        replace_rows(database, target, part)
        return
    table = TABLES[part.kind]
    _swap_rows(database, target, part)
    # Of somebody who is still told of, what is told no longer was put right: a bounce takes an open back.
    who = KEYS.get(part.kind, ("email_key",))
    missing = f"select * from held anti join told using ({', '.join(who)})"
    database.execute(f"create or replace temp table kept as {missing}")
    if _fits(database, part.kind, totals, totals_at):
        database.execute(f"insert into stats.{table} by name select * from kept")
    database.execute("drop table held; drop table told; drop table kept")


def _fits(database: duckdb.DuckDBPyConnection, kind: type, totals: Mapping[str, int | None], at: datetime) -> bool:
    """Whether what is told and what is kept are together no more than the totals; what came after those is not in."""
    counts = ", ".join(COUNTED_BY[kind].values())
    is_in = "happened_at is null or happened_at < ?" if kind is Event else "? is not null"
    both = database.execute(
        f"select {counts} from (from told union all by name from kept) where {is_in}", [at]
    ).fetchall()[0]
    limits = [totals.get(name) for name in COUNTED_BY[kind]]
    return all(limit is None or (number or 0) <= limit for number, limit in zip(both, limits, strict=True))


def raise_totals(database: duckdb.DuckDBPyConnection, target: Target) -> None:
    """Let a campaign's totals be no less than what is known of it, where the provider counts only what it still has."""
    events = ", ".join(f"count(*) filter ({which}) as {name}" for name, which in COUNTED.items())
    raised = ", ".join(f"{name} = greatest(campaigns.{name}, known.{name})" for name in KNOWN)
    database.execute(
        f"""
        update stats.campaigns set {raised}
        from (
            select *
            from (
                select
                    {events},
                    count(distinct email_key) filter (event = 'open') as unique_opens,
                    count(distinct email_key) filter (event = 'click') as unique_clicks,
                from stats.events where connection = $1 and campaign_id = $2
            )
            cross join (
                select
                    count(*) as sent_count,
                    count(*) filter (bounce = 'hard') as hard_bounces,
                    count(*) filter (bounce = 'soft') as soft_bounces,
                from stats.sends where connection = $1 and campaign_id = $2
            )
        ) as known
        where campaigns.connection = $1 and campaigns.campaign_id = $2
        """,
        target.key,
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


def _merged(field: Any) -> str:
    """A column of two rows about the same: the larger number, a hard bounce rather than a soft one."""
    which = {"bounce": "min"}.get(field.name, "max" if field.type in (int, int | None) else "first")
    return f"{which}({field.name}) as {field.name}"


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
