"""The audience, merge fields and groups are made only where the sync asks, and at the moment that the docs say (A1)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from rehearsal import SYNC, Rehearsal, rehearsing

SYNC_FILE = f"syncs/{SYNC}.yaml"
DATA = (
    "create: {company: A, sender_name: A, sender_email: a@voorbeeld.example, address: Weg 1, city: Utrecht, "
    "country: NL, permission_reminder: U bent relatie.}"
)
GROUPS = "groups: [{name: Klanten, category: Relatie, when: Status = 'Klant'}]"

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Story:
    """A sync into an audience that did not exist, with a field and a group that it did not have."""

    rehearsal: Rehearsal
    planned: dict[str, Any]
    fields_after_plan: set[str]
    members_after_plan: int
    pushed: dict[str, Any]
    again: dict[str, Any]

    @property
    def list_id(self) -> str:
        return self.rehearsal.mailchimp.audience_id("Nieuw")


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with rehearsing(tmp_path_factory.mktemp("creating") / "home", people=120) as rehearsal:
        rehearsal.rewrite(SYNC_FILE, "audience: Relaties", "audience: Nieuw")
        rehearsal.rewrite(SYNC_FILE, "create: null", DATA)
        ask_for_more(rehearsal, create_fields=True)
        planned = result(rehearsal, "plan", code=3)
        list_id = rehearsal.mailchimp.audience_id("Nieuw")
        fields, members = merge_fields(rehearsal, list_id), len(list(rehearsal.mailchimp.members(list_id)))
        pushed = result(rehearsal, "push", "--accept", "first_run", code=0)
        yield Story(rehearsal, planned, fields, members, pushed, result(rehearsal, "plan", code=0))


def test_a_missing_audience_is_made_empty_by_the_first_plan(story: Story) -> None:
    assert story.members_after_plan == 0
    assert story.planned["stranger_count"] == 0


def test_a_plan_names_the_field_and_the_group_that_it_needs_and_makes_neither(story: Story) -> None:
    made = [(one["what"], one["name"]) for one in story.planned["creates"]]
    assert made == [("merge field", "NUMMER"), ("group", "Klanten")]
    assert "NUMMER" not in story.fields_after_plan


def test_the_push_makes_them_first_and_fills_them_for_everybody(story: Story) -> None:
    """D1, D2, E2: the field and the group are judged from the provider's own state."""
    assert "NUMMER" in merge_fields(story.rehearsal, story.list_id)
    wanted = {row["email"]: row["contact_key"] for row in wanted_members(story.rehearsal)}
    members = {member["email_address"]: member for member in story.rehearsal.mailchimp.members(story.list_id)}
    assert wanted
    assert {email: member["merge_fields"]["NUMMER"] for email, member in members.items()} == wanted
    clients = {row["email"] for row in wanted_members(story.rehearsal) if row["groups"]}
    assert clients
    assert {email for email, member in members.items() if any(member["interests"].values())} == clients


def test_the_plan_after_it_makes_and_changes_nothing(story: Story) -> None:
    assert (story.again["creates"], story.again["changes"]) == ([], 0)


def test_a_field_that_is_missing_and_not_asked_for_stops_the_plan_at_its_line(warm: Rehearsal) -> None:
    """D12, G6."""
    ask_for_more(warm, create_fields=False)
    stopped = warm.enlist("plan", SYNC, "--json")
    error = stopped.document["error"]
    assert stopped.code == 2
    assert "no merge field NUMMER" in error["what"]
    assert error["where"].startswith(f"{SYNC_FILE}:")


def ask_for_more(rehearsal: Rehearsal, *, create_fields: bool) -> None:
    rehearsal.rewrite(SYNC_FILE, "      LNAME: PersonNameRE\n", "      LNAME: PersonNameRE\n      NUMMER: PersonId\n")
    rehearsal.rewrite(SYNC_FILE, "create_fields: false", f"create_fields: {str(create_fields).lower()}")
    rehearsal.rewrite(SYNC_FILE, "groups: []", GROUPS)


def result(rehearsal: Rehearsal, command: str, *options: str, code: int) -> dict[str, Any]:
    done = rehearsal.enlist(command, SYNC, *options, "--json")
    assert done.code == code, done.out
    found: dict[str, Any] = done.document["result"]
    return found


def merge_fields(rehearsal: Rehearsal, list_id: str) -> set[str]:
    url = f"{rehearsal.mailchimp.url}/3.0/lists/{list_id}/merge-fields?count=100"
    answer = requests.get(url, auth=("x", rehearsal.mailchimp.api_key), timeout=10)
    return {field["tag"] for field in answer.json()["merge_fields"]}


def wanted_members(rehearsal: Rehearsal) -> list[dict[str, Any]]:
    return rehearsal.query(f"select email, contact_key, groups from sync_{SYNC}.map_wanted")
