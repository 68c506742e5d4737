"""The members of a sync's audience: all of them, or those who changed since the last read on top of those kept.

Belongs here: when a read of changes will do, keeping members, proving that nobody is missing. Does not: which audience
(audience.py), one provider's API.

A read of changes is held against the provider's own numbers before it counts. Somebody deleted for good shows in no
such read, but in the number of their status. A tag that is given or taken moves the member's time of change (observed
at Mailchimp), but a tag that is renamed or deleted as a whole may not: so the subscribed of each tag are counted too.
What no number shows, such as a tag that changed hands in a way that moved no time, waits for the periodic full read.
A member with a new address has a new provider_id: the old one is known by its contact_id, and a provider without one
shows it as one subscriber too many.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

import duckdb

from pipelines import clock, progress
from pipelines.config import Home, SyncConfig
from pipelines.config.connections import ProviderSettings
from pipelines.landing import Landed, land
from pipelines.ledger import load as ledger
from pipelines.providers.base import Audience, CountingProvider, Group, Member, MergeField, Provider, Tally
from pipelines.providers.secrets import conceal
from pipelines.sync.stale import provider_time
from pipelines.warehouse import Warehouse, has_table

MEMBER_COLUMNS = (
    *("provider_id", "email", "status", "fields", "tags", "groups"),
    *("opt_out_reason", "objection", "joined_at", "changed_at"),
)
LANDED_COLUMNS = (*MEMBER_COLUMNS, "contact_id")
OVERLAP = timedelta(hours=1)  # for clocks that differ, and for a provider that shows a change late
TRIES = 2  # somebody may come or go between reading and counting

BROKEN_PUSHES = """
select count(*)
from ledger.runs
left join (
    select
        run_id,
        max(happened_at) as last_at,
        bool_or(outcome in ('failed', 'sending') or coalesce(code, '') in ('broken_off', 'interrupted')) as is_broken,
    from ledger.pushes
    group by run_id
) as pushed using (run_id)
where connection = ? and audience_id = ? and (ended_at is null or is_broken)
    and greatest(started_at, ended_at, last_at) >= ?
"""


@dataclass(frozen=True)
class Read:
    """Members as SQL text that stands in a `from`. `why` says why all of them were read, None where they were not."""

    relation: str
    count: int
    why: str | None
    basis: str
    read_at: datetime
    whole_at: datetime

    def write(self, database: duckdb.DuckDBPyConnection, sync: SyncConfig) -> None:
        """Put the members in place of those of the last extract."""
        database.execute(f"create or replace table {_table(sync)} as select * from {self.relation}")
        database.execute(
            "insert or replace into extract.member_reads values (?, ?, ?, ?)",
            [sync.sync, self.basis, self.read_at, self.whole_at],
        )


@dataclass(frozen=True)
class _Last:
    provider: CountingProvider
    read_at: datetime
    whole_at: datetime


class Members:
    """Reads the members of one audience for one sync."""

    def __init__(
        self, home: Home, warehouse: Warehouse, provider: Provider, sync: SyncConfig, audience: Audience
    ) -> None:
        self._home = home
        self._warehouse = warehouse
        self._provider = provider
        self._sync = sync
        self._audience = audience

    def read(self, merge_fields: Sequence[MergeField], groups: Sequence[Group], started: datetime) -> Read:
        """Read what is needed to know every member as of `started`; the fields and groups are those of the audience."""
        basis = self._basis(merge_fields, groups)
        known = {field.name for field in merge_fields}
        with self._warehouse.transaction() as database:
            ledger.load(database, self._home.ledger)
            last, why = self._last(database, basis, clock.naive(started))
        if last is not None:
            changes = self._changes(last, known, basis, clock.naive(started))
            if changes is not None:
                return changes
            why = "the provider's own numbers differ"
        landed = self._land("members", known, None)
        now = clock.naive(started)
        return Read(landed.relation, landed.rows, why, basis, now, now)

    def _basis(self, merge_fields: Sequence[MergeField], groups: Sequence[Group]) -> str:
        """A hash of all that decides how a member is read: with another one, the members kept are of no use."""
        described = {
            "place": [self._sync.to.connection, self._audience.audience_id],
            "columns": LANDED_COLUMNS,
            "names": sorted(self._sync.field_names),
            "secrets": sorted(self._sync.secret_names),
            "fields": sorted((asdict(field) for field in merge_fields), key=lambda field: str(field["name"])),
            "groups": sorted(asdict(group)["group_id"] + group.key for group in groups),
        }
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()

    def _last(self, database: duckdb.DuckDBPyConnection, basis: str, now: datetime) -> tuple[_Last | None, str]:
        """The last read if changes since will do; else None, and why not."""
        connection = self._home.connection(self._sync.to.connection)
        every = connection.full_read_every if isinstance(connection, ProviderSettings) else None
        if every is None:
            return None, "full_read_every is null"
        if not isinstance(self._provider, CountingProvider):
            return None, "the provider can't count its members"
        found = database.execute(
            "select basis, read_at, whole_at from extract.member_reads where sync = ?", [self._sync.sync]
        ).fetchone()
        if found is None or not has_table(database, f"sync_{self._sync.sync}", "extract_members"):
            return None, "it is the first read"
        last = _Last(self._provider, *found[1:])
        if found[0] != basis:
            return None, "fields or groups changed"
        if not now - every < last.whole_at <= last.read_at <= now:
            return None, "the last full read is too old"
        place = [self._sync.to.connection, self._audience.audience_id, last.read_at]
        if database.execute(BROKEN_PUSHES, place).fetchall()[0][0]:
            return None, "a push broke off"
        return last, ""

    def _changes(self, last: _Last, known: set[str], basis: str, now: datetime) -> Read | None:
        """Those kept with those who changed; None where the provider's numbers are others."""
        for _ in range(TRIES):
            landed = self._land("changed_members", known, provider_time(last.read_at - OVERLAP))
            tally = last.provider.tally(self._audience.audience_id)
            relation = _merged(self._sync, landed)
            with self._warehouse.open() as database:
                if _agrees(database, relation, tally):
                    count = sum(tally.statuses.values())
                    return Read(relation, count, None, basis, now, last.whole_at)
        return None

    def _land(self, folder: str, known: set[str], since: str | None) -> Landed:
        one = self._audience
        total = None if since else one.subscribed_count + one.unsubscribed_count + one.bounced_count
        return land(
            self._home.landing / folder / self._sync.sync, LANDED_COLUMNS, _rows(self._pages(known, since), total)
        )

    def _pages(self, known: set[str], since: str | None) -> Iterator[Sequence[Member]]:
        """Pages of members with every field that the sync names; one that is still to be made is empty."""
        asked = [name for name in self._sync.field_names if name in known]
        absent = dict.fromkeys((name for name in self._sync.field_names if name not in known), "")
        for page in self._provider.members(self._audience.audience_id, fields=asked, since=since):
            members = [conceal(member, self._sync.secret_names) for member in page]
            yield [replace(member, fields={**member.fields, **absent}) for member in members] if absent else members


def _merged(sync: SyncConfig, changed: Landed) -> str:
    """Those who changed, and those kept who are none of them, also under an address that they had before."""
    return f"""(
        select * from {changed.relation}
        union all
        select kept.*
        from {_table(sync)} as kept
        anti join {changed.relation} as same on kept.provider_id = same.provider_id
        anti join {changed.relation} as moved on kept.contact_id = moved.contact_id
    )"""


def _agrees(database: duckdb.DuckDBPyConnection, relation: str, tally: Tally) -> bool:
    statuses = database.execute(f"select status, count(*) from {relation} group by status").fetchall()
    tags = database.execute(f"""
        select lower(tag), count(distinct provider_id)
        from (
            select provider_id, unnest(from_json(tags, '["VARCHAR"]')) as tag
            from {relation}
            where status = 'subscribed'
        )
        group by all
    """).fetchall()
    # Counters with nothing but zeros for a name are equal to those without it.
    return Counter(dict(statuses)) == Counter(dict(tally.statuses)) and Counter(dict(tags)) == Counter(dict(tally.tags))


def _rows(pages: Iterable[Sequence[Member]], total: int | None) -> Iterator[list[tuple[str | None, ...]]]:
    done = 0
    for page in pages:
        done += len(page)
        progress.advance("members", done, None if total is None else max(total, done))
        yield [
            (
                *(member.provider_id, member.email, member.status),
                json.dumps(dict(sorted(member.fields.items())), ensure_ascii=False, separators=(",", ":")),
                json.dumps(member.tags, ensure_ascii=False),
                json.dumps(member.groups, ensure_ascii=False),
                *(member.opt_out_reason, member.objection, member.joined_at, member.changed_at, member.contact_id),
            )
            for member in page
        ]


def _table(sync: SyncConfig) -> str:
    return f"sync_{sync.sync}.extract_members"
