"""Staleness: each way in which the world can move between a plan and its push.

Belongs here: sync/stale.py. Does not: what a push makes of it (test_push files).
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, timedelta
from types import MappingProxyType
from typing import Any, get_args

import pytest
from plan_models import SCHEMA, home_of, synced
from plan_world import MAILCHIMP, World, person

from pipelines import clock
from pipelines.config import MailchimpConnection
from pipelines.errors import StalePlan
from pipelines.providers.base import Account, Member, MergeField
from pipelines.sync import stale
from pipelines.sync.freeze import freeze
from pipelines.sync.plans import Plan, Status


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        made = World(patch, tmp_path_factory.mktemp("ledger"))
        made.want(person("anna"))
        made.plan()
        yield made
        made.database.close()


@pytest.fixture
def plan(world: World) -> Plan:
    return freeze(world.database, world.home, world.sync, MAILCHIMP)


def verdict(plan: Plan, **moved: Any) -> str | None:
    """Why the plan is stale, None while it is not."""
    sync = moved.pop("sync", synced())
    home = moved.pop("home", home_of("first"))
    try:
        stale.raise_if_stale(plan, home, sync, **{"checksum_now": plan.checksum, **moved})
    except StalePlan as error:
        assert "enlist plan people" in error.do
        return error.what
    return None


def verdict_elsewhere(world: World, plan: Plan, *, account: str = "account", **fields: Any) -> str | None:
    """The same of what the provider says; `fields` take the place of those that were extracted."""
    extracted = stale.named_fields(world.database, world.sync)
    now = {name: field for name, field in {**extracted, **fields}.items() if field}
    try:
        stale.raise_if_elsewhere(plan, Account(account, "Name", "owner"), now, extracted)
    except StalePlan as error:
        assert "enlist plan people" in error.do
        return error.what
    return None


def test_a_plan_fits_as_long_as_nothing_moved(plan: Plan) -> None:
    assert verdict(plan) is None


def test_a_plan_whose_rows_were_touched_is_stale(plan: Plan) -> None:
    assert "not those that were frozen" in str(verdict(plan, checksum_now="other"))


def test_a_plan_is_stale_when_the_sync_changed(plan: Plan) -> None:
    """A10: a mapping that was edited needs a plan of its own."""
    assert "configuration" in str(verdict(plan, sync=synced(mode="append")))


def test_a_plan_is_stale_when_a_connection_changed_but_not_when_its_secret_did(plan: Plan) -> None:
    home = home_of("first")
    chimp = home.connections["chimp"]
    assert isinstance(chimp, MailchimpConnection)
    other_url = chimp.model_copy(update={"url": "http://127.0.0.1:9999/mailchimp"})
    other_key = MailchimpConnection.model_validate(
        {**chimp.model_dump(), "api_key": "ffffffffffffffffffffffffffffffff-us1"}
    )
    for connection, is_stale in ((other_url, True), (other_key, False)):
        moved = replace(home, connections=MappingProxyType({**home.connections, "chimp": connection}))
        assert (verdict(plan, home=moved) is not None) == is_stale


def test_a_plan_fits_as_long_as_the_provider_says_the_same(world: World, plan: Plan) -> None:
    assert verdict_elsewhere(world, plan) is None


def test_a_plan_is_stale_in_another_account(world: World, plan: Plan) -> None:
    """Another key in the environment changes no configuration."""
    assert "another account" in str(verdict_elsewhere(world, plan, account="other"))


@pytest.mark.parametrize(
    "field",
    [
        None,
        {"field_id": "f-FNAME", "label": "Voornaam", "type": "text", "required": False},
        {"field_id": "99", "label": "Fname", "type": "text", "required": False},
        {"field_id": "f-FNAME", "label": "Fname", "type": "number", "required": False},
        {"field_id": "f-FNAME", "label": "Fname", "type": "text", "required": True},
    ],
)
def test_a_plan_is_stale_when_a_merge_field_of_the_sync_changed(world: World, plan: Plan, field: Any) -> None:
    """Gone, renamed, repointed, retyped, required; the sentence names it."""
    assert "the merge fields at the provider changed (FNAME)" in str(verdict_elsewhere(world, plan, FNAME=field))


def test_a_field_that_the_plan_itself_creates_may_be_there_by_now(world: World, plan: Plan) -> None:
    """The canary of a plan made it; the rest of the plan is not stale because of that."""
    creating = replace(plan, creates=({"what": "merge field", "name": "NEW", "category": ""},))
    made = {"field_id": "7", "label": "NEW", "type": "text", "required": False}
    assert verdict_elsewhere(world, creating) is None
    assert verdict_elsewhere(world, creating, NEW=made) is None
    assert verdict_elsewhere(world, plan, NEW=made) is not None


def test_fields_as_read_are_told_as_those_extracted(world: World) -> None:
    extracted = stale.named_fields(world.database, world.sync)
    read = [
        MergeField(name, str(field["field_id"]), str(field["label"]), str(field["type"]), bool(field["required"]))
        for name, field in extracted.items()
    ]
    other = MergeField("OTHER", "9", "Other", "text", False)
    assert stale.hash_of(stale.named([other, *read], world.sync.field_names)) == stale.hash_of(extracted)


def test_a_plan_is_stale_after_a_day(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    for passed, is_stale in ((timedelta(hours=24), False), (timedelta(hours=24, seconds=1), True)):
        moment = plan.created_at.replace(tzinfo=UTC) + passed
        monkeypatch.setenv(clock.VARIABLE, moment.isoformat())
        assert (verdict(plan) is not None) == is_stale


@pytest.mark.parametrize("status", get_args(Status))
def test_a_plan_that_waits_is_shown_as_expired_after_a_day_and_any_other_as_what_became_of_it(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, status: Status
) -> None:
    """Nothing may seem to wait for a person which a push would refuse."""
    made = replace(plan, status=status)
    then = "expired" if status in ("pending", "refused") else status
    for passed, shown in ((timedelta(hours=24), status), (timedelta(hours=24, seconds=1), then)):
        monkeypatch.setenv(clock.VARIABLE, (plan.created_at.replace(tzinfo=UTC) + passed).isoformat())
        assert stale.as_of_now(made) == replace(plan, status=shown)


FIELD_CHANGES = {
    "label = 'Voornaam'": "The label of merge field FNAME was Fname and is Voornaam now: "
    "all its values, sent and new, stand under that label.",
    "field_id = '99'": "The id of merge field FNAME was f-FNAME and is 99 now: "
    "values would go into another field than those that were sent.",
    "type = 'number'": "The type of merge field FNAME was text and is number now: "
    "values that do not fit it are refused or rewritten.",
}


@pytest.mark.parametrize("change", FIELD_CHANGES)
def test_a_field_renamed_repointed_or_retyped_is_drift(world: World, change: str) -> None:
    """D13, N2: values would land in the other field."""
    before, hashed = json.dumps(stale.named_fields(world.database, world.sync)), stale.fields_hash
    was = hashed(world.database, world.sync)
    assert stale.drift(world.database, world.sync, before) == ()
    world.database.begin()
    world.database.execute(f"update extract.merge_fields set {change} where name = 'FNAME'")
    found, now = stale.drift(world.database, world.sync, before), hashed(world.database, world.sync)
    world.database.rollback()
    assert (found, now != was) == ((FIELD_CHANGES[change],), True)


def test_a_field_that_is_gone_is_drift_unless_the_sync_names_it_no_more(world: World) -> None:
    """D13: with `create_fields` it would be made anew, and nobody would know why."""
    now = stale.named_fields(world.database, world.sync)
    before = {**now, "GONE": {"field_id": "9", "label": "Gone", "type": "text", "required": False}}
    assert stale.drifted(now, before, world.sync.field_names) == ()
    (sentence,) = stale.drifted(now, before, [*world.sync.field_names, "GONE"])
    assert sentence.startswith("Merge field GONE (Gone, id 9) is gone")


def test_a_field_that_the_sync_does_not_name_may_change(world: World) -> None:
    was = stale.fields_hash(world.database, world.sync)
    world.database.begin()
    world.database.execute(
        "insert into extract.merge_fields values ('chimp', 'A1', 'OTHER', '9', 'Other', 'text', false, null, []),"
        " ('chimp', 'A2', 'FNAME', '8', 'Elsewhere', 'text', false, null, [])"
    )
    now = stale.fields_hash(world.database, world.sync)
    world.database.rollback()
    assert now == was


def test_the_time_of_the_extract_is_told_to_the_provider_in_utc_and_a_little_earlier(world: World) -> None:
    """Clocks differ: somebody who said no by the provider's clock before the extract may have done so after it."""
    ((extracted_at,),) = world.database.execute(f"select extracted_at from {SCHEMA}.settings").fetchall()
    assert extracted_at.isoformat() == "2026-11-20T10:01:00"
    assert stale.provider_time(extracted_at) == "2026-11-20T09:56:00+00:00"


def member(name: str, status: Any = "subscribed", **fields: str) -> Member:
    return Member("1", f"{name}@B.example", status, {"FNAME": "Anna", **fields}, (), (), None, None, None)


def row(op: str, before: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    rest = {"email_key": "anna@b.example", "old_email_key": None, "change_id": f"p:{op}"}
    return {"op": op, "before": before and json.dumps(before), **rest, **more}


def moved(planned: dict[str, Any], *now: Member) -> str | None:
    return stale.moved([planned], ((one.email.lower(), one) for one in now)).get(planned["change_id"])


SUBSCRIBED = {"status": "subscribed"}
HELD = {"status": "subscribed", "fields": {"FNAME": "Anna"}}


@pytest.mark.parametrize(
    ("op", "before", "now", "why"),
    [
        ("add", None, member("anna"), "the address is in the audience as subscribed now"),
        ("add", None, member("anna", "unsubscribed"), "the address is in the audience as unsubscribed now"),
        ("add", {"status": "archived"}, member("anna", "archived"), None),
        ("add", {"status": "archived"}, member("anna", "unsubscribed"), "in the audience as unsubscribed now"),
        ("archive", SUBSCRIBED, member("anna"), None),
        ("archive", SUBSCRIBED, member("anna", "unsubscribed"), "the member is unsubscribed now"),
        ("unsubscribe", SUBSCRIBED, member("anna", "bounced"), "the member is bounced now"),
        ("update", HELD, member("anna"), None),
        ("update", HELD, member("anna", FNAME="by hand"), "FNAME changed at the provider"),
        ("update", HELD, member("anna", "unsubscribed"), "the member is unsubscribed now"),
        ("tag", {"tags": []}, member("anna", "unsubscribed"), None),
        ("update", HELD, member("bert", "unsubscribed"), None),
    ],
)
def test_a_row_moved_when_its_before_no_longer_holds(op: str, before: Any, now: Member, why: str | None) -> None:
    """Such rows are left."""
    found = moved(row(op, before), now)
    assert found is None if why is None else why in str(found)


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (member("old"), None),
        (member("old", "unsubscribed"), "the member is unsubscribed now"),
        (member("old", FNAME="by hand"), "FNAME changed"),
    ],
)
def test_a_rename_is_held_against_the_old_address(now: Member, why: str | None) -> None:
    before = {"email": "old@b.example", "fields": {"FNAME": "Anna"}}
    found = moved(row("rename", before, old_email_key="old@b.example"), now)
    assert found is None if why is None else why in str(found)


def test_a_rename_moved_when_somebody_has_the_new_address_now() -> None:
    """No rename onto an address that exists."""
    before = {"email": "old@b.example", "fields": {"FNAME": "Anna"}}
    found = moved(row("rename", before, old_email_key="old@b.example"), member("anna"))
    assert "the address is in the audience as subscribed now" in str(found)


@pytest.mark.parametrize(
    ("count", "size", "is_stale"),
    [(25, 100, False), (26, 100, True), (50, 1000, False), (51, 1000, True), (26, 26, True), (3, 3, False)],
)
def test_a_plan_is_stale_above_a_twentieth_and_the_floor(count: int, size: int, is_stale: bool) -> None:
    """Above 5% of the plan and more than `floor` rows."""
    assert stale.too_many_moved(count, size, floor=25) == is_stale


def test_what_moved_is_counted_by_reason_the_commonest_first() -> None:
    found = {"1": "FNAME changed at the provider", "2": "the member is bounced now", "3": "the member is bounced now"}
    told = "2 because the member is bounced now, 1 because FNAME changed at the provider"
    assert stale.counted(found) == told
