"""`enlist explain` and `enlist failures` tell what was written to the CRM, and what it did not take (J5, H1, I8).

Belongs here: both commands, on a home whose CRM is a simulator. Does not: what is written (test_crm_write_back.py),
the rest of the story (integration/test_people.py).
"""

from pathlib import Path
from typing import Any

import pytest
from crm_write_world import URL, CrmWorld
from rehearsal import Done, Rehearsal

from pipelines.ledger import load
from pipelines.sandbox.server import Sandbox
from pipelines.sandbox.vtiger.simulator import Vtiger
from pipelines.write_back.drafting import Clickers, plan_edit
from pipelines.write_back.sending import Request

WRITE_BACK = {"opt_outs": {"field": "emailoptout", "value": "1"}, "notes": True}
NAMES = ("anna", "bert", "carla")


def address(name: str) -> str:
    return f"{name}@leads.example"


class Leads(CrmWorld):
    """Three leads of Vtiger, who got a campaign. Anna and bert said no; bert's record was deleted since."""

    def __init__(self, root: Path, crm: Vtiger, sandbox: Sandbox) -> None:
        self.vtiger = crm
        people = [{"lastname": name, "email": address(name), "assigned_user_id": "19x1"} for name in NAMES]
        self.keys = dict(zip(NAMES, crm.add_records("Leads", people), strict=True))
        settings = {
            **{"kind": "vtiger", "url": crm.url, "username": crm.username, "access_key": crm.access_key},
            **{"entities": {"leads": {"module": "Leads"}}, "max_attempts": 1, "sessions": 1},
        }
        super().__init__(root, settings, "leads", WRITE_BACK, ("id", "email", "lastname"))
        self._home = Rehearsal(root, sandbox)
        self.extract()
        self.says_no(address("anna"), address("bert"))
        for name in NAMES:
            self.sent(self.keys[name], f"Sent to {name}.")
        crm.delete(self.keys["bert"])

    def enlist(self, *arguments: str) -> Done:
        done = self._home.enlist(*arguments)
        assert (done.code, done.err) == (0, "")
        return done

    def told(self, *arguments: str) -> Any:
        """The result of a command as JSON, addresses in full."""
        return self.enlist(*arguments, "--json", "--reveal").document["result"]

    def story(self, name: str) -> list[tuple[Any, ...]]:
        """(op, reason, key, field, before, after, outcome, code) of all that went to the CRM for one person."""
        names = ("op", "reason", "contact_key", "field", "before", "after", "outcome", "code")
        return [tuple(row[one] for one in names) for row in self.told("explain", address(name))["write_backs"]]

    def edit(self, field: str, value: str, run_id: str) -> None:
        """Somebody of the house sets a field of those who clicked."""
        with self.warehouse.transaction() as database:
            load.load(database, self.home.ledger)
            plan = plan_edit(database, self.home, self.sync, Clickers(URL, "crm.leads"), field, value)
        self.run(run_id, Request(plan.plan_id, by="anna"))


@pytest.fixture
def leads(vtiger_simulator: Vtiger, mailchimp_simulator_server: Sandbox, tmp_path: Path) -> Leads:
    return Leads(tmp_path / "home", vtiger_simulator, mailchimp_simulator_server)


def test_what_was_written_for_somebody_is_told_with_the_answer(leads: Leads) -> None:
    """Of them and of nobody else."""
    leads.run("one")
    key = leads.keys["anna"]
    assert leads.story("anna") == [
        ("set", "opted_out", key, "emailoptout", "0", "1", "applied", None),
        ("note", "new", key, "enlist chimp c1", None, "Sent to anna.", "applied", None),
    ]
    assert [row[:3] for row in leads.story("carla")] == [("note", "new", leads.keys["carla"])]
    out = leads.enlist("explain", address("anna"), "--reveal").out
    assert "in the CRM, set (opted_out): applied" in " ".join(out.split())
    assert f"crm.leads {key}, emailoptout: 0 → 1" in " ".join(out.split())
    assert "Sent to anna." in out
    assert "undo RUN" not in out, "what is in the CRM is not taken back"
    for word in ("bert", "carla", "missing_record"):
        assert word not in out


def test_what_the_crm_refused_is_told_with_its_words(leads: Leads) -> None:
    """And held from then on."""
    leads.run("one")
    assert [(*row[:2], *row[-2:]) for row in leads.story("bert")] == [
        ("set", "opted_out", "refused", "missing_record"),
        ("note", "new", "refused", "missing_record"),
    ]
    leads.run("two")
    found = leads.told("explain", address("bert"))
    assert {hold["reason"] for hold in found["write_back_holds"]} == {"refused_before"}
    assert all(row["remedy"] for row in found["write_backs"])
    assert "people leaves the CRM as it is: it refused this before" in " ".join(
        leads.enlist("explain", address("bert")).out.split()
    )


def test_what_waits_for_a_person_to_accept_it_is_told_as_planned(leads: Leads) -> None:
    leads.plan()
    found = leads.told("explain", address("anna"))
    assert found["write_backs"] == []
    assert [(row["op"], row["way"], row["status"]) for row in found["write_back_plans"]] == [
        ("set", "write", "pending"),
        ("note", "write", "pending"),
    ]
    assert "planned for the CRM: set (opted_out)" in " ".join(leads.enlist("explain", address("anna")).out.split())
    leads.run("one")
    assert leads.told("explain", address("anna"))["write_back_plans"] == []


def test_the_story_survives_the_warehouse(leads: Leads) -> None:
    """The journal has it."""
    leads.run("one")
    before = leads.story("anna")
    leads.home.warehouse.unlink()
    assert leads.story("anna") == before


def test_addresses_are_masked_unless_revealed(leads: Leads) -> None:
    leads.run("one")
    for command, masked in ((("explain", address("anna")), "a…@l….example"), (("failures",), "b…@l….example")):
        assert masked in leads.enlist(*command).out
        assert masked in str(leads.enlist(*command, "--json").document)
        for options in ((), ("--json",)):
            assert "@leads.example" not in leads.enlist(*command, *options).out


def test_a_field_that_a_secret_is_made_of_is_never_shown(leads: Leads) -> None:
    """D4: nor any field of a sync whose file is gone, for nobody knows any more which were secret."""
    leads.edit("description", "Hot-4711", "one")
    file = leads.root / "syncs" / "people.yaml"
    text = file.read_text(encoding="utf-8")
    assert "Hot-4711" in leads.enlist("explain", address("anna"), "--reveal").out
    assert "opt_out: false" in text
    secret = "opt_out: false\n  fields: {PIN: {sql: upper(description), secret: true}}"
    file.write_text(text.replace("opt_out: false", secret), encoding="utf-8")
    for _ in range(2):
        for command in (("explain", address("anna")), ("explain", address("bert")), ("failures",)):
            for options in ((), ("--json",)):
                assert "Hot-4711" not in leads.enlist(*command, "--reveal", *options).out
        (row,) = leads.told("explain", address("anna"))["write_backs"]
        assert (row["field"], row["after"], row["outcome"]) == ("description", "(secret)", "applied")
        file.unlink(missing_ok=True)


def test_failures_list_what_the_crm_refuses_until_it_takes_it(leads: Leads) -> None:
    assert leads.told("failures", "people") == {"failures": [], "crm_failures": []}
    leads.run("one")
    found = leads.told("failures", "people")["crm_failures"]
    assert {(row["email"], row["op"], row["code"], row["times"], row["tried_again"]) for row in found} == {
        (address("bert"), op, "missing_record", 1, "when the record changes") for op in ("set", "note")
    }
    assert all(row[name] for row in found for name in ("owner", "remedy", "detail", "since"))
    leads.run("two")
    assert leads.told("failures")["crm_failures"] == found, "it is held, and listed as long as it is"
    out = " ".join(leads.enlist("failures").out.split())
    assert "people: 1 emailoptout in the CRM refused, missing_record" in out
    assert "the CRM's words" in out


def test_what_failed_is_tried_at_the_next_run_and_then_gone(leads: Leads) -> None:
    leads.vtiger.fail(kind="empty", status=500, path="create", times=100)
    leads.run("one")
    failed = [row for row in leads.told("failures")["crm_failures"] if row["outcome"] == "failed"]
    assert {(row["email"], row["op"], row["tried_again"]) for row in failed} == {
        (address(name), "note", "at the next run") for name in ("anna", "carla")
    }
    leads.vtiger.faults.clear()
    leads.run("two")
    assert {row["email"] for row in leads.told("failures")["crm_failures"]} == {address("bert")}


def test_what_was_asked_for_by_hand_is_sent_when_it_is_asked_for_again(leads: Leads) -> None:
    leads.edit("leadstatus", "Hot", "one")
    (row,) = leads.told("failures")["crm_failures"]
    assert (row["kind"], row["field"], row["tried_again"]) == ("edit", "leadstatus", "when you ask again")
