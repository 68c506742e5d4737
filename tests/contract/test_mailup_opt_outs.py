"""What a person's no is to the MailUp provider: rules of consent, one by one.

Belongs here: single rules. Does not: every request over states drawn by chance (test_mailup_consent.py).
"""

import pytest
from mailup_world import FIELD, MARIO, MailupWorld, add, change, join, people, told, unsubscribe, update

from pipelines.providers.base import Change


def test_nobody_who_said_no_is_ever_subscribed_by_anything(mailup: MailupWorld) -> None:
    """B5, M4, Z1: whatever a plan asks for."""
    refuser, bouncer, pending, removed = people(4)
    mailup.put([refuser, bouncer, pending, removed, *people(200, start=10)])
    mailup.act(refuser, "opt_out", type=16)
    mailup.act(bouncer, "hard_bounce")
    group = mailup.provider.create_group(mailup.audience_id, None, "Soci").key
    members = mailup.read()
    mailup.act(removed, "remove_by_hand")
    provider = mailup.open()
    everybody = list(members.values())
    for rows in (
        [add(member.email) for member in everybody if member.email != removed],
        [update(member, nome="Other") for member in everybody],
        [join(member, group) for member in everybody],
        [join(member, group) for member in everybody[:5]],
        [update(member, nome="Third") for member in everybody[:5]],
        [unsubscribe(member) for member in everybody if member.email in (refuser, bouncer)],
    ):
        mailup.push(rows, provider)
    after = mailup.read()
    assert removed not in after, "who was taken off the list is not made anew"
    assert (after[refuser].status, after[bouncer].status) == ("unsubscribed", "bounced")
    assert after[MARIO].status == "unsubscribed"
    assert after[refuser].fields == {FIELD: "Other"}, "data follow the CRM, whatever the status (F7)"
    assert mailup.simulator.resubscribed() == []
    calls = {(item["method"], item["path"]) for item in mailup.simulator.history() if item["actor"] == "api"}
    assert not [path for _, path in calls if path.endswith("/List/{id_list}/Subscribe/{id_recipient}")]
    assert not [path for method, path in calls if method == "DELETE" and path.endswith("Recipient/{id_recipient}")]


@pytest.mark.parametrize("op", ["update", "join"])
def test_whoever_is_out_is_in_no_import_and_so_may_be_taken_off_the_list_at_any_moment(
    mailup: MailupWorld, op: str
) -> None:
    """M4: after the list was looked at and before the import, and nothing in MailUp remembers their no any more."""
    refuser, *others = people(120)
    mailup.put([refuser, *others])
    mailup.act(refuser, "opt_out", type=2)
    group = mailup.provider.create_group(mailup.audience_id, None, "Soci").key
    members = mailup.read()
    mailup.push([join(members[others[0]], group)])  # the list is known by now, and then
    mailup.act(refuser, "remove_by_hand")
    changes = [update(one, nome="Other") if op == "update" else join(one, group) for one in members.values()]
    outcomes = mailup.push(changes)
    assert told({email: outcomes[email] for email in others}) == {"applied": 119}
    assert mailup.read().get(refuser) is None
    assert mailup.simulator.resubscribed() == []


def test_reasons_of_opt_outs_are_told(mailup: MailupWorld) -> None:
    kinds = {
        "link in a message": 20,
        "spam complaint": 161,
        "administrator": 0,
        "repeated soft bounces": 512,
        "right to be forgotten": 1024,
        "unsubscribe button of the mail client": 641,
        "abandoned mailbox": 83,
    }
    emails = dict(zip(kinds, people(len(kinds)), strict=True))
    mailup.put(list(emails.values()))
    for reason, email in emails.items():
        mailup.act(email, "opt_out", type=kinds[reason])
    members = mailup.read()
    assert {reason: members[email].opt_out_reason for reason, email in emails.items()} == {one: one for one in kinds}
    bounced = {reason for reason, email in emails.items() if members[email].status == "bounced"}
    assert bounced == {"repeated soft bounces", "abandoned mailbox"}
    assert all(members[email].changed_at for email in emails.values())


def test_a_no_in_another_list_of_the_account_counts_unless_the_connection_says_otherwise(mailup: MailupWorld) -> None:
    """B5: one consent for each address, in all lists."""
    other = mailup.simulator.add_list("Altra")
    refuser, neighbour = people(2)
    mailup.put([refuser, neighbour], other)
    mailup.simulator.act(other, refuser, "opt_out", type=2)
    outcomes = mailup.push([add(refuser), add(neighbour)])
    assert (outcomes[refuser].code, outcomes[neighbour].outcome) == ("opted_out_elsewhere", "applied")
    assert refuser not in mailup.read()
    assert mailup.provider.objections(mailup.audience_id) == {refuser}
    assert mailup.open(other_lists="ignore").objections(mailup.audience_id) == frozenset()
    assert told(mailup.push([add(refuser)], mailup.open(other_lists="ignore"))) == {"applied": 1}


def test_who_is_to_be_asked_gets_the_mail_and_waits(mailup: MailupWorld) -> None:
    email, refuser = people(2)
    mailup.put([refuser])
    mailup.push([join(mailup.read()[refuser])])  # the list is known by now, and then
    mailup.act(refuser, "opt_out", type=2)
    outcomes = mailup.push([add(email, "pending"), add(refuser, "pending")])
    assert (outcomes[email].outcome, outcomes[refuser].code) == ("applied", "opted_out")
    members = mailup.read()
    assert (members[email].status, members[refuser].status) == ("pending", "unsubscribed")
    mailup.act(email, "confirm")
    assert mailup.read()[email].status == "subscribed"


def returning(email: str, status: str = "subscribed") -> Change:
    """The row of somebody who is wanted again and whom, as the ledger has it, Enlist unsubscribed."""
    return change("add", email, {"status": "unsubscribed"}, {"status": status, "fields": {FIELD: "Ann"}})


@pytest.mark.parametrize("count", [10, 70], ids=["by call", "by import"])
def test_whom_enlist_unsubscribed_itself_is_never_forced_back_and_can_be_asked(mailup: MailupWorld, count: int) -> None:
    """H5, M4: MailUp's calls that subscribe again don't look what the person said in that moment."""
    emails = people(count)
    mailup.put(emails)
    members = mailup.read()
    mailup.push([unsubscribe(members[email]) for email in emails])
    outcomes = mailup.push([returning(email) for email in emails], mailup.open())
    assert told(outcomes) == {"out_by_us": count}
    assert "console" in str(outcomes[emails[0]].remedy)
    after = mailup.read()
    assert {after[email].status for email in emails} == {"unsubscribed"}
    assert told(mailup.push([returning(email, "pending") for email in emails])) == {"applied": count}
    mailup.act(emails[0], "confirm")
    after = mailup.read()
    assert (after[emails[0]].status, after[emails[1]].status) == ("subscribed", "pending")
    assert mailup.simulator.resubscribed() == []


@pytest.mark.parametrize("status", ["subscribed", "pending"])
def test_who_said_no_after_enlist_unsubscribed_them_is_not_even_asked(mailup: MailupWorld, status: str) -> None:
    """M4: by the link in an old mail, or by anything else than the house's own doing."""
    codes = dict(zip(people(5), (2, 161, 1024, 128, 256), strict=True))
    mailup.put(list(codes))
    members = mailup.read()
    mailup.push([unsubscribe(members[email]) for email in codes])
    for email, code in codes.items():
        mailup.act(email, "opt_out", type=code)
    outcomes = mailup.push([returning(email, status) for email in codes], mailup.open())
    assert told(outcomes) == {"opted_out": 5}
    after = mailup.read()
    assert {after[email].status for email in codes} == {"unsubscribed"}


def test_opt_outs_of_the_crm_are_passed_on_one_by_one_or_by_import(mailup: MailupWorld) -> None:
    mailup.put(people(130))
    members = mailup.read()
    few, many = people(130)[:10], people(130)[10:]
    assert told(mailup.push([unsubscribe(members[email]) for email in few])) == {"applied": 10}
    before = mailup.provider.calls
    assert told(mailup.push([unsubscribe(members[email]) for email in many])) == {"applied": 120}
    assert mailup.provider.calls - before < 15
    after = mailup.read()
    assert {after[email].status for email in people(130)} == {"unsubscribed"}
    assert {after[email].opt_out_reason for email in few} == {"administrator"}
    assert {after[email].opt_out_reason for email in many} == {"imported as unsubscribed"}
    assert {after[email].fields[FIELD] for email in many} == {members[email].fields[FIELD] for email in many}
