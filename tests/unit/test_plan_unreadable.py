"""What the plan does while some records of an entity can't be read: nobody leaves because their record is gone.

Belongs here: extract.rejected and leavers. Does not: what makes a record unreadable (test_sources_file.py), how many
of them stop a plan (test_suites.py).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from plan_world import World, address, person

from pipelines.config import load_home
from pipelines.crm.loading import load_entity
from pipelines.warehouse import Warehouse, rows

NAMES = ("anna", "bert", "carl", "dora")
REASON = "unreadable_records"


@pytest.fixture
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as found:
        yield found


def synced(patch: pytest.MonkeyPatch, ledger: Path, variant: str = "first", **policy: Any) -> World:
    """A world with everybody of NAMES in the audience and in a group."""
    world = World(patch, ledger, variant, **policy)
    world.want(*(person(name, Groups="News") for name in NAMES))
    world.sync_once()
    return world


def reject(world: World, *connections_and_entities: str, records: int = 1) -> None:
    """So many records of each entity, and of no other, could not be read."""
    world.database.execute("delete from extract.rejected")
    for name in connections_and_entities * records:
        place = [*name.split("."), "line 7", "too few values", "[]", "run"]
        world.database.execute("insert into extract.rejected values (?, ?, ?, ?, ?, ?)", place)


def test_nobody_leaves_as_deleted_while_a_record_of_their_entity_could_not_be_read(
    patch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The record may be one of those; who leaves for another reason leaves."""
    world = synced(patch, tmp_path)
    world.drop("anna")
    world.want(
        person("bert", Flag="Nee"), person("carl", Stop="1"), person("dora", Email=address("dora.new"), Groups="News")
    )
    reject(world, "crm.persons", "crm.firms", records=3)
    plan = world.plan()
    assert [(op, name) for op, name, _ in plan.told] == [
        ("unsubscribe", "carl"),
        ("archive", "bert"),
        ("rename", "dora.new"),
    ]
    assert plan.held == {("anna", REASON)}
    told = "crm.persons has records that could not be read (3): this may be one of them"
    assert (plan.hold(REASON)["detail"], plan.hold(REASON)["entity"]) == (told, "crm.persons")
    assert world.broken_data_tests() == []
    reject(world)
    plan = world.plan()
    assert ("archive", "anna", "deleted_in_crm") in plan.told
    assert plan.held == set()


def test_unreadable_records_of_what_the_person_was_not_sent_for_hold_nobody(
    patch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    world = synced(patch, tmp_path)
    world.drop("anna")
    reject(world, "crm.firms", "other.persons")
    assert world.plan().told == [("archive", "anna", "deleted_in_crm")]


def test_whose_record_may_be_unreadable_is_silenced_when_they_must_not_be_mailed(
    patch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A block and a no from another audience do not wait for the export."""
    world = synced(patch, tmp_path)
    world.drop("anna", "bert", "carl")
    world.says("block", "anna", source="admin")
    world.says("opt_out", "bert", audience_id="A2")
    reject(world, "crm.persons")
    plan = world.sync_once()
    assert plan.told == [("unsubscribe", "anna", "blocked"), ("unsubscribe", "bert", "opted_out")]
    assert plan.held == {("carl", REASON)}
    assert world.sync_once().told == []


def test_a_clock_goes_on_while_records_can_not_be_read(patch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """F6: whoever left before the trouble has left."""
    world = synced(patch, tmp_path, on_exit={"do": "unsubscribe", "then": "archive", "after_days": 60})
    world.drop("anna")
    assert world.sync_once().told == [("unsubscribe", "anna", "deleted_in_crm")]
    world.later(days=61)
    world.drop("bert")
    reject(world, "crm.persons")
    plan = world.plan()
    assert (plan.told, plan.held) == ([("archive", "anna", "purge_due")], {("bert", REASON)})


def test_where_people_leave_groups_only_those_who_are_in_one_are_held(
    patch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    world = synced(patch, tmp_path, on_exit={"do": "leave_groups"})
    world.drop("anna")
    assert world.sync_once().told == [("leave", "anna", "deleted_in_crm")]
    world.drop("bert")
    reject(world, "crm.persons")
    plan = world.plan()
    assert (plan.told, plan.held) == ([], {("bert", REASON)})


def test_nobody_leaves_a_group_that_is_overwritten_either(patch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """E14 takes strangers out, and whoever is not known to be gone is none."""
    world = synced(patch, tmp_path, "overwriting", mode="append")
    world.drop("anna")
    reject(world, "crm.persons")
    plan = world.plan()
    assert (plan.told, plan.held) == ([], {("anna", REASON)})
    reject(world)
    assert world.plan().told == [("leave", "anna", "deleted_in_crm")]


def test_a_line_with_an_unquoted_comma_takes_nobody_out(patch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """From the export to the plan."""
    world = synced(patch, tmp_path / "ledger")
    lines = [f"{name},{address(name)},Ja,Nee,0,News,{name.title()}" for name in NAMES]
    lines[0] += ", called Ann"
    (tmp_path / "persons.csv").write_text(
        "\n".join(["Id,Email,Flag,Minor,Stop,Groups,First", *lines]), encoding="utf-8"
    )
    entities = {"persons": {"path": "persons.csv", "key": "Id"}}
    settings = {"connections": {"crm": {"kind": "file", "settle": "0s", "entities": entities}}}
    (tmp_path / "connections.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    home = load_home(tmp_path, environ={})
    loaded = load_entity(home, Warehouse(home), "crm", "persons", "run")
    assert (loaded.rows, loaded.rejected) == (3, 1)
    with Warehouse(home).open() as database:
        world.crm["persons"] = cast("list[dict[str, str | None]]", rows(database, "select * from crm_crm.persons"))
        rejected = database.execute("select * from extract.rejected").fetchall()
    world.database.executemany("insert into extract.rejected values (?, ?, ?, ?, ?, ?)", rejected)
    plan = world.plan()
    assert (plan.told, plan.held) == ([], {("anna", REASON)})
