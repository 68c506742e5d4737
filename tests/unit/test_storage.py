"""Dagster's storage as the home's dagster.yaml names it: Dagster's own files, one of them kept open."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest
from rehearsal import REPO
from sqlalchemy import text

from pipelines.defs.storage import EventLog


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / "dagster.yaml").write_text((REPO / "data" / "dagster_home" / "dagster.yaml").read_text())
    with dg.DagsterInstance.from_config(str(tmp_path)) as opened:
        yield opened


def report(instance: dg.DagsterInstance, rows: int) -> None:
    materialization = dg.AssetMaterialization("members", metadata={"rows": rows})
    instance.report_runless_asset_event(materialization)


def rows_of(instance: dg.DagsterInstance) -> list[object]:
    found = instance.fetch_materializations(dg.AssetKey("members"), limit=1000).records
    return sorted(
        record.asset_materialization.metadata["rows"].value for record in found if record.asset_materialization
    )


def test_what_is_written_is_there_for_a_home_with_dagsters_own_storage(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    assert isinstance(instance.event_log_storage, EventLog)
    report(instance, 1)
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dg.DagsterInstance.from_config(str(tmp_path)) as other:
        assert not isinstance(other.event_log_storage, EventLog)
        assert rows_of(other) == [1]
        report(other, 2)
    assert rows_of(instance) == [1, 2]


def test_threads_take_turns(instance: dg.DagsterInstance) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: report(instance, number), range(40)))
    assert rows_of(instance) == list(range(40))


def test_a_statement_that_fails_takes_nothing_along(instance: dg.DagsterInstance) -> None:
    report(instance, 1)
    with pytest.raises(Exception, match="no such table"), instance.event_log_storage.index_connection() as connection:
        connection.execute(text("delete from event_logs"))
        connection.execute(text("delete from no_such"))
    assert rows_of(instance) == [1]


def test_a_storage_that_is_done_leaves_no_log_behind(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    report(instance, 1)
    instance.dispose()
    (index,) = tmp_path.rglob("index.db")
    assert not index.with_name("index.db-wal").exists()
    with sqlite3.connect(index) as connection:
        assert connection.execute("select count(*) from event_logs").fetchone() == (1,)
