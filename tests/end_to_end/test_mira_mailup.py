"""mira_mailup keeps the rules of Mira's own e-mail module (seed 002): judged by the provider's own state.

The story: a first run; a mailing, after which people bounce and say no; then an administrator lifts two blocks, and one
of the two signs up again.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rehearsal import Document, running
from sample import Day, Sample, sampling

from pipelines.quality.addresses import judge
from pipelines.sandbox.people import Habits
from pipelines.sandbox.samples.mailup import MIRA_LIST
from pipelines.sandbox.samples.mira import ADDRESSES, SELECTIONS, mira_records

pytestmark = pytest.mark.slow

SYNC = "mira_mailup"
LINK = "https://skolan.example/host"
FILES = [f"urval_{name}.csv" for name in SELECTIONS]


def wanted() -> dict[str, set[str]]:
    """What Mira itself would send to: groups by address, computed from the selections alone (C11, H4, H10)."""
    records = mira_records()
    no = {judge(row["E-post"]).email_key for rows in records.values() for row in rows if row["Avprenumererad"] == "Ja"}
    found: dict[str, set[str]] = {}
    for file, group in zip((*FILES, ADDRESSES), ("Alumner", "Studenter", "Kursdeltagare", "Adresser"), strict=True):
        for row in records[file]:
            verdict = judge(row["E-post"])
            if verdict.is_mailable and not row.get("Blockerad") and row["Avprenumererad"] == "Nej":
                found.setdefault(str(verdict.email_key), set()).add(group)
    return {email: groups for email, groups in found.items() if email not in no}


@dataclass(frozen=True)
class Story:
    sample: Sample
    people: list[str]
    blocked: Document
    first: tuple[Day, dict[str, Document]]
    after_mailing: tuple[Day, dict[str, Document]]
    unblocked: str
    lifted: tuple[Day, dict[str, Document]]
    failures: list[Document]
    returned: tuple[Day, dict[str, Document]]
    lists: list[Document]
    event: Document
    refused: list[Document]

    @property
    def soft(self) -> str:
        return self.people[0]

    @property
    def unwilling(self) -> str:
        return self.people[1]


def edit_selections(folder: Path, person_id: str, **values: str) -> None:
    """Somebody changes a person in Mira, and the selections are exported again."""
    for path in (folder / file for file in FILES):
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows: list[dict[str, Any]] = list(csv.DictReader(file, delimiter=";"))
        changed = [{**row, **values} if row["PersonID"] == person_id else row for row in rows]
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter=";")
            writer.writeheader()
            writer.writerows(changed)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with sampling(tmp_path_factory.mktemp("mira") / "home", SYNC) as sample:
        mailup = sample.sandbox.mailup
        # Nobody reacts by chance: who does what in this story is said here.
        nobody = Habits(hard_bounces=0, soft_bounces=0, proxies=0, opens=0, opt_outs=0, complaints=0)
        mailup.turn(habits=vars_of(nobody))
        list_id = mailup.list_named(MIRA_LIST)
        first = (sample.day("first_run"), sample.recipients(list_id))
        people = sorted(email for email, groups in wanted().items() if groups == {"Alumner"} and email in first[1])
        mailup.send_campaign(list_id, "Höstbrev", f'<a href="{LINK}">Läs</a>')
        mailup.act(list_id, people[0], "soft_bounce")
        mailup.act(list_id, people[1], "opt_out")
        mailup.act(list_id, people[2], "open")
        mailup.act(list_id, people[2], "click", url=LINK)
        statistics(sample)
        after_mailing = (sample.day(), sample.recipients(list_id))
        blocked = next(
            row
            for row in mira_records()[FILES[0]]
            if row["Blockerad"] and row["Avprenumererad"] == "Nej" and judge(row["E-post"]).is_mailable
        )
        edit_selections(sample.root / "crm" / "mira", blocked["PersonID"], Blockerad="")
        unblocked = " ".join(sample.enlist("unblock", people[0], "--reason", "ringde och bad om det").out.split())
        lifted = (sample.day(), sample.recipients(list_id))
        failures = sample.command("failures", SYNC, "--reveal")["result"]["failures"]
        mailup.act(list_id, people[0], "resubscribe")
        returned = (sample.day(), sample.recipients(list_id))
        lists = [
            sample.command("crm", "worklist", SYNC, "--to", str(sample.root / file)) for file in ("1.csv", "2.csv")
        ]
        call = ("--link", LINK, "--entity", "mira.alumner", "--subject", "Ring upp", "--at", "2027-01-11T09:00")
        event = sample.command("crm", "event", SYNC, *call)
        wrong = [
            ("show", "mira_mailup-crm-1"),
            ("event", SYNC, *call[:-1], "soon"),
            ("push", event["result"]["plan_id"]),
        ]
        refused = [sample.command("crm", *words) for words in wrong]
        days = (first, after_mailing, unblocked, lifted, failures, returned)
        yield Story(sample, people, blocked, *days, lists, event, refused)


def vars_of(habits: Habits) -> dict[str, Any]:
    return {name: getattr(habits, name) for name in Habits.__slots__}


def statistics(sample: Sample) -> None:
    from pipelines.cli.running import Runner

    with running():
        Runner(sample.home()).run(SYNC, "stats")


def test_no_day_ends_in_an_error(story: Story) -> None:
    assert [day.error for day, _ in (story.first, story.after_mailing, story.lifted, story.returned)] == [None] * 4


def test_somebody_in_several_selections_gets_one_copy_and_is_in_all_their_groups(story: Story) -> None:
    """C11: a person once, whatever the selections."""
    people = story.first[1]
    held = story.first[0].holds
    expected = {email: groups for email, groups in wanted().items() if not held.get(email, set()) - {"duplicate"}}
    found = {email: set(person["groups"]) for email, person in people.items() if person["status"] == "Subscribed"}
    assert found == expected
    assert sum(len(groups) > 1 for groups in expected.values()) > 100
    assert any(groups == {"Alumner", "Studenter", "Kursdeltagare"} for groups in expected.values())


def test_a_bounce_that_mira_knows_blocks_until_an_administrator_lifts_it(story: Story) -> None:
    """H4, H5: hard or soft."""
    email = str(judge(story.blocked["E-post"]).email_key)
    assert email not in story.first[1]
    assert story.lifted[1][email]["status"] == "Subscribed"


def test_one_soft_bounce_blocks(story: Story) -> None:
    """H4."""
    assert story.first[1][story.soft]["status"] == "Subscribed"
    assert story.after_mailing[1][story.soft]["status"] == "Unsubscribed"


def test_an_administrator_can_lift_a_block(story: Story) -> None:
    """H5: nothing holds the address any more, but in MailUp it takes a hand, which the command and the failure say."""
    query = "select released_by, note from ledger.suppressions where email_key = ?"
    rows = story.sample.query(query, [story.soft])
    assert rows
    assert all(row["released_by"] for row in rows)
    assert "subscribe the person by hand in its console, or let them sign up" in story.unblocked
    day, people = story.lifted
    assert day.told(story.soft) == {("add", "returned")}
    assert people[story.soft]["status"] == "Unsubscribed"
    (failure,) = (row for row in story.failures if row["email"] == story.soft)
    assert (failure["code"], "by hand in MailUp's console" in failure["remedy"]) == ("out_by_us", True)
    day, people = story.returned
    assert people[story.soft]["status"] == "Subscribed"
    assert story.soft not in day.holds
    assert story.sample.sandbox.mailup.resubscribed() == []


def test_whoever_left_the_mass_mailings_is_held_though_mira_says_otherwise(story: Story) -> None:
    """H6, H10: only somebody of the house can lift it."""
    for day, people in (story.after_mailing, story.lifted):
        assert people[story.unwilling]["status"] == "Unsubscribed"
        assert "opted_out" in day.holds[story.unwilling]


def test_what_mailup_knew_before_holds(story: Story) -> None:
    """C10, F7: an opt-out, a dead address and a complaint of before the first run."""
    reasons = {frozenset(reason) for email, reason in story.first[0].holds.items() if email in story.first[1]}
    assert {"opted_out", "bounced", "complained"} <= {reason for found in reasons for reason in found}


def test_bare_addresses_are_members_without_a_name(story: Story) -> None:
    """L2, D17."""
    bare = [person for person in story.first[1].values() if person["groups"] == ["Adresser"]]
    assert len(bare) > 20
    assert all(not person["fields"] for person in bare)


def test_every_recipient_has_a_contact_note(story: Story) -> None:
    """I8: with whether they opened and clicked, in the words of the clerks who read it."""
    sent = story.sample.query("select email_key, contact_key from marts.sends")
    notes = story.sample.query("select contact_key, entity, note from marts.contact_notes")
    assert len(sent) > 400
    assert {row["contact_key"] for row in notes} == {row["contact_key"] for row in sent if row["contact_key"]}
    reader = next(row["contact_key"] for row in sent if row["email_key"] == story.people[2])
    (note,) = (row["note"] for row in notes if row["contact_key"] == reader)
    assert note.startswith('Skickade "Höstbrev" ')
    assert note.endswith(", klickat på 1 länk.")


def test_what_mira_can_t_be_told_is_handed_out_once(story: Story) -> None:
    """H3, I8: who said no, and a note on every recipient, for a person to enter or for Mira to import."""
    first, second = (document["result"] for document in story.lists)
    with Path(first["file"]).open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == first["rows"]
    fields = {(row["email_key"], row["field"], row["after"]) for row in rows if row["what"] == "field"}
    assert (story.unwilling, "Avprenumererad", "Ja") in fields
    assert not any(email == story.soft for email, *_ in fields)  # an administrator lifted it
    noted = {row["contact_key"] for row in rows if row["what"] == "note"}
    sent = story.sample.query("select distinct contact_key from marts.contact_notes where entity <> 'mira.adresser'")
    assert noted == {row["contact_key"] for row in sent}
    assert (second["file"], second["rows"]) == (None, 0)
    assert second["handed_out_before"] > 0


def test_clickers_are_chosen_by_link_and_entity(story: Story) -> None:
    """I7: a plan first; Mira has no calendar that could be written to, so it is work for a person."""
    (row,) = story.event["result"]["rows"]
    assert (row["op"], row["way"], row["entity"], row["outcome"]) == ("event", "hand", "mira.alumner", None)
    assert "Ring upp" in row["after"]
    assert story.people[2] not in str(story.event)  # masked unless --reveal
    clicked = story.sample.query("select contact_key from marts.link_clicks where url = ?", [LINK])
    assert [row["contact_key"]] == [click["contact_key"] for click in clicked]


def test_what_can_t_be_meant_is_said_in_a_sentence(story: Story) -> None:
    unknown, no_time, by_hand = story.refused
    assert (unknown["exit_code"], unknown["error"]["where"]) == (2, "mira_mailup-crm-1")
    assert (no_time["exit_code"], no_time["error"]["where"]) == (2, "--at")
    assert (by_hand["exit_code"], by_hand["result"]["outcomes"]) == (0, [])  # nothing of it can be written


def test_it_runs_once_a_day_after_the_nightly_export(story: Story) -> None:
    schedule = story.sample.home().sync(SYNC).schedule
    assert (schedule.members, schedule.timezone) == ("15 6 * * *", "Europe/Stockholm")
