"""auditcase_mailchimp when the CRM looks wrong: the push stops, a person decides, and the decision is on record."""

import json
from datetime import datetime

import pytest
from rehearsal import Rehearsal
from story import Planned

pytestmark = pytest.mark.slow


def test_a_crm_that_lost_a_third_of_its_records_stops_the_push(shrunken: Planned) -> None:
    """max_source_drop and max_removals: exit 3, the numbers and the way out in one sentence, nothing sent."""
    result = shrunken.step.result
    assert (result.code, result.document["ok"], result.document["result"]) == (3, False, None)
    assert {rule["rule"] for rule in json.loads(shrunken.plan["broken_rules"])} == {"max_source_drop", "max_removals"}
    error = result.document["error"]
    assert "auditcase.persons gave 210 records, 90 fewer than the 300 of the last push." in error["what"]
    assert error["do"].endswith("then push it with --accept max_source_drop --accept max_removals.")
    assert shrunken.step.writes == {}
    assert shrunken.plan["status"] == "refused"


def test_accepting_both_rules_lets_that_plan_through(shrunken: Planned, accepted: Planned) -> None:
    assert accepted.step.error is None
    assert accepted.plan["plan_id"] == shrunken.plan["plan_id"]
    assert accepted.plan["status"] == "applied"
    planned = {row["email_key"] for row in shrunken.changes}
    left = {
        email
        for email, member in accepted.members.items()
        if member["status"] == "archived" and shrunken.members[email]["status"] != "archived"
    }
    assert left == planned
    assert len(left) > 50


def test_who_accepted_what_and_when_is_on_record(rehearsal: Rehearsal, accepted: Planned) -> None:
    """In the plan, and in the ledger's journal, which survives the warehouse."""
    acceptances = json.loads(accepted.plan["accepted"])
    assert [(one["rule"], one["by"]) for one in acceptances] == [("max_source_drop", "anna"), ("max_removals", "anna")]
    assert all(datetime.fromisoformat(one["at"]).tzinfo for one in acceptances)
    journal = rehearsal.home().ledger / "pushes" / f"{accepted.step.result}.ndjson"
    assert json.loads(journal.read_text(encoding="utf-8").splitlines()[0])["accepted"] == acceptances


def test_bounced_people_who_left_the_crm_are_held_because_they_cannot_be_archived(accepted: Planned) -> None:
    """Z6: Mailchimp archives nobody who is cleaned."""
    held = [email for email, reasons in accepted.holds.items() if "not_removable" in reasons]
    assert held
    assert {accepted.members[email]["status"] for email in held} == {"cleaned"}


def test_a_crm_that_is_suddenly_empty_stops_the_run_and_changes_nothing(accepted: Planned, emptied: Planned) -> None:
    """A desired state that is empty is never pushed; exit 3."""
    result = emptied.step.result
    assert (result.code, result.document["ok"]) == (3, False)
    assert result.document["error"]["what"] == (
        "auditcase.persons gave no records at all; the last good extract stays and nothing is sent."
    )
    assert emptied.step.calls.keys() <= {"GET /", "GET /lists"}
    assert emptied.members == accepted.members
    assert emptied.plan == accepted.plan


def test_the_last_good_extract_stays_when_the_crm_is_empty(rehearsal: Rehearsal, emptied: Planned) -> None:
    assert rehearsal.query("select count(*) as count from crm_auditcase.persons") == [{"count": 210}]
