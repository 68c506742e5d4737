"""What a person enters by hand is handed out once, whichever way it is asked for, and never what the CRM has (H3, I7).

Belongs here: work-lists of a CRM that is a file. Does not: what the file looks like (test_crm_write_back.py), what is
asked for (unit/test_write_back.py).
"""

from pathlib import Path

import pytest
from crm_write_world import URL, CrmWorld

from pipelines.errors import ConfigError, StalePlan
from pipelines.ledger import load
from pipelines.reports.worklist import hand_out
from pipelines.write_back.drafting import Clickers, plan_edit

# A key of CHAR(4), and flags as somebody set them.
FIRST = {"7": "Nej", "8": "Nej", "9": "Nej"}


class People(CrmWorld):
    """Three people of an export with padded keys, who clicked."""

    def __init__(self, root: Path) -> None:
        crm = {"kind": "file", "settle": "0s", "entities": {"people": {"path": "people.csv", "key": "Nr"}}}
        super().__init__(root, crm, "people", {"opt_outs": {"field": "Nej", "value": "Ja"}}, ("Nr", "Mail", "Name"))
        self.exported(**FIRST)
        for key in FIRST:
            self.sent(key, "Sent.")

    def exported(self, **flags: str) -> None:
        """The CRM gives its file, with these flags by key."""
        lines = [f"{key}   ,{key}@people.example,Keeper {key},{flag}" for key, flag in (FIRST | flags).items()]
        (self.root / "people.csv").write_text("\n".join(["Nr,Mail,Name,Nej", *lines]), encoding="utf-8")
        self.extract()

    def edit(self, *keys: str) -> str:
        with self.warehouse.transaction() as database:
            load.load(database, self.home.ledger)
            chosen = Clickers(URL, "crm.people", keys=keys)
            return plan_edit(database, self.home, self.sync, chosen, "Nej", "Ja").plan_id

    def listed(self, plan_id: str | None = None, *, again: bool = False) -> tuple[int, int]:
        """How many rows a new work-list has, and how many it leaves out because somebody has them."""
        made = hand_out(self.home, self.sync, self.root / "list.csv", plan_id=plan_id, again=again)
        return made.size, made.handed_out_before


@pytest.fixture
def people(tmp_path: Path) -> People:
    return People(tmp_path / "home")


def test_the_rows_of_a_plan_are_handed_out_once_whichever_plan_they_are_of(people: People) -> None:
    """I7, H3: until somebody asks for them again."""
    plan_id = people.edit("7", "8")
    assert people.listed(plan_id) == (2, 0)
    assert people.listed(plan_id) == (0, 2)
    assert people.listed(people.edit("7", "8", "9")) == (1, 2)
    assert people.listed(plan_id, again=True) == (2, 0)


def test_what_the_crm_has_by_now_is_on_no_work_list_of_a_plan(people: People) -> None:
    """H3: also not where it was handed out before, and not with --again."""
    plan_id = people.edit("7", "8")
    people.exported(**{"7": "Ja"})
    assert people.listed(plan_id) == (1, 0)
    people.exported(**{"7": "Ja", "8": "Ja"})
    assert people.listed(plan_id) == (0, 0)
    assert people.listed(plan_id, again=True) == (0, 0)


def test_a_work_list_of_a_plan_leaves_out_what_one_without_a_plan_had(people: People) -> None:
    people.says_no("7@people.example", "8@people.example")
    plan_id = people.plan().plan_id
    assert people.listed() == (2, 0)
    assert people.listed(plan_id) == (0, 2)


def test_a_plan_whose_place_a_newer_one_took_is_not_handed_out(people: People) -> None:
    people.says_no("7@people.example")
    older = people.plan().plan_id
    people.plan()
    with pytest.raises(StalePlan, match="superseded"):
        people.listed(older)
    with pytest.raises(ConfigError, match="there is no such plan"):
        people.listed(older + "x")
