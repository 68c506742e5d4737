"""Parquet comes as text, nested data as the columns that JSON becomes."""

from pathlib import Path

import duckdb
import pytest
from file_world import Read

from pipelines.errors import ConfigError, PermanentError


def test_parquet_comes_as_text(tmp_path: Path) -> None:
    path = tmp_path / "a[1].parquet"
    with duckdb.connect() as connection:
        select = "select '007' as \"Id\", 1.50::decimal(5,2) as n, date '2026-01-02' as d, [1, 2] as l, null as e"
        connection.execute(f"copy ({select}) to '{path}' (format parquet)")
    read = Read(tmp_path, {"path": "a[1].parquet"})
    assert read.rows == [["007", "1.50", "2026-01-02", "1;2", None]]
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(PermanentError, match="not a whole Parquet"):
        Read(tmp_path, {"path": "a[1].parquet"})


def parquet(home: Path, select: str) -> str:
    with duckdb.connect() as connection:
        connection.execute(f"copy ({select}) to '{home / 'soci.parquet'}' (format parquet)")
    return "soci.parquet"


def test_nested_parquet_becomes_the_columns_that_json_becomes(tmp_path: Path) -> None:
    row = """
        {'city': 'Aarhus', 'geo': {'lat': 56.1}} as address, ['a', 'b;c', null, ''] as tags,
        [{'product': 'Avis', 'begin': date '2026-01-01'}, {'product': 'Ugeblad', 'begin': null}] as subscriptions
    """
    path = parquet(tmp_path, f"select '5' as Id, {row} union all select '6', null, null, null")
    read = Read(tmp_path, {"path": path})
    assert [dict(zip(read.columns, row, strict=True)) for row in read.rows] == [
        {
            "Id": "5",
            "address_city": "Aarhus",
            "address_geo_lat": "56.1",
            "tags": "a;b,c",
            "subscriptions": '[{"begin": "2026-01-01", "product": "Avis"}, {"begin": null, "product": "Ugeblad"}]',
            "subscriptions_product": "Avis;Ugeblad",
            "subscriptions_begin": "2026-01-01",
        },
        dict.fromkeys(read.columns) | {"Id": "6"},
    ]


def test_a_map_is_its_json_whatever_its_keys_are(tmp_path: Path) -> None:
    path = parquet(
        tmp_path,
        "select '1' as Id, map {date '2026-01-02': 1.50, date '2026-01-01': null} as m, {'x': map {1: 2}} as s",
    )
    read = Read(tmp_path, {"path": path})
    assert read.columns == ("Id", "m", "s_x")
    assert read.rows == [["1", '{"2026-01-01": null, "2026-01-02": "1.50"}', '{"1": 2}']]


@pytest.mark.parametrize("binary", ["'x'::blob", "['x'::blob]", "map {'a': 'x'::blob}", "{'a': 'x'::blob}"])
def test_binary_data_is_refused_with_its_column_however_deep_it_lies(tmp_path: Path, binary: str) -> None:
    with pytest.raises(ConfigError, match=r"Column Foto of soci\.parquet holds binary data"):
        Read(tmp_path, {"path": parquet(tmp_path, f"select '1' as Id, {binary} as Foto")})
