"""Writing to a CRM from end to end, judged by what its simulator holds: once, whatever happens (H1, H3, H4, I7, I8).

Belongs here: Vtiger and Iteras, faults, kills, work-lists. Does not: what is asked for (unit/test_write_back.py),
single writes (test_sources_simulators.py).
"""

import csv
import datetime
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from crm_write_world import URL, CrmWorld, write_home
from openpyxl import load_workbook
from push_kills import at_each, changing_calls, kill_at

from pipelines import locks
from pipelines.errors import Busy, ConfigError, StalePlan, TransientError, UnsafePlan
from pipelines.ledger import blocks, load
from pipelines.reports.worklist import hand_out
from pipelines.sandbox.iteras.simulator import Iteras
from pipelines.sandbox.vtiger.simulator import Vtiger
from pipelines.sync.doctor.way_back import way_back
from pipelines.write_back import sending
from pipelines.write_back.drafting import Clickers, NewEvent, plan_edit, plan_event
from pipelines.write_back.plans import entered, rows_of
from pipelines.write_back.sending import Request

WRITE_BACK = {
    "opt_outs": {"field": "emailoptout", "value": "1"},
    "bounces": {"field": "description", "value": "Bounced"},
    "notes": True,
}
NAMES = ("anna", "bert", "carla", "dora")
SOON = datetime.datetime(2026, 12, 1, 9, tzinfo=datetime.UTC)


def address(name: str) -> str:
    return f"{name}@leads.example"


class Leads(CrmWorld):
    """Four leads of Vtiger: anna said no, bert bounced, and both and carla got a campaign."""

    def __init__(self, root: Path, crm: Vtiger, **more: Any) -> None:
        self.vtiger = crm
        people = [{"lastname": name, "email": address(name), "assigned_user_id": "19x1"} for name in NAMES]
        self.keys = dict(zip(NAMES, crm.add_records("Leads", people), strict=True))
        settings = {
            **{"kind": "vtiger", "url": crm.url, "username": crm.username, "access_key": crm.access_key},
            **{"entities": {"leads": {"module": "Leads"}}, "max_attempts": 1, "sessions": 1},
        }
        super().__init__(root, settings | more, "leads", WRITE_BACK, ("id", "email", "lastname"))
        self.extract()
        self.says_no(address("anna"))
        self.says_no(address("bert"), reason="bounced")
        for name in NAMES[:3]:
            self.sent(self.keys[name], f"Sent to {name}.")

    def flags(self) -> dict[str, str]:
        return {name: str((self.vtiger.record(key) or {}).get("emailoptout")) for name, key in self.keys.items()}

    def notes(self) -> Counter[str]:
        return Counter(str(note["commentcontent"]) for note in self.vtiger.records("ModComments"))

    def writes(self) -> int:
        """Calls that wrote something, or tried to."""
        operations = self.vtiger.stats()["operations"]
        return int(operations.get("revise", 0) + operations.get("create", 0))

    def assert_written(self) -> None:
        """All of it, and nothing twice."""
        assert self.flags() == {"anna": "1", "bert": "0", "carla": "0", "dora": "0"}
        assert (self.vtiger.record(self.keys["bert"]) or {})["description"] == "Bounced"
        assert self.notes() == {f"Sent to {name}.\n[enlist chimp c1]": 1 for name in NAMES[:3]}


@pytest.fixture
def leads(vtiger_simulator: Vtiger, tmp_path: Path) -> Leads:
    return Leads(tmp_path / "home", vtiger_simulator)


def test_what_the_sync_asks_for_is_written_once(leads: Leads) -> None:
    """H1, H4, I8: and a second run asks for nothing, before and after the CRM is read again."""
    assert leads.run("one").outcomes == {"applied": 5, "left": 0}
    leads.assert_written()
    assert leads.run("two").plan.counts == ()
    leads.extract()
    assert leads.run("three").plan.counts == ()
    leads.assert_written()
    assert leads.writes() == 5


def test_the_schedule_waits_until_somebody_saw_the_first_plan(leads: Leads) -> None:
    """Nobody is surprised by what stands in their CRM (Z3)."""
    assert leads.run("schedule", Request()).is_waiting
    with pytest.raises(UnsafePlan, match="first time that this sync writes"):
        leads.run("anna", Request(by="anna"))
    assert leads.writes() == 0
    leads.run("accepted")
    leads.says_no(address("dora"))
    assert leads.run("later", Request()).outcomes["applied"] == 1


def test_the_first_write_of_another_kind_waits_again(leads: Leads) -> None:
    leads.run("one")
    text = (leads.root / "syncs" / "people.yaml").read_text(encoding="utf-8")
    (leads.root / "syncs" / "people.yaml").write_text(text.replace("emailoptout", "leadsource").replace("'1'", "Self"))
    assert leads.run("two", Request()).is_waiting


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("kind", ["drop", "truncated"])
def test_writes_whose_answers_are_lost_happen_once(leads: Leads, kind: str, applied: bool) -> None:
    for path in ("revise", "create"):
        leads.vtiger.fail(kind=kind, path=path, applied=applied, times=1)
    assert leads.run("one").outcomes["applied"] == 5
    leads.assert_written()


POSTS = {"POST": 7}  # a log-in, two revisions, three comments, the log-out


def test_the_positions_to_kill_at_are_all_there_are(leads: Leads) -> None:
    before = changing_calls(leads.vtiger)
    leads.run("one")
    assert dict(changing_calls(leads.vtiger) - before) == POSTS


@at_each(POSTS)
def test_a_run_killed_at_a_call_is_finished_by_the_next_and_nothing_is_doubled(
    leads: Leads, method: str, number: int
) -> None:
    """What the next run asks for again was `sending`: the writer looks first (I8)."""
    kill_at(leads.vtiger, write_home, leads.root, method, number)
    leads.run("next")
    leads.assert_written()
    assert ("set", "failed", "") not in leads.told()


def test_a_crm_that_is_away_is_not_asked_again_and_again(leads: Leads) -> None:
    for number in range(10):
        leads.sent(leads.vtiger.add_records("Leads", [{"lastname": f"more{number}"}])[0], f"Sent to {number}.")
    leads.extract()
    leads.vtiger.fail(kind="empty", status=500, path="create", times=100)
    with pytest.raises(TransientError, match="5 times in a row") as caught:
        leads.run("one")
    assert "2 applied, 5 failed of 15" in caught.value.do
    leads.vtiger.faults.clear()
    leads.run("two")
    assert set(leads.notes().values()) == {1}
    assert leads.notes().total() == 13


def test_a_deleted_record_is_refused_and_the_others_are_written(leads: Leads) -> None:
    leads.vtiger.delete(leads.keys["anna"])
    result = leads.run("one")
    assert result.outcomes == {"refused": 2, "applied": 3, "left": 0}
    assert {row for row in leads.told() if row[1] == "refused"} == {
        ("set", "refused", "missing_record"),
        ("note", "refused", "missing_record"),
    }
    assert leads.run("two").plan.hold_counts == ({"reason": "refused_before", "count": 2},)


def test_who_was_released_since_the_plan_is_left_out(leads: Leads) -> None:
    plan = leads.plan()
    blocks.release(leads.home.ledger, address("anna"), ["opted_out"], note="by phone", by="anna")
    result = leads.run("one", Request(plan.plan_id, ("first_run",), "anna"))
    assert (result.outcomes["left"], leads.flags()["anna"]) == (1, "0")


def test_a_plan_is_written_once_and_an_older_one_not_at_all(leads: Leads) -> None:
    older, plan = leads.plan(), leads.plan()
    with pytest.raises(StalePlan, match="superseded"):
        leads.run("older", Request(older.plan_id, ("first_run",), "anna"))
    leads.run("one", Request(plan.plan_id, ("first_run",), "anna"))
    assert leads.run("again", Request(plan.plan_id)).outcomes.total() == 0
    assert (leads.status(plan), leads.writes()) == ("applied", 5)


def test_a_field_that_the_crm_has_not_is_found_by_check_and_stops_before_anything_is_sent(
    vtiger_simulator: Vtiger, tmp_path: Path
) -> None:
    world = Leads(tmp_path / "home", vtiger_simulator)
    path = world.root / "syncs" / "people.yaml"
    assert list(way_back(world.home, world.sync)) == []
    path.write_text(path.read_text(encoding="utf-8").replace("description", "descriptoin"), encoding="utf-8")
    assert ["no field descriptoin" in found.what for found in way_back(world.home, world.sync)] == [True]
    with pytest.raises(ConfigError, match="no field descriptoin"):
        world.run("one")
    assert world.flags()["anna"] == "0"


def test_two_runs_never_write_to_a_crm_at_once(leads: Leads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "WAIT", 0)
    with (
        locks.held(leads.home.locks / "write-crm", wait=0, busy=""),
        pytest.raises(Busy, match="Another run is writing to crm"),
    ):
        leads.run("one")
    assert leads.notes() == {}


# Clickers


def edit_for_clickers(leads: Leads, field: str, value: str) -> str:
    with leads.warehouse.transaction() as database:
        load.load(database, leads.home.ledger)
        chosen = Clickers(URL, "crm.leads", keys=(leads.keys["anna"], leads.keys["carla"]))
        return plan_edit(database, leads.home, leads.sync, chosen, field, value).plan_id


def test_a_mass_edit_leaves_alone_what_somebody_changed_meanwhile(leads: Leads) -> None:
    """I7."""
    plan_id = edit_for_clickers(leads, "leadstatus", "Hot")
    leads.vtiger.edit(leads.keys["carla"], leadstatus="Cold")
    result = leads.run("one", Request(plan_id, by="anna"))
    assert result.outcomes == {"applied": 1, "refused": 1, "left": 0}
    assert [(leads.vtiger.record(leads.keys[name]) or {})["leadstatus"] for name in ("anna", "carla")] == [
        "Hot",
        "Cold",
    ]
    assert ("set", "refused", "moved") in leads.told()


def test_a_number_that_vtiger_shows_in_its_own_form_is_written_and_known_again(leads: Leads) -> None:
    """I7: 1000 comes back as 1000.00000000; a revise that changes nothing would move modifiedtime."""
    for name, outcome, writes in (("one", "applied", 2), ("two", "unchanged", 2)):
        plan_id = edit_for_clickers(leads, "Annual Revenue", "1000")
        assert leads.run(name, Request(plan_id, by="anna")).outcomes == {outcome: 2, "left": 0}
        assert leads.writes() == writes
    assert (leads.vtiger.record(leads.keys["anna"]) or {})["annualrevenue"] == "1000.00000000"


def test_a_value_that_the_extract_shows_in_the_form_of_the_crm_is_not_asked_for(leads: Leads) -> None:
    """I7: also not of a record that holds it without us."""
    leads.vtiger.edit(leads.keys["carla"], annualrevenue="1000")
    leads.run("one", Request(edit_for_clickers(leads, "annualrevenue", "1000"), by="anna"))
    leads.vtiger.edit(leads.keys["anna"], annualrevenue="5")
    leads.extract()
    plan_id = edit_for_clickers(leads, "annualrevenue", "1000")
    with leads.warehouse.open() as database:
        (row,) = rows_of(database, plan_id)
    assert (row["contact_key"], row["before"]) == (leads.keys["anna"], "5.00000000")


def test_an_event_stands_once_in_the_calendar_of_each_clicker_s_owner(leads: Leads) -> None:
    """I7: also when the same is asked for twice, and when the answers are lost."""
    leads.vtiger.fail(kind="drop", path="create", applied=True, times=1)
    for run in ("one", "two"):
        with leads.warehouse.transaction() as database:
            load.load(database, leads.home.ledger)
            event = NewEvent("Call back", SOON, 30, "clicked the prices")
            plan = plan_event(database, leads.home, leads.sync, Clickers(URL, "crm.leads"), event)
            words = {entered(row) for row in rows_of(database, plan.plan_id)}
        assert words <= {"2026-12-01 09:00 UTC, 30 minutes: Call back clicked the prices"}
        leads.run(run, Request(plan.plan_id, by="anna"))
    found = {(row["parent_id"], row["subject"], row["time_start"]) for row in leads.vtiger.records("Events")}
    assert found == {(leads.keys[name], "Call back", "09:00:00") for name in NAMES[:3]}
    assert len(leads.vtiger.records("Events")) == 3


# Iteras, which has no notes


def test_iteras_gets_its_field_and_a_person_the_notes(iteras_simulator: Iteras, tmp_path: Path) -> None:
    """H1, H3: what can't be written is on the work-list, and left out of the next one."""
    iteras_simulator.add_field("Nyhedsmails", "text")
    (key,) = map(str, iteras_simulator.add_customers([{"data": {"name": "Anna", "email": "anna@leads.example"}}]))
    settings = {
        **{"kind": "iteras", "url": iteras_simulator.url, "api_key": iteras_simulator.api_key},
        **{"max_attempts": 1, "max_age": None, "entities": {"customers": {"key": "id"}}},
    }
    write_back = {"opt_outs": {"field": ":Nyhedsmails", "value": "Nej"}, "notes": True}
    world = CrmWorld(tmp_path / "home", settings, "customers", write_back, ("id", "email", "name"))
    world.extract()
    world.says_no("anna@leads.example")
    world.sent(key, "=Sent to Anna.")
    iteras_simulator.fail(kind="drop", method="POST", applied=True, times=1)
    result = world.run("one")
    assert (result.outcomes["applied"], result.plan.to_hand_out) == (1, 1)
    assert (iteras_simulator.customer(key) or {})["data"][":Nyhedsmails"] == "Nej"
    made = hand_out(world.home, world.sync)
    assert made.path is not None
    listed = [tuple(cell.value for cell in row) for row in load_workbook(made.path)["Work-list"].iter_rows(min_row=2)]
    assert listed == [
        ("Anna", "crm.customers", key, "anna@leads.example", "note", "enlist chimp c1", None, "=Sent to Anna.", "new")
    ]
    assert "anna" not in made.path.name
    assert (hand_out(world.home, world.sync).path, hand_out(world.home, world.sync).handed_out_before) == (None, 0)
    assert world.run("two").plan.counts == ()
    world.sent(key, "Sent to Anna: opened.")
    second = hand_out(world.home, world.sync, tmp_path / "list.csv", again=True)
    with (tmp_path / "list.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row["after"] for row in csv.DictReader(file)] == ["Sent to Anna: opened."]
    assert second.size == 1


def test_a_csv_work_list_guards_what_people_read_and_leaves_what_is_imported_as_it_is(
    iteras_simulator: Iteras, tmp_path: Path
) -> None:
    """M2: an owner is text that somebody typed; a key, an address or a value must arrive as it is meant."""
    people = [{"data": {"name": "=1+1", "email": "+anna@leads.example"}}]
    (key,) = map(str, iteras_simulator.add_customers(people))
    settings = {
        **{"kind": "iteras", "url": iteras_simulator.url, "api_key": iteras_simulator.api_key},
        **{"max_age": None, "entities": {"customers": {"key": "id"}}},
    }
    world = CrmWorld(tmp_path / "home", settings, "customers", {"notes": True}, ("id", "email", "name"))
    world.extract()
    world.sent(key, "=Sent to Anna.")
    hand_out(world.home, world.sync, tmp_path / "list.csv")
    with (tmp_path / "list.csv").open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row == {
        **{"owner": "'=1+1", "entity": "crm.customers", "contact_key": key, "email_key": "+anna@leads.example"},
        **{"what": "note", "field": "enlist chimp c1", "before": "", "after": "=Sent to Anna.", "reason": "new"},
    }


def test_a_work_list_of_another_kind_of_file_is_refused(leads: Leads, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="neither a folder nor the name of a work-list"):
        hand_out(leads.home, leads.sync, tmp_path / "list.doc")
