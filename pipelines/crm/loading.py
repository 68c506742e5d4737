"""An entity's records from its CRM into the warehouse: landed first, loaded in one transaction.

Belongs here: the table crm_CONNECTION.ENTITY and its log of loads. Does not: reading one kind of CRM (its module).
"""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain

from pipelines import clock, locks, progress
from pipelines.config import Home
from pipelines.crm import open_source
from pipelines.crm.base import Page, Source
from pipelines.errors import EmptySource
from pipelines.landing import Landed, land
from pipelines.warehouse import Warehouse


@dataclass(frozen=True)
class Loaded:
    """How many records were loaded, and their columns."""

    rows: int
    columns: tuple[str, ...]


def load_entity(home: Home, warehouse: Warehouse, connection: str, entity: str, run_id: str) -> Loaded:
    """Replace the entity's table by what the CRM holds now.

    A CRM that breaks off, or gives nothing at all (`EmptySource`), leaves the last good extract in place.
    """
    name = f"{connection}.{entity}"
    with locks.held(home.locks / f"extract-{name}", wait=600, busy=f"{name} is being read by another run."):
        source = open_source(connection, home.connection(connection), home.root)  # type: ignore[arg-type]
        try:
            landed = _land(home, source, connection, entity)
        finally:
            source.close()
        _load(warehouse, landed, connection, entity, run_id)
    columns_file = home.landing / "crm" / connection / f"{entity}.columns.json"
    columns_file.write_text(json.dumps(landed.columns, ensure_ascii=False), encoding="utf-8")
    return Loaded(landed.rows, landed.columns)


def _land(home: Home, source: Source, connection: str, entity: str) -> Landed:
    with closing(source.extract(entity)) as pages:  # type: ignore[type-var]  # every source is a generator
        first = next(pages)
        if not first.rows:
            raise EmptySource(
                f"{connection}.{entity} gave no records at all; the last good extract stays and nothing is sent.",
                where="connections.yaml",
                do="Look at the CRM, or at the connection's table or query.",
            )
        counted = _counted(chain([first], pages), f"{connection}.{entity}")
        return land(home.landing / "crm" / connection / entity, first.columns, (page.rows for page in counted))


def _counted(pages: Iterator[Page], name: str) -> Iterator[Page]:
    done = 0
    for page in pages:
        done += len(page.rows)
        progress.advance(f"records of {name}", done)
        yield page


def _load(warehouse: Warehouse, landed: Landed, connection: str, entity: str, run_id: str) -> None:
    with warehouse.transaction() as database:
        database.execute(f"create schema if not exists crm_{connection}")
        database.execute(f"create or replace table crm_{connection}.{entity} as select * from {landed.relation}")
        database.execute(
            "insert into extract.loads values (?, ?, ?, ?, ?)",
            [connection, entity, landed.rows, clock.naive(clock.now()), run_id],
        )
