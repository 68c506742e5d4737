"""One sync of some hundred people, from a real CRM file to a MailUp simulator, and the verdict on its pushes.

Belongs here: the people, the home, what the list must look like in the end, judged from the simulator's own state and
history. Does not: planning and pushing (push_world.py), faults, facts (the tests).
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import push_world
from push_world import Columns, Refusers, Role, copied, plan_models, push_as_a_run

from pipelines.config import load_home
from pipelines.config.connections import MailupConnection
from pipelines.providers.mailup.provider import MailupProvider
from pipelines.sandbox.mailup.seeding import CLIENT_ID, CLIENT_SECRET, LIST, PASSWORD, USERNAME
from pipelines.sandbox.mailup.simulator import Mailup
from pipelines.sandbox.mailup.switches import Switches
from pipelines.sandbox.server import Sandbox
from pipelines.sync.plans import Plan

PAGE = 50
CHUNK = 100
POLL = timedelta(milliseconds=20)
IN_NO_TIME: Mapping[str, Any] = {"calls_per_second": 0, "import_seconds": 0, "import_rows_per_second": 10**9}

CONNECTIONS = f"""\
connections:
  crm:
    kind: sql
    url: sqlite:///crm/people.db
    entities:
      persons: {{table: persons, key: Id}}
      firms: {{table: firms, key: Id}}
      sites: {{table: firms, key: Id}}
  mailup:
    kind: mailup
    url: "URL/mailup"
    username: {USERNAME}
    password: {PASSWORD}
    client_id: {CLIENT_ID}
    client_secret: {CLIENT_SECRET}
    rate_per_second: null
    page_size: {PAGE}
    import_chunk: {CHUNK}
"""
SYNC = f"""\
sync: people
to: {{connection: mailup, audience: {LIST}, create_fields: true}}
from:
  - entity: crm.persons
    email: Email
    where: Flag = 'Ja'
    opt_out: Stop = '1'
    fields: {{nome: First, "#5": Note}}
    groups: [{{name: Lead}}, {{split: Groups, by: ';'}}]
  - entity: crm.firms
    email: Email
    where: Name not like 'Sede%'
    opt_out: false
    fields: {{nome: Name, "#5": "''"}}
    groups: [{{name: Azienda}}]
  - entity: crm.sites
    email: Email
    where: Name like 'Sede%'
    opt_out: false
    fields: {{nome: Name, "#5": "''"}}
    groups: [{{name: Sedi}}]
"""

# People whom no CRM knows: in the list before anybody else, so that all move up when one of them goes.
STRANGERS = tuple(f"stranger{number}@people.example" for number in range(40))
BLUE: Columns = {"Groups": "Blue"}
# What one push has to do: every op that MailUp has, by import and one by one; more than fifty of a kind are imported.
ROLES: Mapping[str, Role] = {
    "same": Role(30, BLUE, BLUE),
    "changed": Role(120, {}, {"First": "Other {}"}, ("update",)),
    "emptied": Role(6, {"Note": "Note {}"}, {}, ("update",)),
    "joining": Role(70, BLUE, {"Groups": "Blue;Red"}, ("group_join",)),
    "entering": Role(8, BLUE, {"Groups": "Blue;Green"}, ("group_join",)),
    "parting": Role(20, {"Groups": "Blue;Red"}, BLUE, ("group_leave",)),
    "closing": Role(60, {"Groups": "Old"}, {}, ("group_leave",)),
    "leaving": Role(12, BLUE, {**BLUE, "Flag": "Nee"}, ("group_leave", "group_leave")),
    "deleted": Role(5, {}, None, ("group_leave",)),
    "objecting": Role(60, {}, {"Stop": "1"}, ("unsubscribe",)),
    "moving": Role(6, {}, {"Email": "{}@elsewhere.example"}, ("group_leave", "create", "subscribe", "group_join")),
    "returning": Role(10, BLUE, {**BLUE, "First": "Back {}"}, ("update", "group_join", "group_join")),
    "coming": Role(130, None, {"Groups": "Red", "Note": "New"}, ("create", "subscribe", "group_join", "group_join")),
}
REFUSERS: Mapping[str, Refusers] = {
    "same": Refusers(3),
    "changed": Refusers(5, ("update",)),
    "leaving": Refusers(2, ("group_leave", "group_leave")),
    "objecting": Refusers(2),
    "coming": Refusers(3),  # somebody else put them there meanwhile
}


class Person(push_world.Person):
    """Somebody of this cast."""

    roles: ClassVar[Mapping[str, Role]] = ROLES
    refusers: ClassVar[Mapping[str, Refusers]] = REFUSERS


EVERYBODY = Person.everybody()


class PushWorld(push_world.World[MailupProvider]):
    """A home whose account is a MailUp simulator."""

    kind = MailupProvider
    connection = "mailup"
    entities = ("persons", "firms", "sites")
    longest_import = timedelta(seconds=20)

    def models(self) -> Mapping[str, str]:
        """The sync's models in their order, compiled."""
        return _models(self.home.root)

    def settings(self) -> MailupConnection:
        """The connection with more looks at an import than its file may ask for."""
        connection = self.home.connection(self.connection)
        assert isinstance(connection, MailupConnection)
        return connection.model_copy(update={"import_poll": POLL, "import_timeout": self.longest_import})


_compiled: dict[str, Mapping[str, str]] = {}


def _models(root: Path) -> Mapping[str, str]:
    """Compiled once: copies of a home differ in their place alone."""
    if not _compiled:
        _compiled["people"] = plan_models().compile_sync(load_home(root, environ={}, check=False), "people").models
    return _compiled["people"]


@dataclass(frozen=True)
class Stage:
    """A copy of one's own of what was prepared; `seq` is where its history stood, `people` all whom it is about."""

    world: PushWorld
    mailup: Mailup
    seq: int
    people: tuple[push_world.Person, ...] = EVERYBODY

    def documents(self) -> dict[str, Any]:
        """Everybody in the list by address."""
        return {found["email"]: found for found in self.mailup.recipients(self.mailup.list_id)}

    def history(self) -> list[dict[str, Any]]:
        """What our calls have changed since."""
        return [entry for entry in self.mailup.history(after=self.seq) if entry["actor"] == "api"]


def lay_out(root: Path, url: str, sync: str = SYNC) -> None:
    """Write the two files of a home whose account is the simulator at the sandbox's `url`."""
    (root / "syncs").mkdir(parents=True)
    (root / "connections.yaml").write_text(CONNECTIONS.replace("URL", url), encoding="utf-8")
    (root / "syncs" / "people.yaml").write_text(sync, encoding="utf-8")


def open_sandbox(folder: Path) -> Sandbox:
    """A sandbox whose MailUp has no rate and imports in no time."""
    return Sandbox(folder, port=0, mailup_switches=Switches(**IN_NO_TIME))


def prepare(root: Path, people: Collection[push_world.Person] = EVERYBODY) -> tuple[Plan, int]:
    """Below `root` a home and a sandbox with a past, people who said no since, a frozen plan; it and the port."""
    with open_sandbox(root / "sandbox") as sandbox:
        lay_out(root / "home", sandbox.url)
        world, mailup = PushWorld(root / "home"), sandbox.mailup
        mailup.add_recipients(mailup.list_id, [{"Email": one, "Name": ""} for one in STRANGERS])
        plan = world.live_until_now(people, partial(mailup.act, mailup.list_id))
        return plan, int(sandbox.url.rpartition(":")[2])


@contextmanager
def staged(source: Path, port: int, root: Path, people: tuple[push_world.Person, ...] = EVERYBODY) -> Iterator[Stage]:
    """A copy below `root` of what was prepared below `source`, on the same port."""
    with copied(source, port, root) as sandbox:
        sandbox.mailup.turn(**IN_NO_TIME)
        yield Stage(PushWorld(root / "home"), sandbox.mailup, sandbox.mailup.history()[-1]["seq"], people)


def wanted(person: push_world.Person) -> tuple[str, str, str, set[str]] | None:
    """Status, both fields and groups in the end; only for people whom MailUp lets us treat as we want."""
    if person.is_opted_out:
        return None
    role = person.roles[person.role]
    is_leaving = role.after is None or role.after.get("Flag") == "Nee"  # who leaves keeps all but the groups
    record = person.record((role.before if is_leaving else role.after) or {})
    groups = {"Lead", *(record.get("Groups") or "").split(";")} - {""}
    status = "Unsubscribed" if record["Stop"] == "1" else "Subscribed"
    return status, str(record["First"]), record.get("Note") or "", set() if is_leaving else groups


def assert_converged(stage: Stage) -> None:
    """Everybody is as wanted, by the one way there; nothing is left to do."""
    assert stage.world.plan().size == 0
    assert_as_wanted(stage)


def assert_as_wanted(stage: Stage) -> None:
    """Everybody is as wanted, by the one way there, and nobody was subscribed against their will."""
    documents = stage.documents()
    expected = {person: found for person in stage.people if (found := wanted(person))}
    assert {person: _shown(documents[person.last_address]) for person in expected} == expected
    _assert_each_effect_once(stage, documents)
    refusers = [person for person in stage.people if person.is_opted_out]
    assert refusers
    assert {documents[person.addresses[0]]["status"] for person in refusers} == {"Unsubscribed"}
    assert stage.mailup.resubscribed() == []


def _shown(document: Mapping[str, Any]) -> tuple[str, str, str, set[str]]:
    """A person's document as `wanted` tells it."""
    fields = document["fields"]
    return document["status"], fields.get("1", ""), fields.get("5", ""), set(document["groups"])


def _assert_each_effect_once(stage: Stage, documents: Mapping[str, Any]) -> None:
    """Nothing lost, nothing twice, nothing that nobody asked for."""
    owners = {address: person for person in stage.people for address in person.addresses}
    people = {found["id"]: owners[address] for address, found in documents.items() if address in owners}
    seen: dict[push_world.Person, Counter[str]] = defaultdict(Counter)
    for entry in stage.history():
        if entry.get("recipient_id"):
            seen[people[entry["recipient_id"]]][entry["change"]] += 1  # a KeyError: somebody whom no CRM knows
    assert seen == {person: Counter(person.effects) for person in stage.people if person.effects}


def assert_remembered(stage: Stage) -> None:
    """The ledger knows whom we unsubscribed, also where no answer told: else it would be their own doing for ever."""
    with stage.world.warehouse.open() as connection:
        found = dict(connection.execute("select email_key, left_by from ledger.members").fetchall())
    gone = [person for person in stage.people if person.role == "objecting" and person.effects]
    assert gone and {found[person.last_address] for person in gone} == {"unsubscribe"}


def push_home(root: Path, run_id: str) -> int:
    """Push the newest plan of a home; see `push_as_a_run`."""
    return push_as_a_run(PushWorld(root), run_id)


if __name__ == "__main__":
    sys.exit(push_home(Path(sys.argv[1]), sys.argv[2]))
