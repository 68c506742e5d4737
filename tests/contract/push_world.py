"""One sync from a real CRM file to a simulator, planned by the compiled models and pushed: the same for every provider.

Belongs here: roles of people, the home, planning and pushing, copies of what was prepared. Does not: one provider's
people, home and simulator (mailchimp_push_world.py, mailup_push_world.py), faults (push_troubles.py), facts.
"""

import json
import os
import queue
import shutil
import signal
import sqlite3
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from pipelines.config import load_home
from pipelines.crm.loading import load_entity
from pipelines.defs.stopping import stoppable
from pipelines.errors import EnlistError
from pipelines.http.client import Patience
from pipelines.ledger import learning
from pipelines.providers.base import Provider
from pipelines.quality import checking
from pipelines.sandbox.faults import Fault
from pipelines.sandbox.server import Sandbox
from pipelines.sandbox.simulator import Simulator
from pipelines.sync.audience import load_audience
from pipelines.sync.freeze import freeze
from pipelines.sync.plans import Plan
from pipelines.sync.push import Push, Request
from pipelines.sync.sending import Result
from pipelines.warehouse import Warehouse

UNIT = Path(__file__).resolve().parents[1] / "unit"
ACCEPTED = ("first_run", "max_removals", "max_updates", "max_adds")
FIRMS = (("info@firm.example", "Firm"),)
PATIENT = Patience(read_timeout=20, max_attempts=4, wait=lambda seconds: None)

Columns = Mapping[str, str | None]
Account = TypeVar("Account", bound=Provider)
Kind = TypeVar("Kind", bound=Provider)


@dataclass(frozen=True)
class Role:
    """So many people whose CRM record said `before` when the sync began and says `after` now; None: no record.

    `effects` are the changes that the simulator's history must show for each of them, once each.
    """

    count: int
    before: Columns | None
    after: Columns | None
    effects: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refusers:
    """So many of a role who say no to the provider itself after the plan was made, and the effects they still see."""

    count: int
    effects: tuple[str, ...] = ()


@dataclass(frozen=True)
class Person:
    """Somebody of a role, with their number in it."""

    roles: ClassVar[Mapping[str, Role]] = {}
    refusers: ClassVar[Mapping[str, Refusers]] = {}

    role: str
    number: int

    @property
    def name(self) -> str:
        return f"{self.role}{self.number:03}"

    @property
    def is_opted_out(self) -> bool:
        return self.role in self.refusers and self.number < self.refusers[self.role].count

    @property
    def effects(self) -> tuple[str, ...]:
        return self.refusers[self.role].effects if self.is_opted_out else self.roles[self.role].effects

    def record(self, columns: Columns) -> dict[str, str | None]:
        """The person's record in the CRM: somebody who is wanted, but for `columns`."""
        known: Columns = {"Email": "{}@people.example", "Flag": "Ja", "Minor": "Nee", "Stop": "0", "First": "{}"}
        told = {name: value and value.format(self.name) for name, value in {**known, **columns}.items()}
        return {"Id": self.name, "Keeper": "Kim", **told}

    @property
    def addresses(self) -> tuple[str, str]:
        """Where they were before, and where they are now; the same for most."""
        role = self.roles[self.role]
        before, after = (self.record(columns or {})["Email"] for columns in (role.before, role.after))
        return str(before), str(after)

    @property
    def last_address(self) -> str:
        return self.addresses[1]

    @classmethod
    def everybody(cls) -> tuple["Person", ...]:
        """All people of all roles."""
        return tuple(cls(role, number) for role, cast in cls.roles.items() for number in range(cast.count))

    @classmethod
    def some(cls, **counts: int) -> tuple["Person", ...]:
        """Of each role so many people: one who says no where the role has such, and others who do not."""
        found = []
        for role, count in counts.items():
            first = cls.refusers[role].count - 1 if role in cls.refusers else 0
            found += [cls(role, number) for number in range(first, first + count)]
        return tuple(found)


class World(ABC, Generic[Kind]):
    """The home below `root`, already laid out, whose one sync is called people."""

    kind: type[Kind]
    connection: ClassVar[str]
    entities: ClassVar[tuple[str, ...]] = ("persons", "firms")

    def __init__(self, root: Path) -> None:
        self.home = load_home(root, environ={}, check=False)
        self.sync = self.home.sync("people")
        self.warehouse = Warehouse(self.home)

    @abstractmethod
    def models(self) -> Mapping[str, str]:
        """The sync's models in their order, compiled."""

    def settings(self) -> Any:
        """The connection as the provider gets it."""
        return self.home.connection(self.connection)

    @contextmanager
    def provider(self, patience: Patience = PATIENT) -> Iterator[Kind]:
        """The account as the home's connection names it."""
        with self.provider_of(self.kind, patience) as provider:
            yield provider

    @contextmanager
    def provider_of(self, kind: type[Account], patience: Patience = PATIENT) -> Iterator[Account]:
        """The same as an object of a class made from it."""
        make: Any = kind
        with closing(make(self.connection, self.settings(), self.home.locks, patience=patience)) as provider:
            yield provider

    def plan(self, *, reads_crm: bool = False) -> Plan:
        """Stages 1 to 5 without Dagster: extract, check, bring opt-outs home, stage, map, plan, freeze."""
        for entity in self.entities if reads_crm else ():
            load_entity(self.home, self.warehouse, "crm", entity, "run")
        with self.provider() as provider:
            load_audience(self.home, self.warehouse, provider, self.sync)
        with self.warehouse.transaction() as database:
            checking.judge_addresses(database, self.sync)
            learning.from_audience(database, self.home.ledger, self.sync)
        with self.warehouse.transaction() as database:
            for name, sql in self.models().items():
                # They are compiled for a warehouse in memory.
                in_file = sql.replace('"memory".', '"warehouse".')
                database.execute(f"create or replace table sync_people.{name} as {in_file}")
            learning.from_records(database, self.home.ledger, self.sync)
            return freeze(database, self.home, self.sync, self.kind.traits)

    def push(self, provider: Provider, run_id: str, **request: Any) -> Result:
        """Push the newest plan, whatever it removes or adds; `request` are other keys of a `Request`."""
        asked = Request(**{"accept": ACCEPTED, "by": "test", **request})
        return Push(self.home, self.sync, provider, self.warehouse, run_id, asked).run()

    def run(self, run_id: str, *, patience: Patience = PATIENT, reads_crm: bool = False) -> Result:
        """Plan and push."""
        self.plan(reads_crm=reads_crm)
        with self.provider(patience) as provider:
            return self.push(provider, run_id)

    def live_until_now(self, people: Collection[Person], act: Callable[[str, str], object]) -> Plan:
        """Let the past of the sync happen, up to a frozen plan and the opt-outs that came after it.

        `act` lets the person with an address do something at the provider.
        """
        past = {person: person.roles[person.role].before for person in people}
        self.write_crm(past)
        self.run("past-1", reads_crm=True)
        self.write_crm({**past, **{person: {"Flag": "Nee"} for person in people if person.role == "returning"}})
        self.run("past-2", reads_crm=True)
        self.write_crm({person: person.roles[person.role].after for person in people})
        plan = self.plan(reads_crm=True)
        for person in people:
            if person.is_opted_out:
                if person.roles[person.role].before is None:
                    act(person.addresses[0], "add_by_hand")
                act(person.addresses[0], "opt_out")
        return plan

    def write_crm(
        self,
        columns: Mapping[Any, Columns | None],
        firms: Collection[tuple[str, str]] = (("info@firm.example", "Firm"),),
    ) -> None:
        """Make the CRM anew; people whose columns are None have no record. Firms are (address, name)."""
        records = [person.record(more) for person, more in columns.items() if more is not None]
        names = plan_models().COLUMNS
        path = self.home.root / "crm" / "people.db"
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as database, database:
            for table in ("persons", "firms"):
                database.execute(f"create table {table} ({', '.join(f'{name} text' for name in names[table])})")
            marks = ", ".join("?" for _ in names["persons"])
            rows = [[record.get(name) for name in names["persons"]] for record in records]
            database.executemany(f"insert into persons values ({marks})", rows)
            rows_of_firms = [(str(at), *firm) for at, firm in enumerate(firms, start=1)]
            database.executemany("insert into firms values (?, ?, ?, null)", rows_of_firms)


def plan_models() -> Any:
    """The module of the unit tests that compiles models."""
    if str(UNIT) not in sys.path:
        sys.path.append(str(UNIT))
    import plan_models

    return plan_models


def is_finished(world: World[Any], provider: Provider, run_id: str) -> bool:
    """Push; whether every change got an answer. A batch without any breaks the push off, one with some does not."""
    try:
        return world.push(provider, run_id).outcomes["failed"] == 0
    except EnlistError as error:
        assert error.do
        return False


def push_as_a_run(world: World[Any], run_id: str) -> int:
    """Push the newest plan as a run does, signals heard; writes one line, returns the exit code."""
    try:
        with world.provider() as provider, stoppable():
            sys.stdout.write(f"{json.dumps(dict(world.push(provider, run_id).outcomes))}\n")
    except EnlistError as error:
        sys.stdout.write(f"{error}\n")
        return error.exit_code
    return 0


@contextmanager
def copied(source: Path, port: int, root: Path) -> Iterator[Sandbox]:
    """A copy below `root` of the home and the sandbox that were prepared below `source`; it serves on the same port."""
    shutil.copytree(source / "home", root / "home")
    shutil.copytree(source / "sandbox", root / "sandbox")
    with Sandbox(root / "sandbox", port=port) as sandbox:
        yield sandbox


class Strike:
    """A signal for a process, sent when a fault strikes: before anything becomes of its call, so it has no answer yet.

    That holds however busy the machine is, and whoever starts the process.
    """

    def __init__(self, number: signal.Signals) -> None:
        self.done = threading.Event()
        self._number = number
        self._process: queue.SimpleQueue[int] = queue.SimpleQueue()

    def at(self, process_id: int | None) -> None:
        """Tell which process is meant; a fault that strikes earlier waits for this."""
        assert process_id
        self._process.put(process_id)

    def send(self) -> None:
        os.kill(self._process.get(timeout=60), self._number)
        self.done.set()


@contextmanager
def at_fault(simulator: Simulator[Any, Any], number: signal.Signals) -> Iterator[Strike]:
    """Meanwhile the fault that is switched on sends this signal as it strikes."""
    take, strike = simulator.faults.take, Strike(number)

    def taking(method: str, path: str) -> Fault | None:
        fault = take(method, path)
        if fault is not None:
            strike.send()
        return fault

    simulator.faults.take = taking  # type: ignore[method-assign]
    try:
        yield strike
    finally:
        del simulator.faults.take


def wait_until(is_so: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)
