"""The verdict on a push, from the simulator's own state and history: our journal is no witness.

Belongs here: preparing a stage and copies of it, what must be so in the end. Does not: the people and the planning
(mailchimp_push_world.py), what goes wrong in between (the tests).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import md5
from pathlib import Path
from typing import Any

import requests
from mailchimp_push_world import (
    BATCH,
    EVERYBODY,
    PushWorld,
    furnish,
    groups_of,
    lay_out,
    wanted,
)
from push_world import Columns, Person, copied

from pipelines.providers.base import Batch, Outcome
from pipelines.providers.mailchimp.provider import MailchimpProvider
from pipelines.sandbox.mailchimp.seeding import API_KEY
from pipelines.sandbox.mailchimp.simulator import Mailchimp
from pipelines.sandbox.server import Sandbox
from pipelines.sync.plans import Plan


@dataclass(frozen=True)
class Stage:
    """A copy of one's own of what was prepared; `seq` is where its history stood, `people` all whom it is about."""

    world: PushWorld
    mailchimp: Mailchimp
    seq: int
    people: tuple[Person, ...] = EVERYBODY

    def documents(self) -> dict[str, Any]:
        """All members by address."""
        return documents_of(self.mailchimp)

    def history(self) -> list[dict[str, Any]]:
        """What our calls have changed since."""
        return [entry for entry in self.mailchimp.history(after=self.seq) if entry["actor"] == "api"]


def prepare(root: Path, people: tuple[Person, ...] = EVERYBODY, batch_size: int = BATCH) -> tuple[Plan, int]:
    """Below `root` a home and a sandbox with a past, people who said no since, a frozen plan; it and the port."""
    with Sandbox(root / "sandbox", port=0) as sandbox:
        lay_out(root / "home", sandbox.url, batch_size)
        furnish(sandbox.mailchimp.url, sandbox.mailchimp.list_id)
        act = partial(sandbox.mailchimp.act, sandbox.mailchimp.list_id)
        for person in people:
            if person.role == "forgotten":
                act(person.last_address, "add_by_hand")
                act(person.last_address, "delete_by_hand")
        plan = PushWorld(root / "home").live_until_now(people, act)
        return plan, int(sandbox.url.rpartition(":")[2])


def settle(root: Path, people: Collection[Person], batch_size: int = BATCH) -> int:
    """Below `root` a home and a sandbox where everybody is in the audience as the CRM has them; the port."""
    with Sandbox(root / "sandbox", port=0) as sandbox:
        lay_out(root / "home", sandbox.url, batch_size)
        furnish(sandbox.mailchimp.url, sandbox.mailchimp.list_id)
        world = PushWorld(root / "home")
        world.write_crm(settled(people))
        world.run("first", reads_crm=True)
        return int(sandbox.url.rpartition(":")[2])


def settled(people: Collection[Person]) -> dict[Person, Columns | None]:
    """The CRM as it is then."""
    return {person: {"Tags": "A"} for person in people}


@contextmanager
def staged(source: Path, port: int, root: Path, people: tuple[Person, ...] = EVERYBODY) -> Iterator[Stage]:
    """A copy below `root` of what was prepared below `source`, on the same port."""
    with copied(source, port, root) as sandbox:
        history = sandbox.mailchimp.history()
        yield Stage(PushWorld(root / "home"), sandbox.mailchimp, history[-1]["seq"], people)


def documents_of(mailchimp: Mailchimp) -> dict[str, Any]:
    return {found["email_address"]: found for found in mailchimp.members(mailchimp.list_id)}


def hash_of(address: str) -> str:
    return md5(address.lower().encode(), usedforsecurity=False).hexdigest()


def assert_converged(stage: Stage) -> None:
    """Everybody is as wanted, by the one way there; nothing is left to do."""
    assert stage.world.plan().size == 0
    assert_as_wanted(stage)


def assert_as_wanted(stage: Stage) -> None:
    """Everybody is as wanted, by the one way there."""
    documents, groups = stage.documents(), groups_of(stage.mailchimp)
    expected = {person: found for person in stage.people if (found := wanted(person))}
    assert {person: shown(documents[person.last_address], groups) for person in expected} == expected
    assert_each_effect_once(stage)
    assert_a_no_stays_a_no(stage, documents)
    stats = stage.mailchimp.stats()
    assert stats["max_connections"] <= 10 and stats["connections"] == 0


def shown(document: dict[str, Any], groups: dict[str, str]) -> tuple[str, str, set[str], set[str]]:
    """A member's document as `wanted` tells it."""
    return (
        *(document["status"], document["merge_fields"]["FNAME"], {tag["name"] for tag in document["tags"]}),
        {groups[group_id] for group_id, is_on in document["interests"].items() if is_on},
    )


def assert_each_effect_once(stage: Stage) -> None:
    """Nothing lost, nothing twice, nothing that nobody asked for."""
    people = {hash_of(address): person for person in stage.people for address in person.addresses}
    seen: dict[Person, Counter[str]] = defaultdict(Counter)
    tagged: Counter[tuple[str, str, int]] = Counter()
    for entry in stage.history():
        if entry["change"] == "segment_add":
            continue
        seen[people[entry["member_id"]]][entry["change"]] += 1  # a KeyError: somebody whom no CRM knows
        if entry["change"] in ("tag", "untag"):
            tagged[entry["change"], entry["member_id"], entry["ids"][0]] += 1
    assert seen == {person: Counter(person.effects) for person in stage.people if person.effects}
    assert set(tagged.values()) == {1}


def assert_a_no_stays_a_no(stage: Stage, documents: dict[str, Any]) -> None:
    """Who opted out is not subscribed, and never was in between."""
    refusers = [person for person in stage.people if person.is_opted_out]
    hashes = {hash_of(address) for person in refusers for address in person.addresses}
    assert refusers
    assert {documents[person.addresses[0]]["status"] for person in refusers} == {"unsubscribed", "archived"}
    touched = [entry for entry in stage.history() if entry.get("member_id") in hashes]
    assert touched and all(entry["status_after"] != "subscribed" for entry in touched)


def assert_remembered(stage: Stage) -> None:
    """The ledger knows what we did, also where no answer told: else it would be somebody else's doing for ever."""
    with stage.world.warehouse.open() as connection:
        found = dict(connection.execute("select email_key, left_by from ledger.members").fetchall())
    ways = {"leaving": "archive", "deleted": "archive", "objecting": "unsubscribe"}
    gone = {person.addresses[0]: ways[person.role] for person in stage.people if person.effects and person.role in ways}
    assert {address: found[address] for address in gone} == gone


def by_hand(mailchimp: Mailchimp, method: str, path: str, **body: Any) -> Any:
    """A call of somebody else's."""
    url = f"{mailchimp.url}/3.0/lists/{mailchimp.list_id}/{path}"
    answer = requests.request(method, url, auth=("marketer", API_KEY), json=body or None, timeout=5)
    answer.raise_for_status()
    return answer.json() if answer.content else None


class Meanwhile(MailchimpProvider):
    """An account in whose audience somebody does something right before or after a batch."""

    before: Callable[[Batch], None] = staticmethod(lambda batch: None)
    after: Callable[[Batch], None] = staticmethod(lambda batch: None)

    def send(self, audience_id: str, batch: Batch) -> Sequence[Outcome]:
        self.before(batch)
        outcomes = super().send(audience_id, batch)
        self.after(batch)
        return outcomes
