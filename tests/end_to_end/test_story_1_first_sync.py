"""The first sync of auditcase_mailchimp: nothing before a person looked, then everybody, all as the CRM has it.

Judged by the simulator's own state. The steps are in ../story.py, the people in ../cast.py.
"""

import json
from collections import Counter
from datetime import datetime

import pytest
from cast import address
from rehearsal import SYNC, Document, Rehearsal, Step
from story import Planned

from pipelines.sandbox.mailchimp.seeding import PRIVATE_MEMBERS

pytestmark = pytest.mark.slow

PRIVATE = {email for email, _, _ in PRIVATE_MEMBERS}
KNOWN_BEFORE = {address(name) for name in ("opted_out_before", "bounced_before", "archived_before", "deleted_before")}


def tags(member: Document) -> set[str]:
    return {tag["name"] for tag in member["tags"]}


def names(member: Document) -> dict[str, str]:
    return {name: member["merge_fields"][name] for name in ("FNAME", "LNAME")}


def touched(step: Step) -> set[str]:
    """Ids of the members whom calls of ours changed."""
    return {entry["member_id"] for entry in step.history if entry["actor"] == "api" and entry.get("member_id")}


def test_the_schedule_only_plans_until_somebody_accepted_the_first_plan(scheduled: Step, planned: Rehearsal) -> None:
    """first_run: until a person has seen and accepted the first plan, the schedule only plans; it is no failure."""
    assert scheduled.error is None
    assert scheduled.writes == {}
    plan = planned.plan()
    assert plan.status == "pending"
    assert [rule.rule for rule in plan.stopped_by] == ["first_run"]
    assert plan.size > 300


def test_five_members_of_a_canary_come_whole(scheduled: Step, canary: Step, first_sync: Planned) -> None:
    """--limit 5: members, not rows, so that nobody is left without their tags."""
    assert canary.error is None
    new = [member for email, member in canary.members.items() if canary.members[email] != scheduled.members.get(email)]
    assert len(new) == len(touched(canary)) == 5
    for member in new:
        wanted = first_sync.wanted[member["email_address"].lower()]
        assert (names(member), tags(member) - {"Door ons"}) == (wanted.fields, wanted.tags)


def test_only_one_address_is_pushed_when_stdin_names_it(canary: Step, single: Step) -> None:
    """--only - reads the address, whatever its case, from stdin; its tags come along (E6, E7)."""
    assert single.error is None
    member = single.members[address("objecting")]
    assert touched(single) == {member["id"]}
    assert tags(member) == {"Nieuwsbrief", "Mailingen-ontvangen-nee", "Correspondentie-ontvangen-nee"}


def test_a_stopped_push_ends_at_a_batch_border_and_says_what_is_true(single: Step, stopped: Step) -> None:
    """SIGTERM during the second batch of 60: it is finished and counted, the rest is left; exit 130."""
    assert stopped.result.code == stopped.result.document["exit_code"] == 130
    added = len(stopped.members) - len(single.members)
    assert stopped.writes == {"POST /lists/{list_id}": 2}
    assert 60 < added <= 120
    assert stopped.result.document["error"]["what"].startswith(f"Stopped at a batch border: {added} applied, ")


def test_a_stopped_push_is_in_the_ledger_row_by_row(rehearsal: Rehearsal, stopped: Step, first_sync: Planned) -> None:
    journals = [
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for path in (rehearsal.home().ledger / "pushes").iterdir()
    ]
    (lines,) = [found for found in journals if any(line.get("code") == "interrupted" for line in found)]
    count = Counter(line["line"] for line in lines)
    assert count["sending"] == count["outcome"] == 120
    assert count["sending"] + count["left"] == lines[0]["planned"]
    assert (lines[-1]["line"], lines[-1]["left_count"]) == ("end", count["left"])


def test_pushing_again_sends_the_rest_of_the_same_plan(stopped: Step, first_sync: Planned) -> None:
    """--limit, --only and a stopped push leave a part; what was applied is never sent twice."""
    assert first_sync.step.error is None
    assert first_sync.plan["status"] == "applied"
    added = [entry for entry in first_sync.step.history if entry["change"] == "add"]
    assert len(added) == len(first_sync.members) - len(stopped.members)
    (acceptance,) = json.loads(first_sync.plan["accepted"])
    assert (acceptance["rule"], acceptance["by"]) == ("first_run", "anna")
    assert datetime.fromisoformat(acceptance["at"]).tzinfo


def test_everybody_wanted_is_subscribed_with_their_fields_and_tags(first_sync: Planned) -> None:
    """C2, C3, C4, C9, D6-D8, D10, E3, E5-E7 at once: the provider's state against the seed's rules."""
    expected = {
        email: (wanted.fields, wanted.tags) for email, wanted in first_sync.wanted.items() if email not in KNOWN_BEFORE
    }
    found = {
        email: (names(member), tags(member) - {"Door ons"})
        for email, member in first_sync.members.items()
        if member["status"] == "subscribed" and email not in PRIVATE
    }
    assert len(expected) > 200
    assert found == expected


def test_the_first_name_is_the_christian_name_and_else_the_initials(first_sync: Planned) -> None:
    """D6, D7: a christian name of blanks is none."""
    assert names(first_sync.members[address("marieke")]) == {"FNAME": "Marieke", "LNAME": "van den Berg"}
    assert names(first_sync.members[address("henk")]) == {"FNAME": "H.J.", "LNAME": "'t Hart"}


def test_the_contacts_own_address_comes_before_the_companys(first_sync: Planned) -> None:
    """D8: Marieke has both, Henk's own cell holds blanks."""
    assert first_sync.members[address("marieke")]["status"] == "subscribed"
    assert first_sync.members[address("henk")]["status"] == "subscribed"
    assert "info@bakkerij.example" not in first_sync.members


def test_correspondence_groups_become_tags_of_the_same_name(first_sync: Planned) -> None:
    """E3, E5."""
    assert tags(first_sync.members[address("marieke")]) == {"Nieuwsbrief", "Seminars"}


def test_only_an_explicit_no_is_tagged(first_sync: Planned) -> None:
    """C5, E6, E7: a blank flag is not Nee and not Ja."""
    assert tags(first_sync.members[address("silent")]) == set()


def test_of_two_records_with_one_address_the_last_one_changed_wins(first_sync: Planned) -> None:
    """D9, C11, Z9: once, and the other is reported with its owner."""
    assert names(first_sync.members["twin@cast.example"])["FNAME"] == "Twin_Of_Today"
    assert first_sync.holds["twin@cast.example"] == {"duplicate"}


def test_both_owners_of_a_shared_address_are_told_before_anything_is_sent(planned: Rehearsal) -> None:
    """D9, C11: who is left out, and whose record speaks for the address."""
    query = (
        "select contact_key, owner, detail from plan.holds where sync = ? and reason = 'duplicate' and email_key = ?"
    )
    (held,) = planned.query(query, [SYNC, "twin@cast.example"])
    key = "select PersonId as key, PersonNameRE || ' (' || Relatiebeheerder || ')' as owner from crm_auditcase.persons "
    records = planned.query(key + "where lower(ContactEMailRE) = 'twin@cast.example'")
    (winner,) = (row for row in records if row["key"] != held["contact_key"])
    (loser,) = (row for row in records if row["key"] == held["contact_key"])
    assert held["owner"] == loser["owner"]
    assert held["detail"] == f"the address belongs to auditcase.persons {winner['key']} of {winner['owner']}"


def test_the_counts_of_the_first_plan_are_what_was_sent(
    scheduled: Step, planned: Rehearsal, first_sync: Planned
) -> None:
    """G1, G2, G4: right addresses alone are counted, before anything is sent; what is not sent is told apart."""
    adds = sum(one["count"] for one in planned.plan().counts if one["op"] == "add")
    wanted = {email for email in first_sync.wanted if first_sync.holds.get(email, set()) <= {"duplicate"}}
    there = {email for email, member in scheduled.members.items() if member["status"] == "subscribed"}
    assert adds == sum(row["op"] == "add" for row in first_sync.changes) == len(wanted - there) > 200


def test_the_dead_the_unlinked_and_the_undecided_stay_out(first_sync: Planned) -> None:
    """C3, C4: only Koppelen met MailChimp = Ja, and nobody with a date of death."""
    assert not {address(name) for name in ("dead", "unlinked", "undecided")} & set(first_sync.members)


def test_a_misspelt_address_is_held_and_not_sent(first_sync: Planned) -> None:
    """C9, G3."""
    assert "bad_address" in {reason for reasons in first_sync.holds.values() for reason in reasons}
    assert not [email for email in first_sync.members if email.startswith("misspelt")]


def test_whoever_opted_out_or_bounced_before_is_not_subscribed(first_sync: Planned) -> None:
    """Z1, F7, M4: the provider's no is binding from the first day; archived by another hand is left alone too."""
    for name, status, reason in (
        ("opted_out_before", "unsubscribed", "opted_out"),
        ("bounced_before", "cleaned", "bounced"),
        ("archived_before", "archived", "archived_elsewhere"),
    ):
        assert first_sync.members[address(name)]["status"] == status
        assert first_sync.holds[address(name)] == {reason}


def test_somebody_whom_the_provider_refuses_stops_nobody_else(first_sync: Planned) -> None:
    """G5: an address that was deleted for good may come back by its owner's own hand alone."""
    assert address("deleted_before") not in first_sync.members
    assert first_sync.outcomes["refused"] == {address("deleted_before")}
    assert not first_sync.outcomes.keys() & {"failed", "left"}


def test_a_member_who_was_there_already_becomes_ours_and_keeps_their_own_tags(first_sync: Planned) -> None:
    """A6, B2: the CRM's values win for the fields that the sync names; other tags are not ours to take."""
    member = first_sync.members[address("adopted")]
    assert names(member) == {"FNAME": "Sanne", "LNAME": "Visser"}
    assert tags(member) == {"Door ons", "Seminars"}


def test_a_plan_that_was_applied_before_is_done_without_a_call(again: Step) -> None:
    """Exit 0, and not one call, not even a reading one."""
    assert again.error is None
    assert again.calls == {}
