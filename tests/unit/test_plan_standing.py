"""What is already there before the first push.

Belongs here: plan_standing. Does not: what a plan does with those people (the other test_plan files).
"""

from pathlib import Path
from typing import Any

import pytest
from plan_models import SCHEMA
from plan_world import World, person


def test_a_plan_counts_who_is_already_there_and_what_they_are_to_the_sync(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A6: who is in the audience and not in the CRM, what collides, what will be left alone."""
    world = World(monkeypatch, tmp_path)
    world.want(person("anna"), person("bert"), person("carl"), person("dora", Flag="Nee"), person("emil"))
    there: dict[str, Any] = {"anna": "subscribed", "bert": "unsubscribed", "carl": "archived", "gone": "bounced"}
    for name, status in (there | dict.fromkeys(("dora", "private", "other"), "subscribed")).items():
        world.have(name, status)

    def standing() -> set[tuple[str, str, int]]:
        query = f"select standing, status, members from {SCHEMA}.plan_standing"
        return set(world.database.execute(query).fetchall())

    left_alone = {("not_wanted", "subscribed", 1), ("not_in_crm", "subscribed", 2), ("not_in_crm", "bounced", 1)}
    held = {("held", "unsubscribed", 1), ("held", "archived", 1)}
    world.sync_once()
    assert standing() == {("adopted", "subscribed", 1)} | held | left_alone
    world.plan()
    assert standing() == {("ours", "subscribed", 2)} | held | left_alone
    world.database.close()
