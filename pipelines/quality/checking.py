"""Stage 2 for one sync: its addresses judged, its extract and its mapping held against what the sync file allows.

Belongs here: which addresses and which figures belong to a sync. Does not: the address rules (addresses.py), judging
figures (suites.py).
"""

from collections.abc import Mapping, Sequence

import duckdb

from pipelines import clock
from pipelines.config import Home, SyncConfig
from pipelines.landing import sql_name, sql_text
from pipelines.quality import addresses, suites
from pipelines.warehouse import has_table, rows


def judge_addresses(connection: duckdb.DuckDBPyConnection, sync: SyncConfig) -> addresses.Counts:
    """Judge every address of the sync, the CRM's and the audience's, that was never judged before."""
    selects = [
        f"select {sql_name(column)} as address from {source.relation}"
        for source in sync.sources
        if has_table(connection, f"crm_{source.connection}", source.entity_name)
        for column in source.email
    ]
    selects.append(f"select email as address from sync_{sync.sync}.extract_members")
    return addresses.judge_new(connection, " union all ".join(selects))


def metrics(connection: duckdb.DuckDBPyConnection, home: Home, sync: SyncConfig) -> dict[str, float]:
    """The figures of the sync's suite: shares from 0 to 1, counts of records."""
    found: dict[str, float] = {}
    for source in sync.sources:
        measured = suites.source_metrics(connection, source.relation, home.key_of(source))
        found |= {f"{source.entity} {name}": float(number) for name, number in measured.items()}
    schema = f"sync_{sync.sync}"
    shares = rows(
        connection,
        f"""
        select
            count(*) filter (eligibility in ('bad_address', 'missing_address')) as bad,
            count(*) filter (eligibility in ('wanted', 'bad_address', 'missing_address')) as asked,
        from {schema}.map_records
        """,
    )[0]
    found["bad addresses"] = _share(shares["bad"], shares["asked"])
    for name, share in _empty_shares(connection, schema, list(sync.quality.max_null)).items():
        found[f"empty {name}"] = share
    return found


def _empty_shares(connection: duckdb.DuckDBPyConnection, schema: str, names: Sequence[str]) -> dict[str, float]:
    """For each merge field: the share of the people wanted who have nothing in it. All in one pass over them."""
    values = (f"coalesce(json_extract_string(fields, {sql_text(_path(name))}), '')" for name in names)
    counts = "".join(f", count(*) filter ({value} = '')" for value in values)
    (row,) = connection.execute(f"select count(*){counts} from {schema}.map_wanted").fetchall()
    return {name: _share(empty, row[0]) for name, empty in zip(names, row[1:], strict=True)}


def limits(sync: SyncConfig) -> list[suites.Limit]:
    """What the sync file allows for those figures."""
    allowed = []
    for source in sync.sources:
        entity = source.entity
        allowed += [
            suites.Limit(f"{entity} has every key once", f"{entity} duplicate_keys", maximum=0),
            suites.Limit(f"{entity} has a key everywhere", f"{entity} null_keys", maximum=0),
        ]
    allowed.append(
        suites.Limit(
            "few addresses are wrong or missing", "bad addresses", maximum=sync.quality.max_bad_addresses, is_share=True
        )
    )
    allowed += [
        suites.Limit(f"{name} is filled in", f"empty {name}", maximum=share, is_share=True)
        for name, share in sync.quality.max_null.items()
    ]
    return allowed


def record(
    connection: duckdb.DuckDBPyConnection, sync: str, judgements: Sequence[suites.Judgement]
) -> Mapping[str, int]:
    """Keep the judgements for the plan's verdict; how many passed and failed."""
    connection.execute("delete from quality.expectations where sync = ?", [sync])
    for judgement in judgements:
        connection.execute(
            "insert into quality.expectations values (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                *(sync, judgement.name, judgement.observed, judgement.minimum, judgement.maximum),
                *(judgement.passed, judgement.sentence, clock.naive(clock.now())),
            ],
        )
    failed = sum(not judgement.passed for judgement in judgements)
    return {"passed": len(judgements) - failed, "failed": failed}


def _path(name: str) -> str:
    return f'$."{name}"'


def _share(part: object, whole: object) -> float:
    return float(str(part)) / float(str(whole)) if whole else 0.0
