"""One sync of some thousand people, from a real CRM file to a Mailchimp simulator.

Belongs here: the people, the home, what the audience must look like in the end. Does not: planning and pushing
(push_world.py), faults, facts (the tests), judging a simulator (mailchimp_push_judge.py).

Run as a script (HOME RUN_ID) it pushes the newest plan of that home, so that a test can kill it or send it signals.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import push_world
import requests
from push_world import Refusers, Role, plan_models, push_as_a_run

from pipelines.providers.mailchimp.provider import MailchimpProvider
from pipelines.sandbox.mailchimp.seeding import API_KEY
from pipelines.sandbox.mailchimp.simulator import Mailchimp

BATCH = 200
MERGE_FIELDS = {"BORN": "date", "SCORE": "number", "NOTE": "text", "PURL": "url"}
GROUPS = ("Blue", "Red")

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


class Person(push_world.Person):
    """Somebody of this cast."""

    roles: ClassVar[Mapping[str, Role]] = ROLES
    refusers: ClassVar[Mapping[str, Refusers]] = REFUSERS


EVERYBODY = Person.everybody()


class PushWorld(push_world.World[MailchimpProvider]):
    """A home whose account is a Mailchimp simulator."""

    kind = MailchimpProvider
    connection = "chimp"

    def models(self) -> Mapping[str, str]:
        """The sync's models in their order, compiled."""
        models: Mapping[str, str] = plan_models().compiled("first").models
        return models


def lay_out(root: Path, url: str, batch_size: int = BATCH) -> None:
    """Write the two files of a home whose account is the simulator at `url`."""
    models = plan_models()
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


def groups_of(mailchimp: Mailchimp) -> dict[str, str]:
    """Names of the groups by their id."""
    with _calling() as session:
        root = f"{mailchimp.url}/3.0/lists/{mailchimp.list_id}/interest-categories"
        (category,) = session.get(root, timeout=5).json()["categories"]
        found = session.get(f"{root}/{category['id']}/interests", timeout=5).json()["interests"]
        return {group["id"]: group["name"] for group in found}


def wanted(person: push_world.Person) -> tuple[str, str, set[str], set[str]] | None:
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


def push_home(root: Path, run_id: str) -> int:
    """Push the newest plan of a home; see `push_as_a_run`."""
    return push_as_a_run(PushWorld(root), run_id)


if __name__ == "__main__":
    sys.exit(push_home(Path(sys.argv[1]), sys.argv[2]))
