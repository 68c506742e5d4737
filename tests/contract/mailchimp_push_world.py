"""One sync of some thousand people, from a real CRM file to a Mailchimp simulator, planned by the compiled models.

Belongs here: the people, the home, planning and pushing, what the audience must look like in the end. Does not:
faults, facts (the tests), judging a simulator (mailchimp_push_judge.py), the models' SQL (tests/unit/plan_models.py).

Run as a script (HOME RUN_ID) it pushes the newest plan of that home, so that a test can kill it or send it signals.
"""

import json
import sqlite3
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import requests

from pipelines.config import load_home
from pipelines.config.connections import MailchimpConnection
from pipelines.crm.loading import load_entity
from pipelines.defs.stopping import stoppable
from pipelines.errors import EnlistError
from pipelines.ledger import consent, load, objectors
from pipelines.providers.http import Patience
from pipelines.providers.mailchimp.provider import MailchimpProvider
from pipelines.quality import checking
from pipelines.sandbox.mailchimp.seeding import API_KEY
from pipelines.sandbox.mailchimp.simulator import Mailchimp
from pipelines.sync.audience import load_audience
from pipelines.sync.freeze import freeze
from pipelines.sync.plans import Plan
from pipelines.sync.push import Push, Request
from pipelines.sync.sending import Result
from pipelines.warehouse import Warehouse

UNIT = Path(__file__).resolve().parents[1] / "unit"
BATCH = 200
ACCEPTED = ("first_run", "max_removals", "max_updates", "max_adds")
MERGE_FIELDS = {"BORN": "date", "SCORE": "number", "NOTE": "text", "PURL": "url"}
GROUPS = ("Blue", "Red")
PATIENT = Patience(read_timeout=20, max_attempts=4, wait=lambda seconds: None)

Document = Mapping[str, Any]
Columns = Mapping[str, str | None]
Account = TypeVar("Account", bound=MailchimpProvider)


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


# What one push has to do: every op, most people with one change, some with several.
ROLES: Mapping[str, Role] = {
    "same": Role(60, {"Tags": "A"}, {"Tags": "A"}),
    "changed": Role(
        240, {"Url": "https://a.example/{}"}, {"First": "Other {}", "Url": "https://b.example/{}"}, ("update",)
    ),
    "tagged": Role(130, {"Tags": "A"}, {"Tags": "A;B"}, ("tag",)),
    "untagged": Role(130, {"Tags": "A;B"}, {"Tags": "B", "First": "Other {}"}, ("untag", "update")),
    "joining": Role(70, {}, {"Groups": "Blue"}, ("update",)),
    "parting": Role(70, {"Groups": "Blue;Red"}, {"Groups": "Red"}, ("update",)),
    "leaving": Role(60, {"Tags": "A"}, {"Flag": "Nee"}, ("archive",)),
    "deleted": Role(60, {}, None, ("archive",)),
    "objecting": Role(80, {}, {"Stop": "1"}, ("update",)),
    "moving": Role(
        60, {"Tags": "A"}, {"Email": "{}@elsewhere.example", "First": "Other {}", "Tags": "A;B"}, ("rename", "tag")
    ),
    "returning": Role(50, {"Tags": "A"}, {"First": "Back {}", "Tags": "A;B"}, ("tag", "update")),
    "coming": Role(
        280,
        None,
        {"Tags": "A;C", "Groups": "Red", "Born": "1990-05-17", "Score": "7.5"},
        ("add", "tag", "tag", "update"),
    ),
    "forgotten": Role(3, None, {"Tags": "A"}),
}
REFUSERS: Mapping[str, Refusers] = {
    "same": Refusers(4),
    "changed": Refusers(8, ("update",)),
    "leaving": Refusers(4, ("archive",)),
    "objecting": Refusers(4),
    "moving": Refusers(4, ("archive",)),  # the new address is held, so that the old one has no owner any more
    "returning": Refusers(3),
    "coming": Refusers(3),  # somebody else put them there meanwhile
}


@dataclass(frozen=True)
class Person:
    """Somebody of a role, with their number in it."""

    role: str
    number: int

    @property
    def name(self) -> str:
        return f"{self.role}{self.number:03}"

    @property
    def is_opted_out(self) -> bool:
        return self.role in REFUSERS and self.number < REFUSERS[self.role].count

    @property
    def effects(self) -> tuple[str, ...]:
        return REFUSERS[self.role].effects if self.is_opted_out else ROLES[self.role].effects

    def record(self, columns: Columns) -> dict[str, str | None]:
        """The person's record in the CRM: somebody who is wanted, but for `columns`."""
        known: Columns = {"Email": "{}@people.example", "Flag": "Ja", "Minor": "Nee", "Stop": "0", "First": "{}"}
        told = {name: value and value.format(self.name) for name, value in {**known, **columns}.items()}
        return {"Id": self.name, "Keeper": "Kim", **told}

    @property
    def addresses(self) -> tuple[str, str]:
        """Where they were before, and where they are now; the same for most."""
        role = ROLES[self.role]
        before, after = (self.record(columns or {})["Email"] for columns in (role.before, role.after))
        return str(before), str(after)

    @property
    def last_address(self) -> str:
        return self.addresses[1]


EVERYBODY = tuple(Person(role, number) for role, cast in ROLES.items() for number in range(cast.count))


def some(**counts: int) -> tuple[Person, ...]:
    """Of each role so many people: one who says no where the role has such, and others who do not."""
    found = []
    for role, count in counts.items():
        first = REFUSERS[role].count - 1 if role in REFUSERS else 0
        found += [Person(role, number) for number in range(first, first + count)]
    return tuple(found)


class PushWorld:
    """The home below `root`, already laid out."""

    def __init__(self, root: Path) -> None:
        self.home = load_home(root, environ={}, check=False)
        self.sync = self.home.sync("people")
        self.warehouse = Warehouse(self.home)

    @contextmanager
    def provider(self, patience: Patience = PATIENT) -> Iterator[MailchimpProvider]:
        """The account as the home's connection names it."""
        with self.provider_of(MailchimpProvider, patience) as provider:
            yield provider

    @contextmanager
    def provider_of(self, kind: type[Account], patience: Patience = PATIENT) -> Iterator[Account]:
        """The same as an object of a class made from it."""
        connection = self.home.connection("chimp")
        assert isinstance(connection, MailchimpConnection)
        with closing(kind("chimp", connection, self.home.locks, patience=patience)) as provider:
            yield provider

    def plan(self, *, reads_crm: bool = False) -> Plan:
        """Stages 1 to 5 without Dagster: extract, check, bring opt-outs home, stage, map, plan, freeze."""
        for entity in ("persons", "firms") if reads_crm else ():
            load_entity(self.home, self.warehouse, "crm", entity, "run")
        with self.provider() as provider:
            load_audience(self.home, self.warehouse, provider, self.sync)
        with self.warehouse.transaction() as database:
            checking.judge_addresses(database, self.sync)
            load.load(database, self.home.ledger)
            news = consent.news(database, self.sync)
        consent.record(self.home.ledger, news)
        with self.warehouse.transaction() as database:
            load.load(database, self.home.ledger)
            objectors.record(self.home.ledger, objectors.news(database, self.sync.sync))
            load.load(database, self.home.ledger)
            for name, sql in _models().items():
                database.execute(f"create or replace table sync_people.{name} as {sql}")
            objectors.record(self.home.ledger, objectors.news(database, self.sync.sync))
            load.load(database, self.home.ledger)
            return freeze(database, self.home, self.sync, MailchimpProvider.traits)

    def push(self, provider: MailchimpProvider, run_id: str, **request: Any) -> Result:
        """Push the newest plan, whatever it removes or adds; `request` are other keys of a `Request`."""
        asked = Request(**{"accept": ACCEPTED, "by": "test", **request})
        return Push(self.home, self.sync, provider, self.warehouse, run_id, asked).run()

    def run(self, run_id: str, *, patience: Patience = PATIENT, reads_crm: bool = False) -> Result:
        """Plan and push."""
        self.plan(reads_crm=reads_crm)
        with self.provider(patience) as provider:
            return self.push(provider, run_id)

    def write_crm(self, columns: Mapping[Person, Columns | None]) -> None:
        """Make the CRM anew; people whose columns are None have no record."""
        records = [person.record(more) for person, more in columns.items() if more is not None]
        names = _plan_models().COLUMNS
        path = self.home.root / "crm" / "people.db"
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as database, database:
            for table in ("persons", "firms"):
                database.execute(f"create table {table} ({', '.join(f'{name} text' for name in names[table])})")
            marks = ", ".join("?" for _ in names["persons"])
            rows = [[record.get(name) for name in names["persons"]] for record in records]
            database.executemany(f"insert into persons values ({marks})", rows)
            database.execute("insert into firms values ('1', 'info@firm.example', 'Firm', null)")


def lay_out(root: Path, url: str, batch_size: int = BATCH) -> None:
    """Write the two files of a home whose account is the simulator at `url`."""
    models = _plan_models()
    (root / "syncs").mkdir(parents=True)
    connections = models.CONNECTIONS.replace("http://127.0.0.1:8765", url).replace(
        "-us1}", f"-us1, batch_size: {batch_size}}}"
    )
    (root / "connections.yaml").write_text(connections, encoding="utf-8")
    sync = models.SYNC.replace("audience: People", "audience: Relaties")
    (root / "syncs" / "people.yaml").write_text(sync, encoding="utf-8")


def furnish(url: str, list_id: str) -> None:
    """Give the audience at the simulator's `url` the fields and groups that the sync names."""
    with _calling() as session:

        def post(path: str, **body: Any) -> Any:
            answer = session.post(f"{url}/3.0/lists/{list_id}/{path}", json=body, timeout=5)
            answer.raise_for_status()
            return answer.json()

        for tag, kind in MERGE_FIELDS.items():
            post("merge-fields", tag=tag, name=tag.title(), type=kind)
        category = post("interest-categories", title="Interests", type="checkboxes")["id"]
        for name in GROUPS:
            post(f"interest-categories/{category}/interests", name=name)


def live_until_now(world: PushWorld, mailchimp: Mailchimp, people: Collection[Person] = EVERYBODY) -> Plan:
    """Let the past of the sync happen, up to a frozen plan and the opt-outs that came after it."""
    act, audience = mailchimp.act, mailchimp.list_id
    for person in people:
        if person.role == "forgotten":
            act(audience, person.last_address, "add_by_hand")
            act(audience, person.last_address, "delete_by_hand")
    past = {person: ROLES[person.role].before for person in people}
    world.write_crm(past)
    world.run("past-1", reads_crm=True)
    away = {person: {"Flag": "Nee"} for person in people if person.role == "returning"}
    world.write_crm({**past, **away})
    world.run("past-2", reads_crm=True)
    world.write_crm({person: ROLES[person.role].after for person in people})
    plan = world.plan(reads_crm=True)
    for person in people:
        if person.is_opted_out:
            if ROLES[person.role].before is None:
                act(audience, person.addresses[0], "add_by_hand")
            act(audience, person.addresses[0], "opt_out")
    return plan


def groups_of(mailchimp: Mailchimp) -> dict[str, str]:
    """Names of the groups by their id."""
    with _calling() as session:
        root = f"{mailchimp.url}/3.0/lists/{mailchimp.list_id}/interest-categories"
        (category,) = session.get(root, timeout=5).json()["categories"]
        found = session.get(f"{root}/{category['id']}/interests", timeout=5).json()["interests"]
        return {group["id"]: group["name"] for group in found}


def wanted(person: Person) -> tuple[str, str, set[str], set[str]] | None:
    """Status, first name, tags and groups in the end; only for people whom the provider lets us treat as we want."""
    now = ROLES[person.role].after
    if person.is_opted_out or person.role == "forgotten":
        return None
    record = person.record(now or ROLES[person.role].before or {})
    tags = set((record.get("Tags") or "").split(";")) - {""}
    groups = set((record.get("Groups") or "").split(";")) - {""}
    if "archive" in person.effects:  # who leaves keeps what they had
        past = person.record(ROLES[person.role].before or {})
        return "archived", str(past["First"]), set((past.get("Tags") or "").split(";")) - {""}, set()
    status = "unsubscribed" if person.role == "objecting" else "subscribed"
    return status, str(record["First"]), tags, groups


@contextmanager
def _calling() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.auth = ("test", API_KEY)
        yield session


def _plan_models() -> Any:
    if str(UNIT) not in sys.path:
        sys.path.append(str(UNIT))
    import plan_models

    return plan_models


def _models() -> dict[str, str]:
    """The models of the sync, compiled for a warehouse in a file."""
    compiled = _plan_models().compiled("first").models
    return {name: sql.replace('"memory".', '"warehouse".') for name, sql in compiled.items()}


def push_home(root: Path, run_id: str) -> int:
    """Push the newest plan of a home as a run does, signals heard; writes one line, returns the exit code."""
    world = PushWorld(root)
    try:
        with world.provider() as provider, stoppable():
            sys.stdout.write(f"{json.dumps(dict(world.push(provider, run_id).outcomes))}\n")
    except EnlistError as error:
        sys.stdout.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(push_home(Path(sys.argv[1]), sys.argv[2]))
