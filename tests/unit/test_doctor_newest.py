"""The doctor looks at what tells the newer of two records."""

from collections.abc import Iterator

import duckdb
import pytest
from plan_models import COLUMNS, home_of, synced
from plan_world import fill, person

from pipelines.quality import addresses
from pipelines.sync.doctor import newest
from pipelines.sync.doctor.findings import Finding
from pipelines.sync.doctor.records import Records


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def found(connection: duckdb.DuckDBPyConnection, *values: str | None, **policy: object) -> list[Finding]:
    """What the doctor says of persons with these times of change."""
    home, sync = home_of("newest"), synced("newest", **policy)
    people = [person(f"p{number}", Changed=value) for number, value in enumerate(values)]
    fill(connection, "crm_crm.persons", COLUMNS["persons"], people)
    addresses.judge_new(connection, "select Email as address from crm_crm.persons")
    records = Records(connection, sync.sources[0], "Id", sync.sources[0].relation, is_sample=False)
    return list(newest.examine(home, sync, [records]))


def test_times_as_no_plan_can_compare_them_are_told_with_their_records_and_how_to_write_them(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    """D9: 31-01-2020 sorts after 01-06-2026. A year of two digits is no better."""
    (finding,) = found(connection, "31-01-2020", "2026-01-01", None, "01-06-26", "2026-31-12")
    assert finding.what.startswith("duplicates.newest: 3 of the 5 records wanted from crm.persons give neither a time")
    assert (finding.records, finding.examples) == (3, ("crm.persons p0", "crm.persons p3", "crm.persons p4"))
    assert finding.do == "Say how it is written, such as strptime(Changed, '%d-%m-%Y')."
    assert finding.where.startswith("syncs/people.yaml:")


@pytest.mark.parametrize(
    "values",
    [
        (
            "2026-01-31",
            "2026-01-31 10:00:00",
            "2026/01/31",
            "2026-01-31T10:00:00.5+02:00",
            "2026-01-31T10:00Z",
            "",
            None,
        ),
        ("9", "10", "1700000000.5"),
    ],
)
def test_iso_times_and_numbers_are_in_order(connection: duckdb.DuckDBPyConnection, values: tuple[str | None]) -> None:
    """D9."""
    assert found(connection, *values) == []


def test_times_for_some_and_numbers_for_others_are_told(connection: duckdb.DuckDBPyConnection) -> None:
    """D9."""
    (finding,) = found(connection, "2026-01-31", "1700000000")
    assert "times for some of the records wanted and numbers for others" in finding.what


def test_what_no_rule_asks_for_is_not_looked_at(connection: duckdb.DuckDBPyConnection) -> None:
    """D9: a sync that prefers by entity alone needs no times."""
    assert found(connection, "31-01-2020", duplicates={"prefer": ["first_entity"], "newest": "Changed"}) == []
