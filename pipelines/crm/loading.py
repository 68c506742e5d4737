"""An entity's records from its CRM into the warehouse: landed first, loaded in one transaction.

Belongs here: the table crm_CONNECTION.ENTITY, its rejected records, its log of loads; when the CRM is asked at all
(max_age). Does not: reading one kind of CRM (its module), putting changes together (reading.py), judging the volume
(the plan's safety).

A table is only ever replaced by an extract that was read to its end.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipelines import clock, locks
from pipelines.config import Home
from pipelines.config.expressions import check_expressions
from pipelines.crm import open_source
from pipelines.crm.reading import Reading, settings_hash
from pipelines.errors import ConfigError
from pipelines.landing import Landed, last_landing
from pipelines.warehouse import Warehouse


@dataclass(frozen=True)
class Loaded:
    """What was loaded: how many records, their columns, how they were read, how many were rejected.

    `new_columns` and `gone_columns` compare with the extract before; `notes` are sentences on what looks odd.
    """

    rows: int
    columns: tuple[str, ...]
    how: str
    rejected: int = 0
    new_columns: tuple[str, ...] = ()
    gone_columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def load_entity(
    home: Home, warehouse: Warehouse, connection: str, entity: str, run_id: str, sync: str | None = None
) -> Loaded:
    """Replace the entity's table by what the CRM holds now, or held less than the connection's max_age ago.

    A CRM that breaks off, gives nothing at all (`EmptySource`) or lacks a column that `sync`, whose run it is, uses
    (`ConfigError`) leaves the last good extract in place. What other syncs use is for their own runs to judge.
    """
    name = f"{connection}.{entity}"

    def check(columns: Sequence[str]) -> None:
        if sync is not None:
            check_expressions(home, home.sync(sync), {name: columns})

    with locks.held(home.locks / f"extract-{name}", wait=600, busy=f"{name} is being read by another run."):
        last = last_landing(home.landing / "crm" / connection / entity)
        settings = settings_hash(home.connection(connection), entity)
        if last is not None and last.facts.get("settings") != settings:
            last = None
        max_age: timedelta | None = home.connection(connection).max_age  # type: ignore[union-attr]
        if last is not None and _is_young(last, max_age) and _is_accepted(last, check):
            how, landed = f"the last extract again, of {last.facts['read_at']}", last
        else:
            how, landed = _read(home, connection, entity, last, settings, check)
        _load(warehouse, landed, connection, entity, run_id)
    before = home.source_columns(name) or landed.columns
    _remember_columns(home, connection, entity, landed.columns)
    return Loaded(
        landed.rows,
        landed.columns,
        how,
        rejected=len(landed.facts["rejected"]),
        new_columns=tuple(column for column in landed.columns if column not in before),
        gone_columns=tuple(column for column in before if column not in landed.columns),
        notes=tuple(landed.facts["notes"]),
    )


def _is_young(last: Landed, max_age: timedelta | None) -> bool:
    # A time to come is one of a rehearsal with another clock.
    age = clock.now() - datetime.fromisoformat(last.facts["read_at"])
    return max_age is not None and timedelta(0) <= age < max_age


def _is_accepted(last: Landed, check: Callable[[Sequence[str]], None]) -> bool:
    """Whether it has all columns that are wanted; the CRM may have got them since."""
    try:
        check(last.columns)
    except ConfigError:
        return False
    return True


def _read(
    home: Home,
    connection: str,
    entity: str,
    last: Landed | None,
    settings: str,
    check: Callable[[Sequence[str]], None],
) -> tuple[str, Landed]:
    with closing(open_source(connection, home.connection(connection), home.root)) as source:  # type: ignore[arg-type]
        reading = Reading(source, home.landing / "crm" / connection, f"{connection}.{entity}", settings, check)
        return reading.read(last)


def _remember_columns(home: Home, connection: str, entity: str, columns: Sequence[str]) -> None:
    file = home.landing / "crm" / connection / f"{entity}.columns.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(columns, ensure_ascii=False), encoding="utf-8")


def _load(warehouse: Warehouse, landed: Landed, connection: str, entity: str, run_id: str) -> None:
    rejected = [(connection, entity, *record, run_id) for record in landed.facts["rejected"]]
    with warehouse.transaction() as database:
        database.execute(f"create schema if not exists crm_{connection}")
        database.execute(f"create or replace table crm_{connection}.{entity} as select * from {landed.relation}")
        database.execute("delete from extract.rejected where connection = ? and entity = ?", [connection, entity])
        if rejected:
            database.executemany("insert into extract.rejected values (?, ?, ?, ?, ?, ?)", rejected)
        database.execute(
            "insert into extract.loads values (?, ?, ?, ?, ?)",
            [connection, entity, landed.rows, clock.naive(clock.now()), run_id],
        )
