"""Fixtures of all tests: a clean environment, and a home that the real pipeline planned in once.

Belongs here: what more than one folder of tests needs. Does not: the steps of the story (story.py), the people in it
(cast.py), how a home is run (rehearsal.py).
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cast import write_cast
from hypothesis import settings
from rehearsal import PUSHING, Rehearsal, Step, environment, rehearsing
from story import (
    accepted,
    again,
    campaigns,
    canary,
    emptied,
    finished,
    first_sync,
    killed,
    quiet,
    settled,
    shrunken,
    single,
    stopped,
)

# The steps of the story in their order: fixtures are known where they are named.
STORY = (
    *(canary, single, stopped, first_sync, again, campaigns, quiet, settled),
    *(killed, finished, shrunken, accepted, emptied),
)


# Every run draws the same cases, here and elsewhere; `make soak` draws new ones.
settings.register_profile("steady", derandomize=True)
settings.load_profile("steady")


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`pytest -n 2 --dist loadgroup` keeps the tests of a file together, and the story in one process."""
    for item in items:
        is_story = {"rehearsal", "planned"} & set(getattr(item, "fixturenames", ()))
        item.add_marker(pytest.mark.xdist_group("story" if is_story else str(item.path)))


@pytest.fixture(autouse=True)
def clean_environment() -> Iterator[None]:
    """No variable of ours comes in from outside, and none stays."""
    with environment():
        yield


@pytest.fixture(scope="session")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    """The home that the end-to-end story happens in; other tests take a copy of it, `warm`."""
    with rehearsing(tmp_path_factory.mktemp("rehearsal") / "home") as found:
        write_cast(found)
        yield found


@pytest.fixture(scope="session")
def scheduled(rehearsal: Rehearsal) -> Step:
    """The first run of the sync, by its schedule: nobody has looked yet. Before it, nothing but files was there."""
    return rehearsal.step(lambda: rehearsal.run(PUSHING))


@pytest.fixture(scope="session")
def planned(rehearsal: Rehearsal, scheduled: Step, tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """That home as it was then, put aside before the story goes on."""
    assert scheduled.error is None
    return rehearsal.copy(tmp_path_factory.mktemp("planned") / "home")


@pytest.fixture
def warm(planned: Rehearsal, tmp_path: Path) -> Rehearsal:
    """A copy of one's own of a home with an extract, a warehouse and a plan that waits."""
    return planned.copy(tmp_path / "home")
