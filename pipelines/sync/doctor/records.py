"""The CRM's records as a sync would take them, and counting over them.

Belongs here: which records are looked at, whom of them the sync wants, one query that counts. Does not: what is counted
(values.py, labels.py), the map itself (dbt's map models, which say who is wanted to every plan).

Looked at is the last extract; before the first one the first page that was read to try the CRM. Addresses not seen yet
are judged as a run would judge them, and forgotten again: nothing is written.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import pandas as pd

from pipelines.blanks import sql_trimmed
from pipelines.config import Home, SyncConfig
from pipelines.config.sync import Source
from pipelines.crm.base import Page
from pipelines.landing import sql_name
from pipelines.quality import addresses
from pipelines.warehouse import Warehouse, has_table

EXAMPLES = 3


@dataclass(frozen=True)
class Count:
    """How many of the records wanted are so, and the lowest keys of those."""

    records: int
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Records:
    """One source's records. `relation` is what may stand in a `from`; `is_sample`: only the first page was read."""

    connection: duckdb.DuckDBPyConnection
    source: Source
    key: str
    relation: str
    is_sample: bool

    def count(self, values: Mapping[str, str], conditions: Sequence[str]) -> tuple[int, list[Count]]:
        """How many records are wanted, and for each condition how many of them meet it.

        `values` names pieces of the sync's SQL for the conditions, which are SQL over these names, all text.
        """
        named = "".join(f", cast((\n{sql}\n) as varchar) as {name}" for name, sql in values.items())
        sought = "".join(
            f", count(*) filter ({condition}), min(enlist_key, {EXAMPLES}) filter ({condition})"
            for condition in conditions
        )
        (row,) = self.connection.execute(
            f"""
            with {self._wanted()},
            valued as (select cast({sql_name(self.key)} as varchar) as enlist_key{named} from wanted)
            select count(*){sought} from valued
            """
        ).fetchall()
        pairs = zip(row[1::2], row[2::2], strict=True)
        return row[0], [Count(number, tuple(keys or ())) for number, keys in pairs]

    def parts(self, split: str, by: str) -> list[str]:
        """The distinct values that a column of several holds, of those wanted, sorted."""
        found = self.connection.execute(
            f"""
            with {self._wanted()},
            cut as (select unnest(string_split(cast((\n{split}\n) as varchar), ?)) as part from wanted)
            select distinct {sql_trimmed("part")} as name from cut where name <> '' order by name
            """,
            [by],
        )
        return [str(part) for (part,) in found.fetchall()]

    def named(self, count: Count) -> tuple[str, ...]:
        """The examples, as ENTITY KEY."""
        return tuple(f"{self.source.entity} {key}" for key in count.keys)

    def _wanted(self) -> str:
        """Common tables that end in `wanted`: who is asked for, may be mailed as far as the CRM says, and can be."""
        source = self.source
        refused = [f"not coalesce(cast((\n{sql}\n) as boolean), true)" for sql in source.exclude.values()]
        if source.opt_out is not False:
            refused.append(f"not coalesce(cast((\n{source.opt_out}\n) as boolean), true)")
        matches = [f"coalesce(cast((\n{source.where or 'true'}\n) as boolean), false)", *refused]
        return f"""
            records as (
                select nullif({sql_trimmed("columns(*)")}, ''), {address(source)} as enlist_address from {self.relation}
            ),
            reachable as (
                select * from records semi join (
                    select address as enlist_address from quality.addresses where verdict in ('ok', 'warning')
                ) using (enlist_address)
            ),
            wanted as (select * from reachable where {" and ".join(matches)})
        """


def address(source: Source) -> str:
    """SQL for the address of a record: the first column filled in."""
    columns = (f"case when {sql_trimmed(sql_name(name))} <> '' then {sql_name(name)} end" for name in source.email)
    return f"coalesce({', '.join(columns)}, null)"


@contextmanager
def opened(home: Home, sync: SyncConfig, pages: Mapping[str, Page]) -> Iterator[list[Records]]:
    """The records of each source of the sync, in its order; the warehouse stays as it is."""
    with Warehouse(home).open() as connection:
        connection.begin()
        try:
            found = [
                _records(connection, home, source, pages[source.entity], number)
                for number, source in enumerate(sync.sources)
            ]
            asked = (f"select {address(one.source)} as address from {one.relation}" for one in found)
            addresses.judge_new(connection, " union all ".join(asked))
            yield found
        finally:
            connection.rollback()


def _records(connection: duckdb.DuckDBPyConnection, home: Home, source: Source, page: Page, number: int) -> Records:
    if has_table(connection, f"crm_{source.connection}", source.entity_name):
        return Records(connection, source, home.key_of(source), source.relation, is_sample=False)
    table = f"first_page_{number}"
    connection.register("page", pd.DataFrame(page.rows, columns=list(page.columns), dtype="str"))
    try:
        connection.execute(f"create or replace temp table {table} as from page")
    finally:
        connection.unregister("page")
    return Records(connection, source, home.key_of(source), f"temp.{table}", is_sample=True)
