"""What lands comes back as it was, whole or not at all."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines import landing
from pipelines.errors import ConfigError, PermanentError, TransientError
from pipelines.landing import Landed, land, land_query, last_landing

Rows = list[tuple[str | None, ...]]


def rows_of(landed: Landed) -> Rows:
    with duckdb.connect() as connection:
        return connection.execute(f"select * from {landed.relation}").fetchall()


def types_of(landed: Landed) -> list[tuple[str, str]]:
    with duckdb.connect() as connection:
        return [row[:2] for row in connection.execute(f"describe select * from {landed.relation}").fetchall()]


def test_every_text_comes_back_as_it_went_in(tmp_path: Path) -> None:
    rows: Rows = [
        ("00184", None, ""),
        ("nan", "None", "null"),
        ("two\nlines\r\n", 'a "quoted" word; O\'Brien', " outer blanks\t"),
        ("Zoë Ångström", "日本語 🚲", "e\u0301"),
        ("a\x00b", "1.234,50", "01/02/2026"),
    ]
    landed = land(tmp_path / "persons", ("id", "name", "note"), [rows[:2], [], rows[2:]])
    assert rows_of(landed) == rows
    assert landed.rows == 5


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.tuples(st.none() | st.text(), st.none() | st.text()), max_size=4), max_size=4))
def test_any_pages_of_any_text_round_trip(tmp_path: Path, pages: list[Rows]) -> None:
    landed = land(tmp_path / "any", ("a", "b"), pages)
    assert rows_of(landed) == [row for page in pages for row in page]


def test_a_column_without_a_value_and_a_landing_without_rows_are_text_too(tmp_path: Path) -> None:
    empty = land(tmp_path / "a", ("Key", "E-mail"), [])
    assert (rows_of(empty), empty.rows) == ([], 0)
    assert types_of(empty) == [("Key", "VARCHAR"), ("E-mail", "VARCHAR")]
    blank = land(tmp_path / "b", ("Key", "E-mail"), [[("1", None), ("2", None)]])
    assert types_of(blank) == [("Key", "VARCHAR"), ("E-mail", "VARCHAR")]


def test_a_single_value_deep_in_an_empty_column_is_kept(tmp_path: Path) -> None:
    rows: Rows = [(str(number), "text" if number == 13_777 else None) for number in range(20_000)]
    assert rows_of(land(tmp_path / "deep", ("a", "b"), [rows])) == rows


def test_columns_keep_the_names_of_their_source(tmp_path: Path) -> None:
    names = ("Koppelen met MailChimp", 'say "hi"', "it's; --", "grøn", "select", "a.b", "{}", "100%")
    landed = land(tmp_path / "odd", names, [[tuple("12345678")]])
    assert [name for name, _ in types_of(landed)] == list(names)
    assert landed.columns == names
    assert rows_of(landed) == [tuple("12345678")]


def test_a_path_full_of_wildcards_and_quotes_is_read_as_it_is_written(tmp_path: Path) -> None:
    landed = land(tmp_path / "it's [ir]regular *?" / "sync=3", ("a",), [[("1",)]])
    assert rows_of(landed) == [("1",)]
    assert [name for name, _ in types_of(landed)] == ["a"]


def test_a_relative_folder_is_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    landed = land(Path("persons"), ("a",), [[("1",)]])
    monkeypatch.chdir("/")
    assert rows_of(landed) == [("1",)]


def test_a_read_that_breaks_off_leaves_the_last_landing_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "persons"
    land(folder, ("a",), [[("old",)]])

    def broken() -> Iterator[Sequence[Sequence[str | None]]]:
        yield [("new",)] * 2
        raise TransientError("The CRM went away.")

    with pytest.raises(TransientError, match="went away"):
        land(folder, ("a",), broken())
    last = last_landing(folder)
    assert last is not None
    assert rows_of(last) == [("old",)]
    assert sorted(entry.suffix for entry in folder.iterdir()) == ["", ".json"]


def test_the_next_complete_landing_replaces_the_last_and_what_a_killed_read_left(tmp_path: Path) -> None:
    folder = tmp_path / "persons"
    land(folder, ("a", "b"), [[("old", "x")]])
    (folder / "0123456789").mkdir()
    (folder / "0123456789" / "part-000000.parquet").write_bytes(b"half")
    new = land(folder, ("a",), [[("new",)]])
    assert rows_of(new) == [("new",)]
    assert last_landing(folder) == new
    assert len([entry for entry in folder.iterdir() if entry.is_dir()]) == 1


def test_a_folder_that_never_had_a_complete_landing_has_none(tmp_path: Path) -> None:
    assert last_landing(tmp_path / "nothing") is None
    (tmp_path / "half" / "0123").mkdir(parents=True)
    assert last_landing(tmp_path / "half") is None


def test_small_pages_share_a_part_and_large_ones_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landing, "ROWS_PER_PART", 10)
    pages = [[(f"{page}-{row}",) for row in range(size)] for page, size in enumerate((1, 3, 25, 0, 1))]
    landed = land(tmp_path / "parts", ("a",), pages)
    assert rows_of(landed) == [row for page in pages for row in page]
    assert len(list((tmp_path / "parts").rglob("part-*.parquet"))) == 3


def test_half_an_emoji_becomes_a_replacement_mark_instead_of_stopping_the_extract(tmp_path: Path) -> None:
    landed = land(tmp_path / "half", ("a", "b"), [[("ok \ud83d", None), ("🚲", "")]])
    assert rows_of(landed) == [("ok \ufffd", None), ("🚲", "")]


@pytest.mark.parametrize("columns", [("Email", "Name", "email"), ("a", ""), ()])
def test_columns_that_cannot_stand_side_by_side_are_refused_before_anything_is_read(
    tmp_path: Path, columns: tuple[str, ...]
) -> None:
    def never() -> Iterator[Sequence[Sequence[str | None]]]:
        raise AssertionError("read")
        yield []

    with pytest.raises(ConfigError, match="column") as caught:
        land(tmp_path / "persons", columns, never())
    assert caught.value.do
    assert not (tmp_path / "persons").exists()


def test_a_record_of_another_width_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="2 columns"):
        land(tmp_path / "persons", ("a", "b"), [[("1", "2"), ("3",)]])
    assert last_landing(tmp_path / "persons") is None


def test_facts_are_asked_for_after_the_last_page_and_found_with_the_landing(tmp_path: Path) -> None:
    seen: list[str] = []

    def pages() -> Iterator[Sequence[Sequence[str | None]]]:
        yield [("1",)]
        seen.append("end")

    land(tmp_path / "persons", ("a",), pages(), lambda: {"state": seen[0]})
    found = last_landing(tmp_path / "persons")
    assert found is not None
    assert found.facts == {"state": "end"}


def test_a_query_over_landings_lands_like_pages(tmp_path: Path) -> None:
    old = land(tmp_path / "old", ("Key", "B"), [[("1", "x"), ("2", None)]])
    new = land(tmp_path / "new", ("Key", "B"), [[("3", "")]])
    query = f"select * from {old.relation} union all select * from {new.relation}"
    landed = land_query(tmp_path / "old", old.columns, query, {"state": "s"})
    assert rows_of(landed) == [("1", "x"), ("2", None), ("3", "")]
    assert (landed, landed.rows) == (last_landing(tmp_path / "old"), 3)
