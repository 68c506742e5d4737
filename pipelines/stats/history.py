"""The history: statistics kept as files in the home, so that they survive the warehouse.

Belongs here: what is kept, when it changed, and bringing back what a warehouse lacks. Does not: the files themselves
(history_files.py), reading from a provider (pulling.py), the marts (dbt).

A provider forgets campaigns, and the people whom it sent them to. A warehouse that was deleted, or put back from a
copy, gets from here what it lacks or has older; what it has newer stays, and is kept here from then on. Nothing is
written for what did not change.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipelines import locks
from pipelines.config import Home
from pipelines.landing import sql_text
from pipelines.stats import history_files as files
from pipelines.stats.history_files import Kept, State
from pipelines.warehouse import Warehouse, has_table

WAIT = 600.0  # seconds for another run that keeps much
AT_ONCE = 20  # files that are written while nobody else may have the warehouse


@dataclass(frozen=True)
class Kind:
    """One kind of thing: the folder of its files, its tables, the column that names it beside `connection`.

    `states` asks for connection, key, stamp and print of all that the warehouse has; the print leaves out when
    something was seen last, which changes where nothing else does.
    """

    folder: str
    key: str
    tables: tuple[str, ...]
    states: str


CAMPAIGNS = Kind(
    "campaigns",
    "campaign_id",
    (
        *("stats.campaigns", "stats.reads", "stats.sends", "stats.events", "stats.links", "stats.link_clicks"),
        "stats.domains",
    ),
    # Details change with the row of their read and never without it.
    """
    select
        campaigns.connection, campaigns.campaign_id as key, campaigns.read_at as stamp,
        md5(concat(told::text, reads::text)) as print
    from stats.campaigns as campaigns
    inner join (select * exclude (read_at) from stats.campaigns) as told using (connection, campaign_id)
    left join stats.reads as reads using (connection, campaign_id)
    """,
)
# Audiences of which all campaigns were read.
READ = Kind(
    "read",
    "audience_id",
    ("stats.histories",),
    "select connection, audience_id as key, read_at as stamp, '' as print from stats.histories",
)
AUDIENCES = Kind(
    "audiences",
    "audience_id",
    ("extract.audiences",),
    """
    select audiences.connection, audiences.audience_id as key, last_seen_at as stamp, md5(told::text) as print
    from extract.audiences as audiences
    inner join (select * exclude (last_seen_at) from extract.audiences) as told using (connection, audience_id)
    """,
)
# The marts that build on what they said before: growth by day, the members, past ones included, that it counts, and who
# was parked when.
GROWTH = Kind(
    "growth",
    "audience_id",
    ("marts.audience_daily", "marts.audience_members", "marts.parked_members"),
    """
    with days as (
        select connection, audience_id, max(day)::timestamp as stamp, sum(hash(told)::hugeint % 1000000007) as print
        from marts.audience_daily as told group by all
    ),
    members as (
        select
            connection, audience_id, max(last_seen_at) as stamp,
            sum(hash(
                email, email_key, status, entity, contact_key, managed, tags, groups, joined_at, left_at
            )::hugeint % 1000000007) as print
        from marts.audience_members group by all
    ),
    parked as (
        select
            connection, audience_id, max(greatest(since, until)) as stamp,
            sum(hash(told)::hugeint % 1000000007) as print
        from marts.parked_members as told group by all
    )
    select
        connection, audience_id as key, greatest(days.stamp, members.stamp, parked.stamp) as stamp,
        concat_ws(' ', days.print, members.print, parked.print) as print
    from days
    full outer join members using (connection, audience_id)
    full outer join parked using (connection, audience_id)
    """,
)
KINDS = (CAMPAIGNS, READ, AUDIENCES, GROWTH)
OF_PULLS = (CAMPAIGNS, READ)
OF_MARTS = (AUDIENCES, GROWTH)


def keep(
    home: Home,
    warehouse: Warehouse,
    kinds: Collection[Kind],
    connection: str | None = None,
    keys: Collection[str] | None = None,
) -> int:
    """Write what changed since it was kept, of one connection and these keys alone where they are given; how much.

    A file that is damaged or gone is written anew. Raises `ConfigError` when the disk takes no more.
    """
    with _alone(home):
        with warehouse.open() as database:
            found = [(kind, state) for kind in kinds for state in _states(database, kind, connection, keys)]
        changed = [(kind, state) for kind, state in found if _is_other(home.history / kind.folder, state)]
        for at in range(0, len(changed), AT_ONCE):
            with warehouse.open() as database:
                for kind, state in changed[at : at + AT_ONCE]:
                    _write(database, home.history / kind.folder, kind, state)
    return len(changed)


def restore(home: Home, warehouse: Warehouse) -> int:
    """Bring back, all or nothing, what the warehouse lacks or has older than the history; how many things.

    Raises `ConfigError` for what the warehouse lacks and whose file is damaged, or of a newer version of Enlist.
    """
    if not home.history.is_dir():
        return 0
    with _alone(home):
        with warehouse.open() as database:
            lacking = {kind: _lacking(database, kind, home.history / kind.folder) for kind in KINDS}
        if any(lacking.values()):
            with warehouse.transaction() as database:
                for kind, kept in lacking.items():
                    _read_back(database, home.history / kind.folder, kind, kept)
    return sum(map(len, lacking.values()))


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    with locks.held(home.locks / "history", wait=WAIT, busy="Another run is writing the history of statistics."):
        yield


def _states(
    database: duckdb.DuckDBPyConnection,
    kind: Kind,
    connection: str | None = None,
    keys: Collection[str] | None = None,
) -> list[State]:
    """The things that the warehouse has, of one connection and these keys alone where they are given."""
    if not all(has_table(database, *table.split(".")) for table in kind.tables if table.startswith("marts.")):
        return []
    query = f"""
        select connection, key, coalesce(stamp::text, ''), print from ({kind.states})
        where connection = coalesce($connection, connection)
            and ($keys::text[] is null or list_contains($keys::text[], key))
        order by stamp, key
    """
    asked = {"connection": connection, "keys": None if keys is None else list(keys)}
    return [State(*row) for row in database.execute(query, asked).fetchall()]


def _is_other(folder: Path, state: State) -> bool:
    """Whether what is kept is not what the warehouse has; one that says it is newer would be brought back for ever."""
    kept = files.find(folder, state.name)
    if kept is None or not files.is_there(folder, kept):
        return True
    return kept.state.print != state.print or kept.state.stamp > state.stamp


def _write(database: duckdb.DuckDBPyConnection, folder: Path, kind: Kind, state: State) -> None:
    of_it = f"where connection = {sql_text(state.connection)} and {kind.key} = {sql_text(state.key)}"
    query = " union all by name ".join(
        f"select {sql_text(table)} as in_table, * from {table} {of_it}" for table in kind.tables
    )

    def copy(path: Path) -> None:
        database.execute(f"copy ({query}) to {sql_text(str(path))} (format parquet, compression zstd)")

    files.put(folder, state, {table: _columns(database, table) for table in kind.tables}, copy)


def _lacking(database: duckdb.DuckDBPyConnection, kind: Kind, folder: Path) -> list[Kept]:
    """What is kept and is not in the warehouse, or older there."""
    found = files.everything(folder)
    if not found:
        return []
    known = {state.name: state for state in _states(database, kind)}
    lacking = []
    for name, kept in found.items():
        if name in known and (kept is None or kept.state.stamp <= known[name].stamp):
            continue
        if kept is None or not files.is_whole(folder, kept):
            raise files.damaged(folder, name)
        lacking.append(kept)
    return lacking


def _read_back(database: duckdb.DuckDBPyConnection, folder: Path, kind: Kind, lacking: Sequence[Kept]) -> None:
    """Put these in place of what the tables have of them."""
    if not lacking:
        return
    paths = ", ".join(sql_text(files.pattern(folder, kept)) for kept in lacking)
    found = f"read_parquet([{paths}], union_by_name = true, hive_partitioning = false)"
    keys = [kept.state.connection for kept in lacking], [kept.state.key for kept in lacking]
    database.execute(
        "create temp table lacking as select unnest(?::text[]) as connection, unnest(?::text[]) as key", keys
    )
    for table, kept_columns in _columns_kept(lacking).items():
        if not has_table(database, *table.split(".")):
            database.execute(f"create schema if not exists {table.split('.')[0]}")
            database.execute(f"create table {table} as select {', '.join(kept_columns)} from {found} limit 0")
        # What an older version kept and this one has no column for is left out.
        known = set(_columns(database, table))
        columns = ", ".join(column for column in kept_columns if column in known)
        is_it = f"told.connection = lacking.connection and told.{kind.key} = lacking.key"
        database.execute(f"delete from {table} as told using lacking where {is_it}")
        database.execute(f"insert into {table} by name select {columns} from {found} where in_table = ?", [table])
    database.execute("drop table lacking")


def _columns_kept(lacking: Sequence[Kept]) -> Mapping[str, list[str]]:
    """All columns of each table that any of these has."""
    found: dict[str, dict[str, None]] = {}
    for kept in lacking:
        for table, columns in kept.tables.items():
            found.setdefault(table, {}).update(dict.fromkeys(columns))
    return {table: list(columns) for table, columns in found.items()}


def _columns(database: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    return [str(row[0]) for row in database.execute(f"describe {table}").fetchall()]
