"""The Dagster objects of the default home: which there are, how they hang together, what they say of themselves.

Belongs here: definitions alone, nothing is run. Does not: what a run writes down (end_to_end/test_story_5_records.py).
"""

from datetime import timedelta

import dagster as dg
import pytest
from rehearsal import SYNC, Rehearsal, running

pytestmark = pytest.mark.slow

GROUPS = {
    "auditcase": ["auditcase/extract/persons"],
    "mailchimp": ["mailchimp/extract/audiences"],
    "auditcase_mailchimp": [
        "auditcase_mailchimp/check/addresses",
        "auditcase_mailchimp/check/consent",
        "auditcase_mailchimp/check/extract_suite",
        "auditcase_mailchimp/check/suite",
        "auditcase_mailchimp/extract/members",
        "auditcase_mailchimp/map/map_duplicates",
        "auditcase_mailchimp/map/map_groups",
        "auditcase_mailchimp/map/map_records",
        "auditcase_mailchimp/map/map_wanted",
        "auditcase_mailchimp/plan/frozen",
        "auditcase_mailchimp/plan/plan_changes",
        "auditcase_mailchimp/plan/plan_holds",
        "auditcase_mailchimp/plan/plan_members",
        "auditcase_mailchimp/plan/plan_renames",
        "auditcase_mailchimp/plan/plan_standing",
        "auditcase_mailchimp/plan/plan_state",
        "auditcase_mailchimp/push/pushes",
        "auditcase_mailchimp/stage/stage_fields",
        "auditcase_mailchimp/stage/stage_managed",
        "auditcase_mailchimp/stage/stage_members",
        "auditcase_mailchimp/stage/stage_suppressions",
        "auditcase_mailchimp/stats/campaigns",
        "auditcase_mailchimp/stats/domains",
        "auditcase_mailchimp/stats/events",
        "auditcase_mailchimp/stats/link_clicks",
        "auditcase_mailchimp/stats/links",
        "auditcase_mailchimp/stats/sends",
        "auditcase_mailchimp/stats/write_back",
    ],
    "analytics": [
        "analytics/marts/audience_daily",
        "analytics/marts/audience_members",
        "analytics/marts/audiences",
        "analytics/marts/campaign_hourly",
        "analytics/marts/campaigns",
        "analytics/marts/categories",
        "analytics/marts/cohorts",
        "analytics/marts/contact_notes",
        "analytics/marts/domains",
        "analytics/marts/engagement",
        "analytics/marts/events",
        "analytics/marts/link_clicks",
        "analytics/marts/links",
        "analytics/marts/opt_outs",
        "analytics/marts/parked_members",
        "analytics/marts/published",
        "analytics/marts/reconciliation",
        "analytics/marts/sends",
        "analytics/marts/sync_runs",
    ],
}
SCHEDULES = {
    "auditcase_mailchimp__audiences": ("0 * * * *", "Europe/Amsterdam"),
    "auditcase_mailchimp__members": ("15 8-18 * * *", "Europe/Amsterdam"),
    "auditcase_mailchimp__stats": ("30 5 * * *", "Europe/Amsterdam"),
}
# Read from outside, they have nothing before them.
OUTSIDE = {"auditcase/extract/persons", "mailchimp/extract/audiences"}


@pytest.fixture(scope="module")
def definitions(planned: Rehearsal) -> dg.Definitions:
    with running():
        from pipelines.definitions import build

        return build(planned.home())


@pytest.fixture(scope="module")
def specs(definitions: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}


def ancestors(specs: dict[str, dg.AssetSpec], name: str) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for dep in specs[waiting.pop()].deps:
            key = dep.asset_key.to_user_string()
            if key not in found:
                found.add(key)
                waiting.append(key)
    return found


def test_the_assets_and_their_groups(specs: dict[str, dg.AssetSpec]) -> None:
    """[sync, stage, name]; a group per sync, per CRM, per provider account, and the marts."""
    found: dict[str, list[str]] = {}
    for name, spec in sorted(specs.items()):
        found.setdefault(str(spec.group_name), []).append(name)
    assert found == GROUPS


def test_there_is_a_job_for_each_schedule_and_no_other(definitions: dg.Definitions) -> None:
    jobs = {job.name for job in definitions.resolve_all_job_defs()}
    assert {job for job in jobs if not job.startswith("__")} == set(SCHEDULES)


def test_the_schedules_with_their_cron_line_and_time_zone(definitions: dg.Definitions) -> None:
    """K1: in the daytime once an hour at minute 15, in the sync's own zone; a sync that is switched on runs (A7)."""
    found = {}
    for schedule in definitions.schedules or ():
        assert isinstance(schedule, dg.ScheduleDefinition)
        assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
        found[schedule.job_name] = (schedule.cron_schedule, schedule.execution_timezone)
    assert found == SCHEDULES


def test_the_members_job_runs_the_sync_and_the_marts_and_reads_no_campaign(definitions: dg.Definitions) -> None:
    job = definitions.resolve_job_def(f"{SYNC}__members")
    keys = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
    stats = {name for name in GROUPS[SYNC] if "/stats/" in name}
    assert keys == {name for group in GROUPS.values() for name in group} - stats


def test_every_asset_says_what_it_is_whose_it_is_and_what_it_is_made_with(specs: dict[str, dg.AssetSpec]) -> None:
    assert set(specs) == {name for group in GROUPS.values() for name in group}
    for name, spec in specs.items():
        assert spec.description, name
        assert "one row per" in spec.description.lower() or name.endswith("published"), name
        assert spec.owners, name
        assert spec.kinds, name


def test_the_ui_shows_when_members_and_statistics_are_late(specs: dict[str, dg.AssetSpec]) -> None:
    """Each by the sync's own cron line, in its own zone; what only follows from them has no deadline of its own.

    The plan stands for the sync: it comes after the CRM and the provider were read, and does not wait for a person.
    """
    found = {name: spec.freshness_policy for name, spec in specs.items() if spec.freshness_policy}
    assert set(found) == {f"{SYNC}/plan/frozen", *(name for name in GROUPS[SYNC] if "/stats/" in name)}
    zone = "Europe/Amsterdam"
    hours = "8,9,10,11,12,13,14,15,16,17,18"
    expected = dg.FreshnessPolicy.cron(f"45 {hours} * * *", timedelta(minutes=30), zone)
    assert found.pop(f"{SYNC}/plan/frozen") == expected
    assert set(found.values()) == {dg.FreshnessPolicy.cron("30 7 * * *", timedelta(hours=2), zone)}


def test_nothing_is_outside_but_the_crm_and_the_account(specs: dict[str, dg.AssetSpec]) -> None:
    """No asset stands alone, and no dependency names an asset that is not there."""
    assert {name for name, spec in specs.items() if not list(spec.deps)} == OUTSIDE
    named = {dep.asset_key.to_user_string() for spec in specs.values() for dep in spec.deps}
    assert named <= set(specs)


def test_lineage_leads_from_the_crm_table_to_the_marts_without_a_gap(specs: dict[str, dg.AssetSpec]) -> None:
    """Stage by stage, and to the file that analysts open."""
    sends = ancestors(specs, "analytics/marts/sends")
    assert {
        *OUTSIDE,
        "auditcase_mailchimp/extract/members",
        "auditcase_mailchimp/check/addresses",
        "auditcase_mailchimp/check/consent",
        "auditcase_mailchimp/stage/stage_members",
        "auditcase_mailchimp/map/map_wanted",
        "auditcase_mailchimp/plan/plan_changes",
        "auditcase_mailchimp/plan/frozen",
        "auditcase_mailchimp/push/pushes",
        "auditcase_mailchimp/stats/sends",
    } <= sends
    assert ancestors(specs, "analytics/marts/campaigns") >= OUTSIDE
    published = ancestors(specs, "analytics/marts/published")
    assert set(GROUPS["analytics"]) - published == {"analytics/marts/published"}
    assert published >= OUTSIDE


def test_every_asset_is_downstream_of_the_crm_or_the_provider(specs: dict[str, dg.AssetSpec]) -> None:
    inside = set(specs) - OUTSIDE
    assert len(inside) == sum(map(len, GROUPS.values())) - len(OUTSIDE)
    for name in inside:
        assert ancestors(specs, name) & OUTSIDE, name


def test_the_plan_stands_between_the_check_and_the_push(specs: dict[str, dg.AssetSpec]) -> None:
    assert f"{SYNC}/plan/frozen" in ancestors(specs, f"{SYNC}/push/pushes")
    assert f"{SYNC}/check/suite" in ancestors(specs, f"{SYNC}/plan/frozen")
    assert f"{SYNC}/push/pushes" not in ancestors(specs, f"{SYNC}/plan/frozen")


def test_every_dbt_model_brings_its_tests_as_checks(definitions: dg.Definitions) -> None:
    checks = definitions.resolve_asset_graph().asset_check_keys
    checked = {key.asset_key.to_user_string() for key in checks}
    models = {name for name in GROUPS[SYNC] if name.split("/")[1] in ("stage", "map", "plan")} - {f"{SYNC}/plan/frozen"}
    assert models <= checked
    assert {check.name for check in checks if check.asset_key.path[-1] == "frozen"} == {"plan_is_safe"}


def test_the_definitions_can_be_loaded(definitions: dg.Definitions) -> None:
    """What `dagster definitions validate` asks of them."""
    dg.Definitions.validate_loadable(definitions)
