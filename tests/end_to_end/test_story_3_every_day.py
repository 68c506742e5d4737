"""auditcase_mailchimp from day to day: nothing to do, people who say no, changes in the CRM, a push that was killed.

Judged by the simulator's own state. The steps are in ../story.py, the people in ../cast.py.
"""

import json

import pytest
from cast import address, person_id
from rehearsal import SYNC, Document, Rehearsal, Step
from story import Planned

from pipelines.sandbox.mailchimp.seeding import PRIVATE_MEMBERS

pytestmark = pytest.mark.slow

PRIVATE = {email for email, _, _ in PRIVATE_MEMBERS}


def tags(member: Document) -> set[str]:
    return {tag["name"] for tag in member["tags"]}


def changes_by_api(step: Step, member: Document) -> list[str]:
    return [entry["change"] for entry in step.history if entry["actor"] == "api" and entry["member_id"] == member["id"]]


def test_a_second_run_plans_nothing_and_calls_nothing_that_writes(quiet: Planned) -> None:
    """F1, K7, Z5: everything is compared, nothing differs; also after people opted out and bounced in between."""
    result = quiet.step.result
    assert result.code == 0
    assert (result.document["ok"], result.document["result"]["plan"]["changes"]) == (True, 0)
    assert quiet.changes == []
    assert quiet.step.writes == {}
    assert quiet.plan["status"] == "applied"


def test_what_was_refused_is_held_until_its_data_changes_and_is_listed(quiet: Planned, settled: Rehearsal) -> None:
    """G5, G9: not sent again; `enlist failures` has the provider's words, the owner and what to do."""
    assert quiet.holds[address("deleted_before")] == {"refused_before"}
    (row,) = settled.enlist("failures", SYNC, "--reveal", "--json").document["result"]["failures"]
    assert (row["email"], row["op"], row["contact_key"]) == (
        address("deleted_before"),
        "add",
        person_id("deleted_before"),
    )
    assert row["owner"].startswith("Visser (")
    assert row["detail"]
    assert row["remedy"]


def test_whoever_opts_out_at_the_provider_is_held_and_stays_as_they_are(quiet: Planned) -> None:
    """C10, F9, H1, Z1: though the CRM still says Ja."""
    assert address("unwilling") in quiet.wanted
    assert quiet.members[address("unwilling")]["status"] == "unsubscribed"
    assert quiet.holds[address("unwilling")] == {"opted_out"}


def test_every_opt_out_and_bounce_of_the_campaigns_came_home(rehearsal: Rehearsal, quiet: Planned) -> None:
    """H1, H4, Z3: into the ledger's file, which survives the warehouse."""
    lines = (rehearsal.home().ledger / "consent.ndjson").read_text(encoding="utf-8").splitlines()
    known = {(event["email_key"], event["reason"]) for event in map(json.loads, lines)}
    reasons = {"unsubscribed": "opted_out", "cleaned": "bounced"}
    shown = {
        (email, reasons[member["status"]]) for email, member in quiet.members.items() if member["status"] in reasons
    }
    assert shown <= known
    assert len(shown) > 10


def test_nobody_who_opted_out_is_ever_subscribed_again(emptied: Planned, rehearsal: Rehearsal) -> None:
    """M4, F5, Z1, over the whole story: no call of ours subscribes a member after the member's own no."""
    said_no: set[str] = set()
    for entry in rehearsal.mailchimp.history():
        if entry["change"] in ("opt_out", "complaint", "hard_bounce"):
            said_no.add(entry["member_id"])
        elif entry["actor"] == "api" and entry.get("member_id") in said_no:
            assert entry["status_after"] != "subscribed"
    assert len(said_no) > 10


def test_private_members_are_never_touched(scheduled: Step, emptied: Planned, rehearsal: Rehearsal) -> None:
    """B4, A1: over the whole story no call of ours changed one of them."""
    ids = {scheduled.members[email]["id"] for email in PRIVATE}
    touched = {entry.get("member_id") for entry in rehearsal.mailchimp.history() if entry["actor"] == "api"}
    assert len(ids) == 12
    assert not ids & touched
    for email in PRIVATE:
        before, after = scheduled.members[email], emptied.members[email]
        assert (before["merge_fields"], before["tags"]) == (after["merge_fields"], after["tags"])


def test_a_killed_push_leaves_what_was_sent_and_nothing_half_known(killed: Planned) -> None:
    """kill -9 while the updates travel: leavers, renames and updates are there, adds and labels are not."""
    assert killed.step.result == -9
    assert killed.step.writes == {
        "DELETE /lists/{list_id}/members/{subscriber_hash}": 2,
        "PATCH /lists/{list_id}/members/{subscriber_hash}": 1,
        "POST /lists/{list_id}": 1,
    }
    assert address("newcomer") not in killed.members
    assert tags(killed.members[address("switching")]) == {"Nieuwsbrief", "Seminars"}


def test_the_run_after_a_killed_push_plans_just_what_was_not_done(finished: Planned) -> None:
    """With the warehouse deleted on top: the ledger's files and the provider are enough to know."""
    assert finished.step.error is None
    assert finished.told() == {
        ("add", address("newcomer"), "new"),
        ("tag", address("newcomer"), "new"),
        ("untag", address("switching"), "changed"),
        ("tag", address("switching"), "changed"),
    }
    assert finished.plan["status"] == "applied"


def test_after_it_the_provider_has_what_the_crm_wants(finished: Planned) -> None:
    """Everybody wanted and not held: subscribed, with their fields and tags."""
    expected = {
        email: (wanted.fields, wanted.tags)
        for email, wanted in finished.wanted.items()
        if not finished.holds.get(email, set()) - {"duplicate"}
    }
    found = {
        email: ({name: member["merge_fields"][name] for name in ("FNAME", "LNAME")}, tags(member) - {"Door ons"})
        for email, member in finished.members.items()
        if member["status"] == "subscribed" and email not in PRIVATE
    }
    assert len(expected) > 180
    assert found == expected


def test_a_person_whose_flag_goes_to_nee_leaves(finished: Planned, killed: Planned) -> None:
    """F4: archived, which is not deletion (on_exit)."""
    assert ("archive", address("leaver"), "no_match") in killed.told()
    assert finished.members[address("leaver")]["status"] == "archived"


def test_a_changed_name_becomes_exactly_one_update(killed: Planned, finished: Planned) -> None:
    bride = finished.members[address("bride")]
    assert bride["merge_fields"]["LNAME"] == "Jansen-de Vries"
    assert [row["op"] for row in killed.changes if row["email_key"] == address("bride")] == ["update"]
    assert changes_by_api(killed.step, bride) + changes_by_api(finished.step, bride) == ["update"]


def test_a_changed_address_moves_the_member_with_tags_and_history(quiet: Planned, finished: Planned) -> None:
    """L9: the same contact under another address; nobody is added anew, nobody is archived."""
    before, after = quiet.members[address("mover")], finished.members["moved@cast.example"]
    assert address("mover") not in finished.members
    assert (before["contact_id"], tags(before)) == (after["contact_id"], tags(after))
    assert after["status"] == "subscribed"


def test_a_bounced_member_stays_cleaned_and_gets_new_data(quiet: Planned, finished: Planned) -> None:
    """F7."""
    assert quiet.members[address("bouncing")]["merge_fields"]["LNAME"] == "Bakker"
    member = finished.members[address("bouncing")]
    assert (member["status"], member["merge_fields"]["LNAME"]) == ("cleaned", "Bakker-Smit")


def test_a_changed_correspondence_group_is_one_tag_less_and_one_more(finished: Planned) -> None:
    """E3."""
    assert tags(finished.members[address("switching")]) == {"Nieuwsbrief", "Agrarisch"}


def test_somebody_who_opted_out_and_is_flagged_nee_and_ja_again_stays_out(killed: Planned, finished: Planned) -> None:
    """Z11, F5: the opt-out survives the flag, the archiving and the loss of the warehouse."""
    assert ("archive", address("regretful"), "no_match") in killed.told()
    assert address("regretful") in finished.wanted
    assert finished.holds[address("regretful")] == {"opted_out"}
    assert finished.members[address("regretful")]["status"] == "archived"


def test_a_deleted_warehouse_loses_no_opt_out(quiet: Planned, finished: Planned) -> None:
    """M4: everybody who was held for their own no before is held after."""
    before = {email for email, reasons in quiet.holds.items() if reasons & {"opted_out", "bounced"}}
    after = {email for email, reasons in finished.holds.items() if reasons & {"opted_out", "bounced"}}
    assert before
    assert after == before
