"""iteras_mailchimp keeps the rules of Iteras's own integration (seed 000): judged by the provider's own state.

The story: a first run; then people do what they should not in the audience, and Iteras changes; 30 and 61 days later.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import requests
from rehearsal import Document
from sample import Day, Sample, sampling

from pipelines.sandbox.samples.iteras import OFF, PUBLICATIONS

pytestmark = pytest.mark.slow

SYNC = "iteras_mailchimp"
AUDIENCE = "Iteras-abonnenter"
CAST: dict[str, dict[str, Any]] = {
    "aktiv": {"products": {"Havnebladet": "active"}},
    "stoppet": {"products": {"Kystfiskeren": "lapsed"}},
    "begge": {"products": {"Havnebladet": "lapsed", "Sundhed & Kost": "active", OFF[0]: "active"}},
    "kun_slukket": {"products": {OFF[0]: "active"}},
    "kun_slukket_bagved": {"products": {OFF[1]: "active"}},
    "regning": {"products": {"Havnebladet": "active"}, "billing_email": "regninger@cast.example"},
    "ny": {"products": {"Medlemskab": "active"}, "password_url": "https://havnebladet.example/adgangskode/hemmelig"},
    "afdød": {"products": {"Havnebladet": "active"}, ":Dødsdato": "2026-01-05"},
    "ro": {"products": {"Havnebladet": "active"}, ":Ingen henvendelser": "Har bedt om ro"},
    "nej": {"products": {"Havnebladet": "active"}, ":Nyhedsmails": "Nej"},
    "ukendt": {"products": {"Havnebladet": "active"}, ":Nyhedsmails": ""},
    "bouncer": {"products": {"Havnebladet": "active"}},
    "forsvinder": {"products": {"Havnebladet": "active"}},
    "vender_tilbage": {"products": {"Havnebladet": "active"}},
    "fortryder": {"products": {"Havnebladet": "active"}},
}


def address(name: str) -> str:
    return f"{name.replace('ø', 'o')}@cast.example"


@dataclass(frozen=True)
class Members:
    """The audience after a day, and that day."""

    day: Day
    all: dict[str, Document]
    groups: dict[str, set[str]]

    def status(self, name: str) -> str:
        found = self.all.get(address(name))
        return found["status"] if found else ""

    def fields(self, name: str) -> Document:
        fields: Document = self.all[address(name)]["merge_fields"]
        return fields


@dataclass(frozen=True)
class Story:
    sample: Sample
    first: Members
    second: Members
    after_30: Members
    after_61: Members


def put_cast(sample: Sample) -> None:
    today = sample.sandbox.clock().date()
    ends = {"active": today + timedelta(days=200), "lapsed": today - timedelta(days=20)}
    customers = []
    for number, (name, known) in enumerate(CAST.items(), 900_001):
        data = {
            **{"name": f"{name.title()} Hansen", "email": address(name), ":Nyhedsmails": "Ja", "password_url": None},
            **{key: value for key, value in known.items() if key != "products"},
        }
        subscriptions = [
            {
                "product": product,
                "periods": [
                    {"begin": (ends[status] - timedelta(days=364)).isoformat(), "end": ends[status].isoformat()}
                ],
            }
            for product, status in known["products"].items()
        ]
        customers.append({"id": str(number), "data": data, "subscriptions": subscriptions})
    sample.sandbox.iteras.add_customers(customers)


def number(name: str) -> str:
    return str(900_001 + list(CAST).index(name))


def members_of(sample: Sample, day: Day) -> Members:
    mailchimp = sample.mailchimp
    list_id = mailchimp.audience_id(AUDIENCE)
    members = {member["email_address"].lower(): member for member in mailchimp.members(list_id)}
    names = interest_names(sample, list_id)
    groups = {
        email: {names[interest] for interest, is_in in (member.get("interests") or {}).items() if is_in}
        for email, member in members.items()
    }
    return Members(day, members, groups)


def interest_names(sample: Sample, list_id: str) -> dict[str, str]:
    """`Category: Group` by id, asked of the API by somebody else."""

    def get(path: str) -> Document:
        url = f"{sample.mailchimp.url}/3.0/lists/{list_id}/interest-categories{path}?count=100"
        found: Document = requests.get(url, auth=("x", sample.mailchimp.api_key), timeout=10).json()
        return found

    return {
        interest["id"]: f"{category['title']}: {interest['name']}"
        for category in get("")["categories"]
        for interest in get(f"/{category['id']}/interests")["interests"]
    }


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    root = tmp_path_factory.mktemp("iteras") / "home"
    # Each run of the story reads Iteras anew; the sample keeps an extract for six hours, as its vendor asks.
    with sampling(root, SYNC, {"max_age: 6h": "max_age: 0s"}) as sample:
        put_cast(sample)
        first = members_of(sample, sample.day("first_run"))
        list_id, iteras, act = sample.mailchimp.audience_id(AUDIENCE), sample.sandbox.iteras, sample.mailchimp.act
        act(list_id, "haandlavet@cast.example", "add_by_hand")
        act(list_id, address("stoppet"), "archive_by_hand")
        act(list_id, address("aktiv"), "edit_fields", merge_fields={"BY": "Rettet i Mailchimp"})
        act(list_id, address("bouncer"), "hard_bounce")
        act(list_id, address("fortryder"), "opt_out")
        iteras.edit(number("bouncer"), name="Bouncer Nytnavn")
        for name in ("forsvinder", "vender_tilbage"):
            iteras.edit(number(name), email="")
        second = members_of(sample, sample.day())
        sample.later(30)
        iteras.edit(number("vender_tilbage"), email=address("vender_tilbage"))
        after_30 = members_of(sample, sample.day())
        sample.later(31)
        yield Story(sample, first, second, after_30, members_of(sample, sample.day()))


def test_no_day_ends_in_an_error(story: Story) -> None:
    assert [one.day.error for one in (story.first, story.second, story.after_30, story.after_61)] == [None] * 4


def test_all_subscribers_active_and_stopped_are_in_one_audience_of_its_own(story: Story) -> None:
    """A1, C1, E1, D5: its status is a field and a group; other audiences of the account are not touched."""
    assert story.first.status("aktiv") == story.first.status("stoppet") == "subscribed"
    assert story.first.fields("aktiv")["STATUS"] == "Aktiv"
    assert story.first.fields("stoppet")["STATUS"] == "Passiv"
    assert "Status: Aktiv" in story.first.groups[address("aktiv")]
    assert "Status: Passiv" in story.first.groups[address("stoppet")]
    relations = story.sample.mailchimp.members(story.sample.list_id)
    assert len(list(relations)) == 12


def test_each_publication_is_a_group_and_what_runs_today_another(story: Story) -> None:
    """E2: somebody stopped on one and active on another is told apart."""
    assert story.first.groups[address("begge")] == {
        *("Udgivelser: Havnebladet", "Udgivelser: Sundhed & Kost", "Aktiv på: Sundhed & Kost", "Status: Aktiv")
    }
    named = {group.partition(": ")[2] for groups in story.first.groups.values() for group in groups}
    assert named == {*PUBLICATIONS, "Aktiv", "Passiv"}


def test_products_whose_runs_are_switched_off_bring_nobody_in_at_either_level(story: Story) -> None:
    """A7: by the customer, and by Iteras itself."""
    for name in ("kun_slukket", "kun_slukket_bagved"):
        assert address(name) not in story.first.all


def test_the_address_is_the_subscribers_never_the_billing_one(story: Story) -> None:
    """D3."""
    billing = {row["billing_email"] for row in story.sample.query("select billing_email from crm_iteras.customers")}
    assert "regninger@cast.example" in billing
    assert story.first.status("regning") == "subscribed"
    assert not billing & story.first.all.keys()


def test_the_number_is_a_merge_field(story: Story) -> None:
    """D2."""
    assert story.first.fields("aktiv")["ABONNR"] == number("aktiv")


def test_the_password_url_reaches_the_person_and_no_plan_or_ledger(story: Story) -> None:
    """D4: clear at the provider, a hash everywhere that is kept."""
    url = CAST["ny"]["password_url"]
    assert story.first.fields("ny")["PWURL"] == url
    assert story.first.fields("aktiv")["PWURL"] == ""
    assert url not in str(story.first.day.changes)
    assert url not in story.sample.texts()


def test_whoever_has_a_chosen_field_filled_in_hears_nothing_more(story: Story) -> None:
    """C4, M3."""
    for name in ("afdød", "ro"):
        assert address(name) not in story.first.all


def test_an_objection_counts_and_a_blank_one_is_no_yes(story: Story) -> None:
    assert address("nej") not in story.first.all
    assert address("ukendt") not in story.first.all
    assert story.first.day.holds[address("ukendt")] == {"unknown_consent"}


def test_somebody_added_to_the_audience_by_hand_is_taken_out_by_the_next_run(story: Story) -> None:
    """B3; archived, which is not deletion."""
    email = "haandlavet@cast.example"
    assert story.second.day.told(email) == {("archive", "unmanaged")}
    assert story.second.all.get(email, {"status": "archived"})["status"] == "archived"


def test_a_field_changed_in_mailchimp_is_set_back(story: Story) -> None:
    """B2, B3."""
    assert ("update", "changed") in story.second.day.told(address("aktiv"))
    assert story.second.fields("aktiv")["BY"] == story.first.fields("aktiv")["BY"]


def test_whom_somebody_archived_by_hand_is_held_because_nobody_knows_whether_they_said_no(story: Story) -> None:
    """B3 as far as Z1 allows."""
    assert story.second.day.holds[address("stoppet")] == {"archived_elsewhere"}


def test_a_cleaned_member_keeps_the_status_and_is_kept_up_to_date(story: Story) -> None:
    """F7."""
    assert story.second.status("bouncer") == "cleaned"
    assert story.second.fields("bouncer")["LNAME"] == "Nytnavn"


def test_an_address_removed_in_iteras_is_unsubscribed_first(story: Story) -> None:
    """F6."""
    for name in ("forsvinder", "vender_tilbage"):
        assert {op for op, _ in story.second.day.told(address(name))} >= {"unsubscribe"}
        assert story.second.status(name) == "unsubscribed"
        assert story.first.status(name) == "subscribed"


def test_whoever_comes_back_within_60_days_is_subscribed_again_and_stays(story: Story) -> None:
    """F6, Z6: the unsubscribe was ours, and its clock stops."""
    assert story.after_30.status("vender_tilbage") == "subscribed"
    assert story.after_61.status("vender_tilbage") == "subscribed"


def test_the_others_are_archived_after_60_days_and_not_before(story: Story) -> None:
    """F6."""
    assert story.after_30.status("forsvinder") == "unsubscribed"
    assert ("archive", "purge_due") in story.after_61.day.told(address("forsvinder"))
    assert story.after_61.status("forsvinder") in ("", "archived")


def test_a_persons_own_no_is_never_undone(story: Story) -> None:
    """M4, Z1: though Iteras still has them."""
    for day in (story.second, story.after_30, story.after_61):
        assert day.status("fortryder") == "unsubscribed"
        assert day.day.holds[address("fortryder")] == {"opted_out"}


def test_it_runs_once_an_hour_in_the_daytime_at_minute_15(story: Story) -> None:
    """K1, B10."""
    schedule = story.sample.home().sync(SYNC).schedule
    assert (schedule.members, schedule.timezone) == ("15 8-18 * * *", "Europe/Copenhagen")
