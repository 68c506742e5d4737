"""Properties of the plan over thousands of random states: planning and pushing, with accidents in between.

Belongs here: what must hold for everybody under every history. Does not: single rules (the other test_plan files).

A family is up to three records and three addresses, in a history of four rounds: the CRM changes, people and the
provider act, consent events arrive, some changes are refused or get lost. Many families are planned in one run.
"""

import copy
import itertools
import pprint
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from plan_models import SCHEMA
from plan_world import Answer, Draft, Person, World, address, person

History = list[dict[str, Any]]  # what happens to one family, round by round: see any_round
FAMILIES = 700
ROUNDS = 4
KEYS = ("1", "2", "3")
ADDRESSES = ("a", "b", "c")
KINDS: Mapping[str, dict[str, str | None]] = {
    "wanted": {},
    "no_match": {"Flag": "Nee"},
    "deceased": {"Died": "2026-01-01"},
    "unknown": {"Minor": None},
    "objects": {"Stop": "1"},
}
OPS = ("add", "update", "rename", "tag", "untag", "join", "leave", "archive", "unsubscribe")
POLICIES: Mapping[str, dict[str, Any]] = {
    "archive": {},
    "unsubscribe": {"on_exit": {"do": "unsubscribe"}},
    "clock": {"on_exit": {"do": "unsubscribe", "then": "archive", "after_days": 60}},
    "move_to": {"on_exit": {"do": "move_to", "group": "Interests: esclusi"}},
    "append": {"mode": "append"},
}


QUIET = {"records": "same", "acts": "nothing", "consent": "nothing", "answers": "applied"}
ACTS = ("unsubscribes", "bounces", "archived", "returns", "vanishes", "joins", "edited")


def mostly(chance: Random, common: Any, *others: Any) -> Any:
    """The common case in about half of all draws."""
    return chance.choice([common] * len(others) + list(others))


def any_record(chance: Random) -> dict[str, Any]:
    return {
        "email": chance.choice([*ADDRESSES, *ADDRESSES, None, "not an address"]),
        "kind": mostly(chance, "wanted", *KINDS),
        "first": chance.choice(["Xy", "Zq"]),
        "tags": chance.choice(["", "t", "t;u", "U"]),
        "groups": chance.choice(["", "g", "g;h"]),
        "changed": chance.choice([None, "2026-01-01", "2026-02-01"]),
    }


def any_round(chance: Random) -> dict[str, Any]:
    return {
        "records": {key: mostly(chance, "same", "gone", any_record(chance), any_record(chance)) for key in KEYS},
        "acts": {name: mostly(chance, "nothing", *ACTS) for name in ADDRESSES},
        "consent": {
            name: mostly(chance, "nothing", "nothing", "opt_out", "block", "release", "complaint") for name in ADDRESSES
        },
        "answers": {name: mostly(chance, "applied", *ANSWERS) for name in ADDRESSES},
    }


ANSWERS = {
    "refused": Answer("refused", "no", reaches=False),
    "failed": Answer("failed", can_retry=True, reaches=False),
    "lost": Answer(None, reaches=False),
    "unheard": Answer(None),
}


@dataclass
class Family:
    """One history, with what a careful reader of it knows: who said no, who joined by hand, whom the house blocked."""

    number: int
    rounds: list[dict[str, Any]]
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    said_no: dict[str, set[str | None]] = field(default_factory=dict)
    joined_by_hand: set[str] = field(default_factory=set)
    blocked: set[str] = field(default_factory=set)
    owners: Mapping[str, set[str | None]] = field(default_factory=dict)

    def own(self, name: str) -> str:
        """The key of one of the family's three addresses."""
        return address(f"{name}-{self.number}")

    def play(self, world: World, at: int, owners: Mapping[str, str]) -> None:
        """What happens before the plan of round `at`; `owners`: whose the ledger says each address is."""
        self.owners = {self.own(name): {owners.get(self.own(name)), *self._holders(name)} for name in ADDRESSES}
        said = self.rounds[at]
        for key, record in said["records"].items():
            self._record(world, key, record)
        for name, act in said["acts"].items():
            self._act(world, self.own(name), act)
        for name, event in said["consent"].items():
            self._consent(world, self.own(name), event)
        for name, how in said["answers"].items() if at < ROUNDS - 1 else ():
            world.answers |= {(op, self.own(name)): ANSWERS[how] for op in OPS if how in ANSWERS}

    def wanted(self) -> dict[str, dict[str, Any]]:
        """The record that speaks for each address wanted by the rules of docs/syncs.md."""
        objections = {record["email"] for record in self.records.values() if record["kind"] == "objects"}
        found: dict[str, dict[str, Any]] = {}
        for _, record in sorted(self.records.items()):
            name = record["email"]
            if record["kind"] == "wanted" and name in ADDRESSES and name not in objections:
                rival = found.get(self.own(name))
                if rival is None or (record["changed"] or "") > (rival["changed"] or ""):
                    found[self.own(name)] = record
        return found

    def _holders(self, name: str) -> set[str]:
        """The records that have the address, before anything happens."""
        return {f"{key}-{self.number}" for key, record in self.records.items() if record["email"] == name}

    def _record(self, world: World, key: str, record: Any) -> None:
        own = f"{key}-{self.number}"
        if record == "gone":
            self.records.pop(key, None)
            world.drop(own)
        elif record != "same":
            self.records[key] = record
            email = self.own(record["email"]) if record["email"] in ADDRESSES else record["email"]
            labels = {"Tags": record["tags"], "Groups": record["groups"], "Changed": record["changed"]}
            columns = {"First": record["first"], "Email": email, "Note": "hi", **labels, **KINDS[record["kind"]]}
            world.want(person(own, **columns))

    def _act(self, world: World, key: str, act: str) -> None:
        member = world.audience.get(key)
        status = member.status if member else None
        if act == "unsubscribes" and status in ("subscribed", "pending"):
            world.turn(key, "unsubscribed", "no longer interested")
            self.said_no.setdefault(key, self.owners[key])
        elif act == "bounces" and status == "subscribed":
            world.turn(key, "bounced")
        elif act == "archived" and status in ("subscribed", "unsubscribed"):
            world.turn(key, "archived")
        elif act == "returns" and status in ("unsubscribed", "archived"):
            world.turn(key, "subscribed")
            self.said_no.pop(key, None)
            self.joined_by_hand.add(key)
        elif act == "vanishes" and status:
            del world.audience[key]
        elif act == "joins" and status is None and key not in self.said_no:
            world.have(key, tags=["T", "theirs"])
            self.joined_by_hand.add(key)
        elif act == "edited" and member:
            member.fields["FNAME"], member.tags = "Edited", [*member.tags[1:], "theirs"]

    def _consent(self, world: World, key: str, event: str) -> None:
        member = world.audience.get(key)
        if event == "release" and member and member.status in ("unsubscribed", "bounced"):
            return  # whatever changes on such a member afterwards is taken for a new opt-out: careful, but not settled
        if event == "release":
            world.says("release", key, source="admin")
            self.said_no.pop(key, None)
            self.blocked.discard(key)
        elif event != "nothing":
            world.says(event, key, source="admin" if event == "block" else "provider", audience_id="A2")
            self.said_no.setdefault(key, self.owners[key])
            if event == "block":
                self.blocked.add(key)


def never_to_those_who_said_no(family: Family, draft: Draft) -> None:
    """C10, M4: neither to the address nor to the same record's next one."""
    for row in draft.changes:
        if row["op"] in ("add", "rename"):
            assert row["email_key"] not in family.said_no, row
            assert row["contact_key"] not in set().union(*family.said_no.values()) - {None}, row


def strangers_are_as_before(world: World, family: Family, before: Mapping[str, Person], known: set[str]) -> None:
    """B4; whom the house blocked is unsubscribed, and nothing else of them changes."""
    for key, was in before.items():
        if key not in known and key not in family.wanted():
            now = world.audience[key]
            is_out = key in family.blocked and now.status == "unsubscribed"
            assert now == (replace(was, status=now.status, changed_at=now.changed_at) if is_out else was)


def everybody_wanted_is_there_or_held(world: World, family: Family, draft: Draft) -> None:
    held = {row["email_key"] for row in draft.holds if row["reason"] not in ("duplicate", "unknown_consent")}
    for key, record in family.wanted().items():
        if key in held:
            continue
        member = world.audience[key]
        assert member.status in ("subscribed", "pending")
        assert (member.fields["FNAME"], member.fields["NOTE"]) == (record["first"], "HI")
        assert {tag.lower() for tag in record["tags"].split(";") if tag} <= {tag.lower() for tag in member.tags}
        assert {f"Interests: {group}" for group in record["groups"].split(";") if group} <= set(member.groups)


def nobody_else_gets_mail(world: World, family: Family) -> None:
    """Of those who are no longer wanted, only people who joined by hand are still subscribed."""
    stuck = world.database.execute(f"select old_email_key from {SCHEMA}.plan_renames").fetchall()
    spared = {*family.joined_by_hand, *family.wanted(), *(row[0] for row in stuck)}
    for name in ADDRESSES:
        member = world.audience.get(family.own(name))
        assert member is None or member.email in spared or member.status != "subscribed", member


@pytest.mark.parametrize("policy", sorted(POLICIES))
@settings(max_examples=1, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(chance=st.randoms(use_true_random=True))
def test_a_plan_brings_about_what_is_wanted_and_nothing_else(policy: str, chance: Random) -> None:
    """apply(diff(a, b), a) == b and diff(b, b) == (), here with accidents on the way."""
    histories = [[any_round(chance) for _ in range(ROUNDS)] for _ in range(FAMILIES)]
    if failed(policy, histories):
        smallest = shrunk(histories, lambda some: failed(policy, some) is not None)
        pytest.fail(f"{policy}: {failed(policy, smallest)}\nafter {pprint.pformat(smallest, width=110)}")


def failed(policy: str, histories: Sequence[History]) -> str | None:
    """What does not hold when one family for each history lives through it; None when all does."""
    try:
        live(policy, [Family(number, copy.deepcopy(rounds)) for number, rounds in enumerate(histories)])
    except AssertionError as error:
        return str(error) or "an assertion"
    return None


def live(policy: str, families: Sequence[Family]) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        world = World(patch, Path(folder), **POLICIES[policy])
        for at in range(ROUNDS):
            world.later(hours=6)
            owners = {key: row["contact_key"] for key, row in world.members().items()}
            for family in families:
                family.play(world, at, owners)
            draft = world.plan()
            known, before = set(world.members()), copy.deepcopy(world.audience)
            world.push(draft.changes)
            for family in families:
                mine = part(draft, family)
                never_to_those_who_said_no(family, mine)
                strangers_are_as_before(world, family, before_of(before, family), known)
        assert world.broken_data_tests() == []
        for family in families:
            everybody_wanted_is_there_or_held(world, family, part(draft, family))
            if policy not in ("append", "move_to"):
                nobody_else_gets_mail(world, family)
        again = world.plan()
        assert again.told == []
        world.database.close()


def shrunk(histories: Sequence[History], fails: Callable[[Sequence[History]], bool]) -> list[History]:
    """As few families as fail still, with as few things happening to them; hypothesis can't shrink what is so large."""
    few = list(histories)
    while len(few) > 1:
        halves = (few[: len(few) // 2], few[len(few) // 2 :])
        smaller = next((half for half in halves if fails(half)), None)
        if smaller is None:
            break
        few = smaller
    for at, what, name in itertools.product(range(ROUNDS), QUIET, (*KEYS, *ADDRESSES)):
        calmer = copy.deepcopy(few)
        for rounds in calmer:
            if name in rounds[at][what]:
                rounds[at][what][name] = QUIET[what]
        if calmer != few and fails(calmer):
            few = calmer
    return few


def test_a_failing_history_is_shrunk_to_what_makes_it_fail() -> None:
    chance = Random(1)
    histories = [[any_round(chance) for _ in range(ROUNDS)] for _ in range(20)]
    histories[13][2]["acts"]["b"] = "a miracle"
    (smallest,) = shrunk(histories, lambda some: any(rounds[2]["acts"]["b"] == "a miracle" for rounds in some))
    happened = [
        (at, what, name)
        for at, what, name in itertools.product(range(ROUNDS), QUIET, (*KEYS, *ADDRESSES))
        if smallest[at][what].get(name, QUIET[what]) != QUIET[what]
    ]
    assert happened == [(2, "acts", "b")]


def part(draft: Draft, family: Family) -> Draft:
    """What the plan says of one family."""
    keys = {family.own(name) for name in ADDRESSES}
    changes = tuple(row for row in draft.changes if row["email_key"] in keys)
    return Draft(changes, tuple(row for row in draft.holds if row["email_key"] in keys))


def before_of(audience: Mapping[str, Person], family: Family) -> dict[str, Person]:
    """The family's part of the audience."""
    keys = (family.own(name) for name in ADDRESSES)
    return {key: audience[key] for key in keys if key in audience}
