"""Many stories in one world: each test tells of its own people, and all of them are planned and pushed together.

Belongs here: the stage and the cast. Does not: what happens there (plan_world.py), tests.

A plan costs 0.2 s whether for one person or a thousand. So a test is a generator: it sets its scene and yields, then
all scenes are planned and pushed at once, and it goes on with the plan of its own people. When it is over, its people
must be left in peace: their next plan has to be empty.
"""

import tempfile
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from plan_world import Answer, Draft, Person, World, address, firm, name_of, person

Story = Generator[None, Draft, None]


class Cast:
    """The people of one story. Their names are its own, whatever names others use."""

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        self._mark = f"-{number}"

    def want(self, name: str, record: str = "", **columns: str | None) -> None:
        """A record of persons, whose key is the name unless given; Email and Email2 take names."""
        made = person(self._own(name), First=name.title(), Id=self._own(record or name))
        self.world.want({**made, **self._addressed(columns)})

    def want_firm(self, name: str, record: str = "", **columns: str | None) -> None:
        """A record of firms."""
        made = firm(self._own(name), Name=name.title(), Id=self._own(record or name))
        self.world.want({**made, **self._addressed(columns)}, entity="firms")

    def drop(self, record: str) -> None:
        """The person's record is deleted in the CRM."""
        self.world.drop(self._own(record))

    def have(self, name: str, status: Any = "subscribed", **more: Any) -> None:
        """Somebody is in the audience."""
        self.world.have(self._own(name), status, **more)

    def turn(self, name: str, status: Any, reason: str = "") -> None:
        """Somebody opts out, bounces, is archived by hand ..."""
        self.world.turn(self._own(name), status, reason)

    def member(self, name: str) -> Person:
        """Somebody in the audience."""
        return self.world.audience[address(self._own(name))]

    def remembered(self, name: str) -> dict[str, Any]:
        """Somebody's row in ledger.members."""
        return self.world.members()[address(self._own(name))]

    def vanish(self, name: str) -> None:
        """Somebody is deleted from the audience for good."""
        del self.world.audience[address(self._own(name))]

    def has(self, name: str) -> bool:
        """Whether the audience knows the address."""
        return address(self._own(name)) in self.world.audience

    def says(self, event: str, name: str, **more: Any) -> None:
        """A consent event."""
        self.world.says(event, self._own(name), **more)

    def is_out_elsewhere(self, name: str, *, is_out: bool = True) -> None:
        """The provider has somebody as unsubscribed in another audience of the account, or no longer."""
        place = ["people", address(self._own(name)).upper()]
        query = "insert into extract.objections values (?, ?)"
        query = query if is_out else "delete from extract.objections where sync = ? and email = ?"
        self.world.database.execute(query, place)

    def answer(self, op: str, name: str, **how: Any) -> None:
        """What the provider will make of that row in the next push, when it is not `applied`."""
        self.world.answers[op, address(self._own(name))] = Answer(**how)

    def mine(self, draft: Draft) -> Draft:
        """The part of the plan that is about this cast, with their plain names."""
        changes = [
            {**row, "name": self._plain(row["name"])} for row in draft.changes if row["name"].endswith(self._mark)
        ]
        holds = [
            {**row, "record": self._plain(row["contact_key"])}
            for row in draft.holds
            if (row["contact_key"] or name_of(row["email_key"]) or "").endswith(self._mark)
        ]
        return Draft(tuple(changes), tuple(holds))

    def _own(self, name: str) -> str:
        return f"{name}{self._mark}"

    def _plain(self, name: str | None) -> str:
        return (name or "").removesuffix(self._mark)

    def _addressed(self, columns: dict[str, str | None]) -> dict[str, str | None]:
        """Names in the columns of addresses as addresses; what has an @, or nothing in it, stays as it is."""
        named = {name: columns.get(name) for name in ("Email", "Email2")}
        plain = {name: value for name, value in named.items() if value and value.strip() and "@" not in value}
        return {**columns, **{name: address(self._own(value)) for name, value in plain.items()}}


class Stage:
    """Makes tests of stories; `policy` overrides keys of the sync file, `passing` is the time between two plans."""

    def __init__(self, variant: str = "first", passing: dict[str, int] | None = None, **policy: Any) -> None:
        self._variant = variant
        self._policy = policy
        self._passing = passing or {}
        self._stories: dict[str, Callable[[Cast], Story]] = {}
        self._failures: dict[str, BaseException] | None = None

    def __call__(self, story: Callable[[Cast], Story]) -> Callable[[], None]:
        """Decorate a generator: it becomes a test, and is played together with all others of this stage."""
        self._stories[story.__name__] = story

        def test() -> None:
            if self._failures is None:
                self._failures = self._play()
            if story.__name__ in self._failures:
                raise self._failures[story.__name__]

        test.__name__, test.__doc__ = story.__name__, story.__doc__
        test.__module__, test.__qualname__ = story.__module__, story.__qualname__
        return test

    def _play(self) -> dict[str, BaseException]:
        failures: dict[str, BaseException] = {}
        with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
            world = World(patch, Path(folder), self._variant, **self._policy)
            casts = {name: Cast(world, number) for number, name in enumerate(self._stories)}
            playing = {name: story(casts[name]) for name, story in self._stories.items()}
            draft: Draft | None = None
            while playing:
                still = {}
                for name, story in playing.items():
                    try:
                        if step(story, draft and casts[name].mine(draft)):
                            still[name] = story
                    except BaseException as failure:
                        failures[name] = failure
                playing = still
                world.later(**self._passing)
                draft = world.sync_once()
                for name, cast in casts.items():
                    told = cast.mine(draft).told
                    if told and name not in playing:
                        failures.setdefault(name, AssertionError(f"a plan after the end is not empty: {told}"))
            assert world.broken_data_tests() == []
            world.database.close()
        return failures


def step(story: Story, mine: Draft | None) -> bool:
    """Go on with a story; whether it wants another plan."""
    try:
        if mine is None:
            next(story)
        else:
            story.send(mine)
    except StopIteration:
        return False
    return True
