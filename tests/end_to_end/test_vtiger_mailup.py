"""vtiger_mailup keeps the rules of the Vtiger connector for MailUp (seed 004): judged by the provider's own state.

The story: a first run; then leads change, people say no, and somebody deletes a group in MailUp, which a person looks
at; then one comes back. The noes are written to Vtiger. In the end somebody deletes the list in MailUp.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from rehearsal import Document, running
from sample import Day, Sample, sampling

from pipelines import progress
from pipelines.errors import UnsafePlan
from pipelines.sandbox.people import Habits
from pipelines.sandbox.samples.mailup import VTIGER_LIST, mailup_past
from pipelines.sandbox.samples.vtiger import vtiger_records

pytestmark = pytest.mark.slow

SYNC = "vtiger_mailup"
TYPES = {"Lead", "Sedi", "Azienda"}
ITALIAN = {"leadstatus": "Hot", "country": "Italia"}
NOES = ("no_da_lead", "no_da_contatto")
# Name, module, what is particular.
CAST: dict[str, tuple[str, dict[str, str]]] = {
    "caldo": ("Leads", {**ITALIAN, "company": "Cantina Rossi", "leadsource": "Trade Show"}),
    "caldo_estero": ("Leads", {"leadstatus": "Hot", "country": "Svizzera"}),
    "qualificato_estero": ("Leads", {"leadstatus": "Qualified", "country": "Svizzera"}),
    "con_due": ("Leads", {**ITALIAN, "secondaryemail": "seconda@cast.example"}),
    "obietta": ("Leads", {**ITALIAN, "emailoptout": "1"}),
    "raffreddato": ("Leads", ITALIAN),
    "cambia": ("Leads", ITALIAN),
    "no_da_lead": ("Leads", ITALIAN),
    "sammarino": ("Leads", ITALIAN),
    "cliente": ("Contacts", {"Rapporto": "Cliente", "mailingcity": "Forlì"}),
    "interessata": ("Contacts", {"Settore di interesse": "Eventi |##| Formazione"}),
    "ex": ("Contacts", {"Rapporto": "Ex cliente", "Settore di interesse": "Formazione"}),
    "no_da_contatto": ("Contacts", {"Rapporto": "Cliente"}),
    "convertito": ("Contacts", {"Rapporto": "Cliente"}),
    "senza": ("Contacts", {"Rapporto": "Cliente", "email": ""}),
    "storta": ("Contacts", {"Rapporto": "Cliente", "email": "storta@@cast.example"}),
    "azienda": ("Accounts", {"accounttype": "Customer", "accountname": "Cast S.p.A.", "bill_city": "L'Aquila"}),
    "concorrente": ("Accounts", {"accounttype": "Competitor", "accountname": "Altra S.r.l."}),
}


def address(name: str) -> str:
    return f"{name}@cast.example"


@dataclass(frozen=True)
class Story:
    sample: Sample
    ids: dict[str, str]
    first: tuple[Day, dict[str, Document]]
    waiting: Day
    second: tuple[Day, dict[str, Document]]
    third: tuple[Day, dict[str, Document]]
    told: str
    status: Document
    asked: Document
    written: Document
    fourth: Day
    seen_in_push: list[Document]
    before_deletion: dict[str, list[Document]]
    deleted: dict[str, list[Document]]


def put_cast(sample: Sample) -> dict[str, str]:
    """Ids in the CRM by name. `convertito` is a lead too, who said no there."""
    vtiger, ids = sample.sandbox.vtiger, {}
    for name, (module, values) in CAST.items():
        mine = {"email1" if module == "Accounts" else "email": address(name), **values}
        row: dict[str, Any] = {"lastname": name.title(), "assigned_user_id": "19x1", "emailoptout": "0", **mine}
        named = {custom_field(sample, module, key): value for key, value in row.items()}
        (ids[name],) = vtiger.add_records(module, [named])
    lead = {"lastname": "C", "email": address("convertito"), "emailoptout": "1", **ITALIAN}
    (ids["convertito_lead"],) = vtiger.add_records("Leads", [lead])
    return ids


def custom_field(sample: Sample, module: str, label: str) -> str:
    """Name of a custom field, known by the values that the sample gave it; other names are as they are."""
    if label not in ("Rapporto", "Settore di interesse"):
        return label
    expected = {record["id"]: record[label] for record in vtiger_records(160)[module]}
    found = [record for record in sample.sandbox.vtiger.records(module) if record["id"] in expected]
    names = [name for name in found[0] if name.startswith("cf_")]
    (name,) = (name for name in names if all(record[name] == expected[record["id"]] for record in found))
    return name


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    # All records are read on every day, so that what was deleted in the CRM shows at once.
    with sampling(tmp_path_factory.mktemp("vtiger") / "home", SYNC) as sample:
        ids = put_cast(sample)
        mailup, vtiger = sample.sandbox.mailup, sample.sandbox.vtiger
        list_id = mailup.list_named(VTIGER_LIST)
        mailup.act(list_id, address("sammarino"), "add_by_hand", fields={"8": "San Marino"})
        first = (sample.day("first_run"), sample.recipients(list_id))
        vtiger.convert(ids["convertito_lead"])
        vtiger.edit(ids["raffreddato"], leadstatus="Junk Lead")
        vtiger.edit(ids["cambia"], company="Nuova S.r.l.")
        mailup.act(list_id, address("cambia"), "edit_fields", fields={"3": "Corretta in MailUp"})
        mailup.act(list_id, address("no_da_lead"), "opt_out")
        mailup.act(list_id, address("no_da_contatto"), "opt_out")
        mailup.delete_group(mailup.group_named(list_id, "Sedi"))
        waiting = sample.day()
        second = (sample.day("max_updates"), sample.recipients(list_id))
        # Somebody sends to the whole list, `esclusi` too, and nobody reacts.
        mailup.turn(sent_before=0, habits=dict.fromkeys(Habits.__slots__, 0))
        mailup.send_campaign(list_id, "Novità", "Buongiorno")
        told = " ".join(sample.enlist("stats", SYNC).out.split())
        (status,) = sample.command("status")["result"]["syncs"]
        vtiger.edit(ids["raffreddato"], leadstatus="Warm")
        with progress.shown_by(onlooker := Onlooker(sample)):
            third = (sample.day(), sample.recipients(list_id))
        asked = sample.command("crm", "plan", SYNC)
        written = sample.command("crm", "push", asked["result"]["plan_id"], "--accept", "first_run")
        fourth = sample.day()
        before = told_of(sample)
        mailup.delete_list(list_id)
        hourly(sample)
        ends = (fourth, onlooker.seen, before, told_of(sample))
        yield Story(sample, ids, first, waiting, second, third, told, status, asked, written, *ends)


class Onlooker(progress.Silent):
    """Looks at the lists as their mart would be made in the middle of a push, once."""

    def __init__(self, sample: Sample) -> None:
        self._sample = sample
        self.seen: list[Document] = []

    def advance(self, what: str, done: int, total: int | None) -> None:
        if what == "changes" and not self.seen:
            compiled = self._sample.home().logs / "dbt" / "analytics" / "compiled"
            (model,) = compiled.rglob("audiences.sql")
            self.seen = self._sample.query(model.read_text(encoding="utf-8"))


def hourly(sample: Sample) -> None:
    """What the schedule of the lists does every hour."""
    from pipelines.cli.running import Runner

    with running():
        Runner(sample.home()).run(SYNC, "audiences")


def told_of(sample: Sample) -> dict[str, list[Document]]:
    """What analysts are told of the list, of who was in it, and of what they were sent."""
    asked = {
        "audiences": f"state, sync_in_progress, subscribed_count from marts.audiences where name = '{VTIGER_LIST}'",
        "people": "email_key, status from marts.audience_members",
        "sends": "email_key, entity, contact_key, times_sent from marts.sends",
    }
    return {name: sample.query(f"select {query} order by all") for name, query in asked.items()}


def groups(people: dict[str, Document], name: str) -> set[str]:
    found = people.get(address(name))
    return set(found["groups"]) if found else set()


def test_no_day_ends_in_an_error(story: Story) -> None:
    days = (story.first[0], story.second[0], story.third[0], story.fourth)
    assert [day.error for day in days] == [None] * 4


def test_each_type_has_its_group_and_its_own_fields(story: Story) -> None:
    """C7, D14, E8."""
    people = story.first[1]
    assert [groups(people, name) for name in ("caldo", "cliente", "azienda")] == [{"Lead"}, {"Sedi"}, {"Azienda"}]
    lead, contact, account = (people[address(name)]["fields"] for name in ("caldo", "cliente", "azienda"))
    assert (lead["3"], lead["28"], lead["8"]) == ("Cantina Rossi", "Trade Show", "Italia")
    assert (contact["4"], contact.get("28", "")) == ("Forlì", "")
    assert (account["2"], account["3"], account["4"]) == ("Cast S.p.A.", "Cast S.p.A.", "L'Aquila")
    assert [found["12"] for found in (lead, contact, account)] == [
        story.ids[name] for name in ("caldo", "cliente", "azienda")
    ]


def test_whoever_is_in_any_of_the_views_is_added(story: Story) -> None:
    """C6, F2: several views of one module are united."""
    people = story.first[1]
    assert {name for name in CAST if address(name) in people} == {
        *("caldo", "qualificato_estero", "con_due", "raffreddato", "cambia", "no_da_lead", "sammarino"),
        *("cliente", "interessata", "no_da_contatto", "azienda"),
    }


def test_all_addresses_of_a_record_are_added(story: Story) -> None:
    """C12."""
    second = story.first[1]["seconda@cast.example"]
    assert second["groups"] == ["Lead"]
    assert second["fields"]["12"] == story.ids["con_due"]


def test_wrong_and_empty_addresses_are_left_out_and_listed_with_their_owner(story: Story) -> None:
    """C9."""
    query = "select contact_key, verdict, owner from quality.bad_emails where sync = ? and entity = 'vtiger.contacts'"
    found = {row["contact_key"]: row for row in story.sample.query(query, [SYNC])}
    assert found[story.ids["senza"]]["verdict"] == "missing"
    assert found[story.ids["storta"]]["verdict"] == "wrong"
    assert found[story.ids["storta"]]["owner"].startswith("Storta (")


def test_what_vtiger_demands_fills_what_mailup_demands(story: Story) -> None:
    """D15: nobody of ours is without a cognome."""
    ours = [person for person in story.first[1].values() if TYPES & set(person["groups"])]
    assert len(ours) > 50
    assert all(person["fields"].get("2") for person in ours)


def test_an_objection_of_a_lead_holds_for_the_contact_it_became(story: Story) -> None:
    """M4; Vtiger forgets it when it converts a lead."""
    assert address("convertito") not in story.first[1]
    assert address("obietta") not in story.first[1]
    assert story.first[0].holds[address("convertito")] == {"shared_address"}
    assert address("convertito") not in story.second[1]
    assert story.second[0].holds[address("convertito")] == {"opted_out"}


def test_the_crm_wins_over_what_was_corrected_in_mailup(story: Story) -> None:
    """B2: Italia, not San Marino."""
    assert story.first[1][address("sammarino")]["fields"]["8"] == "Italia"
    assert story.second[1][address("cambia")]["fields"]["3"] == "Nuova S.r.l."


def test_private_people_are_never_touched(story: Story) -> None:
    """B4: nor brought into the CRM's side of the tables."""
    (past,) = (one for one in mailup_past() if one.name == VTIGER_LIST)
    private = {known.email for known in past.people if known.group == "Stampa"}
    assert len(private) == 2
    for email in private:
        assert story.first[1][email] == story.third[1][email]
        assert story.third[1][email]["groups"] == ["Stampa"]
        assert story.first[0].told(email) == set()


def test_an_address_that_left_the_views_goes_to_esclusi_and_comes_back(story: Story) -> None:
    """E9, F3, F8: still in the list, and still subscribed (Z10)."""
    assert groups(story.first[1], "raffreddato") == {"Lead"}
    assert groups(story.second[1], "raffreddato") == {"esclusi"}
    assert story.second[1][address("raffreddato")]["status"] == "Subscribed"
    assert groups(story.third[1], "raffreddato") == {"Lead"}


def test_a_campaign_that_reached_people_who_are_parked_is_told(story: Story) -> None:
    """Z10, K6: after the statistics, and in the status for as long as it is a recent one."""
    parked = {email for email, person in story.second[1].items() if "esclusi" in person["groups"]}
    assert address("raffreddato") in parked
    assert f"reached {len(parked)} parked member" in story.told
    reached = story.status["reached_parked"]
    assert (reached["name"], reached["parked_sent_count"]) == ("Novità", len(parked))


def test_what_was_sent_is_told_of_each_lead_contact_and_account(story: Story) -> None:
    """I2, I5: the campaign, by the record of the CRM."""
    sends = {row["email_key"]: row for row in story.before_deletion["sends"]}
    entities = {"caldo": "vtiger.leads", "cliente": "vtiger.contacts", "azienda": "vtiger.accounts"}
    assert {name: sends[address(name)]["entity"] for name in entities} == entities
    assert [sends[address(name)]["contact_key"] for name in entities] == [story.ids[name] for name in entities]
    assert {"vtiger.leads", "vtiger.contacts", "vtiger.accounts"} <= {row["entity"] for row in sends.values()}


def test_the_list_tells_that_a_sync_is_under_way_and_no_other_does(story: Story) -> None:
    """J2."""
    assert {row["name"] for row in story.seen_in_push if row["sync_in_progress"]} == {VTIGER_LIST}
    assert len(story.seen_in_push) > 1
    assert [row["sync_in_progress"] for row in story.before_deletion["audiences"]] == [False]


def test_a_list_that_was_deleted_in_mailup_stays_as_history_with_its_people_and_sends(story: Story) -> None:
    """F10, J1, J4: the next hourly run tells it, though the sync itself has no list any more."""
    (before,), (after,) = story.before_deletion["audiences"], story.deleted["audiences"]
    assert (before["state"], after["state"], after["subscribed_count"]) == ("created", "deleted", 0)
    people = {row["email_key"] for row in story.before_deletion["people"]}
    assert address("caldo") in people
    assert {row["email_key"]: row["status"] for row in story.deleted["people"]} == dict.fromkeys(people, "deleted")
    assert story.deleted["sends"] == story.before_deletion["sends"]


def test_a_group_that_was_deleted_is_made_again_with_its_people(story: Story) -> None:
    """E8: a third of all members is more than the schedule does without a person looking."""
    assert isinstance(story.waiting.error, UnsafePlan)
    assert groups(story.second[1], "cliente") == {"Sedi"}
    assert groups(story.second[1], "interessata") == {"Sedi"}


def test_whoever_opts_out_in_mailup_stays_out(story: Story) -> None:
    """C10, H1."""
    for name in NOES:
        assert story.third[1][address(name)]["status"] == "Unsubscribed"
        assert story.third[0].holds[address(name)] == {"opted_out"}
    assert story.sample.sandbox.mailup.resubscribed() == []


def test_how_far_a_no_reaches_is_each_modules_own(story: Story) -> None:
    """H2: "disiscrizione globale" is off for leads and on for contacts."""
    query = "select email_key, scope from ledger.suppressions where source <> 'crm' and email_key in (?, ?)"
    rows = story.sample.query(query, [address("no_da_lead"), address("no_da_contatto")])
    assert {row["email_key"]: row["scope"] for row in rows} == {
        address("no_da_lead"): "audience",
        address("no_da_contatto"): "account",
    }


def test_who_said_no_in_mailup_is_marked_in_vtiger_once_somebody_saw_the_plan(story: Story) -> None:
    """H1, H2, Z3: a contact for all mail, a lead, whose flag of disiscrizione globale is off, for this list only."""
    assert story.status["crm_waits_for"].endswith("for the CRM waits for you: first_run.")
    assert (story.asked["exit_code"], story.asked["result"]["broken_rules"][0]["rule"]) == (3, "first_run")
    assert {row["outcome"] for row in story.written["result"]["outcomes"]} == {"applied"}
    lead, contact = (story.sample.sandbox.vtiger.record(story.ids[name]) or {} for name in NOES)
    (of_list,) = (value for name, value in lead.items() if name.startswith("cf_") and value == "1")
    assert (of_list, lead["emailoptout"], contact["emailoptout"]) == ("1", "0", "1")


def test_what_was_marked_changes_nothing_in_the_next_plan(story: Story) -> None:
    """The CRM says now what the ledger says."""
    assert [story.fourth.told(address(name)) for name in NOES] == [set(), set()]
    assert story.sample.sandbox.mailup.resubscribed() == []


def test_nothing_else_is_written_to_the_crm(story: Story) -> None:
    """B1: no data of the provider's but the opt-outs that write_back asks for."""
    asked = {(row["contact_key"], row["field"]) for row in story.asked["result"]["rows"]}
    assert {field for _, field in asked} == {"emailoptout", "Disiscritto lista"}
    by_enlist = [entry for entry in story.sample.sandbox.vtiger.history() if entry["actor"] == "api"]
    assert sorted(entry["id"] for entry in by_enlist) == sorted(key for key, _ in asked)
    assert {(entry["operation"], len(entry["changed"])) for entry in by_enlist} == {("revise", 1)}


def test_no_credential_is_in_any_file_or_table(story: Story) -> None:
    """A13: but in the file where its owner wrote it."""
    connections = yaml.safe_load((story.sample.root / "connections.yaml").read_text(encoding="utf-8"))["connections"]
    secrets = [connections["mailup"][name] for name in ("password", "client_secret")]
    assert story.sample.places_of(connections["vtiger"]["access_key"], *secrets) == set()
    assert story.sample.places_of(address("caldo")), "what is there is found"


def test_lists_come_every_hour_and_people_and_statistics_once_a_day(story: Story) -> None:
    """K2, K3, K4."""
    schedule = story.sample.home().sync(SYNC).schedule
    assert (schedule.audiences, schedule.members, schedule.stats) == ("0 * * * *", "30 2 * * *", "0 5 * * *")
