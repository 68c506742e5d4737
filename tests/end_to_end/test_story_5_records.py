"""What the story left in Dagster's storage and in the logs: figures for the UI, and nobody's address or name."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from cast import CAST, address
from rehearsal import SYNC, Rehearsal, Step, running
from story import Planned

from pipelines.cli.running import prepare_dagster_home
from pipelines.defs.running import PROCESS_TAG

pytestmark = pytest.mark.slow

ADDRESS = re.compile(rb"[\w.+'-]+@[\w-]+\.[\w.-]+")


@pytest.fixture(scope="module")
def instance(rehearsal: Rehearsal, emptied: Planned) -> Iterator[dg.DagsterInstance]:
    with running():
        folder = prepare_dagster_home(rehearsal.home())
        with dg.DagsterInstance.from_config(str(folder)) as found:
            yield found


def materializations(instance: dg.DagsterInstance, run_id: str) -> dict[str, dg.AssetMaterialization]:
    """What a run materialised, by asset key."""
    found = {}
    for record in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
        assert record.dagster_event
        materialization = record.dagster_event.step_materialization_data.materialization
        found[materialization.asset_key.to_user_string()] = materialization
    return found


@pytest.fixture(scope="module")
def quiet_run(instance: dg.DagsterInstance, quiet: Planned) -> dict[str, dg.AssetMaterialization]:
    return materializations(instance, quiet.step.result.document["result"]["run_id"])


@pytest.fixture(scope="module")
def stats_run(instance: dg.DagsterInstance, campaigns: Step) -> dict[str, dg.AssetMaterialization]:
    return materializations(instance, campaigns.result)


@pytest.fixture(scope="module")
def first_plan(instance: dg.DagsterInstance, scheduled: Step) -> dict[str, dg.AssetMaterialization]:
    return materializations(instance, scheduled.result)


def test_every_table_tells_its_rows_and_columns(
    quiet_run: dict[str, dg.AssetMaterialization], stats_run: dict[str, dg.AssetMaterialization]
) -> None:
    """Under the keys that the UI draws: dagster/row_count and dagster/column_schema."""
    assert len(quiet_run | stats_run) == 49
    for name, materialization in (quiet_run | stats_run).items():
        count = materialization.metadata["dagster/row_count"]
        assert isinstance(count.value, int), name
        if name != "analytics/marts/published":
            schema = materialization.metadata["dagster/column_schema"]
            assert isinstance(schema, dg.TableSchemaMetadataValue), name
            assert schema.schema.columns, name


def test_row_counts_are_those_of_the_tables(quiet_run: dict[str, dg.AssetMaterialization], settled: Rehearsal) -> None:
    for name, table in (
        ("auditcase/extract/persons", "crm_auditcase.persons"),
        (f"{SYNC}/map/map_wanted", f"sync_{SYNC}.map_wanted"),
        ("analytics/marts/audience_members", "marts.audience_members"),
    ):
        count = settled.query(f"select count(*) as count from {table}")[0]["count"]
        assert quiet_run[name].metadata["dagster/row_count"].value == count


def test_opens_clicks_and_growth_are_shown_as_pictures(quiet_run: dict[str, dg.AssetMaterialization]) -> None:
    shown = {"campaigns": ("opens and clicks",), "audience_daily": ("members", "joined and left")}
    for mart, titles in shown.items():
        metadata = quiet_run[f"analytics/marts/{mart}"].metadata
        for title in titles:
            assert str(metadata[title].value).startswith(f"![{title}](data:image/png;base64,")


def test_columns_of_a_mart_are_described(quiet_run: dict[str, dg.AssetMaterialization]) -> None:
    schema = quiet_run["analytics/marts/campaigns"].metadata["dagster/column_schema"]
    assert isinstance(schema, dg.TableSchemaMetadataValue)
    assert all(column.description for column in schema.schema.columns)


def test_the_plans_counts_are_a_table(first_plan: dict[str, dg.AssetMaterialization], planned: Rehearsal) -> None:
    changes = first_plan[f"{SYNC}/plan/frozen"].metadata["changes"]
    assert isinstance(changes, dg.MarkdownMetadataValue)
    lines = [f"| {row['op']} | {row['reason']} | {row['count']:,} |" for row in planned.plan().counts]
    assert changes.value == "\n".join(["| op | reason | count |", "|---|---|---|", *lines])


def test_a_plan_is_made_while_somebody_is_waited_for_and_when_there_is_nothing_to_do(
    first_plan: dict[str, dg.AssetMaterialization], quiet_run: dict[str, dg.AssetMaterialization]
) -> None:
    """The plan is what turns late when the CRM or the provider can't be read: neither of these may look like that."""
    assert f"{SYNC}/plan/frozen" in first_plan
    assert f"{SYNC}/plan/frozen" in quiet_run


def test_the_check_of_a_first_plan_warns_and_that_of_a_shrunken_crm_is_an_error(
    instance: dg.DagsterInstance, scheduled: Step, shrunken: Planned
) -> None:
    found = []
    for run in instance.get_runs(dg.RunsFilter(job_name=f"{SYNC}__members")):
        for record in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
            assert record.dagster_event
            evaluation = record.dagster_event.asset_check_evaluation_data
            if evaluation.check_name == "plan_is_safe" and not evaluation.passed:
                found.append((evaluation.severity, str(evaluation.description)))
    severities = [severity for severity, _ in found]
    assert sorted(severity.value for severity in severities) == ["ERROR", "WARN"]
    assert any(description.startswith("first_run: ") for _, description in found)
    assert any("max_source_drop: " in description for _, description in found)


def test_a_check_tells_the_failing_share_and_its_asset_where_the_page_lies(
    instance: dg.DagsterInstance, scheduled: Step, first_plan: dict[str, dg.AssetMaterialization]
) -> None:
    figures: dict[str, Any] = {}
    for record in instance.all_logs(scheduled.result, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        assert record.dagster_event
        evaluation = record.dagster_event.asset_check_evaluation_data
        if evaluation.check_name == "few_addresses_are_wrong_or_missing":
            figures = {name: entry.value for name, entry in evaluation.metadata.items()}
    assert figures["failing share"] == figures["observed"] > 0
    assert figures["at most"] == 0.1
    for name in ("suite", "extract_suite"):
        page = Path(str(first_plan[f"{SYNC}/check/{name}"].metadata["data docs"].value))
        assert "Great Expectations" in page.read_text(encoding="utf-8")


def test_a_killed_run_is_marked_failed_by_the_next_command(instance: dg.DagsterInstance, emptied: Planned) -> None:
    """At start-up, runs whose process is gone are marked failed."""
    assert not instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    ended = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
    assert len(ended) == 4  # stopped, killed, shrunken, emptied


def test_every_run_says_who_started_it_and_in_which_process(instance: dg.DagsterInstance) -> None:
    runs = instance.get_runs()
    assert len(runs) == 14
    for run in runs:
        assert run.tags["sync"] == SYNC
        assert run.tags["enlist/by"]
        assert run.tags[PROCESS_TAG].rpartition(":")[2].isdigit()


def stored(rehearsal: Rehearsal) -> Iterator[tuple[Path, bytes]]:
    """Every file of Dagster's storage and of the logs."""
    home = rehearsal.home()
    for folder in (home.dagster_home, home.logs):
        for path in folder.rglob("*"):
            if path.is_file():
                yield path, path.read_bytes()


def test_no_address_is_in_dagsters_storage_or_in_the_logs(rehearsal: Rehearsal, emptied: Planned) -> None:
    """M2: event logs, run tags, run configurations, what was printed, dbt's logs and compiled SQL."""
    assert ADDRESS.search((rehearsal.home().ledger / "consent.ndjson").read_bytes())
    size = 0
    for path, content in stored(rehearsal):
        size += len(content)
        found = set(ADDRESS.findall(content))
        assert not found, (path.name, sorted(found)[:3])
    assert size > 1_000_000


def test_no_person_is_in_dagsters_storage_or_in_the_logs(rehearsal: Rehearsal, finished: Planned) -> None:
    """M2: neither the people of the story nor a handful of the others, by address or by a name of two words."""
    others = sorted(finished.wanted)[::20]
    needles = [
        *(address(name).partition("@")[0].encode() + b"@" for name in CAST),
        *(email.encode() for email in others),
        b"Jansen-de Vries",
        b"Bakker-Smit",
        b"Twin_Of_Today",
    ]
    assert len(needles) > 30
    for path, content in stored(rehearsal):
        for needle in needles:
            assert needle not in content, path.name


def test_no_credential_is_in_any_file_or_table(rehearsal: Rehearsal, emptied: Planned) -> None:
    """A13: after days of plans, pushes and statistics; but in the file where its owner wrote it."""
    key = "0123456789abcdef0123456789abcdef"
    assert key in (rehearsal.root / "connections.yaml").read_text(encoding="utf-8")
    assert rehearsal.places_of(key) == set()
    assert rehearsal.places_of(rehearsal.list_id), "what is there is found"
