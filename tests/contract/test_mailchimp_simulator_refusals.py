"""What the Mailchimp simulator refuses, in which words and with which status (contract, sections 3 to 7)."""

import hashlib
from typing import Any

import pytest
import requests
from mailchimp_simulator_caller import Caller

ANKE = "anke.vis@privemail.example"
OPTED_OUT = "koos.lamp@buurtkrant.example"
TYPE = "https://mailchimp.com/developer/marketing/docs/errors/"


def md5(address: str) -> str:
    return hashlib.md5(address.lower().encode()).hexdigest()


@pytest.fixture
def call(mailchimp_simulator_call: Caller) -> Caller:
    return mailchimp_simulator_call


def post(call: Caller, email: str, status: str = "subscribed", **more: Any) -> requests.Response:
    return call("POST", "LIST/members", json={"email_address": email, "status": status, **more})


def refused(answer: requests.Response, status: int, title: str, *, has_type: bool = True) -> dict[str, Any]:
    """Checks the envelope of a refusal and gives its body."""
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["status"], body["title"]) == (status, status, title)
    assert answer.headers["Content-Type"] == "application/problem+json; charset=utf-8"
    assert answer.headers["X-Request-Id"] == body["instance"]
    assert "ProblemDetailDocument.json" in answer.headers["Link"]
    assert body.get("type") == (TYPE if has_type else None)
    return body


def test_basic_and_bearer_open_the_account_and_nothing_else_does(call: Caller) -> None:
    url = f"{call.simulator.url}/3.0/ping"
    key = call.simulator.api_key
    assert requests.get(url, auth=("", key), timeout=9).status_code == 200
    assert requests.get(url, headers={"Authorization": f"Bearer {key}"}, timeout=9).status_code == 200
    assert requests.get(url, headers={"Authorization": f"apikey {key}"}, timeout=9).status_code == 200
    refused(requests.get(url, timeout=9), 401, "API Key Missing")
    refused(requests.get(url, auth=("x", "0" * 32 + "-us1"), timeout=9), 401, "API Key Invalid")
    refused(requests.get(f"{url}?apikey=other-us1", auth=("x", key), timeout=9), 401, "API Key Invalid")
    refused(call("GET", "/ping", headers={"X-Trigger-Error": "APIKeyMissing"}), 401, "API Key Missing")


def test_a_wrong_verb_an_unknown_path_and_bad_json_have_their_own_refusals(call: Caller) -> None:
    wrong = call("PUT", "LIST/merge-fields")
    refused(wrong, 405, "Method Not Allowed")
    assert wrong.headers["Allow"] == "GET, POST"
    refused(call("GET", "/nowhere"), 404, "Resource Not Found")
    refused(call("GET", "/lists/nothing"), 404, "Resource Not Found")
    refused(call("GET", f"LIST/members/{md5('nobody@post.example')}"), 404, "Resource Not Found")
    refused(call("POST", "LIST/members", data='{"email'), 400, "JSON Parse Exception")
    body = refused(call("POST", "LIST/members", data="null"), 400, "Invalid Resource")
    assert body["errors"] == [{"field": "", "message": "Schema describes object, NULL found"}]
    override = {"X-HTTP-Method-Override": "DELETE"}
    assert call("POST", f"LIST/members/{md5(ANKE)}", headers=override).status_code == 204
    assert call("GET", "LIST", headers=override).status_code == 422


def test_headers_of_answers_are_those_that_were_observed(call: Caller) -> None:
    answer = call("GET", f"LIST/members/{md5(ANKE)}")
    assert answer.headers["Server"] == "openresty"
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert 'rel="describedBy"' in answer.headers["Link"] and 'rel="dashboard"' in answer.headers["Link"]
    assert not {"Retry-After", "X-RateLimit-Limit"} & set(answer.headers)
    archived = call("DELETE", f"LIST/members/{md5(ANKE)}")
    assert (archived.status_code, archived.content) == (204, b"")
    assert archived.headers["Content-Type"] == "application/json" and "Content-Length" not in archived.headers


@pytest.mark.parametrize(
    ("address", "detail"),
    [
        ("geen adres", "Please provide a valid email address."),
        ("dubbel@@post.example", "Please provide a valid email address."),
        ("foo@example.com", "foo@example.com looks fake or invalid, please enter a real email address."),
        ("jan@bedrijf.vom", "jan@bedrijf.vom looks fake or invalid, please enter a real email address."),
        ("jan@yopmail.com", "jan@yopmail.com looks fake or invalid, please enter a real email address."),
        ("alex@gmail.com", "alex@gmail.com looks fake or invalid, please enter a real email address."),
    ],
)
def test_malformed_and_fake_addresses_are_refused(call: Caller, address: str, detail: str) -> None:
    assert refused(post(call, address), 400, "Invalid Resource")["detail"] == detail


def test_the_sample_domain_and_role_addresses_are_accepted_one_by_one(call: Caller) -> None:
    assert post(call, "webmaster@vereniging.example").status_code == 200
    call.simulator.turn(batch_takes_roles=False)
    members = [{"email_address": "noreply@vereniging.example", "status": "subscribed"}]
    assert call("POST", "LIST", json={"members": members}).json()["error_count"] == 1


def test_an_address_that_signed_up_too_often_passes_on_a_later_day(call: Caller) -> None:
    call.simulator.act(call.list_id, "druk@post.example", "too_many_signups", days=0.00002)
    body = refused(post(call, "druk@post.example"), 400, "Invalid Resource")
    assert "has signed up to a lot of lists very recently" in body["detail"]
    call.simulator.act(call.list_id, "druk@post.example", "too_many_signups", days=0)
    assert post(call, "druk@post.example").status_code == 200


def test_an_active_member_can_not_be_posted_again(call: Caller) -> None:
    body = refused(post(call, ANKE.upper()), 400, "Member Exists")
    assert body["detail"] == f"{ANKE.upper()} is already a list member. Use PUT to insert or update list members."


def test_a_wrong_hash_with_the_address_of_another_member_is_member_exists_without_type(call: Caller) -> None:
    not_lowered = hashlib.md5(ANKE.upper().encode()).hexdigest()
    answer = call("PUT", f"LIST/members/{not_lowered}", json={"email_address": ANKE, "status_if_new": "subscribed"})
    refused(answer, 400, "Member Exists", has_type=False)


def test_a_put_creates_under_the_hash_of_the_address_not_of_the_path(call: Caller) -> None:
    body = {"email_address": "Nieuw@post.example", "status": "subscribed", "tags": ["T"]}
    made = call("PUT", f"LIST/members/{md5('other@post.example')}", json=body).json()
    assert made["id"] == md5("nieuw@post.example") and made["tags_count"] == 1
    changed = call("PUT", f"LIST/members/{made['id']}", json={"tags": ["U"], "merge_fields": {"FNAME": "N"}}).json()
    assert [tag["name"] for tag in changed["tags"]] == ["T"]


@pytest.mark.parametrize("act", ["opt_out", "complain", "hard_bounce"])
def test_nobody_but_the_person_lifts_a_compliance_state(call: Caller, act: str) -> None:
    """Section 6.5: only pending passes, and it is no way round."""
    call.simulator.act(call.list_id, ANKE, act)
    path = f"LIST/members/{md5(ANKE)}"
    title = "Member In Compliance State"
    state = "compliance state due to unsubscribe, bounce, or compliance review and cannot be subscribed."
    for verb in ("PUT", "PATCH"):
        body = refused(call(verb, path, json={"status": "subscribed"}), 400, title, has_type=False)
        assert body["detail"] == f"{ANKE} is in a {state}"
    body = refused(post(call, ANKE), 400, title, has_type=False)
    assert body["detail"] == f"{ANKE} is already a list member in {state}"
    assert call("PATCH", path, json={"status": "pending"}).json()["status"] == "pending"
    refused(call("PATCH", path, json={"status": "subscribed"}), 400, title, has_type=False)
    call.simulator.act(call.list_id, ANKE, "resubscribe")
    assert call("PATCH", path, json={"status": "subscribed"}).json()["status"] == "subscribed"


def test_an_unsubscribe_by_the_api_can_be_taken_back_by_the_api(call: Caller) -> None:
    path = f"LIST/members/{md5(ANKE)}"
    gone = call("PUT", path, json={"status": "unsubscribed"}).json()
    assert gone["unsubscribe_reason"] == "N/A (Unsubscribed by admin)"
    back = call("PATCH", path, json={"status": "subscribed"}).json()
    assert back["status"] == "subscribed" and "unsubscribe_reason" not in back


def test_an_unsubscribed_member_keeps_the_status_when_only_fields_are_sent(call: Caller) -> None:
    body = {"email_address": OPTED_OUT, "status_if_new": "subscribed", "merge_fields": {"FNAME": "Jacobus"}}
    changed = call("PUT", f"LIST/members/{md5(OPTED_OUT)}", json=body).json()
    assert changed["status"] == "unsubscribed" and changed["merge_fields"]["FNAME"] == "Jacobus"


@pytest.mark.parametrize("status", ["archived", "cleaned", "pending"])
def test_archived_cleaned_and_pending_members_can_not_be_archived(call: Caller, status: str) -> None:
    path = f"LIST/members/{md5(ANKE)}"
    if status == "archived":
        call("DELETE", path)
    else:
        call("PATCH", path, json={"status": status})
    answer = call("DELETE", path)
    body = refused(answer, 405, "Method Not Allowed")
    assert body["detail"].endswith("Can not archive a contact that is bounced, pending or archived")
    assert answer.headers["Allow"] == "GET, PUT"
    assert call("GET", path).json()["status"] == status


def test_a_permanently_deleted_address_is_forgotten_until_the_person_returns(call: Caller) -> None:
    assert call("POST", f"LIST/members/{md5(ANKE)}/actions/delete-permanent").status_code == 204
    refused(call("GET", f"LIST/members/{md5(ANKE)}"), 404, "Resource Not Found")
    for status in ("subscribed", "pending"):
        body = refused(post(call, ANKE, status), 400, "Forgotten Email Not Subscribed", has_type=False)
        assert body["detail"].startswith(f"{ANKE} was permanently deleted and cannot be re-imported.")
    batch = call("POST", "LIST", json={"members": [{"email_address": ANKE, "status": "subscribed"}]}).json()
    assert batch["errors"][0]["error_code"] == "ERROR_GENERIC"
    call.simulator.act(call.list_id, ANKE, "resubscribe")
    assert call("GET", f"LIST/members/{md5(ANKE)}").json()["status"] == "subscribed"


def test_a_new_address_moves_the_record_and_frees_the_old_one(call: Caller) -> None:
    """Section 6.4."""
    before = call("GET", f"LIST/members/{md5(ANKE)}").json()
    call("POST", f"LIST/members/{md5(ANKE)}/tags", json={"tags": [{"name": "T", "status": "active"}]})
    after = call("PUT", f"LIST/members/{md5(ANKE)}", json={"email_address": "anke@nieuw.example"}).json()
    assert after["id"] == md5("anke@nieuw.example") and after["contact_id"] == before["contact_id"]
    assert after["web_id"] == before["web_id"] and after["unique_email_id"] != before["unique_email_id"]
    assert after["tags_count"] == 1 and after["timestamp_opt"] == before["timestamp_opt"]
    refused(call("GET", f"LIST/members/{md5(ANKE)}"), 404, "Resource Not Found")
    assert post(call, ANKE).status_code == 200


@pytest.mark.parametrize("status", ["unsubscribed", "cleaned", "archived"])
def test_only_a_subscribed_member_gets_a_new_address(call: Caller, status: str) -> None:
    path = f"LIST/members/{md5(ANKE)}"
    if status == "archived":
        call("DELETE", path)
    else:
        call("PATCH", path, json={"status": status})
    body = refused(call("PATCH", path, json={"email_address": "anke@nieuw.example"}), 400, "Invalid Resource")
    message = (
        f'This member\'s status is "{status}." You can only update email addresses for members with a status of '
        '"subscribed."'
    )
    assert body["errors"] == [{"field": "email address", "message": message}]


@pytest.mark.parametrize(
    ("act", "word"),
    [(None, "Subscribed"), ("opt_out", "Unsubscribed"), ("hard_bounce", "Cleaned"), ("archive_by_hand", "Deleted")],
)
def test_a_new_address_must_be_free_even_of_the_archived(call: Caller, act: str | None, word: str) -> None:
    bas = "bas.tuin@privemail.example"
    if act:
        call.simulator.act(call.list_id, bas, act)
    body = refused(call("PUT", f"LIST/members/{md5(ANKE)}", json={"email_address": bas}), 400, "Invalid Resource")
    message = f'"{bas}" is already in this list with a status of "{word}".'
    assert body["errors"] == [{"field": "email address", "message": message}]


@pytest.mark.parametrize(
    ("kind", "options", "sent", "kept"),
    [
        ("text", {}, "é" * 200, "é" * 127),
        ("number", {}, "7", 7),
        ("date", {}, "31-12-2026", "2026-12-31"),
        ("date", {}, "12/31/2026", "2026-12-31"),
        ("date", {}, "2026/12/31", "2026-12-31"),
        ("birthday", {}, "2/29", "02/29"),
        ("zip", {}, "12345", "12345"),
        ("phone", {"phone_format": "US"}, "(404) 555-1212", "(404) 555-1212"),
        ("url", {}, "https://vereniging.example/", "https://vereniging.example/"),
        ("dropdown", {"choices": ["Ja", "Nee"]}, "Ja", "Ja"),
        ("text", {}, "", ""),
    ],
)
def test_merge_values_are_kept_as_mailchimp_keeps_them(
    call: Caller, kind: str, options: dict[str, Any], sent: str, kept: object
) -> None:
    call("POST", "LIST/merge-fields", json={"name": "Veld", "type": kind, "tag": "VELD", "options": options})
    answer = call("PATCH", f"LIST/members/{md5(ANKE)}", json={"merge_fields": {"VELD": sent, "ONBEKEND": "x"}})
    assert answer.json()["merge_fields"]["VELD"] == kept
    assert "ONBEKEND" not in answer.json()["merge_fields"]


@pytest.mark.parametrize(
    ("kind", "options", "sent", "message"),
    [
        ("number", {}, "AAAAA", "Please enter a number"),
        ("date", {}, "2026-02-30", "Please enter the date"),
        ("address", {}, {"addr1": "Straat 1", "city": "Utrecht"}, "Please enter a complete address"),
        ("birthday", {}, "30/12", None),
        ("zip", {}, "3511 AA", None),
        ("phone", {"phone_format": "US"}, "030 12345", None),
        ("url", {}, "vereniging", None),
        ("radio", {"choices": ["Ja", "Nee"]}, "Misschien", None),
    ],
)
def test_merge_values_of_the_wrong_kind_are_refused_by_tag(
    call: Caller, kind: str, options: dict[str, Any], sent: object, message: str | None
) -> None:
    call("POST", "LIST/merge-fields", json={"name": "Veld", "type": kind, "tag": "VELD", "options": options})
    answer = call("PATCH", f"LIST/members/{md5(ANKE)}", json={"merge_fields": {"VELD": sent}})
    body = refused(answer, 400, "Invalid Resource")
    assert body["detail"] == "Your merge fields were invalid."
    (error,) = body["errors"]
    assert error["field"] == "VELD" and (message is None or error["message"] == message)


@pytest.mark.parametrize("value", [True, None, ["a"]])
def test_merge_values_outside_the_schema_are_refused_before_anything_else(call: Caller, value: object) -> None:
    answer = call("PATCH", f"LIST/members/{md5(ANKE)}", json={"merge_fields": {"FNAME": value}})
    body = refused(answer, 400, "Invalid Resource")
    message = "Data did not match any of the schemas described in anyOf."
    assert body["errors"] == [{"field": "merge_fields.FNAME", "message": message}]


def test_required_fields_are_enforced_unless_validation_is_skipped(call: Caller) -> None:
    call("POST", "LIST/merge-fields", json={"name": "Nr", "type": "text", "tag": "NR", "required": True})
    body = refused(post(call, "nieuw@post.example"), 400, "Invalid Resource")
    assert body["errors"] == [{"field": "NR", "message": "Please enter a value"}]
    assert call("PATCH", f"LIST/members/{md5(ANKE)}", json={"vip": True}).status_code == 400
    skipped = f"LIST/members/{md5(ANKE)}?skip_merge_validation=true"
    assert call("PATCH", skipped, json={"vip": True}).json()["vip"] is True
    new = {"email_address": "nieuw@post.example", "status": "subscribed"}
    assert call("POST", "LIST/members?skip_merge_validation=1", json=new).status_code == 200


def test_an_incomplete_address_that_is_stored_stops_later_updates(call: Caller) -> None:
    call.simulator.act(call.list_id, ANKE, "edit_fields", merge_fields={"ADDRESS": {"addr1": "Straat 1"}})
    answer = call("PATCH", f"LIST/members/{md5(ANKE)}", json={"merge_fields": {"FNAME": "A"}})
    assert refused(answer, 400, "Invalid Resource")["errors"][0]["message"] == "Please enter a complete address"
    call.simulator.turn(checks_untouched_fields=False)
    answer = call("PATCH", f"LIST/members/{md5(ANKE)}", json={"merge_fields": {"FNAME": "A"}})
    assert answer.json()["merge_fields"]["FNAME"] == "A"


def test_merge_fields_have_limits_and_tags_are_unique(call: Caller) -> None:
    again = refused(
        call("POST", "LIST/merge-fields", json={"name": "X", "type": "text", "tag": "FNAME"}), 400, "Invalid Resource"
    )
    assert "already exists for this list" in again["detail"]
    long = call("POST", "LIST/merge-fields", json={"name": "X", "type": "text", "tag": "ELFLETTERS1"})
    refused(long, 400, "Invalid Resource")
    for number in range(25):
        made = call("POST", "LIST/merge-fields", json={"name": f"Veld {number}", "type": "text"})
        assert made.json()["tag"] == f"VELD{number}"
    full = call("POST", "LIST/merge-fields", json={"name": "Nog een", "type": "text"})
    refused(full, 400, "Merge Max Limit Exceeded")


def test_an_audience_has_at_most_60_groups(call: Caller) -> None:
    category = call("POST", "LIST/interest-categories", json={"title": "S", "type": "hidden"}).json()
    path = f"LIST/interest-categories/{category['id']}/interests"
    for number in range(60):
        assert call("POST", path, json={"name": f"G{number}"}).status_code == 200
    body = call("POST", path, json={"name": "G60"}).json()
    assert body["detail"] == "Cannot have more than 60 interests per list (Across all categories)"
    assert len(call("GET", path).json()["interests"]) == 10
    assert len(call("GET", f"{path}?count=2000").json()["interests"]) == 60


def test_a_batch_takes_500_members_and_names_duplicates(call: Caller) -> None:
    many = [{"email_address": f"p{number}@post.example", "status": "subscribed"} for number in range(501)]
    assert call("POST", "LIST", json={"members": many}).status_code == 400
    twice = [
        {"email_address": "p@post.example", "status": "subscribed"},
        {"email_address": "P@post.example", "status": "unsubscribed"},
    ]
    skipped = call("POST", "LIST?skip_duplicate_check=true", json={"members": twice}).json()
    assert (skipped["total_created"], skipped["error_count"]) == (1, 0)
    assert skipped["new_members"][0]["status"] == "subscribed"
    named = call("POST", "LIST", json={"members": twice, "update_existing": True}).json()
    assert (named["total_updated"], named["error_count"]) == (1, 1)
    assert call("POST", "LIST/segments", json={"name": "S", "static_segment": []}).status_code == 200
    (segment,) = call("GET", "LIST/segments").json()["segments"]
    too_many = {"members_to_add": [item["email_address"] for item in many]}
    assert call("POST", f"LIST/segments/{segment['id']}", json=too_many).status_code == 400


def test_tags_of_a_batch_are_added_or_synced(call: Caller) -> None:
    post(call, "p@post.example", tags=["Oud"])
    item = {"email_address": "p@post.example", "tags": ["Nieuw"]}
    added = call("POST", "LIST", json={"members": [item], "update_existing": True}).json()
    assert {tag["name"] for tag in added["updated_members"][0]["tags"]} == {"Oud", "Nieuw"}
    body = {"members": [item], "update_existing": True, "sync_tags": True}
    synced = call("POST", "LIST", json=body).json()
    assert [tag["name"] for tag in synced["updated_members"][0]["tags"]] == ["Nieuw"]


def test_a_tags_body_without_its_wrapper_is_a_204_that_does_nothing(call: Caller) -> None:
    path = f"LIST/members/{md5(ANKE)}/tags"
    bodies: tuple[object, ...] = ([{"name": "T", "status": "active"}], {"name": "T", "status": "active"}, {"tags": []})
    for body in bodies:
        assert call("POST", path, json=body).status_code == 204
    assert call("GET", path).json()["total_items"] == 0
    refused(call("POST", f"LIST/members/{md5('x@post.example')}/tags", json={"tags": []}), 404, "Resource Not Found")


def test_a_campaign_that_is_not_ready_is_not_sent(call: Caller) -> None:
    body = {"type": "regular", "recipients": {"list_id": call.list_id}, "settings": {"subject_line": "S"}}
    campaign = call("POST", "/campaigns", json=body).json()
    answer = call("POST", f"/campaigns/{campaign['id']}/actions/send")
    assert refused(answer, 400, "Bad Request")["detail"] == "Your Campaign is not ready to send."
    refused(call("GET", f"/reports/{campaign['id']}"), 404, "Resource Not Found")
    assert call("POST", "/campaigns", json={"type": "brief"}).status_code == 400
