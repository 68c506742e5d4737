"""The command line itself: quick to start, one JSON object, masked addresses, true exit codes of a real process.

Belongs here: what is the same for many commands, on a home with a plan that waits. Does not: what commands refuse
(test_bad_input.py), what they do to a provider (end_to_end/).
"""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cast import address
from rehearsal import SYNC, Rehearsal, running

pytestmark = pytest.mark.slow

# Each takes 0.2 to 5 seconds to import.
HEAVY = {
    *("dagster", "dagster_dbt", "dbt", "duckdb", "great_expectations", "pandas", "numpy", "requests", "sqlalchemy"),
    *("starlette", "uvicorn", "sqlglot"),
}
ADDRESS = re.compile(r"[\w.+-]{2,}@[\w.-]+\.example")
LOOKING = (
    ("status",),
    ("plans",),
    ("plans", SYNC),
    ("failures",),
    ("failures", SYNC),
    ("check",),
)


def enlist(*arguments: str, home: Path | None = None, **environ: str) -> "subprocess.CompletedProcess[str]":
    """A real process of the installed command."""
    command = [str(Path(sys.executable).with_name("enlist")), *arguments]
    known = {**os.environ, **environ} | ({"ENLIST_HOME": str(home)} if home else {})
    return subprocess.run(command, capture_output=True, text=True, env=known, timeout=60, check=False)


def test_help_imports_nothing_heavy() -> None:
    """`enlist --help` answers in well under a second, because it loads neither Dagster nor DuckDB."""
    done = enlist("--help", PYTHONPROFILEIMPORTTIME="1")
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert done.returncode == 0
    assert {"pipelines", "typer", "rich"} <= imported
    assert not imported & HEAVY
    commands = "demo status check plan plans show push sync stats report failures explain block unblock undo sandbox ui"
    for command in commands.split():
        assert re.search(rf"^\W*{command}\s+\S", done.stdout, re.MULTILINE)


def test_a_process_ends_with_the_commands_exit_code_and_says_why(tmp_path: Path) -> None:
    done = enlist("plan", SYNC, home=tmp_path / "nowhere")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "this home does not exist" in " ".join(done.stderr.split())


def test_a_process_that_did_what_it_should_ends_quietly_with_zero(planned: Rehearsal) -> None:
    """Not a word on the error stream, from the libraries below neither."""
    done = enlist("plans", "--json", home=planned.root)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["ok"] is True


@pytest.mark.parametrize("command", LOOKING, ids=" ".join)
def test_success_is_one_json_object_and_nothing_else(planned: Rehearsal, command: tuple[str, ...]) -> None:
    done = planned.enlist(*command, "--json")
    assert done.err == ""
    assert done.out.count("\n") == 1
    document = done.document
    assert list(document) == ["ok", "exit_code", "result", "error"]
    assert document["exit_code"] == done.code == (1 if command[0] == "check" else 0)
    assert document["ok"] is (done.code == 0)
    assert document["error"] is None
    assert not ADDRESS.search(done.out)


def test_check_finds_what_the_mapping_had_to_leave_out(planned: Rehearsal) -> None:
    """A6, G3: exit 1 for findings; what is in order is told as well."""
    result = planned.enlist("check", SYNC, "--json").document["result"]
    found = {finding["finding"] for finding in result["findings"]}
    assert "10 records are held: bad_address." in found
    assert "12 records are held: duplicate." in found
    notes = " ".join(note["note"] for note in result["notes"])
    assert "auditcase.persons: readable, 25 columns" in notes
    assert "audience Relaties: " in notes


def test_check_counts_the_people_tagged_nee_and_names_the_where_that_leaves_them_out(planned: Rehearsal) -> None:
    """C5: AuditCase's advice is to take these people out of the link altogether. It is a policy, so no finding."""
    warnings = planned.enlist("check", SYNC, "--json").document["result"]["warnings"]
    (warning,) = (one for one in warnings if "says no" in one["warning"])
    tags = ("Mailingen-ontvangen-nee", "Correspondentie-ontvangen-nee")
    count = "select count(*) as count from {table} where {where}"
    tagged = f"eligibility = 'wanted' and list_has_any(tags, {list(tags)})"
    (expected,) = planned.query(count.format(table=f"sync_{SYNC}.map_records", where=tagged))
    assert warning["records"] == expected["count"] > 0
    assert all(tag in warning["warning"] for tag in tags)
    assert warning["do"].endswith(
        "KoppelenMetMailChimp = 'Ja' and MailingenOntvangen is distinct from 'Nee' "
        "and UitsluitenVoorCorrespondentie is distinct from 'Ja'"
    )
    assert warning["where"].startswith("syncs/auditcase_mailchimp.yaml:")


def test_the_suites_are_told_as_checks_and_as_a_page_without_any_persons_values(planned: Rehearsal) -> None:
    """M2: counts and shares only."""
    found = planned.query("select suite, passed from quality.expectations where sync = ?", [SYNC])
    assert {row["suite"] for row in found} == {"extract", "wanted", "audience"}
    assert all(row["passed"] for row in found)
    pages = sorted((planned.root / "reports" / "quality" / SYNC).iterdir())
    assert [page.name for page in pages] == ["extract.html", "members.html"]
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    assert "Great Expectations" in text
    assert text.count('<i class="fas fa-check-circle') == len(found)
    assert not ADDRESS.search(text)
    assert not any(row["PersonNameRE"] in text for row in planned.query("from crm_auditcase.persons limit 200"))


def test_dbts_page_of_all_models_is_built(warm: Rehearsal) -> None:
    from pipelines import dbt_docs

    with running():
        page = dbt_docs.write(warm.home())
    assert page == warm.root / "reports" / "dbt.html"
    text = page.read_text(encoding="utf-8")
    assert all(model in text for model in ("plan_changes", "audience_members", "map_records"))
    assert not ADDRESS.search(re.sub(r"[\w.]+@(?:getdbt|fishtown|dbtlabs)\S+", "", text))


def test_status_says_what_waits_for_whom(planned: Rehearsal) -> None:
    (found,) = planned.enlist("status", "--json").document["result"]["syncs"]
    assert found["sync"] == SYNC
    assert found["state"] == "pending"
    assert found["waits_for"].endswith("changes waits for you: first_run.")
    assert found["next_run_at"]


def test_a_plans_rows_are_keyed_as_the_tables_columns_and_masked(planned: Rehearsal) -> None:
    plan = planned.plan()
    done = planned.enlist("show", plan.plan_id, "--json")
    rows = done.document["result"]["rows"]
    columns = set(planned.query("select * from plan.changes limit 1")[0])
    assert len(rows) == plan.size
    assert set(rows[0]) == columns
    assert not ADDRESS.search(done.out)
    assert f"{address('marieke')[0]}…@c….example" in {row["email"] for row in rows}


def test_reveal_shows_addresses_in_full(planned: Rehearsal) -> None:
    done = planned.enlist("show", planned.plan().plan_id, "--reveal", "--json")
    assert address("marieke") in {row["email"] for row in done.document["result"]["rows"]}


def test_people_see_masked_addresses_too(planned: Rehearsal) -> None:
    done = planned.enlist("show", planned.plan().plan_id, "--op", "update")
    assert (done.code, done.err) == (0, "")
    assert "a…@c….example" in done.out
    assert not ADDRESS.search(done.out)


def test_a_plan_can_be_narrowed_to_an_op_and_a_reason(planned: Rehearsal) -> None:
    plan_id = planned.plan().plan_id
    rows = planned.enlist("show", plan_id, "--op", "tag", "--reason", "new", "--json").document["result"]["rows"]
    assert {(row["op"], row["reason"]) for row in rows} == {("tag", "new")}
    assert not planned.enlist("show", plan_id, "--reason", "no_match", "--json").document["result"]["rows"]


def test_a_plan_as_csv_is_masked_and_is_no_formula(planned: Rehearsal, tmp_path: Path) -> None:
    """M2: a file leaves the house more easily than a screen."""
    path = tmp_path / "plan.csv"
    done = planned.enlist("show", planned.plan().plan_id, "--csv", str(path), "--json")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert done.document["result"]["rows"] == len(rows) == planned.plan().size
    assert not ADDRESS.search(path.read_text(encoding="utf-8"))
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "@"))]


def test_the_way_out_of_a_first_plan_is_in_its_own_words(planned: Rehearsal) -> None:
    """What `enlist show` tells to type next is what `enlist push` takes."""
    done = planned.enlist("show", planned.plan().plan_id)
    assert f"enlist push {SYNC} --accept first_run" in " ".join(done.out.split())
