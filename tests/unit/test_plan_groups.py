"""What the plan does with groups that are not simply mirrored.

Belongs here: groups[].mode and groups[].existing. Does not: mirrored groups (test_plan_members.py), on_exit
(test_plan_policies.py).
"""

from pathlib import Path

import pytest
from plan_models import SCHEMA
from plan_stories import Cast, Stage, Story
from plan_world import World, person

EVERY = ["Interests: Art", "Interests: Music", "Interests: News", "Interests: esclusi"]
overwriting = Stage("overwriting")
appending = Stage("appending")
leaving = Stage("appending", on_exit={"do": "leave_groups"})
keeping = Stage("untouched")


@overwriting
def test_a_stranger_leaves_a_group_that_is_overwritten_and_nothing_else(cast: Cast) -> Story:
    """E14: "sostituzione con la selezione corrente", removed from the group, not from the account."""
    cast.want("anna", Groups="News")
    cast.have("stranger", groups=["Interests: Art", "Interests: News"], tags=["theirs"])
    plan = yield
    assert ("leave", "stranger", "unmanaged") in plan.told
    assert plan.row("leave", "stranger")["before"] == {"groups": ["Interests: News"]}
    assert plan.row("leave", "stranger")["after"] == {"groups": []}
    yield
    member = cast.member("stranger")
    assert (member.status, member.groups, member.tags) == ("subscribed", ["Interests: Art"], ["theirs"])


@overwriting
def test_a_member_of_ours_who_was_put_into_an_overwritten_group_by_hand_leaves_it(cast: Cast) -> Story:
    cast.want("anna", Groups="News")
    cast.want("bert", Groups="Art")
    yield
    cast.member("bert").groups.append("Interests: News")
    plan = yield
    assert plan.told == [("leave", "bert", "changed")]
    yield
    assert cast.member("bert").groups == ["Interests: Art"]


@overwriting
def test_somebody_settled_in_an_overwritten_group_is_left_alone(cast: Cast) -> Story:
    cast.want("anna", Groups="News")
    yield
    plan = yield
    assert plan.told == []


@appending
def test_nobody_leaves_a_group_that_is_appended_to(cast: Cast) -> Story:
    """E15: "Se già presenti dei contatti, questi verranno mantenuti inalterati"."""
    cast.want("anna", Groups="News")
    cast.have("stranger", groups=["Interests: News"])
    yield
    cast.want("anna", Groups="Art")
    plan = yield
    assert plan.told == [("join", "anna", "changed")]
    yield
    assert sorted(cast.member("anna").groups) == ["Interests: Art", "Interests: News"]
    assert cast.member("stranger").groups == ["Interests: News"]


@leaving
def test_who_leaves_all_groups_stays_in_those_that_are_appended_to(cast: Cast) -> Story:
    cast.want("anna", Groups="News")
    yield
    cast.want("anna", Flag="Nee")
    plan = yield
    assert plan.told == []


@keeping
def test_who_is_in_the_group_already_keeps_the_fields_they_have(cast: Cast) -> Story:
    """E15: whether fields are refreshed is a setting."""
    cast.have("anna", groups=["Interests: News"], fields={"FNAME": "Theirs"})
    cast.want("anna", First="Ours", Groups="News")
    plan = yield
    assert plan.told == []
    assert cast.member("anna").fields["FNAME"] == "Theirs"


@keeping
def test_who_is_not_in_the_group_yet_gets_the_fields_of_the_crm_once(cast: Cast) -> Story:
    cast.have("anna", fields={"FNAME": "Theirs"})
    cast.want("anna", First="Ours", Groups="News")
    cast.want("bert", First="Bert", Groups="News")
    plan = yield
    assert ("update", "anna", "new") in plan.told
    cast.want("bert", First="Robert", Groups="News")
    plan = yield
    assert plan.told == []
    assert (cast.member("anna").fields["FNAME"], cast.member("bert").fields["FNAME"]) == ("Ours", "Bert")


@pytest.mark.parametrize(
    ("variant", "rules"),
    [
        ("first", ([], [], [])),
        ("overwriting", (["Interests: News"], [], [])),
        ("appending", ([], EVERY, [])),
        ("untouched", ([], [], EVERY)),
    ],
)
def test_the_rules_of_groups_reach_the_plan_by_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variant: str, rules: tuple[list[str], ...]
) -> None:
    world = World(monkeypatch, tmp_path, variant)
    world.want(person("anna", Groups="News;Art"))
    world.plan()
    found = world.database.execute(f"select overwritten, appended, untouched from {SCHEMA}.map_groups").fetchall()
    assert found == [rules]
    world.database.close()
