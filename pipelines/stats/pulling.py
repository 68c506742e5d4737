"""Campaigns and what people did with them, from the provider into the stats tables.

Belongs here: which campaigns, and which parts of them, are read again. Does not: landing and loading (loading.py),
rates and sums (dbt's marts).

A campaign that can still move (sent within `stats.window_days`) is read again when its totals are others than at the
last read: recipients when sendings or bounces moved, clickers of the links that were clicked, events since the last
read. Events from then on replace those kept, so that what the provider repeats never counts twice. When they then don't
add up to the totals, all of the campaign's events are read and replace what was there. What people did who were deleted
at the provider since stays, for the totals count it. Older campaigns stay as they are, also when the provider has
forgotten them; the first pull of an audience reads all that it ever was sent. Of a campaign that the provider has
forgotten in part, which its totals show by being less than they were, nothing that was read before is given up: totals
stay, and what is still told is added to it. Each campaign is written down for itself: a pull that breaks off is taken
up by the next at the one where it stopped. What is written down is kept as files too (history.py): the
warehouse may be lost, and the provider forgets.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from pipelines import clock, progress
from pipelines.config import Home, SyncConfig
from pipelines.landing import Landed
from pipelines.providers.base import Campaign, DomainTotals, Event, Link, LinkClick, Provider, Send
from pipelines.stats import history
from pipelines.stats.loading import (
    TABLES,
    Gap,
    Part,
    Target,
    columns_of,
    gap_of,
    land_pages,
    merge_rows,
    raise_totals,
    renew_rows,
)
from pipelines.warehouse import Warehouse, rows

TOTALS = tuple(field.name for field in fields(Campaign) if field.type in (int, int | None))
SENDING = frozenset({"sent_count", "hard_bounces", "soft_bounces"})
CLICKING = frozenset({"clicks", "unique_clicks"})
EVENTS = ("opens", "clicks", "hard_bounces", "soft_bounces", "opt_outs", "complaints")
OVERLAP = timedelta(days=1)  # providers tell some events late

Totals = Mapping[str, int | None]
Row = TypeVar("Row")


@dataclass(frozen=True)
class Pulled:
    """How much was read."""

    campaigns: int = 0
    sends: int = 0
    events: int = 0
    links: int = 0
    link_clicks: int = 0

    def __add__(self, other: "Pulled") -> "Pulled":
        return Pulled(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(Pulled)))


@dataclass(frozen=True)
class _Due:
    """A campaign within the window: its totals and when they were read, and what the last read of its details left."""

    campaign_id: str
    totals: Totals
    totals_at: datetime
    read_at: datetime | None
    known: Totals
    gap: Gap
    is_half_forgotten: bool

    @property
    def moved(self) -> frozenset[str]:
        """The totals that are others than at the last read; all where some were forgotten, which hides what is new."""
        if self.is_half_forgotten:
            return frozenset(TOTALS)
        return frozenset(name for name in TOTALS if name not in self.known or self.known[name] != self.totals[name])

    def events_expected(self, *, is_whole: bool) -> int:
        """About how many events will be told: all, or what came since the last read."""
        return sum((self.totals[name] or 0) - (0 if is_whole else self.known.get(name) or 0) for name in EVENTS)


class _EventsMissingError(Exception):
    """The events kept and those read don't add up to the totals."""


def pull_campaigns(home: Home, warehouse: Warehouse, provider: Provider, sync: SyncConfig, audience_id: str) -> int:
    """Bring stats.campaigns up to the provider's totals of campaigns within the window; how many were read.

    Until a pull of the audience's details has come to its end: of all campaigns.
    """
    history.restore(home, warehouse)
    # Before the call: what happens during it may or may not be in the totals.
    read_at = clock.naive(clock.now())
    since = None if _is_first(warehouse, sync, audience_id) else _window_start(sync)
    campaigns: list[Campaign] = []
    for campaign in provider.campaigns(audience_id, since=since):
        campaigns.append(campaign)
        progress.advance("campaign headers", len(campaigns))
    landed = land_pages(home, sync, Campaign, [campaigns])
    totals = ", ".join(f"greatest(told.{name}, held.{name}) as {name}" for name in TOTALS)
    shrunk = " or ".join(f"coalesce(told.{name} < held.{name}, false)" for name in TOTALS)
    with warehouse.transaction() as database:
        database.execute(
            f"""
            insert or replace into stats.campaigns by name
            select
                told.* replace ({totals}), {shrunk} as is_half_forgotten,
                $connection as connection, $read_at as read_at,
            from (select {columns_of(Campaign)} from {landed.relation}) as told
            left join stats.campaigns as held
                on held.connection = $connection and held.campaign_id = told.campaign_id and not $corrects
            """,
            {"connection": sync.to.connection, "read_at": read_at, "corrects": provider.traits.corrects_totals},
        )
    history.keep(home, warehouse, history.OF_PULLS, sync.to.connection)
    return len(campaigns)


def pull_details(home: Home, warehouse: Warehouse, provider: Provider, sync: SyncConfig, audience_id: str) -> Pulled:
    """Read what moved of every campaign that may still move, campaign by campaign."""
    history.restore(home, warehouse)
    found = _due(warehouse, sync, audience_id)
    pulled = Pulled()
    for at, due in enumerate(found, start=1):
        if due.moved:
            pulled += _Pull(home, warehouse, provider, sync, due, f"campaign {at} of {len(found)}").run()
            history.keep(home, warehouse, [history.CAMPAIGNS], sync.to.connection, [due.campaign_id])
        progress.advance("campaigns", at, len(found))
    with warehouse.transaction() as database:
        database.execute(
            "insert into stats.histories values (?, ?, ?) on conflict do nothing",
            [sync.to.connection, audience_id, clock.naive(clock.now())],
        )
    history.keep(home, warehouse, history.OF_PULLS, sync.to.connection)
    return pulled


def _due(warehouse: Warehouse, sync: SyncConfig, audience_id: str) -> list[_Due]:
    """Campaigns within the window of which the last pull brought totals, oldest first; at first all not read yet.

    Those deleted at the provider since are none of them, nor those that reached nobody yet: neither has a report.
    """
    names = ", ".join(f"campaigns.{name}" for name in TOTALS)
    is_first = _is_first(warehouse, sync, audience_id)
    with warehouse.open() as database:
        found: list[dict[str, Any]] = rows(
            database,
            f"""
            select
                campaign_id, {names}, campaigns.read_at as totals_at, reads.read_at, reads.totals, reads.gap,
                coalesce(is_half_forgotten, false) as is_half_forgotten
            from stats.campaigns
            left join stats.reads using (connection, campaign_id)
            where connection = ? and audience_id = ? and sent_count > 0
                and (sent_at >= ?::timestamptz at time zone 'UTC' or (? and reads.read_at is null))
            qualify campaigns.read_at = max(campaigns.read_at) over ()
            order by sent_at, campaign_id
            """,
            [sync.to.connection, audience_id, _window_start(sync), is_first],
        )
    return [
        _Due(
            campaign_id=row["campaign_id"],
            totals={name: row[name] for name in TOTALS},
            totals_at=row["totals_at"],
            read_at=row["read_at"],
            known=json.loads(row["totals"] or "{}"),
            gap=json.loads(row["gap"] or "{}"),
            is_half_forgotten=row["is_half_forgotten"],
        )
        for row in found
    ]


class _Pull:
    """The reading of one campaign that moved; `which` it is is told with each page."""

    def __init__(
        self, home: Home, warehouse: Warehouse, provider: Provider, sync: SyncConfig, due: _Due, which: str
    ) -> None:
        self._home = home
        self._warehouse = warehouse
        self._provider = provider
        self._sync = sync
        self._due = due
        self._which = which
        self._target = Target(sync.to.connection, due.campaign_id)

    def run(self) -> Pulled:
        """Read and write down what moved."""
        read_at = clock.naive(clock.now())
        parts = self._parts()
        since = None
        if self._due.known and self._due.read_at and not self._due.is_half_forgotten:
            since = (self._due.read_at - OVERLAP).replace(microsecond=0)
        try:
            events = self._write(parts, since, read_at)
        except _EventsMissingError:
            events = self._write(parts, None, read_at)
        read = {TABLES[part.kind]: part.landed.rows for part in parts if part.kind is not DomainTotals}
        return replace(Pulled(campaigns=1, events=events), **read)

    def _parts(self) -> list[Part]:
        """What moved beside events."""
        campaign_id, moved = self._due.campaign_id, self._due.moved
        parts = [Part(DomainTotals, self._land(DomainTotals, [self._provider.domains(campaign_id)]))]
        if moved & SENDING:
            pages = self._told("recipients", self._provider.sends(campaign_id), self._due.totals["sent_count"])
            parts.append(Part(Send, self._land(Send, pages)))
        if moved & CLICKING:
            links = self._provider.links(campaign_id)
            fresh = self._clicked(links)
            only = ("list_contains(?::text[], link_id)", [link.link_id for link in fresh])
            parts.append(Part(Link, self._land(Link, [links])))
            clickers = self._told("clickers", self._clicks(fresh), sum(link.unique_clickers for link in fresh))
            parts.append(Part(LinkClick, self._land(LinkClick, clickers), only))
        return parts

    def _clicked(self, links: Sequence[Link]) -> list[Link]:
        """Links whose totals are others than those kept."""
        with self._warehouse.open() as database:
            kept = database.execute(
                "select link_id, clicks, unique_clickers from stats.links where connection = ? and campaign_id = ?",
                self._target.key,
            ).fetchall()
        known = set(kept)
        return [link for link in links if (link.link_id, link.clicks, link.unique_clickers) not in known]

    def _clicks(self, links: Sequence[Link]) -> Iterator[Sequence[LinkClick]]:
        for link in links:
            if link.clicks:
                yield from self._provider.link_clicks(link.campaign_id, link.link_id)

    def _events(self, since: datetime | None) -> Part:
        start = clock.text(since.replace(tzinfo=UTC)) if since else None
        pages = self._provider.events(self._due.campaign_id, since=start)
        landed = self._land(Event, self._told("events", pages, self._due.events_expected(is_whole=since is None)))
        # What has no time is told anew each time.
        return Part(Event, landed, ("(happened_at >= ? or happened_at is null)", since) if since else None)

    def _told(self, what: str, pages: Iterable[Sequence[Row]], total: int | None) -> Iterator[Sequence[Row]]:
        done = 0
        for page in pages:
            done += len(page)
            progress.advance(f"{what} of {self._which}", done, max(total or 0, done))
            yield page

    def _land(self, kind: type, pages: Iterable[Sequence[Any]]) -> Landed:
        return land_pages(self._home, self._sync, kind, pages)

    def _write(self, parts: Sequence[Part], since: datetime | None, read_at: datetime) -> int:
        """Read the events and write down all of it, or nothing: `_EventsMissingError` when they don't add up."""
        due, target = self._due, self._target
        events = self._events(since)
        with self._warehouse.transaction() as database:
            for part in (*parts, events):
                if due.is_half_forgotten:
                    merge_rows(database, target, part)
                else:
                    renew_rows(database, target, part, due.totals, due.totals_at)
            if due.is_half_forgotten:
                raise_totals(database, target)
            gap = gap_of(database, target, due.totals, due.totals_at, due.gap)
            if since and gap != due.gap:
                raise _EventsMissingError
            database.execute("delete from stats.reads where connection = ? and campaign_id = ?", target.key)
            database.execute(
                "insert into stats.reads (connection, campaign_id, read_at, totals, gap) values (?, ?, ?, ?, ?)",
                [*target.key, read_at, json.dumps(due.totals), json.dumps(gap)],
            )
        return events.landed.rows


def _is_first(warehouse: Warehouse, sync: SyncConfig, audience_id: str) -> bool:
    """Whether no pull of this audience's details has come to its end yet."""
    query = "select count(*) from stats.histories where connection = ? and audience_id = ?"
    with warehouse.open() as database:
        return not database.execute(query, [sync.to.connection, audience_id]).fetchall()[0][0]


def _window_start(sync: SyncConfig) -> str:
    return clock.text(clock.now().astimezone(UTC) - timedelta(days=sync.stats.window_days))
