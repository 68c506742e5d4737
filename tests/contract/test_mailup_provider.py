"""The MailUp provider as a whole: reading while the list moves, what never leaks, and stories over open points.

Belongs here: what concerns several subjects. Does not: imports, opt-outs, fields, groups, the account (a file each).
"""

import logging
from collections import Counter

import pytest
from mailup_world import FIELD, MARIO, PLACED, MailupWorld, add, change, join, leave, people, told, unsubscribe, update
from soaking import some_always

# Reading while the list moves


@pytest.mark.parametrize("act", ["remove_by_hand", "opt_out"])
def test_nobody_is_missed_when_somebody_leaves_while_pages_are_read(mailup: MailupWorld, act: str) -> None:
    mailup.put(people(100))
    provider = mailup.open(page_size=10, connections=1)
    pages = provider.members(mailup.audience_id, fields=[FIELD])
    seen = [member.email for member in next(pages)]
    for email in seen[:3]:
        mailup.act(email, act)
    mailup.act("late@people.example", "add_by_hand")
    seen += [member.email for page in pages for member in page]
    assert len(seen) == len(set(seen))
    assert set(people(100)) <= set(seen)


def test_somebody_who_confirms_between_two_status_lists_is_found(mailup: MailupWorld) -> None:
    (email,) = people(1)
    mailup.put(people(40, start=10))
    mailup.push([add(email, "pending")])
    provider = mailup.open(page_size=10, connections=1)
    pages = provider.members(mailup.audience_id, fields=[FIELD])
    seen: list[str] = []
    while len(seen) < 40 + PLACED - 1:  # all the subscribed
        seen += [member.email for member in next(pages)]
    mailup.act(email, "confirm")
    seen += [member.email for page in pages for member in page]
    assert email in seen and len(seen) == len(set(seen))


# Personal data


def test_no_address_is_ever_in_a_url_or_a_log(mailup: MailupWorld, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    mailup.put(people(60, start=100))
    group = mailup.provider.create_group(mailup.audience_id, None, "Soci").key
    mailup.push([add(email) for email in [*people(10), "somebody@", MARIO]])
    members = mailup.read()
    few = [members[email] for email in people(10)]
    mailup.push([update(member, nome="") for member in few])
    mailup.push([join(member, group) for member in few])
    mailup.push([unsubscribe(member) for member in few[:2]])
    mailup.read(since="2026-01-01T00:00:00+00:00")
    urls = [record.getMessage() for record in caplog.records if record.name.startswith("urllib3")]
    assert any("/Console/List/" in url for url in urls), "the calls themselves are seen here"
    text = " ".join(record.getMessage() for record in caplog.records)
    assert "@" not in text and "%40" not in text.lower()
    assert mailup.simulator.password not in text and mailup.simulator.client_secret not in text


def test_what_is_never_done_is_refused(mailup: MailupWorld) -> None:
    mailup.put(people(1))
    member = mailup.read()[people(1)[0]]
    outcome = mailup.push([change("delete", member.email, None, {}, member.provider_id)])[member.email]
    assert (outcome.outcome, outcome.code) == ("refused", "not_erased") and outcome.remedy
    assert member.email in mailup.read()


# What nobody knows about MailUp: each decided the other way


@pytest.mark.parametrize(
    "switches",
    some_always(
        [
            {"rotation_kills_old": False},
            {"refresh_revokes_access": True},
            {"unknown_status": 400},
            {"max_page_size": 20},
            {"newest_first": True},
            {"fields_in_lower_case": False},
            {"name_is_field_1": True},
            {"group_names_unique": True},
            {"group_lists_unsubscribed": False},
            {"add_resubscribes": True},
            {"confirm_reaches_unsubscribed": False},
            {"long_values": "refused"},
            {"add_blanks": True},
            {"optout_type_of_api": 4},
            {"second_import": "refused"},
            {"import_seconds": 1, "import_rows_per_second": 200},
            {"import_late": 1},
            {"failed_import_completes": False},
            {"absent_is_fine": False},
            {"max_import_rows": 100},
        ],
        every=5,
    ),
    ids=lambda switches: next(iter(switches)),
)
def test_a_whole_story_ends_the_same_however_the_open_points_are(
    mailup: MailupWorld, switches: dict[str, object]
) -> None:
    mailup.simulator.turn(**switches)
    provider = mailup.open(import_chunk=80)
    (refuser,) = people(1, start=900)
    mailup.put([refuser], f1="Ann")
    mailup.act(refuser, "opt_out", type=2)
    group = provider.create_group(mailup.audience_id, None, "Soci").key
    assert told(mailup.push([add(email) for email in [*people(120), refuser]], provider)) == {
        "applied": 120,
        "opted_out": 1,
    }
    mailup.simulator.expire_tokens()
    members = mailup.read(FIELD, "cognome", provider=provider)
    rows = [join(members[email], group) for email in [*people(70), refuser]]
    assert told(mailup.push(rows, provider)) == {"applied": 71}
    rows = [update(members[email], nome="Other") for email in [*people(70), refuser]]
    assert told(mailup.push(rows, provider)) == {"applied": 71}
    rows = [update(members[email], nome="") for email in people(120)[110:]]
    assert told(mailup.push(rows, provider)) == {"applied": 10}
    members = mailup.read(FIELD, "cognome", provider=provider)
    rows = [leave(members[email], group) for email in people(60) if group in members[email].groups]
    assert told(mailup.push(rows, provider)) == {"applied": 60}
    rows = [unsubscribe(members[email]) for email in people(120)[60:115]]
    assert told(mailup.push(rows, provider)) == {"applied": 55}
    after = mailup.read(FIELD, provider=provider)
    assert Counter(after[email].status for email in people(120)) == {"subscribed": 65, "unsubscribed": 55}
    assert {after[email].fields[FIELD] for email in [*people(70), refuser]} == {"Other"}
    assert {after[email].fields[FIELD] for email in people(120)[110:]} == {""}
    assert after[refuser].status == "unsubscribed" and mailup.simulator.resubscribed() == []
