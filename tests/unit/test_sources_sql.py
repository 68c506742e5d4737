"""A database is read as text, to its end or with one sentence on why not."""

import datetime
import decimal
import sqlite3
import uuid
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import exc

from pipelines.config.connections import SqlConnection, SqlEntity
from pipelines.crm import open_source
from pipelines.crm.base import Page, Source
from pipelines.crm.records import as_text
from pipelines.crm.sql import connect_error, read_error
from pipelines.errors import ConfigError, EnlistError, PermanentError, TransientError

PERSONS = """
    create table persons (PersonId text, Name text, Points integer, Score real, "E.Mail" text, "Koppelen %" text);
    insert into persons values
        ('000123', 'Zoë de Vries', 7, 3.0, 'zoe@thuis.example', 'Ja'),
        ('000124', null, null, 0.25, '', 'Nee'),
        ('000125', 'two' || char(10) || 'lines', -1, 1e3, ' x ', null);
"""


def source(path: Path, entity: SqlEntity | None = None, home: Path | None = None, fetch_size: int = 10_000) -> Source:
    entities = {"persons": entity or SqlEntity(table="persons", key="PersonId")}
    connection = SqlConnection(kind="sql", url=SecretStr(f"sqlite:///{path}"), fetch_size=fetch_size, entities=entities)
    return open_source("auditcase", connection, home or path.parent)


def query(sql: str) -> SqlEntity:
    return SqlEntity(query=sql, key="PersonId")


@pytest.fixture
def crm(tmp_path: Path) -> Path:
    path = tmp_path / "crm" / "it's #1 100%.db"
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as database:
        database.executescript(PERSONS)
    return path


def pages_of(opened: Source) -> list[Page]:
    with closing(opened):
        return list(opened.extract("persons"))


def test_every_row_comes_as_text_under_the_columns_own_names(crm: Path) -> None:
    (page,) = pages_of(source(crm))
    assert page.columns == ("PersonId", "Name", "Points", "Score", "E.Mail", "Koppelen %")
    assert [list(row) for row in page.rows] == [
        ["000123", "Zoë de Vries", "7", "3", "zoe@thuis.example", "Ja"],
        ["000124", None, None, "0.25", "", "Nee"],
        ["000125", "two\nlines", "-1", "1000", " x ", None],
    ]


def test_rows_come_in_pages_of_the_fetch_size(crm: Path) -> None:
    assert [len(page.rows) for page in pages_of(source(crm, fetch_size=2))] == [2, 1]


def test_a_table_without_rows_gives_one_page_with_its_columns(crm: Path) -> None:
    (page,) = pages_of(source(crm, query("select PersonId, Name from persons where 1 = 0")))
    assert (page.columns, list(page.rows)) == (("PersonId", "Name"), [])


def test_a_query_is_sent_as_it_is_written(crm: Path) -> None:
    sql = """select PersonId, ':name 100% %s' as "a:b" from persons where Name like '%Vries' order by 1;\n"""
    (page,) = pages_of(source(crm, query(sql)))
    assert (page.columns, [list(row) for row in page.rows]) == (("PersonId", "a:b"), [["000123", ":name 100% %s"]])


def test_ids_are_all_keys(crm: Path) -> None:
    opened = source(crm, fetch_size=2)
    assert list(opened.ids("persons")) == ["000123", "000124", "000125"]


def test_a_relative_path_starts_at_the_home(crm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert len(pages_of(source(Path("crm") / crm.name, home=tmp_path))[0].rows) == 3


def test_a_missing_sqlite_file_is_an_error_and_stays_missing(tmp_path: Path) -> None:
    path = tmp_path / "nothing.db"
    with pytest.raises(ConfigError, match=r"auditcase\.persons: There is no SQLite database at .*nothing\.db"):
        pages_of(source(path))
    assert not path.exists()


def test_reading_never_writes_to_the_database(crm: Path) -> None:
    """B1, E16: nothing of the provider goes back into the CRM."""
    with pytest.raises(EnlistError):
        pages_of(source(crm, query("with x as (select 1 as PersonId) insert into persons (PersonId) select 1 from x")))
    with closing(sqlite3.connect(crm)) as database:
        assert database.execute("select count(*) from persons").fetchone() == (3,)


def test_a_file_that_is_no_database_says_so(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("Not a database at all, just some notes that somebody saved under this name.\n" * 20)
    with pytest.raises(ConfigError, match="file is not a database"):
        pages_of(source(path))


@pytest.mark.parametrize(
    ("entity", "words"),
    [
        (SqlEntity(table="people", key="PersonId"), "no such table: people"),
        (query("select PersonId, Nmae from persons"), "no such column: Nmae"),
        (query("select PersonId frm persons"), "syntax error"),
        (SqlEntity(table="persons", key="personid"), "There is no column personid.* Did you mean PersonId"),
        (SqlEntity(table="persons", key="Zipcode"), "There is no column Zipcode.* Known are: PersonId, Name"),
    ],
)
def test_a_wrong_name_or_query_is_one_sentence_on_where_it_stands(crm: Path, entity: SqlEntity, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        pages_of(source(crm, entity))
    assert caught.value.where == "auditcase.persons"
    assert caught.value.do
    assert caught.value.__cause__ is None


def test_an_unknown_entity_names_those_there_are(crm: Path) -> None:
    with pytest.raises(ConfigError, match=r"no entity people.* Choose one of: persons"):
        next(source(crm).extract("people"))


@pytest.mark.parametrize("key", ["null", "''", "'  '"])
def test_a_record_without_a_key_is_kept_apart_with_its_place(crm: Path, key: str) -> None:
    with closing(sqlite3.connect(crm)) as database:
        database.execute(f"insert into persons (PersonId, Name) values ({key}, 'Jan Geheim')")
        database.commit()
    first, second = pages_of(source(crm, fetch_size=2))
    assert [row[0] for page in (first, second) for row in page.rows] == ["000123", "000124", "000125"]
    (rejected,) = second.rejected
    assert (rejected.place, rejected.reason) == ("row 4", "It has no PersonId, which is the key.")
    assert rejected.values[1] == "Jan Geheim"
    assert list(source(crm).ids("persons")) == ["000123", "000124", "000125"]


def test_binary_data_is_refused_with_the_name_of_its_column(crm: Path) -> None:
    with pytest.raises(ConfigError, match="Column Photo holds binary data"):
        pages_of(source(crm, query("select PersonId, x'ff00' as Photo from persons")))


def test_text_that_is_not_utf8_is_refused_without_quoting_it(crm: Path) -> None:
    with closing(sqlite3.connect(crm)) as database:
        database.execute("insert into persons values ('9', cast(x'47656865696dff' as text), 1, 1, '', '')")
        database.commit()
    with pytest.raises(PermanentError, match="can't hand over") as caught:
        pages_of(source(crm))
    assert "Geheim" not in str(caught.value)


def test_a_locked_database_may_be_tried_again(crm: Path) -> None:
    with closing(sqlite3.connect(crm)) as database:
        database.execute("begin exclusive")
        opened = open_source(
            "auditcase",
            SqlConnection(
                kind="sql",
                url=SecretStr(f"sqlite:///{crm}?timeout=0.05"),
                entities={"persons": SqlEntity(table="persons", key="PersonId")},
            ),
            crm.parent,
        )
        with pytest.raises(TransientError, match="busy"):
            list(opened.extract("persons"))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("not a url", "url can't be read"),
        ("postgresql://jan:geheim@host:port/db", "url can't be read"),
        ("nosuchdb://jan:geheim@host/db", "driver for nosuchdb is not installed"),
        ("mssql+pymssql://jan:geheim@host/db", "driver for mssql\\+pymssql is not installed"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
    ],
)
def test_a_url_that_cannot_work_is_refused_without_its_password(tmp_path: Path, url: str, words: str) -> None:
    connection = SqlConnection(
        kind="sql", url=SecretStr(url), entities={"persons": SqlEntity(table="persons", key="PersonId")}
    )
    with pytest.raises(ConfigError, match=words) as caught:
        open_source("auditcase", connection, tmp_path)
    assert "geheim" not in str(caught.value)
    assert caught.value.where == "connections.yaml, auditcase"


def refusal(kind: type[exc.DBAPIError], words: str, *, disconnected: bool = False) -> exc.DBAPIError:
    return kind("select geheim", {}, Exception(words), connection_invalidated=disconnected)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ('connection failed: FATAL:  password authentication failed for user "jan"', PermanentError),
        ("(1045, \"Access denied for user 'jan'@'localhost' (using password: YES)\")", PermanentError),
        ("(18456, b\"Login failed for user 'jan'.\")", PermanentError),
        ('FATAL:  database "crm" does not exist', PermanentError),
        ("(2003, \"Can't connect to MySQL server on 'crm' ([Errno 111] Connection refused)\")", TransientError),
        ('could not translate host name "crm" to address', TransientError),
        ("connection timeout expired", TransientError),
    ],
)
def test_a_wrong_password_is_told_from_a_server_that_is_away(words: str, error: type[EnlistError]) -> None:
    ours = connect_error(refusal(exc.OperationalError, words), "crm.persons")
    assert type(ours) is error
    assert "jan" not in str(ours)


@pytest.mark.parametrize(
    ("kind", "words", "disconnected", "first", "error"),
    [
        (exc.ProgrammingError, "(1146, \"Table 'crm.people' doesn't exist\")", False, True, ConfigError),
        (exc.OperationalError, "(2013, 'Lost connection to MySQL server during query')", False, False, TransientError),
        (exc.OperationalError, "terminating connection due to administrator command", True, True, TransientError),
        (exc.DataError, 'invalid input syntax for type integer: "jan@geheim.example"', False, True, PermanentError),
        (exc.InternalError, "jan@geheim.example", False, False, TransientError),
    ],
)
def test_errors_of_a_reading_never_quote_values(
    kind: type[exc.DBAPIError], words: str, disconnected: bool, first: bool, error: type[EnlistError]
) -> None:
    ours = read_error(refusal(kind, words, disconnected=disconnected), "crm.persons", is_first_answer=first)
    assert type(ours) is error
    assert "geheim" not in str(ours)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("00184", "00184"),
        (7, "7"),
        (True, "true"),
        (False, "false"),
        (3.0, "3"),
        (0.1, "0.1"),
        (decimal.Decimal("1234.50"), "1234.50"),
        (decimal.Decimal("1E+3"), "1000"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (datetime.datetime(2026, 1, 2, 3, 4, 5), "2026-01-02T03:04:05"),
        (datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC), "2026-01-02T03:04:05+00:00"),
        (datetime.time(8, 30), "08:30:00"),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        ({"b": ["ø", 1], "a": None}, '{"a": null, "b": ["ø", 1]}'),
    ],
)
def test_values_of_every_type_become_plain_text(value: object, text: str) -> None:
    assert as_text(value) == text
