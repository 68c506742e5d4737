"""The warehouse: one writer at a time, all or nothing, and clear words when it can't be opened.

Belongs here: pipelines/warehouse.py. Does not: locks as such (test_locks.py), what is written.
"""

import time
from dataclasses import replace
from pathlib import Path

import pytest
from plan_models import home_of
from processes import LOCKING, OPENING, another_process

from pipelines.errors import Busy, ConfigError
from pipelines.warehouse import Warehouse, has_table, rows


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(replace(home_of("first"), root=tmp_path), wait=0.2)


def test_opening_makes_every_table_and_again_changes_nothing(warehouse: Warehouse) -> None:
    with warehouse.open() as connection:
        for table in ("ledger.pushes", "ledger.members", "plan.changes", "stats.events", "extract.audiences"):
            assert has_table(connection, *table.split("."))
        connection.execute("insert into plan.holds (sync) values ('people')")
    with warehouse.open() as connection:
        assert rows(connection, "select sync, reason from plan.holds") == [{"sync": "people", "reason": None}]


def test_a_transaction_that_fails_leaves_nothing(warehouse: Warehouse) -> None:
    with pytest.raises(ZeroDivisionError), warehouse.transaction() as connection:
        connection.execute("insert into plan.holds (sync) values ('people')")
        raise ZeroDivisionError
    with warehouse.open() as connection:
        assert rows(connection, "select * from plan.holds") == []


def test_a_transaction_that_ends_well_is_kept(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        connection.execute("insert into plan.holds (sync) values ('people')")
    with warehouse.open() as connection:
        assert len(rows(connection, "select * from plan.holds")) == 1


def test_a_file_that_is_no_warehouse_is_one_clear_error(warehouse: Warehouse) -> None:
    warehouse.path.write_text("not a database, but long enough to be looked at\n" * 1000)
    with pytest.raises(ConfigError, match="not a warehouse") as caught, warehouse.open():
        pass
    assert caught.value.where == "warehouse.duckdb"
    assert "Delete it" in caught.value.do
    assert str(warehouse.path.parent) not in str(caught.value)


def test_another_run_on_the_warehouse_is_waited_for_and_then_busy(warehouse: Warehouse) -> None:
    with another_process(LOCKING, warehouse.path.parent / ".locks" / "warehouse"):
        started = time.monotonic()
        with pytest.raises(Busy, match="in use by another run"), warehouse.open():
            pass
        assert time.monotonic() - started >= 0.2


def test_another_program_on_the_warehouse_is_named_with_what_to_do(warehouse: Warehouse) -> None:
    """A writer locks out every other process."""
    with another_process(OPENING, warehouse.path):
        with pytest.raises(Busy, match="open in another program") as caught, warehouse.open():
            pass
        assert "analytics.duckdb" in caught.value.do
    with warehouse.open() as connection:
        assert rows(connection, "select 1 as one") == [{"one": 1}]


def test_while_dbt_has_the_warehouse_reserved_no_other_run_opens_it(warehouse: Warehouse) -> None:
    with warehouse.reserved() as path:
        assert path == warehouse.path
        with pytest.raises(Busy), warehouse.open():
            pass


def test_tables_of_a_newer_version_come_into_a_warehouse_that_is_there(warehouse: Warehouse) -> None:
    with warehouse.open() as connection:
        connection.execute("comment on table plan.plans is 'of an older version'; drop table stats.histories")
    for _ in range(2):
        with warehouse.open() as connection:
            assert has_table(connection, "stats", "histories")
