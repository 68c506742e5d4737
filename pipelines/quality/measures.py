"""The figures that suites are judged by: counted by DuckDB, each table in one pass, and what was usual before.

Belongs here: SQL that counts records and members, keeping the figures. Does not: limits (catalogue.py).

Usual is the median of the last plans that were right: safe ones, and those that a person accepted and pushed. What one
bad extract looked like is never taken for usual.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import duckdb

from pipelines.blanks import sql_trimmed
from pipelines.config import Home, SyncConfig
from pipelines.landing import sql_name, sql_text
from pipelines.warehouse import rows

Metrics = dict[str, float]

USUAL = """
    with plans as (
        select plan_id, created_at from plan.plans
        where sync = $sync and status in ('applied', 'partly_applied') and (safe or accepted <> '[]')
        order by created_at desc limit 5
    ),
    seen as (
        select plan_id, metric, max_by(observed, judged_at) as observed
        from plans inner join quality.measures as measures
            on measures.sync = $sync and judged_at between created_at - interval 1 day and created_at
        group by all
    )
    select metric, median(observed) as usual from seen group by metric
"""


def of_extract(connection: duckdb.DuckDBPyConnection, home: Home, sync: SyncConfig) -> Metrics:
    """Of each entity: its records, records whose key others have too, and the share that could not be loaded."""
    found: Metrics = {}
    for source in sync.sources:
        counts = of_source(connection, source.relation, home.key_of(source))
        ((rejected,),) = connection.execute(
            "select count(*) from extract.rejected where connection = ? and entity = ?",
            [source.connection, source.entity_name],
        ).fetchall()
        found[f"{source.entity} records"] = counts["records"]
        found[doubled(source.entity)] = counts["doubled keys"]
        found[f"{source.entity} rejected"] = _share(rejected, rejected + counts["records"])
    return found


def of_source(connection: duckdb.DuckDBPyConnection, relation: str, key: str) -> Metrics:
    """Of an extract: its records, and how many of them have no key, or one that an earlier one has.

    `relation` is what may stand in a `from`; `key` the name of its key column. Keys are told apart as the models do.
    """
    ((records, keys),) = connection.execute(f"select count(*), count(distinct {_key(key)}) from {relation}").fetchall()
    return {"records": float(records), "doubled keys": float(records - keys)}


def doubled(entity: str) -> str:
    """The metric that counts the records of an entity whose key is not there once."""
    return f"{entity} doubled keys"


def doubled_keys(connection: duckdb.DuckDBPyConnection, relation: str, key: str, most: int = 3) -> list[str]:
    """The first keys that several records of an extract have."""
    found = connection.execute(
        f"select {_key(key)} as key from {relation} group by key having count(*) > 1 and key is not null"
        f" order by key limit {most}"
    )
    return [str(one) for (one,) in found.fetchall()]


def of_wanted(connection: duckdb.DuckDBPyConnection, sync: SyncConfig) -> Metrics:
    """Bad addresses of the records asked for; of the people wanted, per field, who has nothing or not what may be."""
    schema = f"sync_{sync.sync}"
    ((bad, asked),) = connection.execute(
        f"""
        select
            count(*) filter (eligibility in ('bad_address', 'missing_address')),
            count(*) filter (eligibility in ('wanted', 'bad_address', 'missing_address')),
        from {schema}.map_records
        """
    ).fetchall()
    names = sync.field_names
    value = {name: f"fields[{number}]" for number, name in enumerate(names, 1)}
    empty = "".join(f", count(*) filter (coalesce({value[name]}, '') = '')" for name in names)
    refused = "".join(
        f", count(*) filter ({value[name]} <> '' and {value[name]} not in ({_listed(sync, name, values)}))"
        for name, values in sync.quality.allowed.items()
    )
    # All paths at once: the JSON of a person is read once, not once for each field, a sixth of the time for twenty.
    paths = ", ".join(_path(name) for name in names)
    (row,) = connection.execute(
        f"""
        with wanted as (
            select json_extract_string(fields, cast([{paths}] as varchar[])) as fields from {schema}.map_wanted
        )
        select count(*){empty}{refused} from wanted
        """
    ).fetchall()
    wanted, counts = row[0], row[1:]
    found: Metrics = {"bad addresses": _share(bad, asked), "wanted": float(wanted)}
    found |= {f"empty {name}": _share(count, wanted) for name, count in zip(names, counts, strict=False)}
    not_allowed = zip(sync.quality.allowed, counts[len(names) :], strict=True)
    return found | {f"not allowed {name}": float(count) for name, count in not_allowed}


def of_audience(connection: duckdb.DuckDBPyConnection, sync: SyncConfig) -> Metrics:
    """Members present and subscribed, those without an id of their own, wrong addresses, whom we miss, and strangers.

    Strangers were never kept by the sync: whoever it let go is none.
    """
    schema = f"sync_{sync.sync}"
    (present,) = rows(
        connection,
        f"""
        select
            count(*) as members,
            count(*) filter (status = 'subscribed') as subscribed,
            count(*) - count(distinct provider_id) as "members without an id",
            count(*) filter (status = 'subscribed' and email in (
                select address from quality.addresses where verdict = 'wrong'
            )) as "wrong members",
        from {schema}.stage_members
        where status <> 'archived'
        """,
    )
    (kept,) = rows(
        connection,
        f"""
        select
            count(*) as managed,
            count(*) filter (not coalesce(members.status <> 'archived', false)) as "lost members",
        from {schema}.stage_managed as managed
        left join {schema}.stage_members as members using (email_key)
        where managed.is_managed
        """,
    )
    (others,) = rows(
        connection,
        f"""
        select count(*) as strangers
        from {schema}.stage_members anti join {schema}.stage_managed using (email_key)
        where status <> 'archived'
        """,
    )
    return {name: float(str(count)) for name, count in (present | kept | others).items()}


def usual(connection: duckdb.DuckDBPyConnection, sync: str) -> Metrics:
    """What each metric usually was; empty before a plan was pushed."""
    found = connection.execute(USUAL, {"sync": sync}).fetchall()
    return {str(metric): float(value) for metric, value in found}


def keep(connection: duckdb.DuckDBPyConnection, sync: str, metrics: Mapping[str, float], moment: datetime) -> None:
    """Remember the metrics for later runs; `moment` is in UTC without saying so."""
    values = [(sync, name, value, moment) for name, value in metrics.items()]
    connection.executemany("insert into quality.measures values (?, ?, ?, ?)", values)


def _key(column: str) -> str:
    return f"nullif({sql_trimmed(f'{sql_name(column)}::varchar')}, '')"


def _path(name: str) -> str:
    path = f'$."{name}"'
    return sql_text(path)


def _listed(sync: SyncConfig, name: str, values: Sequence[str]) -> str:
    """Values as SQL; of a secret field only the hash is there."""
    is_secret = name in sync.secret_names
    return ", ".join(f"'md5:' || md5({sql_text(value)})" if is_secret else sql_text(value) for value in values)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
