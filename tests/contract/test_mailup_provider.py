"""The MailUp provider against the simulator: imports, what they leave, consent, groups, tokens, limits, fields."""

import logging
import stat
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from mailup_world import FIELD, MailupWorld, add, change, join, leave, people, unsubscribe, update
from soaking import some_always

from pipelines.errors import ConfigError, PermanentError, TransientError
from pipelines.providers.base import Outcome
from pipelines.providers.http import Patience
from pipelines.providers.mailup.client import LEAST_PAUSE
from pipelines.sandbox.mailup.simulator import Mailup

MARIO = "mario.fonte@giornale.example"  # unsubscribed since the beginning
PLACED = 12  # people who are in a fresh list


@pytest.fixture
def world(mailup_simulator: Mailup, tmp_path: Path) -> Iterator[MailupWorld]:
    made = MailupWorld(mailup_simulator, tmp_path)
    yield made
    made.close()


def told(outcomes: dict[str, Outcome]) -> Counter[str]:
    return Counter(outcome.code or outcome.outcome for outcome in outcomes.values())


# Imports


def test_imports_are_cut_polled_and_read_back_row_by_row(world: MailupWorld) -> None:
    provider = world.open(import_chunk=500)
    rows = [add(email, nome=f"N {email}") for email in people(1200)]
    wrong = [add("somebody@"), add("no address at all")]
    (batch,) = provider.batches(world.audience_id, [*rows, *wrong])
    before = provider.calls
    outcomes = world.push([*rows, *wrong], provider)
    # Three imports, the roster and the newcomers once each, and the roster again for those who were not found.
    assert provider.calls - before - world.looks() <= batch.calls + 3 * -(-1300 // 50)
    assert told(outcomes) == {"applied": 1200, "not_kept": 2}
    assert all(outcome.remedy and not outcome.can_retry for outcome in outcomes.values() if outcome.code)
    members = world.read()
    assert len(members) == 1200 + PLACED
    for email in people(1200):
        assert members[email].fields == {FIELD: f"N {email}"} == (outcomes[email].kept or {})["fields"]
        assert members[email].provider_id == outcomes[email].provider_id


def test_newcomers_are_read_back_without_reading_the_whole_list(world: MailupWorld) -> None:
    world.put(people(2000, start=5000))
    world.read()
    before = world.provider.calls
    assert told(world.push([add(email) for email in people(20)])) == {"applied": 20}
    assert world.provider.calls - before - world.looks() <= 3


def test_an_import_that_keeps_half_of_its_rows_is_seen_through(world: MailupWorld) -> None:
    world.simulator.next_imports("half")
    outcomes = world.push([add(email) for email in people(60)])
    kept = {email for email in people(60) if email in world.read()}
    assert {email for email, outcome in outcomes.items() if outcome.outcome == "applied"} == kept
    assert 0 < len(kept) < 60
    assert {outcomes[email].code for email in people(60) if email not in kept} == {"not_kept"}


def test_an_import_that_fails_keeps_nobody_and_says_so(world: MailupWorld) -> None:
    world.simulator.next_imports("fail")
    assert told(world.push([add(email) for email in people(60)])) == {"not_kept": 60}


def test_an_import_without_an_end_is_given_up_and_the_rows_before_it_are_told(world: MailupWorld) -> None:
    provider = world.open(import_chunk=20, import_timeout=timedelta(milliseconds=300))
    world.simulator.next_imports("stall")
    with pytest.raises(TransientError) as caught:
        world.push([add(email) for email in people(20)], provider)
    assert "Import" in caught.value.do
    world.simulator.finish_imports()


def test_after_an_import_without_an_end_no_other_is_begun_and_those_before_it_are_told(world: MailupWorld) -> None:
    provider = world.open(import_chunk=20, import_timeout=timedelta(milliseconds=300))
    done: list[str] = []

    class Second(logging.Handler):
        """Lets the import after the one that has just ended stall."""

        def emit(self, record: logging.LogRecord) -> None:
            done.append(record.getMessage())
            world.simulator.next_imports("stall")

    handler, log = Second(), logging.getLogger("pipelines.providers.mailup.imports")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        outcomes = world.push([add(email) for email in people(60)], provider)
    finally:
        log.removeHandler(handler)
        log.setLevel(logging.NOTSET)
    assert told(outcomes) == {"applied": 20, "no_answer": 40}
    assert len(done) == 1


def test_an_import_of_somebody_else_is_waited_for(world: MailupWorld) -> None:
    world.simulator.turn(second_import="refused", import_seconds=1)
    slow = world.open(imports_at_a_time=2)
    first = threading.Thread(target=world.push, args=([add(email) for email in people(20)],))
    first.start()
    assert told(world.push([add(email) for email in people(20, start=50)], slow)) == {"applied": 20}
    first.join()
    assert len(world.read()) == 40 + PLACED


def test_an_import_that_is_too_large_is_halved(world: MailupWorld) -> None:
    world.simulator.turn(max_import_rows=50)
    assert told(world.push([add(email) for email in people(120)])) == {"applied": 120}


# Consent


def test_nobody_who_said_no_is_ever_subscribed_by_anything(world: MailupWorld) -> None:
    """B5, M4, Z1: whatever a plan asks for."""
    refuser, bouncer, pending, removed = people(4)
    world.put([refuser, bouncer, pending, removed, *people(200, start=10)])
    world.act(refuser, "opt_out", type=16)
    world.act(bouncer, "hard_bounce")
    group = world.provider.create_group(world.audience_id, None, "Soci").key
    members = world.read()
    world.act(removed, "remove_by_hand")
    provider = world.open()
    everybody = list(members.values())
    for rows in (
        [add(member.email) for member in everybody if member.email != removed],
        [update(member, nome="Other") for member in everybody],
        [join(member, group) for member in everybody],
        [join(member, group) for member in everybody[:5]],
        [update(member, nome="Third") for member in everybody[:5]],
        [unsubscribe(member) for member in everybody if member.email in (refuser, bouncer)],
    ):
        world.push(rows, provider)
    after = world.read()
    assert removed not in after, "who was taken off the list is not made anew"
    assert (after[refuser].status, after[bouncer].status) == ("unsubscribed", "bounced")
    assert after[MARIO].status == "unsubscribed"
    assert after[refuser].fields == {FIELD: "Other"}, "data follow the CRM, whatever the status (F7)"
    assert world.simulator.resubscribed() == []
    calls = {(item["method"], item["path"]) for item in world.simulator.history() if item["actor"] == "api"}
    assert not [path for _, path in calls if path.endswith("/List/{id_list}/Subscribe/{id_recipient}")]
    assert not [path for method, path in calls if method == "DELETE" and path.endswith("Recipient/{id_recipient}")]


def test_reasons_of_opt_outs_are_told(world: MailupWorld) -> None:
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
    world.put(list(emails.values()))
    for reason, email in emails.items():
        world.act(email, "opt_out", type=kinds[reason])
    members = world.read()
    assert {reason: members[email].opt_out_reason for reason, email in emails.items()} == {one: one for one in kinds}
    bounced = {reason for reason, email in emails.items() if members[email].status == "bounced"}
    assert bounced == {"repeated soft bounces", "abandoned mailbox"}
    assert all(members[email].changed_at for email in emails.values())


def test_a_no_in_another_list_of_the_account_counts_unless_the_connection_says_otherwise(world: MailupWorld) -> None:
    """B5: one consent for each address, in all lists."""
    other = world.simulator.add_list("Altra")
    refuser, neighbour = people(2)
    world.put([refuser, neighbour], other)
    world.simulator.act(other, refuser, "opt_out", type=2)
    outcomes = world.push([add(refuser), add(neighbour)])
    assert (outcomes[refuser].code, outcomes[neighbour].outcome) == ("opted_out_elsewhere", "applied")
    assert refuser not in world.read()
    assert told(world.push([add(refuser)], world.open(other_lists="ignore"))) == {"applied": 1}


def test_who_is_to_be_asked_gets_the_mail_and_waits(world: MailupWorld) -> None:
    email, refuser = people(2)
    world.put([refuser])
    world.push([join(world.read()[refuser])])  # the list is known by now, and then
    world.act(refuser, "opt_out", type=2)
    outcomes = world.push([add(email, "pending"), add(refuser, "pending")])
    assert (outcomes[email].outcome, outcomes[refuser].code) == ("applied", "opted_out")
    members = world.read()
    assert (members[email].status, members[refuser].status) == ("pending", "unsubscribed")
    world.act(email, "confirm")
    assert world.read()[email].status == "subscribed"


def test_opt_outs_of_the_crm_are_passed_on_one_by_one_or_by_import(world: MailupWorld) -> None:
    world.put(people(130))
    members = world.read()
    few, many = people(130)[:10], people(130)[10:]
    assert told(world.push([unsubscribe(members[email]) for email in few])) == {"applied": 10}
    before = world.provider.calls
    assert told(world.push([unsubscribe(members[email]) for email in many])) == {"applied": 120}
    assert world.provider.calls - before < 15
    after = world.read()
    assert {after[email].status for email in people(130)} == {"unsubscribed"}
    assert {after[email].opt_out_reason for email in few} == {"administrator"}
    assert {after[email].opt_out_reason for email in many} == {"imported as unsubscribed"}
    assert {after[email].fields[FIELD] for email in many} == {members[email].fields[FIELD] for email in many}


# Fields


def test_an_update_of_many_keeps_what_it_does_not_name_and_empties_what_it_must(world: MailupWorld) -> None:
    world.put(people(70), f1="Old", f2="Cognome")
    members = world.read(FIELD, "cognome")
    rows = [update(members[email], nome="" if number < 5 else "New") for number, email in enumerate(people(70))]
    assert told(world.push(rows)) == {"applied": 70}
    after = world.read(FIELD, "cognome")
    for number, email in enumerate(people(70)):
        assert after[email].fields == {FIELD: "" if number < 5 else "New", "cognome": "Cognome"}


def test_somebody_known_from_another_list_comes_without_the_values_of_there(world: MailupWorld) -> None:
    other = world.simulator.add_list("Altra")
    (email,) = people(1)
    world.put([email], other, f1="Old", f2="Cognome")
    outcome = world.push([add(email, nome="", cognome="New")])[email]
    assert outcome.kept == {"fields": {FIELD: "", "cognome": "New"}}
    assert world.read(FIELD, "cognome")[email].fields == outcome.kept["fields"]


def test_a_value_is_cut_to_200_units_and_the_cut_one_is_told(world: MailupWorld) -> None:
    (email,) = people(1)
    outcome = world.push([add(email, nome="é" * 250)])[email]
    assert outcome.kept == {"fields": {FIELD: "é" * 200}}


def test_fields_go_by_label_number_or_name_and_stay_the_same_when_relabelled(world: MailupWorld) -> None:
    """D13: a label that anybody may change never moves values into another field."""
    (email,) = people(1)
    names = {"Nome": "Anna", "#2": "Bianchi", "Name": "Anna B."}
    world.provider.name_fields(world.audience_id, dict.fromkeys(names, ""))
    known = {field.name: field for field in world.provider.merge_fields(world.audience_id)}
    assert {name: known[name].field_id for name in names} == {"Nome": "1", "#2": "2", "Name": "Name"}
    assert told(world.push([add(email, **names)])) == {"applied": 1}
    assert world.read(*names)[email].fields == names
    world.simulator.name_field(1, "Indirizzo")
    world.simulator.name_field(5, "Nome")
    later = world.open()
    later.name_fields(world.audience_id, {"Nome": "1", "#2": "2", "Name": "Name"})
    field = next(field for field in later.merge_fields(world.audience_id) if field.name == "Nome")
    assert (field.field_id, field.label.lower()) == ("1", "indirizzo"), "seen as drift, still the field that was meant"
    member = world.read(*names, provider=later)[email]
    assert member.fields == names
    assert told(world.push([update(member, Nome="Anna Maria")], later)) == {"applied": 1}
    recipient = world.simulator.recipient(world.list_id, email)
    assert recipient and recipient["fields"] == {"1": "Anna Maria", "2": "Bianchi"}


def test_a_field_that_is_not_there_is_a_sentence_and_is_never_made(world: MailupWorld) -> None:
    with pytest.raises(ConfigError) as caught:
        world.read("Nowhere")
    assert "Nowhere" in caught.value.what and "#3" in caught.value.do
    with pytest.raises(ConfigError):
        world.provider.create_merge_field(world.audience_id, "Nowhere", "Nowhere")
    assert world.provider.create_merge_field(world.audience_id, FIELD, FIELD).field_id == "1"


# Groups


def test_groups_made_in_mailup_are_seen_and_usable(world: MailupWorld) -> None:
    """B7."""
    world.simulator.add_group(world.list_id, "Corso X")
    world.put(people(1))
    assert "Corso X" in {group.key for group in world.provider.groups(world.audience_id)}
    world.push([join(world.read()[people(1)[0]], "Corso X")])
    assert world.read()[people(1)[0]].groups == ("Corso X",)


def test_a_group_is_made_once_with_name_and_description(world: MailupWorld) -> None:
    """E12."""
    first = world.provider.create_group(world.audience_id, None, "Soci")
    assert world.provider.create_group(world.audience_id, None, "Soci") == first
    assert [group.key for group in world.provider.groups(world.audience_id)].count("Soci") == 1


def test_a_group_whose_making_was_not_answered_is_not_made_twice(world: MailupWorld) -> None:
    for is_made in (True, False):
        name = f"Soci {is_made}"
        world.simulator.fail(kind="drop", applied=is_made, method="POST", path="/Console/List/{id_list}/Group")
        made = world.provider.create_group(world.audience_id, None, name)
        assert made.key == name
        assert [group.name for group in world.provider.groups(world.audience_id)].count(name) == 1


def test_many_enter_groups_by_import_and_only_theirs(world: MailupWorld) -> None:
    world.put(people(90))
    for name in ("A", "B", "C"):
        world.provider.create_group(world.audience_id, None, name)
    members = world.read()
    wanted = {
        email: ("A", "B") if number < 60 else ("A", "C") if number < 65 else ("A",)
        for number, email in enumerate(people(90))
    }
    (batch,) = world.provider.batches(
        world.audience_id, [join(members[email], *keys) for email, keys in wanted.items()]
    )
    assert batch.calls == 4 + 4 + 5, "two imports, and five people one by one"
    assert told(world.push([join(members[email], *keys) for email, keys in wanted.items()])) == {"applied": 90}
    after = world.read()
    assert {email: after[email].groups for email in wanted} == wanted
    assert {after[email].status for email in wanted} == {"subscribed"}


def test_a_group_that_all_leave_is_emptied_in_one_call_and_else_nobody_else_leaves(world: MailupWorld) -> None:
    """E14 overwrites a group; somebody who joined by hand meanwhile stays."""
    group = world.simulator.add_group(world.list_id, "Soci")
    other = world.simulator.add_group(world.list_id, "Altri")
    world.put(people(80), group_id=group)
    world.put(people(60), group_id=other)
    world.put(["stranger@people.example"], group_id=other)
    members = world.read()
    before = world.provider.calls
    outcomes = world.push([leave(members[email], "Soci") for email in people(80)])
    assert told(outcomes) == {"applied": 80}
    assert world.provider.calls - before < 8
    assert told(world.push([leave(members[email], "Altri") for email in people(60)])) == {"applied": 60}
    after = world.read()
    assert {email: after[email].groups for email in people(80)} == dict.fromkeys(people(80), ())
    assert after["stranger@people.example"].groups == ("Altri",)
    assert {after[email].status for email in people(80)} == {"subscribed"}


# Reading while the list moves


@pytest.mark.parametrize("act", ["remove_by_hand", "opt_out"])
def test_nobody_is_missed_when_somebody_leaves_while_pages_are_read(world: MailupWorld, act: str) -> None:
    world.put(people(100))
    provider = world.open(page_size=10, connections=1)
    pages = provider.members(world.audience_id, fields=[FIELD])
    seen = [member.email for member in next(pages)]
    for email in seen[:3]:
        world.act(email, act)
    world.act("late@people.example", "add_by_hand")
    seen += [member.email for page in pages for member in page]
    assert len(seen) == len(set(seen))
    assert set(people(100)) <= set(seen)


def test_somebody_who_confirms_between_two_status_lists_is_found(world: MailupWorld) -> None:
    (email,) = people(1)
    world.put(people(40, start=10))
    world.push([add(email, "pending")])
    provider = world.open(page_size=10, connections=1)
    pages = provider.members(world.audience_id, fields=[FIELD])
    seen: list[str] = []
    while len(seen) < 40 + PLACED - 1:  # all the subscribed
        seen += [member.email for member in next(pages)]
    world.act(email, "confirm")
    seen += [member.email for page in pages for member in page]
    assert email in seen and len(seen) == len(set(seen))


# Account and rights


def test_unsigned_terms_are_told_as_such_and_not_as_a_wrong_key(world: MailupWorld) -> None:
    world.simulator.turn(terms_signed=False)
    with pytest.raises(PermanentError) as caught:
        world.provider.account()
    assert "terms of service" in caught.value.do and "Contract not signed" in caught.value.what


def test_lists_are_found_at_either_address(world: MailupWorld) -> None:
    world.simulator.fail(kind="problem", status=404, method="GET", path="/Console/User/Lists")
    assert [one.audience_id for one in world.provider.audiences()] == [world.audience_id]


# Tokens


@pytest.mark.parametrize("how", ["expire", "revoke"])
def test_a_dead_token_is_renewed_in_the_middle(world: MailupWorld, how: str) -> None:
    world.provider.account()
    world.simulator.expire_tokens(how)  # type: ignore[arg-type]
    assert world.provider.audiences()


def test_many_threads_and_providers_with_a_dead_token_refresh_once(world: MailupWorld) -> None:
    providers = [world.open() for _ in range(4)]
    world.provider.account()
    world.simulator.expire_tokens()
    logins = world.logins()
    failures: list[Exception] = []

    def work(at: int) -> None:
        try:
            providers[at % 4].groups(world.audience_id)
        except Exception as error:  # told by the main thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(at,)) for at in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert world.logins() == logins + 1


def test_tokens_lie_in_a_file_of_their_owner_alone_and_survive_the_process(world: MailupWorld) -> None:
    world.provider.account()
    (file,) = world.locks.glob("*.token")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    logins = world.logins()
    world.open().account()
    assert world.logins() == logins, "no log-in while the token lives"


# Limits


def test_the_documented_rate_is_kept_over_several_providers(world: MailupWorld) -> None:
    world.simulator.turn(calls_per_second=5)
    providers = [world.open(rate_per_second=4) for _ in range(2)]
    for provider in providers:
        provider.groups(world.audience_id)
    threads = [
        threading.Thread(target=lambda one=provider: [one.groups(world.audience_id) for _ in range(4)])
        for provider in providers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert world.simulator.stats()["statuses"].get("429", 0) == 0


def test_too_many_calls_are_waited_out_for_a_second_at_least(world: MailupWorld) -> None:
    world.simulator.fail(kind="problem", status=429, times=1)
    naps: list[float] = []
    provider = world.open(patience=Patience(least_pause=LEAST_PAUSE, wait=naps.append))
    assert provider.audiences()
    assert len(naps) == 1 and 1.0 <= naps[0] <= 2.0


# Personal data


def test_no_address_is_ever_in_a_url_or_a_log(world: MailupWorld, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    world.put(people(60, start=100))
    group = world.provider.create_group(world.audience_id, None, "Soci").key
    world.push([add(email) for email in [*people(10), "somebody@", MARIO]])
    members = world.read()
    few = [members[email] for email in people(10)]
    world.push([update(member, nome="") for member in few])
    world.push([join(member, group) for member in few])
    world.push([unsubscribe(member) for member in few[:2]])
    world.read(since="2026-01-01T00:00:00+00:00")
    urls = [record.getMessage() for record in caplog.records if record.name.startswith("urllib3")]
    assert any("/Console/List/" in url for url in urls), "the calls themselves are seen here"
    text = " ".join(record.getMessage() for record in caplog.records)
    assert "@" not in text and "%40" not in text.lower()
    assert world.simulator.password not in text and world.simulator.client_secret not in text


def test_what_is_never_done_is_refused(world: MailupWorld) -> None:
    world.put(people(1))
    member = world.read()[people(1)[0]]
    outcome = world.push([change("delete", member.email, None, {}, member.provider_id)])[member.email]
    assert (outcome.outcome, outcome.code) == ("refused", "not_erased") and outcome.remedy
    assert member.email in world.read()


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
    world: MailupWorld, switches: dict[str, object]
) -> None:
    world.simulator.turn(**switches)
    provider = world.open(import_chunk=80)
    (refuser,) = people(1, start=900)
    world.put([refuser], f1="Ann")
    world.act(refuser, "opt_out", type=2)
    group = provider.create_group(world.audience_id, None, "Soci").key
    assert told(world.push([add(email) for email in [*people(120), refuser]], provider)) == {
        "applied": 120,
        "opted_out": 1,
    }
    world.simulator.expire_tokens()
    members = world.read(FIELD, "cognome", provider=provider)
    rows = [join(members[email], group) for email in [*people(70), refuser]]
    assert told(world.push(rows, provider)) == {"applied": 71}
    rows = [update(members[email], nome="Other") for email in [*people(70), refuser]]
    assert told(world.push(rows, provider)) == {"applied": 71}
    rows = [update(members[email], nome="") for email in people(120)[110:]]
    assert told(world.push(rows, provider)) == {"applied": 10}
    members = world.read(FIELD, "cognome", provider=provider)
    rows = [leave(members[email], group) for email in people(60) if group in members[email].groups]
    assert told(world.push(rows, provider)) == {"applied": 60}
    rows = [unsubscribe(members[email]) for email in people(120)[60:115]]
    assert told(world.push(rows, provider)) == {"applied": 55}
    after = world.read(FIELD, provider=provider)
    assert Counter(after[email].status for email in people(120)) == {"subscribed": 65, "unsubscribed": 55}
    assert {after[email].fields[FIELD] for email in [*people(70), refuser]} == {"Other"}
    assert {after[email].fields[FIELD] for email in people(120)[110:]} == {""}
    assert after[refuser].status == "unsubscribed" and world.simulator.resubscribed() == []
