"""The ledger's files as tables: loaded where they are new or grew, all of it after the warehouse was deleted.

Belongs here: files to tables, and what each kind of line must have. Does not: writing the files, damaged and torn
lines (lines.py), reading the tables.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import duckdb

from pipelines.config import Home
from pipelines.ledger import consent, crm_journal, journal, objections, objectors
from pipelines.ledger.lines import Kind, raise_if_newer, reading
from pipelines.warehouse import Warehouse

TEXT_OF_A_PUSH = (
    *(
        "line",
        "run_id",
        "plan_id",
        "change_id",
        "sync",
        "connection",
        "audience_id",
        "op",
        "reason",
        "email",
        "email_key",
    ),
    *("old_email_key", "contact_key", "entity", "owner", "outcome", "code", "detail", "remedy", "provider_id"),
)
TEXT_OF_CONSENT = (
    *("line", "email_key", "connection", "audience_id", "entity", "sync", "scope", "event", "reason", "source"),
    *("recorded_by", "note", "happened_at", "recorded_at"),
)
JOURNAL_COLUMNS = dict.fromkeys(TEXT_OF_A_PUSH, "VARCHAR") | {
    "seq": "BIGINT",
    "attempts": "BIGINT",
    "calls": "BIGINT",
    "planned": "BIGINT",
    "left_count": "BIGINT",
    "can_retry": "BOOLEAN",
    "is_part": "BOOLEAN",
    "written_at": "TIMESTAMPTZ",
    "before": "JSON",
    "after": "JSON",
    "kept": "JSON",
    "accepted": "JSON",
    "source_rows": "JSON",
    "fields": "JSON",
}
PUSH_LINES = Kind(
    JOURNAL_COLUMNS,
    """
    run_id is not null and seq is not null and written_at is not null
    and (line in ('run', 'end') or line in ('sending', 'outcome', 'left') and change_id is not null)
    """,
)
CRM_LINES = Kind(
    crm_journal.COLUMNS,
    """
    run_id is not null and seq is not null and written_at is not null
    and (line in ('run', 'end') or line in ('sending', 'outcome', 'handed_out') and change_id is not null)
    """,
)
# A no that reaches nowhere, or is none that we know, would hold nobody back.
CONSENT_LINES = Kind(
    dict.fromkeys(TEXT_OF_CONSENT, "VARCHAR"),
    """
    email_key is not null and try_cast(recorded_at as timestamp) is not null
    and event in ('opt_out', 'bounce', 'complaint', 'block', 'erase', 'release')
    and case coalesce(scope, 'home')
        when 'home' then true
        when 'account' then connection is not null
        when 'audience' then connection is not null and audience_id is not null
    end
    """,
)
OBJECTOR_LINES = Kind(
    dict.fromkeys(("line", *objectors.COLUMNS), "VARCHAR"),
    """
    email_key is not null and entity is not null and contact_key is not null
    and try_cast(since as timestamp) is not null and try_cast(recorded_at as timestamp) is not null
    """,
)
OBJECTION_LINES = Kind(
    dict.fromkeys(("line", *objections.COLUMNS), "VARCHAR") | {"objects": "BOOLEAN"},
    """
    sync is not null and connection is not null and audience_id is not null
    and entity is not null and contact_key is not null and email_key is not null
    and objects is not null and try_cast(recorded_at as timestamp) is not null
    """,
)

RUNS = """
insert into ledger.runs
select
    run_id,
    any_value(plan_id) filter (line = 'run'),
    any_value(sync) filter (line = 'run'),
    any_value(connection) filter (line = 'run'),
    any_value(audience_id) filter (line = 'run'),
    cast(any_value(source_rows) filter (line = 'run') as varchar),
    min(written_at at time zone 'UTC'),
    max(written_at at time zone 'UTC') filter (line = 'end'),
    any_value(calls) filter (line = 'end'),
    any_value(planned) filter (line = 'run'),
    any_value(left_count) filter (line = 'end'),
    cast(any_value(accepted) filter (line = 'run') as varchar),
    cast(any_value(fields) filter (line = 'run') as varchar),
    coalesce(any_value(is_part) filter (line = 'run'), false),
from lines
group by run_id
"""

PUSHES = """
insert into ledger.pushes
with sent as (
    select * from lines where line in ('sending', 'left')
    qualify row_number() over (partition by run_id, change_id order by seq desc) = 1
),
answers as (
    select * from lines where line = 'outcome'
    qualify row_number() over (partition by run_id, change_id order by seq desc) = 1
)
select
    sent.run_id, sent.seq, sent.plan_id, sent.change_id, sent.sync, sent.connection, sent.audience_id, sent.op,
    sent.reason, sent.email, sent.email_key, sent.old_email_key, sent.contact_key, sent.entity, sent.owner,
    cast(sent.before as varchar), cast(sent.after as varchar),
    coalesce(answers.outcome, sent.outcome, 'sending'),
    coalesce(answers.code, sent.code), coalesce(answers.detail, sent.detail), answers.remedy,
    coalesce(answers.can_retry, false), coalesce(sent.attempts, 0),
    coalesce(answers.provider_id, sent.provider_id), cast(answers.kept as varchar),
    coalesce(answers.written_at, sent.written_at) at time zone 'UTC'
from sent
left join answers on sent.run_id = answers.run_id and sent.change_id = answers.change_id
"""


@contextmanager
def opened(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """The home's warehouse in a transaction, the ledger's tables up to its files."""
    with Warehouse(home).transaction() as connection:
        load(connection, home.ledger)
        yield connection


def load(connection: duckdb.DuckDBPyConnection, ledger: Path) -> bool:
    """Bring the ledger tables up to the files; returns whether there was anything new.

    To be called inside a transaction: a journal is replaced whole, so that loading it again changes nothing. Raises
    `ConfigError` when a line of the files is damaged, or when a newer version of Enlist wrote one of them.
    """
    known = dict(connection.execute("select path, bytes from ledger.files").fetchall())
    # The sizes are from before the reading: what another run writes meanwhile is new the next time.
    sizes = {path: path.stat().st_size for path in _paths(ledger)}
    grown = {path: size for path, size in sizes.items() if known.get(path.name) != size}
    if not grown:
        return False
    raise_if_newer(connection, ledger, grown)
    if journals := _within(journal.folder_of(ledger), grown):
        _load_journals(connection, ledger, journals)
    if written := _within(crm_journal.folder_of(ledger), grown):
        with reading(connection, ledger, written, CRM_LINES):
            crm_journal.load(connection)
    if events := _within(consent.path_of(ledger), grown):
        _load_consent(connection, ledger, events)
    if found := _within(objectors.path_of(ledger), grown):
        _load_objectors(connection, ledger, found)
    if told := _within(objections.path_of(ledger), grown):
        _load_objections(connection, ledger, told)
    for path, size in grown.items():
        connection.execute("insert or replace into ledger.files values (?, ?)", [path.name, size])
    for table in ("members", "suppressions"):
        query = resources.files("pipelines.ledger").joinpath(f"{table}.sql").read_text(encoding="utf-8")
        connection.execute(f"delete from ledger.{table}")
        connection.execute(f"insert into ledger.{table} by name {query}")
    return True


def _paths(ledger: Path) -> list[Path]:
    journals = sorted(
        path
        for folder in (journal.folder_of(ledger), crm_journal.folder_of(ledger))
        for path in folder.glob("*.ndjson")
    )
    return [
        path
        for path in [consent.path_of(ledger), objectors.path_of(ledger), objections.path_of(ledger), *journals]
        if path.exists()
    ]


def _within(place: Path, sizes: Mapping[Path, int]) -> dict[Path, int]:
    """Those of the files that are this one, or in this folder."""
    return {path: size for path, size in sizes.items() if place in (path, path.parent)}


def _load_journals(connection: duckdb.DuckDBPyConnection, ledger: Path, sizes: Mapping[Path, int]) -> None:
    with reading(connection, ledger, sizes, PUSH_LINES):
        for table in ("pushes", "runs"):
            connection.execute(f"delete from ledger.{table} where run_id in (select run_id from lines)")
        connection.execute(RUNS)
        connection.execute(PUSHES)


def _load_consent(connection: duckdb.DuckDBPyConnection, ledger: Path, sizes: Mapping[Path, int]) -> None:
    with reading(connection, ledger, sizes, CONSENT_LINES):
        connection.execute("delete from ledger.consent_events")
        connection.execute("""
            insert into ledger.consent_events by name
            select
                row_number() over () as seq,
                lines.* exclude (line, filename) replace (
                    -- What a line does not say is taken for what holds back most.
                    coalesce(scope, 'home') as scope,
                    coalesce(source, 'provider') as source,
                    try_cast(happened_at as timestamp) as happened_at, -- UTC, whether the text says so or not
                    cast(recorded_at as timestamp) as recorded_at
                ),
            from lines
        """)


def _load_objectors(connection: duckdb.DuckDBPyConnection, ledger: Path, sizes: Mapping[Path, int]) -> None:
    with reading(connection, ledger, sizes, OBJECTOR_LINES):
        connection.execute("delete from ledger.objectors")
        connection.execute("""
            insert into ledger.objectors by name
            select distinct on (email_key, since, entity, contact_key)
                lines.* exclude (line, filename) replace (
                    since::timestamp as since, recorded_at::timestamp as recorded_at
                ),
            from lines
        """)


def _load_objections(connection: duckdb.DuckDBPyConnection, ledger: Path, sizes: Mapping[Path, int]) -> None:
    with reading(connection, ledger, sizes, OBJECTION_LINES):
        connection.execute("delete from ledger.objections")
        connection.execute("""
            insert into ledger.objections by name
            select
                * exclude (seq, line, filename, objects, recorded_at),
                recorded_at::timestamp as since,
                min(recorded_at::timestamp) filter (not objects) over (
                    partition by sync, connection, audience_id, entity, contact_key, email_key
                    order by seq rows between 1 following and unbounded following
                ) as ended_at,
            from (select row_number() over () as seq, * from lines)
            qualify objects
        """)
