"""tsc_mailup keeps the rules of TeamSystem's own export to MailUp (seed 003): judged by the provider's own state.

The story: somebody looks at the first plan, then sends it; later the lists are chosen anew and sent again.
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from rehearsal import Document
from sample import Day, Sample, sampling

from pipelines.quality.addresses import judge
from pipelines.sandbox.samples.mailup import OTHER_LIST, TSC_LIST, mailup_past
from pipelines.sandbox.samples.teamsystem import ENTI, EVENTS, INVIO_CLIENTI, INVIO_SOCI, SOCI, teamsystem_records

pytestmark = pytest.mark.slow

SYNC = "tsc_mailup"
ENTITY = "tsc.invio_clienti_fornitori"
OVERWRITTEN, ADDED, EVENT = "Enti e aziende", "Invio clienti e fornitori", "Festa di primavera"
(PAST,) = (one for one in mailup_past() if one.name == TSC_LIST)
(OTHER,) = (one for one in mailup_past() if one.name == OTHER_LIST)
STRANGERS = {known.email for known in PAST.people if known.group == OVERWRITTEN and "1" in known.options["fields"]}


def chosen(file: str, is_wanted: Callable[[dict[str, Any]], bool]) -> set[str]:
    """Right addresses of the rows that the page's filter leaves."""
    verdicts = (judge(row["Email"]) for row in teamsystem_records()[file] if is_wanted(row))
    return {str(verdict.email_key) for verdict in verdicts if verdict.is_mailable}


@dataclass(frozen=True)
class Story:
    sample: Sample
    planned: Document
    kept: str
    moved: str
    first: tuple[Day, dict[str, Document]]
    second: tuple[Day, dict[str, Document]]

    def group(self, name: str, day: int = 1) -> set[str]:
        people = (self.first if day == 1 else self.second)[1]
        return {email for email, person in people.items() if name in person["groups"]}


def choose_again(sample: Sample, deselected: str) -> None:
    """The same sending list, exported with one more column, which the sync uses to leave somebody out."""
    path = sample.root / "crm" / "tsc" / INVIO_CLIENTI
    with path.open(encoding="cp1252", newline="") as file:
        rows: list[dict[str, Any]] = list(csv.DictReader(file, delimiter=";"))
    for row in rows:
        row["Rinuncia"] = "Sì" if judge(row["Email"]).email_key == deselected else ""
    with path.open("w", encoding="cp1252", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(rows)
    owner = "owner: coalesce(Azienda, Cognome || ' ' || Nome) || ' (' || Segreteria || ')'\n    email: Email\n"
    where = f"{owner}    where: Selezionato = 'Sì'"
    sample.rewrite(f"syncs/{SYNC}.yaml", where, f"{where} and Rinuncia is null")


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with sampling(tmp_path_factory.mktemp("tsc") / "home", SYNC) as sample:
        mailup = sample.sandbox.mailup
        list_id = mailup.list_named(TSC_LIST)
        members = chosen(SOCI, lambda row: row["Stato"] == "Attivo")
        kept = sorted(chosen(INVIO_SOCI, lambda row: row["Selezionato"] == "Sì" and row["Evento"] == EVENT) - members)[
            0
        ]
        group_id = mailup.add_group(list_id, EVENT)
        mailup.act(list_id, kept, "add_by_hand", fields={"1": "Come in MailUp"}, group_id=group_id)
        planned = sample.command("plan", SYNC)["result"]
        first = (sample.day("first_run"), sample.recipients(list_id))
        moved = sorted(chosen(INVIO_CLIENTI, lambda row: row["Selezionato"] == "Sì") & first[1].keys())[0]
        choose_again(sample, moved)
        yield Story(sample, planned, kept, moved, first, (sample.day(), sample.recipients(list_id)))


def test_no_day_ends_in_an_error(story: Story) -> None:
    assert [day.error for day, _ in (story.first, story.second)] == [None] * 2


def test_the_plan_says_how_many_before_anything_is_sent(story: Story) -> None:
    """G2, G4: the number that is shown is the number that is sent."""
    adds = sum(one["count"] for one in story.planned["counts"] if one["op"] == "add")
    added = sum(row["op"] == "add" for row in story.first[0].changes)
    assert adds == added > 700


def test_natural_and_legal_persons_have_their_own_labels(story: Story) -> None:
    """C8, D11: Nome and Cognome, or Azienda."""
    people = story.first[1]
    member = next(row for row in teamsystem_records()[SOCI] if row["Stato"] == "Attivo" and row["Email"] in people)
    company = next(row for row in teamsystem_records()[ENTI] if row["Stato"] == "Attivo" and row["Email"] in people)
    assert people[member["Email"]]["fields"]["12"].startswith("S")
    assert people[member["Email"]]["fields"]["1"]
    assert "3" not in people[member["Email"]]["fields"]
    assert people[company["Email"]]["fields"]["3"] == company["Ragione sociale"]


def test_wrong_and_missing_addresses_are_listed_with_their_owners(story: Story) -> None:
    """G1, G3: of all four lists."""
    rows = story.sample.query("select entity, verdict, owner from quality.bad_emails where sync = ?", [SYNC])
    assert {row["verdict"] for row in rows} == {"wrong", "missing"}
    assert {row["entity"] for row in rows} == {
        *("tsc.soci", "tsc.enti", "tsc.invio_soci", "tsc.invio_clienti_fornitori")
    }
    assert all(row["owner"] for row in rows)


def test_an_overwritten_group_holds_exactly_the_selection(story: Story) -> None:
    """E14: strangers leave the group, and stay in the list."""
    expected = chosen(ENTI, lambda row: row["Stato"] == "Attivo") & story.first[1].keys()
    assert story.group(OVERWRITTEN) == expected
    assert len(STRANGERS) == 2
    for email in STRANGERS:
        assert story.first[1][email]["groups"] == []
        assert story.first[1][email]["status"] == "Subscribed"


def test_a_group_that_is_added_to_keeps_those_who_were_there(story: Story) -> None:
    """E15."""
    assert "amica@archivio.example" in story.group(ADDED)
    assert story.group(ADDED, day=2) == story.group(ADDED)
    assert story.moved in story.group(ADDED, day=2)


def test_a_sync_may_use_a_new_column_of_an_export_at_once(story: Story) -> None:
    """D1: the extract before did not have it."""
    query = f"select eligibility from sync_{SYNC}.map_records where entity = ? and email_key = ?"
    found = story.sample.query(query, [ENTITY, story.moved])
    assert {row["eligibility"] for row in found} == {"no_match"}


def test_the_first_plan_says_how_many_each_group_has_already(story: Story) -> None:
    """E13: and the table that people see is made of it."""
    told = {row["group"]: row for row in story.planned["groups"]}
    assert told[OVERWRITTEN]["leaving"] == len(STRANGERS)
    assert told[OVERWRITTEN]["members"] >= len(STRANGERS)
    assert told[ADDED]["members"] == sum(known.group == ADDED for known in PAST.people)
    assert told[ADDED]["members"] + told[ADDED]["joining"] == len(story.group(ADDED))
    assert told["Soci"]["members"] == 0


def test_what_mailup_knows_of_somebody_stays_where_the_group_says_keep(story: Story) -> None:
    """E15."""
    assert story.first[1][story.kept]["fields"] == {"1": "Come in MailUp"}
    assert story.first[1][story.kept]["groups"] == [EVENT]


def test_somebody_in_several_lists_is_one_member_in_all_their_groups(story: Story) -> None:
    """C11."""
    both = chosen(SOCI, lambda row: row["Stato"] == "Attivo" and row["Tipo"] == "Socio")
    both &= chosen(INVIO_SOCI, lambda row: row["Selezionato"] == "Sì")
    found = [story.first[1][email] for email in both if email in story.first[1]]
    assert len(found) > 50
    assert all("Soci" in person["groups"] and set(person["groups"]) & set(EVENTS) for person in found)


def test_a_consent_that_was_withdrawn_in_another_list_holds_here(story: Story) -> None:
    """B5, H8: MailUp has one consent for each address."""
    (email,) = (known.email for known in OTHER.people)
    person = story.first[1].get(email)
    assert person is None or person["status"] == "Unsubscribed"
    assert story.first[0].holds[email] == {"opted_out"}  # not an add that MailUp would refuse
    assert story.first[0].told(email) == set()
    assert story.sample.sandbox.mailup.resubscribed() == []


def test_it_runs_on_demand_only(story: Story) -> None:
    """B11, K5: no line of the schedule is set."""
    schedule = story.sample.home().sync(SYNC).schedule
    assert (schedule.audiences, schedule.members, schedule.stats) == (None, None, None)


def test_a_label_that_mailup_does_not_have_stops_the_sync_at_its_line(
    story: Story, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """D12."""
    copy = story.sample.copy(tmp_path_factory.mktemp("label") / "home")
    copy.rewrite(f"syncs/{SYNC}.yaml", "      azienda: '\"Ragione sociale\"'\n", "      ditta: '\"Ragione sociale\"'\n")
    done = copy.enlist("plan", SYNC, "--json")
    assert done.code == 2
    assert done.document["error"]["where"].startswith(f"syncs/{SYNC}.yaml:")
    assert "ditta" in done.document["error"]["what"]
