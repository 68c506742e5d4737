"""The workbook's sheets: which rows of the warehouse, under which headings, and the summary in front.

Belongs here: queries for people's rows, headings, order. Does not: writing cells (workbook.py), counting (figures.py).

The rows are copied out of the warehouse first: writing a large workbook takes minutes, and nobody may hold the
warehouse that long. Addresses stand in full, because the clerk must find and mend them; values of fields never do.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from pipelines.config import SyncConfig
from pipelines.landing import sql_text
from pipelines.reports import words
from pipelines.reports.figures import Figures
from pipelines.reports.workbook import Block, Column, Sheet
from pipelines.sync.failures import FAILURES
from pipelines.warehouse import has_table

PAGE = 2_000
LISTED_ELSEWHERE = ("bad_address", "missing_address", "duplicate")
NOTE = "This file holds addresses in full, for whoever mends the records. Keep it as carefully as the CRM itself."

OWNER, ENTITY, KEY = Column("Owner", 28), Column("Entity", 22), Column("Key", 14)
ADDRESS, SINCE = Column("Address", 36), Column("Since", 12)

ADDRESSES = """
with since as (
    select entity, contact_key, min(first_seen_at)::date as since
    from plan.holds where sync = $sync and reason in ('bad_address', 'missing_address') group by all
)
select owner, entity, contact_key, email, verdict, rule, detail, suggestion, since
from quality.bad_emails
left join since using (entity, contact_key)
where sync = $sync
order by verdict = 'warning', owner, entity, contact_key
"""
DUPLICATES = """
select
    holds.email_key, holds.entity, holds.contact_key, holds.owner,
    winners.winner_entity, winners.winner_contact_key, winners.winner_owner,
    holds.detail, holds.first_seen_at::date as since,
from plan.holds as holds
left join {duplicates} as winners
    on holds.entity = winners.entity and holds.contact_key = winners.contact_key and winners.rank > 1
where holds.sync = $sync and holds.reason = 'duplicate'
order by holds.email_key, holds.entity, holds.contact_key
"""
NO_DUPLICATES = """(
    select null as entity, null as contact_key, 0 as rank, null as winner_entity, null as winner_contact_key,
        null as winner_owner
    where false
)"""
REFUSED = f"""
select
    owner, entity, contact_key, email, op, outcome, code, detail, remedy, tried_again, since::date as since,
    happened_at::date as last_at, times,
from ({FAILURES})
order by owner, entity, contact_key, op
"""
HELD = f"""
select owner, entity, contact_key, email_key, reason, detail, first_seen_at::date as since
from plan.holds
where sync = $sync and reason not in {LISTED_ELSEWHERE}
order by reason, owner, entity, contact_key
"""
UNBLOCKED = """
select owner, entity, contact_key, email_key, reason, detail, first_seen_at::date as since, became
from plan.released
where plan_id = $plan_id
order by became in ('planned', 'settled') desc, owner, entity, contact_key
"""
NOT_LOADED = """
select connection || '.' || entity as entity, place, reason
from extract.rejected
where list_contains($entities, connection || '.' || entity)
order by all
"""


@dataclass(frozen=True)
class Source:
    """A sheet before its rows are read: title, query, headings, and what is made of a row."""

    title: str
    query: str
    columns: Sequence[Column]
    shown: Callable[[tuple[Any, ...]], Sequence[Any]] = list


def _address(row: tuple[Any, ...]) -> Sequence[Any]:
    owner, entity, key, email, verdict, rule, *rest = row
    return [owner, entity, key, email, words.VERDICTS.get(verdict, verdict), words.spoken(rule), *rest]


def _held(row: tuple[Any, ...]) -> Sequence[Any]:
    *who, reason, detail, since = row
    return [*who, words.spoken(reason), detail, *words.hold(reason), since]


def _unblocked(row: tuple[Any, ...]) -> Sequence[Any]:
    *who, reason, detail, since, became = row
    return [*who, words.spoken(reason), detail, since, words.RELEASED.get(became, became)]


SOURCES = (
    Source(
        "Addresses",
        ADDRESSES,
        (
            *(OWNER, ENTITY, KEY, ADDRESS, Column("Verdict", 11), Column("Rule", 20)),
            *(Column("What is wrong", 46, is_long=True), Column("Perhaps meant", 36), SINCE),
        ),
        _address,
    ),
    Source(
        "Duplicates",
        DUPLICATES,
        (
            *(ADDRESS, ENTITY, KEY, OWNER, Column("Speaks for it: entity", 22), Column("its key", 14)),
            *(Column("its owner", 28), Column("Why", 46, is_long=True), SINCE),
        ),
    ),
    Source(
        "Refused",
        REFUSED,
        (
            *(OWNER, ENTITY, KEY, ADDRESS, Column("Op", 10), Column("Outcome", 10), Column("Code", 20)),
            *(Column("The provider's words", 46, is_long=True), Column("What to do", 46, is_long=True)),
            *(Column("Tried again", 24), SINCE, Column("Last", 12), Column("Times", 8)),
        ),
    ),
    Source(
        "Held",
        HELD,
        (
            *(OWNER, ENTITY, KEY, ADDRESS, Column("Reason", 18), Column("Detail", 36, is_long=True)),
            *(Column("What it means", 36, is_long=True), Column("What to do", 46, is_long=True), SINCE),
        ),
        _held,
    ),
    Source(
        "Unblocked",
        UNBLOCKED,
        (
            *(OWNER, ENTITY, KEY, ADDRESS, Column("Was held for", 18), Column("Detail", 36, is_long=True)),
            *(Column("Held since", 12), Column("What became of it", 40)),
        ),
        _unblocked,
    ),
    Source(
        "Not loaded",
        NOT_LOADED,
        (ENTITY, Column("Place in the extract", 36), Column("Why it could not be read", 60, is_long=True)),
    ),
)


def copy_rows(connection: duckdb.DuckDBPyConnection, folder: Path, sync: SyncConfig, plan_id: str) -> None:
    """Put the rows of every sheet into a file of `folder`, so that the warehouse can be let go."""
    known = has_table(connection, f"sync_{sync.sync}", "map_duplicates")
    told = {
        "sync": sync.sync,
        "plan_id": plan_id,
        "entities": sorted({source.entity for source in sync.sources}),
    }
    for source in SOURCES:
        query = source.query.replace("{duplicates}", f"sync_{sync.sync}.map_duplicates" if known else NO_DUPLICATES)
        parameters = {name: value for name, value in told.items() if f"${name}" in query}
        connection.execute(f"create or replace temp table report_rows as {query}", parameters)
        connection.execute(f"copy temp.report_rows to {sql_text(str(_file(folder, source)))} (format parquet)")
    connection.execute("drop table temp.report_rows")


def sheets(folder: Path) -> list[Sheet]:
    """The sheets over those files; their rows are read as they are written."""
    return [Sheet(source.title, source.columns, _stream(_file(folder, source), source.shown)) for source in SOURCES]


def summary(figures: Figures) -> list[Block]:
    """The sheet in front: what the plan sends, to the last change, and what is on the other sheets."""
    plan = figures.plan
    sends = ("op", "reason", "planned", "applied", "refused", "failed", "left_count", "not_sent")
    judged: list[list[Any]] = [
        ["Records that the CRM wants mailed", figures.checked],
        ["of those, with a usable address", figures.usable],
        ["of those, repaired without asking", figures.repaired],
    ]
    about: list[list[Any]] = [
        ["Sync", plan.sync],
        ["Audience", figures.audience],
        ["Plan", plan.plan_id],
        ["Planned at (UTC)", plan.created_at],
        ["State", words.state(plan)],
        ["Report made at (UTC)", figures.made_at],
        ["Members wanted, each address once", plan.wanted_count],
        *(judged if figures.checked else []),
        [NOTE],
    ]
    sending = [[row[name] for name in sends] for row in figures.sending]
    total: list[Any] = ["all", "", *(figures.total(name) for name in sends[2:])]
    holds = [
        [words.spoken(row["reason"]), *words.hold(row["reason"])[:1], row["records"], row["since"].date()]
        for row in figures.holds
    ]
    rules = [[words.spoken(row["rule"]), row["detail"], row["records"], row["verdict"]] for row in figures.rules]
    repairs = [[words.spoken(row["rule"]), row["detail"], row["records"]] for row in figures.repairs]
    released = [
        [words.spoken(row["reason"]), words.RELEASED.get(row["became"], row["became"]), row["records"]]
        for row in figures.released
    ]
    return [
        Block("Addresses and changes of one sync", (), about),
        Block(
            "What the plan sends: exactly these changes",
            ("Op", "Reason", "In the plan", "Applied", "Refused", "No answer", "Left out", "Not sent"),
            [*sending, total],
        ),
        Block("Held back", ("Reason", "What it means", "Records", "Since"), holds),
        Block("Addresses to look at", ("Rule", "What is wrong", "Records", "Verdict"), rules),
        Block("Addresses repaired without asking", ("Rule", "What was done", "Records"), repairs),
        Block("No longer held since the last push", ("Was held for", "What became of it", "Records"), released),
    ]


def _file(folder: Path, source: Source) -> Path:
    return folder / f"{source.title}.parquet"


def _stream(path: Path, shown: Callable[[tuple[Any, ...]], Sequence[Any]]) -> Iterator[Sequence[Any]]:
    with duckdb.connect() as connection:
        answer = connection.execute(f"from read_parquet({sql_text(str(path))})")
        while page := answer.fetchmany(PAGE):
            yield from map(shown, page)
