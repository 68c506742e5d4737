"""Pages, filters, order and trimming of the Mailchimp simulator (sections 4 and 6.1)."""

import hashlib

import pytest
from mailchimp_simulator_caller import Caller

from pipelines.sandbox.mailchimp.simulator import Mailchimp

ANKE = "anke.vis@privemail.example"


def md5(address: str) -> str:
    return hashlib.md5(address.lower().encode()).hexdigest()


@pytest.fixture
def call(mailchimp_simulator_call: Caller) -> Caller:
    return mailchimp_simulator_call


def test_last_changed_moves_with_changes_and_tags_and_with_nothing_else(
    call: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Section 6.1."""
    path = f"LIST/members/{md5(ANKE)}"
    moments = iter(range(2030, 2050))

    def moved(method: str, below: str, body: object) -> bool:
        before = call("GET", path).json()["last_changed"]
        monkeypatch.setenv("ENLIST_NOW", f"{next(moments)}-01-01T00:00:00Z")
        assert call(method, f"{path}{below}", json=body).status_code in (200, 204)
        return bool(call("GET", path).json()["last_changed"] != before)

    assert not moved("PUT", "", {"email_address": ANKE, "merge_fields": {"FNAME": "Anke"}})
    assert not moved("POST", "/tags", {"tags": []})
    assert moved("PUT", "", {"merge_fields": {"FNAME": "Anneke"}})
    assert moved("POST", "/tags", {"tags": [{"name": "T", "status": "active"}]})
    assert moved("POST", "/tags", {"tags": [{"name": "T", "status": "active"}]})
    assert moved("PATCH", "", {"status": "unsubscribed"})
    assert moved("DELETE", "", None)


def test_pages_filters_and_fields_follow_the_query(call: Caller) -> None:
    """Section 4."""
    page = call("GET", "LIST/members").json()
    assert (len(page["members"]), page["total_items"]) == (10, 12)
    assert len(call("GET", "LIST/members?count=5000").json()["members"]) == 12
    beyond = call("GET", "LIST/members?offset=99").json()
    assert (beyond["members"], beyond["total_items"]) == ([], 12)
    opted_out = call("GET", "LIST/members?status=unsubscribed").json()
    assert opted_out["total_items"] == 1
    only = call("GET", "LIST/members?fields=members.email_address,total_items&count=1").json()
    assert only == {"members": [{"email_address": ANKE}], "total_items": 12}
    less = call("GET", "LIST/members?exclude_fields=members._links,members.merge_fields.FNAME&count=1").json()
    assert "_links" not in less["members"][0] and "FNAME" not in less["members"][0]["merge_fields"]
    assert call("GET", "LIST/members?fields=members.id&exclude_fields=members.status").status_code == 400
    assert call("GET", "LIST/members?fields=members.leeftijd").status_code == 400
    conditional = call("GET", "LIST/members?fields=members.unsubscribe_reason,members.tags.name&count=1")
    assert conditional.json() == {"members": [{"tags": []}]}
    assert call("GET", "LIST/members?unsubscribed_since=2020-01-01T00:00:00Z").status_code == 400
    assert call("GET", "LIST/members?since_last_campaign=TRUE").status_code == 400
    assert call("GET", "LIST/members?since_last_changed=gisteren").status_code == 400
    since = call("GET", "LIST/members?since_last_changed=2020-02-07T12:13:13.999Z&status=subscribed").json()
    assert since["total_items"] == 11
    assert call("GET", "LIST/members?before_last_changed=2020-02-07T12:13:13.999Z").json()["total_items"] == 0


def test_sorting_follows_the_query_and_the_default_order_is_that_of_coming(call: Caller) -> None:
    body = {"email_address": "laatste@post.example", "status": "subscribed"}
    call("POST", "LIST/members", json={**body, "timestamp_signup": "2001-01-01T00:00:00Z"})
    query = "count=1&fields=members.email_address&sort_field=timestamp_signup"
    for direction, expected in (("ASC", ANKE), ("DESC", "laatste@post.example")):
        (member,) = call("GET", f"LIST/members?{query}&sort_dir={direction}").json()["members"]
        assert member["email_address"] == expected
    call("DELETE", f"LIST/members/{md5(ANKE)}")
    everybody = call("GET", "LIST/members?count=100").json()["members"]
    assert everybody[0]["email_address"] == ANKE and everybody[-1]["email_address"] == "laatste@post.example"


def test_a_page_of_1000_out_of_100000_members_is_complete_and_in_order(
    call: Caller, mailchimp_simulator: Mailchimp
) -> None:
    bodies = ({"email_address": f"p{number:06}@massa.example"} for number in range(100_000 - 12))
    mailchimp_simulator.add_members(call.list_id, bodies)
    query = "fields=members.email_address,total_items&count=1000"
    page = call("GET", f"LIST/members?{query}&offset=50012").json()
    assert page["total_items"] == 100_000
    addresses = [member["email_address"] for member in page["members"]]
    assert addresses == [f"p{number:06}@massa.example" for number in range(50_000, 51_000)]
