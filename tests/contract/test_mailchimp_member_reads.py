"""The extract reads who changed and keeps the rest, and what it then has is what a full read would have.

Belongs here: when a read of changes will do, and what it must never miss. Does not: paging (unit), plans and pushes.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import requests
from mailchimp_push_world import EVERYBODY, PushWorld, furnish, lay_out
from soaking import some_always

from pipelines.errors import TransientError
from pipelines.http.client import Patience
from pipelines.landing import last_landing
from pipelines.sandbox.server import Sandbox
from pipelines.sync.audience import Extracted, load_audience
from pipelines.warehouse import rows

PEOPLE = tuple(f"person{number}@people.example" for number in range(40))
MEMBERS = "/lists/{list_id}/members"
# Without it a test that is over in a second would find everybody changed "lately".
HOURS = 3


class Reader:
    """A home whose audience is in the simulator, three hours after everybody joined."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox, self.mailchimp = sandbox, sandbox.mailchimp
        self.list_id = self.mailchimp.list_id
        lay_out(folder, sandbox.url)
        furnish(self.mailchimp.url, self.list_id)
        bodies = [{"email_address": email, "merge_fields": {"FNAME": email}, "tags": ["A"]} for email in PEOPLE]
        self.mailchimp.add_members(self.list_id, bodies)
        self.world = PushWorld(folder)

    def extract(self, world: PushWorld | None = None) -> Extracted:
        """Read the audience as the extract does."""
        world = world or self.world
        with world.provider() as provider:
            return load_audience(world.home, world.warehouse, provider, world.sync)

    def kept(self) -> list[dict[str, Any]]:
        """The members in the warehouse."""
        with self.world.warehouse.open() as database:
            return rows(database, "select * from sync_people.extract_members order by provider_id")

    def is_true(self) -> bool:
        """Whether the warehouse has what the provider shows, field for field."""
        names = self.world.sync.field_names
        with self.world.provider() as provider:
            pages = list(provider.members(self.list_id, fields=names))
        shown = {
            one.provider_id: (one.email, one.status, one.fields["FNAME"], list(one.tags), list(one.groups))
            for page in pages
            for one in page
        }
        with self.world.warehouse.open() as database:
            found = database.execute("""
                select provider_id, email, status, fields ->> 'FNAME', from_json(tags, '["VARCHAR"]'),
                    from_json(groups, '["VARCHAR"]')
                from sync_people.extract_members
            """).fetchall()
        assert len(found) == len({row[0] for row in found})
        return {row[0]: row[1:] for row in found} == shown

    def act(self, email: str, act: str, **options: Any) -> None:
        self.mailchimp.act(self.list_id, email, act, **options)

    def call(self, method: str, path: str, **body: Any) -> Any:
        url = f"{self.mailchimp.url}/3.0/lists/{self.list_id}{path}"
        answer = requests.request(method, url, json=body, auth=("test", self.mailchimp.api_key), timeout=5)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def tag(self, email: str, name: str, status: str = "active") -> None:
        self.call("POST", f"/members/{email}/tags", tags=[{"name": name, "status": status}])

    def segment(self, name: str) -> int:
        found = self.call("GET", "/segments?count=100")["segments"]
        return int(next(segment["id"] for segment in found if segment["name"] == name))


@pytest.fixture
def reader(mailchimp_simulator_server: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    monkeypatch.setenv("ENLIST_NOW", "2026-11-21T08:00:00+00:00")
    mailchimp_simulator_server.reset()
    made = Reader(mailchimp_simulator_server, tmp_path)
    monkeypatch.setenv("ENLIST_NOW", f"2026-11-21T{8 + HOURS:02}:00:00+00:00")
    assert made.extract().why == "it is the first read"
    monkeypatch.setenv("ENLIST_NOW", f"2026-11-21T{9 + HOURS:02}:00:00+00:00")
    return made


def test_with_nothing_changed_no_member_is_read_and_all_are_kept(reader: Reader) -> None:
    before = reader.kept()
    assert len(before) >= len(PEOPLE)
    with reader.world.provider() as provider:
        extracted = load_audience(reader.world.home, reader.world.warehouse, provider, reader.world.sync)
        calls = provider.calls
    assert (extracted.why, extracted.members) == (None, len(before))
    assert reader.kept() == before
    landed = last_landing(reader.world.home.landing / "changed_members" / "people")
    assert landed is not None and landed.rows == 0
    # Account, audiences, fields, groups (2), changes (1 and 5 counts), numbers (6 counts and the tags).
    assert calls == 18


CHANGES: dict[str, Callable[[Reader], None]] = {
    "fields": lambda reader: reader.act(PEOPLE[0], "edit_fields", merge_fields={"FNAME": "New"}),
    "opt-out": lambda reader: reader.act(PEOPLE[0], "opt_out"),
    "bounce": lambda reader: reader.act(PEOPLE[0], "hard_bounce"),
    "archived": lambda reader: reader.act(PEOPLE[0], "archive_by_hand"),
    "newcomer": lambda reader: reader.act("new@people.example", "add_by_hand", tags=["A", "B"]),
    "pending": lambda reader: reader.act("new@people.example", "add_by_hand", status="pending"),
    "address": lambda reader: reader.act(PEOPLE[0], "change_email", new_email="other@people.example"),
    "tag": lambda reader: reader.tag(PEOPLE[0], "B"),
    "untag": lambda reader: reader.tag(PEOPLE[0], "A", "inactive"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_comes_home_without_everybody_being_read(reader: Reader, change: str) -> None:
    CHANGES[change](reader)
    assert reader.extract().why is None
    assert reader.is_true()


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_comes_home_also_where_a_listing_hides_the_archived(reader: Reader, change: str) -> None:
    """Contract, 13: it is open whether every status comes back without a filter."""
    reader.mailchimp.turn(lists_every_status=False)
    CHANGES[change](reader)
    assert reader.extract().why is None
    assert reader.is_true()


def test_addresses_that_change_hands_are_neither_lost_nor_doubled(reader: Reader) -> None:
    first, second = PEOPLE[:2]
    reader.act(first, "change_email", new_email="between@people.example")
    reader.act(second, "change_email", new_email=first)
    reader.act("between@people.example", "change_email", new_email=second)
    extracted = reader.extract()
    assert (extracted.why, extracted.members) == (None, len(reader.kept()))
    assert reader.is_true()


def _swap_for_a_newcomer(reader: Reader) -> None:
    reader.act(PEOPLE[0], "delete_by_hand")
    reader.act("new@people.example", "add_by_hand")


HIDDEN: dict[str, Callable[[Reader], object]] = {
    "deleted for good": lambda reader: reader.act(PEOPLE[0], "delete_by_hand"),
    "deleted for good while somebody joined": _swap_for_a_newcomer,
    "a tag deleted as a whole": lambda reader: reader.call("DELETE", f"/segments/{reader.segment('A')}"),
}


@pytest.mark.parametrize("change", HIDDEN)
def test_what_no_time_of_change_tells_is_told_by_the_numbers_and_all_are_read(reader: Reader, change: str) -> None:
    HIDDEN[change](reader)
    assert reader.extract().why == "the provider's own numbers differ"
    assert reader.is_true()
    assert reader.extract().why is None


@pytest.mark.parametrize(("name", "status"), [("B", "active"), ("A", "inactive")])
def test_tags_are_found_though_they_move_no_time_of_change(reader: Reader, name: str, status: str) -> None:
    """Contract, 6.1: it was observed that they do, and some clients believe otherwise."""
    reader.mailchimp.turn(tags_touch_members=False)
    reader.tag(PEOPLE[0], name, status)
    assert reader.extract().why == "the provider's own numbers differ"
    assert reader.is_true()


def test_all_are_read_again_after_the_time_set_and_always_without_one(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader.act(PEOPLE[0], "edit_fields", merge_fields={"FNAME": "New"})
    monkeypatch.setenv("ENLIST_NOW", f"2026-11-22T{7 + HOURS:02}:59:00+00:00")
    assert reader.extract().why is None, "the last full read is 23:59 old; reads of changes don't count"
    monkeypatch.setenv("ENLIST_NOW", f"2026-11-22T{8 + HOURS:02}:00:00+00:00")
    assert reader.extract().why == "the last full read is too old"
    assert reader.extract().why is None
    edit(reader, "connections.yaml", "kind: mailchimp", "kind: mailchimp, full_read_every: null")
    assert reader.extract(PushWorld(reader.world.home.root)).why == "full_read_every is null"


def test_a_clock_that_was_put_back_reads_all(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENLIST_NOW", f"2026-11-21T{7 + HOURS:02}:00:00+00:00")
    assert reader.extract().why == "the last full read is too old"


def edit(reader: Reader, file: str, old: str, new: str) -> None:
    path = reader.world.home.root / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def _rename_group(reader: Reader) -> None:
    (category,) = reader.call("GET", "/interest-categories")["categories"]
    path = f"/interest-categories/{category['id']}/interests"
    reader.call("PATCH", f"{path}/{reader.call('GET', path)['interests'][0]['id']}", name="Green")


def _retype(reader: Reader) -> None:
    field = next(one for one in reader.call("GET", "/merge-fields?count=50")["merge_fields"] if one["tag"] == "NOTE")
    reader.call("PATCH", f"/merge-fields/{field['merge_id']}", name="Another label")


MOVED: dict[str, Callable[[Reader], object]] = {
    "a field of the audience": _retype,
    "one more field": lambda reader: reader.call("POST", "/merge-fields", tag="MORE", name="More", type="text"),
    "a group": _rename_group,
    "the sync's fields": lambda reader: edit(reader, "syncs/people.yaml", "NOTE: {sql: Note, empty: keep}", ""),
    "secrets": lambda reader: edit(reader, "syncs/people.yaml", "PURL: {sql: Url, secret: true}", "PURL: Url"),
}


@pytest.mark.parametrize("what", MOVED)
def test_other_fields_or_groups_mean_that_all_are_read(reader: Reader, what: str) -> None:
    MOVED[what](reader)
    world = PushWorld(reader.world.home.root)
    assert reader.extract(world).why == "fields or groups changed"
    assert reader.extract(world).why is None


def test_all_are_read_after_the_warehouse_was_deleted(reader: Reader) -> None:
    reader.world.home.warehouse.unlink()
    assert reader.extract().why == "it is the first read"
    assert reader.is_true()


def test_all_are_read_after_a_push_that_broke_off_and_only_then(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = reader.world
    world.write_crm({person: {} for person in EVERYBODY if person.role == "same"})
    world.plan(reads_crm=True)
    reader.mailchimp.fail(kind="problem", status=500, method="POST", path="/lists/{list_id}", times=10**6)
    with world.provider(Patience(max_attempts=1)) as provider, pytest.raises(TransientError):
        world.push(provider, "one")
    reader.mailchimp.faults.clear()
    monkeypatch.setenv("ENLIST_NOW", f"2026-11-21T{9 + HOURS:02}:30:00+00:00")
    assert reader.extract().why == "a push broke off"
    assert reader.is_true()
    assert reader.extract().why is None
    world.run("two")
    assert reader.extract().why is None, "a push that ended well is read as changes"
    assert reader.is_true()


def test_a_read_that_breaks_off_keeps_the_last_and_the_next_makes_up_for_it(reader: Reader) -> None:
    before = reader.kept()
    reader.act(PEOPLE[0], "opt_out")
    reader.mailchimp.fail(kind="problem", status=500, method="GET", path=MEMBERS, times=10**6)
    with pytest.raises(TransientError):
        reader.extract()
    reader.mailchimp.faults.clear()
    assert reader.kept() == before
    assert reader.extract().why is None
    assert reader.is_true()


def test_who_joins_between_reading_and_counting_is_read_by_a_second_try(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    joining = iter(["late@people.example"])
    with reader.world.provider() as provider:
        counted = provider.tally

        def tally(audience_id: str) -> Any:
            for email in joining:
                reader.act(email, "add_by_hand")
            return counted(audience_id)

        monkeypatch.setattr(provider, "tally", tally)
        assert load_audience(reader.world.home, reader.world.warehouse, provider, reader.world.sync).why is None
    assert reader.is_true()


def _life(reader: Reader, chance: random.Random, newcomers: Iterator[int]) -> None:
    """One thing that happens in the audience."""
    shown = reader.mailchimp.members(reader.list_id)
    one = chance.choice(shown)["email_address"]
    number = next(newcomers)
    act = chance.choice((*("opt_out", "hard_bounce", "archive_by_hand", "delete_by_hand"), *ORDINARY))
    match act:
        case "add_by_hand":
            reader.act(f"new{number}@people.example", act, tags=chance.sample("ABCD", 2))
        case "change_email":
            reader.act(one, act, new_email=f"moved{number}@people.example")
        case "edit_fields":
            reader.act(one, act, merge_fields={"FNAME": f"Name {number}"})
        case "tag":
            reader.tag(one, chance.choice("ABCD"), chance.choice(("active", "inactive")))
        case _:
            reader.act(one, act)


ORDINARY: Sequence[str] = ("add_by_hand", "change_email", "edit_fields", "tag") * 3


@pytest.mark.parametrize("seed", some_always(range(3), 3))
def test_whatever_happens_the_members_kept_are_those_that_a_full_read_finds(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance, newcomers = random.Random(seed), iter(range(10_000))
    why: Counter[str | None] = Counter()
    for step in range(12):
        monkeypatch.setenv("ENLIST_NOW", f"2026-11-21T{9 + HOURS:02}:{4 * step + 1:02}:00+00:00")
        for _ in range(chance.randrange(4)):
            _life(reader, chance, newcomers)
        monkeypatch.setenv("ENLIST_NOW", f"2026-11-21T{9 + HOURS:02}:{4 * step + 2:02}:00+00:00")
        why[reader.extract().why] += 1
        assert reader.is_true()
    assert why[None] >= 4
