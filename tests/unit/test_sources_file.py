"""Files are read as text, whole or not at all; every trap of contracts for files has its fact here."""

import csv as csv_module
import datetime
import json
import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from file_world import Read, csv, written
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.config.connections import FileConnection, FileEntity
from pipelines.crm import file as crm_file
from pipelines.crm import open_source
from pipelines.crm.records import flattened
from pipelines.errors import ConfigError, EmptySource, EnlistError, PermanentError, TransientError

TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)


# CSV


def test_leading_zeros_survive_after_row_20000(tmp_path: Path) -> None:
    lines = "".join(f"{number},{number + 1000}\n" for number in range(30_000))
    read = csv(tmp_path, f"Id,Cap\n{lines}last,00184\n")
    assert len(read.rows) == 30_001
    assert read.rows[-1] == ["last", "00184"]


@pytest.mark.parametrize("value", ["01/02/2026", "31.12.2026", "1.234,50", "1e5", "+39 02 1234", "'+39", " x ", "NaN"])
def test_dates_numbers_and_phones_stay_as_they_are_written(tmp_path: Path, value: str) -> None:
    assert csv(tmp_path, f"Id;V\n1;{value}\n", delimiter=";").rows == [["1", value]]


def test_a_value_may_hold_the_delimiter_a_newline_and_a_quote(tmp_path: Path) -> None:
    assert csv(tmp_path, 'Id,Note\r\n1,"two\nlines, and ""quotes"""\r\n2,plain\r\n').rows == [
        ["1", 'two\nlines, and "quotes"'],
        ["2", "plain"],
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "iso-8859-15"])
def test_the_euro_sign_is_read_in_every_encoding_that_has_one(tmp_path: Path, encoding: str) -> None:
    content = "Id,Quota\n1,€ 25 Zoë\n".encode(encoding)
    assert csv(tmp_path, content, encoding=encoding).rows == [["1", "€ 25 Zoë"]]


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    assert csv(tmp_path, "Id,A\n1,x\n".encode("utf-8-sig")).columns == ("Id", "A")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32-le"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_byte_order_mark_is_taken_off_in_every_encoding_that_has_one(
    tmp_path: Path, encoding: str, mark: str
) -> None:
    """Windows programs write utf-16-le with a mark; the name of the encoding says that there is none."""
    read = csv(tmp_path, f"{mark}Id,Nome\n1,Zoë\n".encode(encoding), encoding=encoding)
    assert (read.columns, read.rows) == (("Id", "Nome"), [["1", "Zoë"]])


@pytest.mark.parametrize("line", ["sep=;\r\n", '"sep=;"\n', "\ufeffsep=;\n"])
def test_the_first_line_that_excel_writes_about_the_delimiter_is_taken_for_what_it_is(
    tmp_path: Path, line: str
) -> None:
    assert csv(tmp_path, f"{line}Id;Nome\n1;Anna\n").rows == [["1", "Anna"]]
    assert csv(tmp_path, f"{line}Id;Nome\n1;Anna\n", header_row=2, delimiter=";").rows == [["1", "Anna"]]
    assert csv(tmp_path, f"{line}Id;Nome\n1;Anna\n2\n3;Bo\n").rejected[0].place == "soci.csv, line 4"


def test_a_marked_utf8_file_is_not_read_as_cp1252(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="says that it is UTF-8"):
        csv(tmp_path, "Id\nZoë\n".encode("utf-8-sig"), encoding="cp1252")


def test_a_wrong_encoding_fails_with_the_line(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"soci\.csv is not utf-8 at line 3") as caught:
        csv(tmp_path, "Id,Nome\n1,Anna\n2,Zoë Geheim\n".encode("cp1252"))
    assert "Geheim" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["latin-1", "iso-8859-15"])
def test_cp1252_read_as_latin_1_is_noticed_by_its_control_characters(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(PermanentError, match=r"control characters at line 2.*cp1252"):
        csv(tmp_path, "Id,Nome\n1,“Zoë” € 5\n".encode("cp1252"), encoding=encoding)


def test_names_may_stand_in_another_row(tmp_path: Path) -> None:
    read = csv(tmp_path, 'Elenco soci, "2026\ncreato oggi\nId,Nome\n1,Anna\n', header_row=3)
    assert (read.columns, read.rows) == (("Id", "Nome"), [["1", "Anna"]])


def test_a_wrong_delimiter_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='Set delimiter: ";"'):
        csv(tmp_path, 'Nome;"Id"\nAnna;1\n')
    with pytest.raises(ConfigError, match=r'Set delimiter: "\\t"'):
        csv(tmp_path, "Nome\tId\nAnna\t1\n")


def test_a_renamed_key_names_the_nearest_column(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no column CodiceSocio.*Did you mean Codice_Socio"):
        csv(tmp_path, "Codice_Socio,Nome\n1,Anna\n", key="CodiceSocio")


def test_rows_that_do_not_fit_are_kept_apart_with_the_reason(tmp_path: Path) -> None:
    read = csv(tmp_path, "Id,A,B\n1,x,y\n2,x\n3,x,y,z\n,x,y\n\n  ,x,y\n,,\n4,,\n")
    assert read.rows == [["1", "x", "y"], ["4", "", ""]]
    assert [(one.place, one.reason) for one in read.rejected] == [
        ("soci.csv, line 3", "It has 2 values, and there are 3 columns."),
        ("soci.csv, line 4", "It has 4 values, and there are 3 columns."),
        ("soci.csv, line 5", "It has no Id, which is the key."),
        ("soci.csv, line 7", "It has no Id, which is the key."),
    ]
    assert read.rejected[0].values == ["2", "x"]


def test_a_delimiter_at_the_end_of_every_line_is_no_column(tmp_path: Path) -> None:
    read = csv(tmp_path, "Id;Nome;\n1;Anna;\n", delimiter=";")
    assert (read.columns, read.rows) == (("Id", "Nome"), [["1", "Anna"]])


def test_a_nameless_column_in_the_middle_gets_a_name(tmp_path: Path) -> None:
    assert csv(tmp_path, "Id,,Nome\n1,x,Anna\n").columns == ("Id", "column_2", "Nome")


@pytest.mark.parametrize("content", ["Id,Nome,Mail\n1,Anna,a@x.example\n2,Be", 'Id,Nome,Mail\n1,Anna,"a@x.exa'])
def test_a_file_that_was_cut_off_is_not_read(tmp_path: Path, content: str) -> None:
    with pytest.raises(TransientError, match=r"soci\.csv ends (in the middle of a line|within a quoted value)"):
        csv(tmp_path, content)


def test_a_last_line_without_a_newline_is_a_whole_one(tmp_path: Path) -> None:
    assert csv(tmp_path, "Id,Nome\n1,Anna").rows == [["1", "Anna"]]


def test_a_quote_in_the_wrong_place_stops_the_read_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="no proper csv at line 3"):
        csv(tmp_path, 'Id,Nome\n1,Anna\n2,"Be"n\n')


@pytest.mark.parametrize("content", ["", "\n\n", ",,\n1,2,3\n"])
def test_a_file_without_column_names_is_no_empty_crm(tmp_path: Path, content: str) -> None:
    with pytest.raises(EnlistError) as caught:
        csv(tmp_path, content)
    assert isinstance(caught.value, EmptySource if content == "" else PermanentError)


def test_a_header_alone_gives_its_columns_and_no_rows(tmp_path: Path) -> None:
    read = csv(tmp_path, "Id,Nome\n")
    assert (read.columns, read.rows) == (("Id", "Nome"), [])


def test_a_duplicate_key_is_left_for_the_check_to_find(tmp_path: Path) -> None:
    assert csv(tmp_path, "Id\n1\n1\n").rows == [["1"], ["1"]]


def test_a_long_note_is_read(tmp_path: Path) -> None:
    assert csv(tmp_path, f"Id,Note\n1,{'x' * 300_000}\n").rows == [["1", "x" * 300_000]]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6), st.sampled_from(",;\t|"), st.sampled_from("\"'"))
def test_whatever_a_program_writes_as_csv_is_read_back(
    tmp_path: Path, rows: list[tuple[str, str]], delimiter: str, quote: str
) -> None:
    with (tmp_path / "any.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv_module.writer(stream, delimiter=delimiter, quotechar=quote)
        writer.writerows([("Id", "A", "B"), *((str(number), *row) for number, row in enumerate(rows))])
    read = Read(tmp_path, {"path": "any.csv", "delimiter": delimiter, "quote": quote})
    assert read.rows == [[str(number), *row] for number, row in enumerate(rows)]


# JSON


def test_numbers_of_json_stay_as_they_are_written(tmp_path: Path) -> None:
    content = '[{"Id": "007", "n": 1.50, "big": 12345678901234567890, "yes": true, "none": null, "e": ""}]'
    read = Read(tmp_path, {"path": written(tmp_path, "a.json", content)})
    assert dict(zip(read.columns, read.rows[0], strict=True)) == {
        "Id": "007",
        "n": "1.50",
        "big": "12345678901234567890",
        "yes": "true",
        "none": None,
        "e": "",
    }


def test_records_are_found_below_a_path_and_may_have_different_keys(tmp_path: Path) -> None:
    content = json.dumps({"result": {"items": [{"Id": "1", "A": "x"}, {"B": "y", "Id": "2"}]}})
    read = Read(tmp_path, {"path": written(tmp_path, "a.json", content), "records_path": "result.items"})
    assert (read.columns, read.rows) == (("Id", "A", "B"), [["1", "x", None], ["2", None, "y"]])


@pytest.mark.parametrize(("path", "words"), [(None, "Set records_path"), ("result.rows", "nothing under result.rows")])
def test_a_wrong_records_path_names_the_keys_there_are(tmp_path: Path, path: str | None, words: str) -> None:
    file = written(tmp_path, "a.json", '{"result": {"items": []}}')
    with pytest.raises(PermanentError, match=words):
        Read(tmp_path, {"path": file, "records_path": path})


def test_ndjson_is_read_line_by_line(tmp_path: Path) -> None:
    read = Read(tmp_path, {"path": written(tmp_path, "a.ndjson", '{"Id": 1}\n\n{"Id": 2, "A": {"B": "x"}}\n')})
    assert (read.columns, read.rows) == (("Id", "A_B"), [["1", None], ["2", "x"]])


@pytest.mark.parametrize(("name", "line"), [("a.json", 1), ("a.ndjson", 2)])
def test_json_that_was_cut_off_is_not_read(tmp_path: Path, name: str, line: int) -> None:
    content = '[{"Id": 1}, {"Id"' if name == "a.json" else '{"Id": 1}\n{"Id"'
    with pytest.raises(PermanentError, match=f"no whole JSON at line {line}"):
        Read(tmp_path, {"path": written(tmp_path, name, content)})


def test_nested_data_becomes_columns_as_documented() -> None:
    record = {
        "id": 5,
        "data": {"name": "Anna", ":Kundetype": "A", "id": "other"},
        "address": {"city": "Aarhus", "geo": {"lat": 56.1}},
        "tags": ["a", "b;c", None, ""],
        "subscriptions": [{"product": "Avis", "begin": "2026-01-01"}, {"product": "Ugeblad"}],
        "empty": [],
    }
    assert flattened(record, unpacked="data") == {
        "id": "5",
        "address_city": "Aarhus",
        "address_geo_lat": "56.1",
        "tags": "a;b,c",
        "subscriptions": '[{"begin": "2026-01-01", "product": "Avis"}, {"product": "Ugeblad"}]',
        "subscriptions_product": "Avis;Ugeblad",
        "subscriptions_begin": "2026-01-01",
        "empty": None,
        "name": "Anna",
        ":Kundetype": "A",
        "data_id": "other",
    }


# Which files


def test_a_glob_reads_all_its_files_with_columns_in_any_order(tmp_path: Path) -> None:
    written(tmp_path, "crm/soci-1.csv", "Id,Nome\n1,Anna\n")
    written(tmp_path, "crm/soci-2.csv", "Nome,Id\nBo,2\n")
    written(tmp_path, "crm/soci-3.csv.part", "Id,No")
    written(tmp_path, "crm/~$soci-4.csv", "lock")
    assert Read(tmp_path, {"path": "crm/*soci-*"}).rows == [["1", "Anna"], ["2", "Bo"]]


def test_a_file_of_a_glob_that_lacks_a_column_stops_the_read(tmp_path: Path) -> None:
    written(tmp_path, "soci-1.csv", "Id,Nome\n1,Anna\n")
    written(tmp_path, "soci-2.csv", "Id,Name\n2,Bo\n")
    with pytest.raises(PermanentError, match=r"soci-2\.csv and soci-1\.csv have different columns: Name, Nome"):
        Read(tmp_path, {"path": "soci-*.csv"})


def test_the_same_file_twice_is_read_once(tmp_path: Path) -> None:
    for name in ("soci.csv", "soci (1).csv"):
        written(tmp_path, name, "Id\n1\n")
    read = Read(tmp_path, {"path": "soci*.csv"})
    assert read.rows == [["1"]]
    assert read.end.notes == ("soci.csv is the same as soci (1).csv and was read once.",)


def test_of_an_export_a_day_the_newest_is_read(tmp_path: Path) -> None:
    for age, name in ((200, "b.csv"), (100, "a.csv"), (300, "c.csv")):
        path = tmp_path / written(tmp_path, name, f"Id\n{name}\n")
        os.utime(path, (time.time() - age,) * 2)
    assert Read(tmp_path, {"path": "*.csv", "take": "newest"}).rows == [["a.csv"]]


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"members\.soci: There is no file crm/\*\.csv"):
        Read(tmp_path, {"path": "crm/*.csv"})


def test_an_unknown_ending_needs_a_format(tmp_path: Path) -> None:
    path = written(tmp_path, "soci.dat", "Id\n1\n")
    with pytest.raises(ConfigError, match="Set format"):
        Read(tmp_path, {"path": path})
    assert Read(tmp_path, {"path": path, "format": "csv"}).rows == [["1"]]


def test_an_absolute_path_is_taken_as_it_is(tmp_path: Path) -> None:
    written(tmp_path, "soci.csv", "Id\n1\n")
    assert Read(Path("/nowhere"), {"path": str(tmp_path / "*.csv")}).rows == [["1"]]


def test_a_file_that_grows_between_two_looks_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / written(tmp_path, "soci.csv", "Id,Nome\n1,Anna\n")
    waits: list[float] = []

    def grow(seconds: float) -> None:
        waits.append(seconds)
        with path.open("a") as stream:
            stream.write("2,Bo\n")

    monkeypatch.setattr(crm_file, "time", SimpleNamespace(time=time.time, sleep=grow))
    with pytest.raises(TransientError, match="still being written"):
        Read(tmp_path, {"path": "soci.csv"}, settle=30)
    (wait,) = waits
    assert 0 < wait <= 30
    os.utime(path, (time.time() - 60,) * 2)
    assert len(Read(tmp_path, {"path": "soci.csv"}, settle=30).rows) == 2


def test_a_file_that_changes_while_it_is_read_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / written(tmp_path, "soci.csv", "Id\n" + "".join(f"{number}\n" for number in range(20_000)))
    connection = FileConnection(
        kind="file", settle=datetime.timedelta(0), entities={"soci": FileEntity(path="soci.csv", key="Id")}
    )
    pages = open_source("members", connection, tmp_path).extract("soci")
    next(pages)
    with path.open("a") as stream:
        stream.write("more\n")
    with pytest.raises(TransientError, match="still being written"):
        list(pages)
