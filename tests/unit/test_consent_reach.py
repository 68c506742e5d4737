"""How far noes reach once the sync says something else than when they were said.

Belongs here: reach.py, over what any audience and its campaigns can tell. Does not: how far a no that is new reaches
(test_ledger_consent.py, test_ledger_reactions.py), what the plan of another sync makes of it (test_plan_consent.py).
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from plan_models import synced
from plan_world import World, address, person

from pipelines.ledger import load


class Scoped(World):
    """A world whose sync changes its mind."""

    def reaches(self, scope: str, **own: str) -> None:
        """From now on the sync says so, and of entities those that are named; then it runs."""
        sync = synced().model_dump(by_alias=True)
        scopes = {f"crm.{entity}": one for entity, one in own.items()}
        sources = [{**source, "consent_scope": scopes.get(source["entity"])} for source in sync["from"]]
        policy: dict[str, Any] = {"from": sources, "consent": {"scope": scope, "soft_bounces": 2}}
        self.sync = synced(**policy)
        self.extract()

    def known(self) -> list[tuple[Any, ...]]:
        """(name, reason, source, scope) of what is in force."""
        load.load(self.database, self.ledger)
        return self.database.execute("""
            select replace(email_key, '@b.example', ''), reason, source, scope
            from ledger.suppressions where released_at is null order by all
        """).fetchall()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Scoped]:
    made = Scoped(monkeypatch, tmp_path)
    made.have("anna")
    made.reaches("audience")
    yield made
    made.database.close()


def lines(world: World) -> int:
    return len((world.ledger / "consent.ndjson").read_text(encoding="utf-8").splitlines())


def test_a_reach_that_is_made_wider_counts_for_all_that_was_said_before_and_is_written_once(world: Scoped) -> None:
    """H2: also for who is shown no longer, for complaints and for soft bounces in a row."""
    world.have("anna", "unsubscribed")
    world.have("bert", "unsubscribed")
    world.have("carl", "bounced")
    world.says("complaint", "dora", reason="complained", scope="audience")
    world.says("bounce", "emil", reason="bounced", source="soft_bounces", scope="audience")
    world.extract()
    del world.audience[address("bert")]
    told = [
        ("anna", "opted_out", "provider"),
        ("bert", "opted_out", "provider"),
        ("carl", "bounced", "provider"),
        ("dora", "complained", "provider"),
        ("emil", "bounced", "soft_bounces"),
    ]
    assert world.known() == [(*one, "audience") for one in told]
    world.reaches("account")
    assert world.known() == [(*one, scope) for one in told for scope in ("account", "audience")]
    written = lines(world)
    world.extract()
    world.reaches("audience")
    assert lines(world) == written
    world.reaches("home")
    assert world.known() == [(*one, scope) for one in told for scope in ("account", "audience", "home")]


def test_what_reaches_further_was_said_when_it_was_said(world: Scoped) -> None:
    """Whose address it was then goes by that time; what we wrote to the member since says nothing."""
    world.have("anna", "unsubscribed")
    world.extract()
    world.later(days=3)
    world.turn("anna", "unsubscribed")
    world.reaches("home")
    written = world.database.execute("select scope, since from ledger.suppressions order by all").fetchall()
    assert written == [(scope, datetime(2026, 11, 20, 10, 1)) for scope in ("audience", "home")]


def test_what_was_released_does_not_come_back_because_the_reach_is_wider(world: Scoped) -> None:
    """H5, H6: nothing is new; what they say afterwards is."""
    world.have("anna", "unsubscribed")
    world.extract()
    world.says("release", "anna", reason="opted_out", source="admin")
    world.reaches("home")
    assert world.known() == []
    world.reaches("audience")
    world.later(hours=1)
    world.turn("anna", "unsubscribed")
    world.extract()
    world.reaches("home")
    assert world.known() == [("anna", "opted_out", "provider", scope) for scope in ("audience", "home")]


def test_what_others_said_keeps_its_reach(world: Scoped) -> None:
    """A block has the reach that a person gave it; another audience has a sync of its own, or none."""
    world.says("block", "anna", reason="blocked", source="admin", scope="audience")
    world.says("opt_out", "bert", reason="opted_out", scope="audience", audience_id="A2")
    world.says("opt_out", "carl", reason="opted_out", scope="audience", connection="mup")
    world.reaches("home")
    assert {scope for *_, scope in world.known()} == {"audience"}


def test_what_another_sync_of_this_audience_wrote_down_reaches_as_far_as_this_one_says(world: Scoped) -> None:
    world.says("opt_out", "anna", reason="opted_out", scope="audience", sync="narrow")
    world.reaches("account")
    assert ("anna", "opted_out", "provider", "account") in world.known()


def test_a_reach_of_an_entitys_own_counts_for_its_members_alone(world: Scoped) -> None:
    """H2."""
    world.want(person("bert"))
    world.sync_once()
    for name in ("anna", "bert"):
        world.turn(name, "unsubscribed")
    world.extract()
    world.reaches("audience", persons="home")
    assert world.known() == [
        ("anna", "opted_out", "provider", "audience"),
        ("bert", "opted_out", "provider", "audience"),
        ("bert", "opted_out", "provider", "home"),
    ]
