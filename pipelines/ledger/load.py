"""The ledger's files as tables: loaded where they are new or grew, all of it after the warehouse was deleted.

Belongs here: files to tables. Does not: writing the files, reading the tables.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import duckdb

from pipelines.config import Home
from pipelines.ledger import consent, crm_journal, files, journal, objectors
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
    *("email_key", "connection", "audience_id", "entity", "sync", "scope", "event", "reason", "source", "recorded_by"),
    *("note", "happened_at", "recorded_at"),
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

CONSENT_COLUMNS = dict.fromkeys(TEXT_OF_CONSENT, "VARCHAR")

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
where run_id is not null
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
    `ConfigError` when a newer version of Enlist wrote one of the files.
    """
    known = dict(connection.execute("select path, bytes from ledger.files").fetchall())
    # The sizes are from before the reading: what another run writes meanwhile is new the next time.
    sizes = {path: path.stat().st_size for path in _paths(ledger)}
    grown = [path for path, size in sizes.items() if known.get(path.name) != size]
    if not grown:
        return False
    _raise_if_newer(connection, grown)
    journals = [path for path in grown if path.parent == journal.folder_of(ledger)]
    if journals:
        _load_journals(connection, journals)
    written = [path for path in grown if path.parent == crm_journal.folder_of(ledger)]
    if written:
        _read_lines(connection, written, crm_journal.COLUMNS)
        crm_journal.load(connection)
        connection.execute("drop table lines")
    if consent.path_of(ledger) in grown:
        _load_consent(connection, consent.path_of(ledger))
    if objectors.path_of(ledger) in grown:
        _load_objectors(connection, objectors.path_of(ledger))
    for path in grown:
        connection.execute("insert or replace into ledger.files values (?, ?)", [path.name, sizes[path]])
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
    return [path for path in [consent.path_of(ledger), objectors.path_of(ledger), *journals] if path.exists()]


def _raise_if_newer(connection: duckdb.DuckDBPyConnection, paths: list[Path]) -> None:
    # Nothing else of the lines is looked at: a newer format may have other columns under the same names.
    found = connection.execute(
        """
        select filename, max(format)
        from read_ndjson($paths, columns = {'format': 'BIGINT'}, ignore_errors = true, filename = true)
        group by filename
        """,
        {"paths": [str(path) for path in paths]},
    )
    for name, format_found in found.fetchall():
        files.raise_if_newer(Path(name), format_found)


def _load_journals(connection: duckdb.DuckDBPyConnection, paths: list[Path]) -> None:
    _read_lines(connection, paths, JOURNAL_COLUMNS)
    for table in ("pushes", "runs"):
        connection.execute(f"delete from ledger.{table} where run_id in (select run_id from lines)")
    connection.execute(RUNS)
    connection.execute(PUSHES)
    connection.execute("drop table lines")


def _load_consent(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    _read_lines(connection, [path], CONSENT_COLUMNS)
    connection.execute("delete from ledger.consent_events")
    connection.execute("""
        insert into ledger.consent_events by name
        select
            row_number() over () as seq,
            lines.* replace (
                try_cast(happened_at as timestamp) as happened_at, -- UTC, whether the text says so or not
                cast(recorded_at as timestamp) as recorded_at
            ),
        from lines where email_key is not null
    """)
    connection.execute("drop table lines")


def _load_objectors(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    _read_lines(connection, [path], dict.fromkeys(objectors.COLUMNS, "VARCHAR"))
    connection.execute("delete from ledger.objectors")
    connection.execute("""
        insert into ledger.objectors by name
        select distinct on (email_key, since, entity, contact_key)
            lines.* replace (since::timestamp as since, recorded_at::timestamp as recorded_at)
        from lines where email_key is not null
    """)
    connection.execute("drop table lines")


def _read_lines(connection: duckdb.DuckDBPyConnection, paths: list[Path], columns: dict[str, str]) -> None:
    # ignore_errors: a crash may have torn the last line of a file; files.append closes it before it goes on.
    connection.execute(
        """
        create or replace temp table lines as
        select * from read_ndjson($paths, columns = $columns, ignore_errors = true)
        """,
        {"paths": [str(path) for path in paths], "columns": columns},
    )
