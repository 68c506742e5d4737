"""The CRMs that the conformance tests of sources talk to: one small world for each kind, all with the same people.

Belongs here: making, changing and breaking a CRM the way its own users and accidents do. Does not: what must hold.
"""

import json
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import sqlalchemy as sa
from pydantic import SecretStr

from pipelines.config.connections import (
    CrmConnection,
    FileConnection,
    IterasConnection,
    SqlConnection,
    VtigerConnection,
)
from pipelines.sandbox.iteras.simulator import Iteras
from pipelines.sandbox.vtiger.simulator import Vtiger

People = dict[str, str]


class World(ABC):
    """A CRM with one entity, `people`, whose records have a key, and a name in the column `column`."""

    key: str = "Id"
    column: str = "Name"

    def __init__(self, home: Path) -> None:
        self.home = home
        self.people: People = {}

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """The connection as connections.yaml has it."""

    @abstractmethod
    def add(self, *names: str) -> list[str]:
        """New records; their keys."""

    @abstractmethod
    def change(self, key: str, name: str) -> None:
        """Another name."""

    @abstractmethod
    def remove(self, key: str) -> None:
        """A record less."""

    @abstractmethod
    @contextmanager
    def broken(self) -> Iterator[None]:
        """A CRM that can't be read to its end inside the block; it has some hundred records."""


class _Written(World):
    """A world that is written anew after every change."""

    start = 1

    @abstractmethod
    def write(self) -> None:
        """Put all people where the source reads them."""

    def add(self, *names: str) -> list[str]:
        keys = [f"{self.start + at:06}" for at in range(len(names))]
        self.start += len(names)
        self.people |= dict(zip(keys, names, strict=True))
        self.write()
        return keys

    def change(self, key: str, name: str) -> None:
        self.people[key] = name
        self.write()

    def remove(self, key: str) -> None:
        del self.people[key]
        self.write()


class FileWorld(_Written):
    """An export; broken is one that was cut off."""

    ending = ""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.path = home / f"people.{self.ending}"
        self.write()

    def settings(self) -> dict[str, Any]:
        return {"kind": "file", "settle": "0s", "entities": {"people": {"path": self.path.name, "key": "Id"}}}

    @contextmanager
    def broken(self) -> Iterator[None]:
        whole = self.path.read_bytes()
        self.path.write_bytes(whole[: self.cut(whole)])
        yield
        self.path.write_bytes(whole)

    def cut(self, whole: bytes) -> int:
        """How many bytes are left."""
        return len(whole) * 2 // 3


class Csv(FileWorld):
    ending = "csv"

    def write(self) -> None:
        lines = [f'"{key}","{name.replace(chr(34), chr(34) * 2)}"\r\n' for key, name in self.people.items()]
        self.path.write_text("Id,Name\r\n" + "".join(lines), encoding="utf-8", newline="")

    def cut(self, whole: bytes) -> int:
        return whole.rindex(b"N", 0, super().cut(whole)) + 1  # a cut between two lines leaves a whole csv


class Xlsx(FileWorld):
    ending = "xlsx"

    def write(self) -> None:
        book = openpyxl.Workbook()
        sheet = book.active
        assert sheet is not None
        for row in (("Id", "Name"), *self.people.items()):
            sheet.append(row)
        book.save(self.path)


class Json(FileWorld):
    ending = "json"

    def write(self) -> None:
        self.path.write_text(json.dumps([{"Id": key, "Name": name} for key, name in self.people.items()]))


class Ndjson(FileWorld):
    ending = "ndjson"

    def write(self) -> None:
        lines = [json.dumps({"Id": key, "Name": name}) + "\n" for key, name in self.people.items()]
        self.path.write_text("".join(lines) or "\n")


class Parquet(FileWorld):
    ending = "parquet"

    def write(self) -> None:
        with duckdb.connect() as database:
            database.execute('create table people ("Id" varchar, "Name" varchar)')
            if self.people:
                database.executemany("insert into people values (?, ?)", list(self.people.items()))
            database.execute(f"copy people to '{self.path}' (format parquet)")


class Sqlite(_Written):
    """A database file; broken is one whose pages were overwritten."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.path = home / "people.db"
        self.write()

    def settings(self) -> dict[str, Any]:
        entities = {"people": {"table": "people", "key": "Id"}}
        return {"kind": "sql", "url": f"sqlite:///{self.path.name}", "fetch_size": 50, "entities": entities}

    def write(self) -> None:
        self.path.unlink(missing_ok=True)
        with sqlite3.connect(self.path) as database:
            database.execute("create table people (Id text, Name text)")
            database.executemany("insert into people values (?, ?)", self.people.items())
        database.close()

    @contextmanager
    def broken(self) -> Iterator[None]:
        whole = self.path.read_bytes()
        half = len(whole) // 2
        self.path.write_bytes(whole[:half] + b"\xff" * (len(whole) - half))
        yield
        self.path.write_bytes(whole)


class Postgres(_Written):
    """A server; broken is one whose query fails after many rows."""

    def __init__(self, home: Path, url: str) -> None:
        super().__init__(home)
        self.url = url
        self.engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
        self.write()

    def settings(self) -> dict[str, Any]:
        entities = {"people": {"table": "crm.people", "key": "Id"}}
        return {"kind": "sql", "url": self.url, "fetch_size": 50, "entities": entities}

    def write(self) -> None:
        with self.engine.begin() as database:
            database.exec_driver_sql("drop schema if exists crm cascade; create schema crm")
            database.exec_driver_sql('create table crm.people ("Id" varchar, "Name" text)')
            if self.people:
                rows = [{"key": key, "name": name} for key, name in self.people.items()]
                database.execute(sa.text("insert into crm.people values (:key, :name)"), rows)

    @contextmanager
    def broken(self) -> Iterator[None]:
        with self.engine.begin() as database:
            database.exec_driver_sql("alter table crm.people rename to whole")
            database.exec_driver_sql(
                'create view crm.people as select "Id", case when 1 / (row_number() over () - 120) is not null '
                'then "Name" end as "Name" from crm.whole'
            )
        yield
        self.write()


class _Simulated(World):
    """A world that is a simulator."""

    simulator: Vtiger | Iteras

    @abstractmethod
    def put(self, names: tuple[str, ...]) -> Iterable[str]:
        """Put new records there; their keys."""

    def add(self, *names: str) -> list[str]:
        keys = list(self.put(names))
        self.people |= dict(zip(keys, names, strict=True))
        return keys

    def change(self, key: str, name: str) -> None:
        self.simulator.edit(key, **{self.column: name})
        self.people[key] = name

    def remove(self, key: str) -> None:
        self.simulator.delete(key)
        del self.people[key]


class VtigerWorld(_Simulated):
    """The simulator; broken is a server that dies with an empty 500 in the middle of a query."""

    key, column = "id", "lastname"
    simulator: Vtiger

    def __init__(self, home: Path, simulator: Vtiger) -> None:
        super().__init__(home)
        self.simulator = simulator

    def settings(self) -> dict[str, Any]:
        return {
            "kind": "vtiger",
            "url": self.simulator.url,
            "username": self.simulator.username,
            "access_key": self.simulator.access_key,
            "max_attempts": 1,
            "entities": {"people": {"module": "Leads"}},
        }

    def put(self, names: tuple[str, ...]) -> Iterable[str]:
        return self.simulator.add_records("Leads", [{"lastname": name, "assigned_user_id": "19x1"} for name in names])

    @contextmanager
    def broken(self) -> Iterator[None]:
        # Users and Groups take two queries each, then come the pages of the module.
        self.simulator.fail(kind="empty", status=500, path="query", skip=5, times=1)
        yield


class IterasWorld(_Simulated):
    """The simulator with one of its ways of paging; broken is an answer that is cut off."""

    key, column = "id", "name"
    simulator: Iteras

    def __init__(self, home: Path, simulator: Iteras, paging: str) -> None:
        super().__init__(home)
        self.simulator = simulator
        self.paging = paging
        shape = {"records_path": "customers"} if paging == "cursor" else {}
        simulator.turn(paging=paging, **shape)

    def settings(self) -> dict[str, Any]:
        ways: dict[str, dict[str, Any]] = {
            "none": {},
            "page": {"page_param": "page"},
            "offset": {"page_param": "page"},
            "cursor": {"page_param": "page", "records_path": "customers", "cursor_path": "next"},
        }
        return {
            "kind": "iteras",
            "url": self.simulator.url,
            "api_key": self.simulator.api_key,
            "max_attempts": 1,
            "max_age": None,
            "paging": self.paging,
            "entities": {"people": {"key": "id"}},
            **ways[self.paging],
        }

    def put(self, names: tuple[str, ...]) -> Iterable[str]:
        return self.simulator.add_customers({"data": {"name": name}} for name in names)

    @contextmanager
    def broken(self) -> Iterator[None]:
        self.simulator.fail(kind="truncated", skip=0 if self.paging == "none" else 1, times=1)
        yield


FILES: tuple[type[FileWorld], ...] = (Csv, Xlsx, Json, Ndjson, Parquet)
CONNECTIONS: dict[str, type[CrmConnection]] = {
    "sql": SqlConnection,
    "file": FileConnection,
    "vtiger": VtigerConnection,
    "iteras": IterasConnection,
}


def connection_of(world: World) -> CrmConnection:
    """The connection as a model."""
    settings = world.settings()
    secrets = {name: SecretStr(settings[name]) for name in ("url", "access_key", "api_key") if name in settings}
    if settings["kind"] != "sql":
        secrets.pop("url", None)
    return CONNECTIONS[settings["kind"]].model_validate(settings | secrets)
