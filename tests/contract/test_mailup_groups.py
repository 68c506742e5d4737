"""Groups of MailUp: made once, entered by import or one by one, emptied in one call.

Belongs here: the provider alone. Does not: pushes made from a CRM (test_mailup_push.py).
"""

import json

from mailup_world import (
    MailupWorld,
    before_calls,
    join,
    leave,
    people,
    told,
)

from pipelines.providers.mailup.creating import NOTES
from pipelines.sandbox.http import Call


def test_groups_made_in_mailup_are_seen_and_usable(mailup: MailupWorld) -> None:
    """B7."""
    mailup.simulator.add_group(mailup.list_id, "Corso X")
    mailup.put(people(1))
    assert "Corso X" in {group.key for group in mailup.provider.groups(mailup.audience_id)}
    mailup.push([join(mailup.read()[people(1)[0]], "Corso X")])
    assert mailup.read()[people(1)[0]].groups == ("Corso X",)


def test_a_group_is_made_once_with_name_and_description(mailup: MailupWorld) -> None:
    """E12."""
    asked: list[Call] = []
    with before_calls(mailup.simulator, asked.append):
        first = mailup.provider.create_group(mailup.audience_id, None, "Soci")
    (body,) = (json.loads(call.body) for call in asked if (call.method, call.route[-6:]) == ("POST", "/Group"))
    assert (body["Name"], body["Notes"]) == ("Soci", NOTES)
    assert mailup.provider.create_group(mailup.audience_id, None, "Soci") == first
    assert [group.key for group in mailup.provider.groups(mailup.audience_id)].count("Soci") == 1


def test_a_group_whose_making_was_not_answered_is_not_made_twice(mailup: MailupWorld) -> None:
    for is_made in (True, False):
        name = f"Soci {is_made}"
        mailup.simulator.fail(kind="drop", applied=is_made, method="POST", path="/Console/List/{id_list}/Group")
        made = mailup.provider.create_group(mailup.audience_id, None, name)
        assert made.key == name
        assert [group.name for group in mailup.provider.groups(mailup.audience_id)].count(name) == 1


def test_many_enter_groups_by_import_and_only_theirs(mailup: MailupWorld) -> None:
    mailup.put(people(90))
    for name in ("A", "B", "C"):
        mailup.provider.create_group(mailup.audience_id, None, name)
    members = mailup.read()
    wanted = {
        email: ("A", "B") if number < 60 else ("A", "C") if number < 65 else ("A",)
        for number, email in enumerate(people(90))
    }
    (batch,) = mailup.provider.batches(
        mailup.audience_id, [join(members[email], *keys) for email, keys in wanted.items()]
    )
    assert batch.calls == 4 + 4 + 5, "two imports, and five people one by one"
    assert told(mailup.push([join(members[email], *keys) for email, keys in wanted.items()])) == {"applied": 90}
    after = mailup.read()
    assert {email: after[email].groups for email in wanted} == wanted
    assert {after[email].status for email in wanted} == {"subscribed"}


def test_a_group_that_all_leave_is_emptied_in_one_call_and_else_nobody_else_leaves(mailup: MailupWorld) -> None:
    """E14 overwrites a group; somebody who joined by hand meanwhile stays."""
    group = mailup.simulator.add_group(mailup.list_id, "Soci")
    other = mailup.simulator.add_group(mailup.list_id, "Altri")
    mailup.put(people(80), group_id=group)
    mailup.put(people(60), group_id=other)
    mailup.put(["stranger@people.example"], group_id=other)
    members = mailup.read()
    before = mailup.provider.calls
    outcomes = mailup.push([leave(members[email], "Soci") for email in people(80)])
    assert told(outcomes) == {"applied": 80}
    assert mailup.provider.calls - before < 8
    assert told(mailup.push([leave(members[email], "Altri") for email in people(60)])) == {"applied": 60}
    after = mailup.read()
    assert {email: after[email].groups for email in people(80)} == dict.fromkeys(people(80), ())
    assert after["stranger@people.example"].groups == ("Altri",)
    assert {after[email].status for email in people(80)} == {"subscribed"}
