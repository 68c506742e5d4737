"""Stage 2 for one sync: its addresses judged, its extract, its mapping and its audience held against its limits.

Belongs here: the order of measuring, judging and keeping. Does not: the address rules (addresses.py), the figures
(measures.py), the limits (catalogue.py), judging (suites.py).
"""

from collections.abc import Sequence

import duckdb

from pipelines import clock
from pipelines.config import Home, SyncConfig
from pipelines.errors import ConfigError
from pipelines.landing import sql_name, sql_text
from pipelines.quality import addresses, catalogue, measures, suites
from pipelines.warehouse import Warehouse, has_table


def judge_addresses(connection: duckdb.DuckDBPyConnection, sync: SyncConfig) -> addresses.Counts:
    """Judge every address of the sync, the CRM's and the audience's, that was never judged before."""
    selects = [
        f"select {sql_name(column)} as address from {source.relation}"
        for source in sync.sources
        if has_table(connection, f"crm_{source.connection}", source.entity_name)
        for column in source.email
    ]
    selects.append(f"select email as address from sync_{sync.sync}.extract_members")
    selects.append(f"select email as address from extract.objections where sync = {sql_text(sync.sync)}")
    return addresses.judge_new(connection, " union all ".join(selects))


def judge_extract(warehouse: Warehouse, home: Home, sync: SyncConfig) -> list[suites.Judged]:
    """The suite of the CRM extract, judged and kept.

    Raises `ConfigError` where a key is not there once: nobody could say which record is meant, so nobody may accept it.
    """
    with warehouse.open() as connection:
        usual = measures.usual(connection, sync.sync)
        found = measures.of_extract(connection, home, sync)
    judged = _judge(warehouse, sync, found, [catalogue.extract_suite(sync, usual)])
    stopping = {
        limit.metric
        for suite in judged
        for limit, one in zip(suite.suite.limits, suite.judgements, strict=True)
        if limit.stops and not one.passed
    }
    for number, source in enumerate(sync.sources):
        metric = measures.doubled(source.entity)
        if metric in stopping:
            raise _ambiguous(warehouse, home, sync, number, int(found[metric]))
    return judged


def judge_members(warehouse: Warehouse, sync: SyncConfig) -> list[suites.Judged]:
    """The suites of the members wanted and of the audience, judged and kept; after the map models."""
    with warehouse.open() as connection:
        usual = measures.usual(connection, sync.sync)
        found = measures.of_wanted(connection, sync) | measures.of_audience(connection, sync)
    both = [catalogue.wanted_suite(sync, usual, found), catalogue.audience_suite(sync, usual, found)]
    return _judge(warehouse, sync, found, both)


def _ambiguous(warehouse: Warehouse, home: Home, sync: SyncConfig, number: int, count: int) -> ConfigError:
    source = sync.sources[number]
    key = home.key_of(source)
    with warehouse.open() as connection:
        keys = measures.doubled_keys(connection, source.relation, key)
    such_as = f", such as {', '.join(keys)}" if keys else ""
    return ConfigError(
        f"{key} is no key of {source.entity}: {count:,} times it is empty or another record's{such_as}.",
        where=home.where(sync.sync, ("from", number, "entity")),
        do="Mend them in the CRM, or name another column as `key` of the entity in connections.yaml.",
    )


def _judge(
    warehouse: Warehouse, sync: SyncConfig, found: measures.Metrics, asked: Sequence[suites.Suite]
) -> list[suites.Judged]:
    """Judging needs no warehouse, and importing GX takes seconds: nobody waits for them."""
    judged = [suites.judge(suite, found) for suite in asked]
    moment = clock.naive(clock.now())
    with warehouse.transaction() as connection:
        measures.keep(connection, sync.sync, found, moment)
        for one in judged:
            record(connection, sync.sync, one)
    return judged


def record(connection: duckdb.DuckDBPyConnection, sync: str, judged: suites.Judged) -> None:
    """Keep the judgements of a suite, in place of its last ones, for the plan's verdict."""
    suite, moment = judged.suite.name, clock.naive(clock.now())
    connection.execute(
        "delete from quality.expectations where sync = ? and coalesce(suite, ?) = ?", [sync, suite, suite]
    )
    for one in judged.judgements:
        connection.execute(
            """
            insert into quality.expectations by name
            select ? as sync, ? as suite, ? as name, ? as observed, ? as minimum, ? as maximum, ? as share,
                ? as passed, ? as sentence, ? as judged_at
            """,
            [
                *(sync, suite, one.name, one.observed, one.minimum, one.maximum, one.share),
                *(one.passed, one.sentence, moment),
            ],
        )
