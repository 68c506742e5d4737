"""Batch requests of the Mailchimp simulator (section 8): their course, their operations, their results."""

import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mailchimp_marketing  # type: ignore[import-untyped]
import pytest
import requests
from mailchimp3 import MailChimp  # type: ignore[import-untyped]
from mailchimp_marketing.api_client import ApiClientError  # type: ignore[import-untyped]
from mailchimp_simulator_caller import Caller

from pipelines.sandbox.clock import MovableClock
from pipelines.sandbox.mailchimp.simulator import Mailchimp
from pipelines.sandbox.mailchimp.switches import Switches
from pipelines.sandbox.server import Sandbox

KEYS = (
    "id status total_operations finished_operations errored_operations submitted_at completed_at response_body_url "
    "_links"
)
REFUSER = "koos.lamp@buurtkrant.example"
LONG = 3600.0

Document = dict[str, Any]


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time stands still but for what a test puts it forward by."""
    monkeypatch.setenv("ENLIST_NOW", "2026-11-21T20:00:00+00:00")


@pytest.fixture
def clock(mailchimp_simulator_server: Sandbox) -> MovableClock:
    return mailchimp_simulator_server.clock


@pytest.fixture
def call(mailchimp_simulator_call: Caller) -> Caller:
    return mailchimp_simulator_call


def add(call: Caller, email: str, **more: Any) -> Document:
    body = json.dumps({"email_address": email, "status": "subscribed", **more})
    return {"method": "POST", "path": f"/lists/{call.list_id}/members", "operation_id": email, "body": body}


def adds(call: Caller, count: int) -> list[Document]:
    return [add(call, f"person{number}@post.example") for number in range(count)]


def start(call: Caller, operations: Sequence[Document]) -> str:
    answer = call("POST", "/batches", json={"operations": operations})
    assert answer.status_code == 200, answer.text
    batch_id: str = answer.json()["id"]
    return batch_id


def look(call: Caller, batch_id: str) -> Document:
    found: Document = call("GET", f"/batches/{batch_id}").json()
    return found


def unpack(url: str) -> list[list[Document]]:
    """The answers of every file behind the address, which is asked for without any key."""
    answer = requests.get(url, timeout=5)
    assert answer.status_code == 200, answer.text
    with tarfile.open(fileobj=io.BytesIO(answer.content), mode="r:gz") as archive:
        files = [archive.extractfile(entry) for entry in archive.getmembers() if entry.isfile()]
        return [json.load(file) for file in files if file]


def results(call: Caller, batch_id: str) -> list[Document]:
    return [answer for file in unpack(look(call, batch_id)["response_body_url"]) for answer in file]


def test_the_official_client_starts_a_batch_waits_for_it_and_deletes_it(
    mailchimp_simulator: Mailchimp, call: Caller, clock: MovableClock
) -> None:
    official = mailchimp_marketing.Client({"api_key": mailchimp_simulator.api_key, "timeout": 120})
    official.api_client.host = f"{mailchimp_simulator.url}/3.0"
    begun = official.batches.start({"operations": [add(call, "ina@post.example"), add(call, "foo@example.com")]})
    assert " ".join(begun) == KEYS
    assert (begun["status"], begun["total_operations"], begun["completed_at"]) == ("pending", 0, "")
    assert [entry["rel"] for entry in begun["_links"]] == ["parent", "self", "delete"]
    clock.advance(LONG)
    done = official.batches.status(begun["id"])
    assert (done["status"], done["total_operations"], done["finished_operations"], done["errored_operations"]) == (
        "finished", 2, 2, 1,
    )  # fmt: skip
    assert done["submitted_at"] < done["completed_at"]
    listed = official.batches.list(fields=["batches.id", "total_items"])
    assert listed == {"batches": [{"id": begun["id"]}], "total_items": 1}
    assert official.batches.delete_request(begun["id"]).status_code == 204
    with pytest.raises(ApiClientError) as refusal:
        official.batches.status(begun["id"])
    assert refusal.value.status_code == 404


def test_mailchimp3_starts_and_lists_batches(mailchimp_simulator: Mailchimp, call: Caller, clock: MovableClock) -> None:
    third_party = MailChimp(mc_api=mailchimp_simulator.api_key, mc_user="any", timeout=120)
    third_party.base_url = f"{mailchimp_simulator.url}/3.0/"
    begun = third_party.batches.create({"operations": adds(call, 1)})
    clock.advance(LONG)
    assert third_party.batches.get(begun["id"])["status"] == "finished"
    assert third_party.batches.all(get_all=True)["total_items"] == 1


def test_a_batch_passes_every_status_as_the_clock_goes_on(call: Caller, clock: MovableClock) -> None:
    call.simulator.turn(batch_step=10, batch_rate=2, batch_late=int(7.4 * 3600))
    batch_id = start(call, adds(call, 20))
    seen = []
    for seconds in (0, 9, 2, 10, 4, 6, 7 * 3600, 3600):
        clock.advance(seconds)
        found = look(call, batch_id)
        seen.append((found["status"], found["total_operations"], found["finished_operations"]))
        assert bool(found["completed_at"]) == bool(found["response_body_url"]) == (found["status"] == "finished")
    assert seen == [
        ("pending", 0, 0), ("pending", 0, 0), ("preprocessing", 0, 0), ("started", 20, 2), ("started", 20, 10),
        ("finalizing", 20, 20), ("finalizing", 20, 20), ("finished", 20, 20),
    ]  # fmt: skip
    assert look(call, batch_id)["completed_at"] == "2026-11-22T03:24:40+00:00"


def test_operations_are_done_by_the_real_routes_and_answered_one_by_one(call: Caller, clock: MovableClock) -> None:
    """An opt-out holds in a batch as everywhere; finished is not successful."""
    member = "anke.vis@privemail.example"
    operations = [
        add(call, "ina@post.example", tags=["Nieuwsbrief"]),
        add(call, REFUSER) | {"operation_id": "refuser"},
        add(call, "x@post.example") | {"path": "/lists/0000000000/members", "operation_id": "nowhere"},
        {"method": "DELETE", "path": f"lists/{call.list_id}/members/{member}", "operation_id": "archive"},
        {"method": "GET", "path": f"/lists/{call.list_id}/members/bas.tuin%40privemail.example"},
        {"method": "POST", "path": "/batches", "body": '{"operations": []}', "operation_id": "batch in a batch"},
        add(call, "y@post.example") | {"body": "{", "operation_id": "bad JSON"},
    ]
    batch_id = start(call, operations)
    clock.advance(LONG)
    assert look(call, batch_id)["errored_operations"] == 4
    answers = {answer["operation_id"]: answer for answer in results(call, batch_id)}
    assert {name: answer["status_code"] for name, answer in answers.items()} == {
        "ina@post.example": 200, "refuser": 400, "nowhere": 404, "archive": 204, None: 200, "batch in a batch": 404,
        "bad JSON": 400,
    }  # fmt: skip
    assert json.loads(answers["refuser"]["response"])["title"] == "Member In Compliance State"
    assert json.loads(answers[None]["response"])["email_address"] == "bas.tuin@privemail.example"
    assert answers["archive"]["response"] == ""
    statuses = {found["email_address"]: found["status"] for found in call.simulator.members(call.list_id)}
    assert (statuses["ina@post.example"], statuses[REFUSER], statuses[member]) == (
        "subscribed", "unsubscribed", "archived",
    )  # fmt: skip
    changes = {(entry["change"], entry["path"]) for entry in call.simulator.history()}
    assert ("archive", "/lists/{list_id}/members/{subscriber_hash}") in changes


def test_operations_run_in_an_order_that_the_seed_decides(tmp_path: Path) -> None:
    found = []
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        with Sandbox(tmp_path / folder, port=0, seed=seed) as sandbox:
            call = Caller(sandbox.mailchimp)
            batch_id = start(call, adds(call, 12))
            sandbox.clock.advance(LONG)
            order = [answer["operation_id"] for answer in results(call, batch_id)]
            call.session.close()
        assert len(set(order)) == 12
        assert order != [f"person{number}@post.example" for number in range(12)]
        found.append(order)
    assert found[0] == found[1] != found[2]


def test_the_results_are_several_files_below_a_dot(call: Caller, clock: MovableClock) -> None:
    sizes = {}
    for count in (0, 1, 2, 250):
        batch_id = start(call, adds(call, count))
        clock.advance(LONG)
        url = look(call, batch_id)["response_body_url"]
        sizes[count] = [len(file) for file in unpack(url)]
        content = requests.get(url, timeout=5)
        assert content.headers["Content-Type"] == "application/x-gzip"
        with tarfile.open(fileobj=io.BytesIO(content.content), mode="r:gz") as archive:
            names = archive.getnames()
        assert names[0] == "." and all(name.startswith("./") for name in names[1:])
    assert sizes == {0: [0], 1: [1], 2: [1, 1], 250: [100, 100, 50]}


def test_the_address_of_the_results_is_valid_for_ten_minutes_and_renewed_by_looking(
    call: Caller, clock: MovableClock
) -> None:
    batch_id = start(call, adds(call, 2))
    clock.advance(LONG)
    old = look(call, batch_id)["response_body_url"]
    clock.advance(599)
    assert unpack(old)
    clock.advance(2)
    expired = requests.get(old, timeout=5)
    assert (expired.status_code, expired.headers["Content-Type"]) == (403, "application/xml")
    assert "Request has expired" in expired.text
    new = look(call, batch_id)["response_body_url"]
    assert new != old and unpack(new)
    longer = new.replace("Expires=", "Expires=9")
    assert requests.get(longer, timeout=5).status_code == 403
    assert requests.get(new.partition("?")[0], timeout=5).status_code == 403
    assert requests.delete(new, timeout=5).status_code == 403
    assert call("DELETE", f"/batches/{batch_id}").status_code == 204
    assert requests.get(new, timeout=5).status_code == 404


def test_a_batch_is_forgotten_seven_days_after_it_finished(call: Caller, clock: MovableClock) -> None:
    batch_id = start(call, adds(call, 1))
    clock.advance(60)
    assert look(call, batch_id)["status"] == "finished"
    clock.advance(7 * 86400 - 120)
    assert look(call, batch_id)["response_body_url"]
    assert call("GET", "/batches").json()["total_items"] == 1
    clock.advance(120)
    assert call("GET", f"/batches/{batch_id}").status_code == 404
    assert call("GET", "/batches").json() == {
        "batches": [], "total_items": 0, "_links": call("GET", "/batches").json()["_links"],
    }  # fmt: skip


def test_beyond_five_hundred_pending_batches_one_more_is_refused(call: Caller, clock: MovableClock) -> None:
    assert Switches().max_batches == 500
    call.simulator.turn(max_batches=3)
    for _ in range(3):
        start(call, adds(call, 1))
    refusal = call("POST", "/batches", json={"operations": []})
    assert (refusal.status_code, refusal.json()["status"]) == (429, 429)
    assert "pending webhooks" in refusal.json()["detail"] and "Retry-After" not in refusal.headers
    assert call("GET", "/batches").json()["total_items"] == 3
    clock.advance(LONG)
    assert start(call, [])


def test_a_get_without_count_pages_by_itself_and_each_page_counts(call: Caller, clock: MovableClock) -> None:
    call.simulator.turn(batch_page_size=5)
    path = f"/lists/{call.list_id}/members"
    fields = {"fields": "members.email_address,total_items"}
    get = {"method": "GET", "path": path, "operation_id": "all", "params": fields}
    batch_id = start(call, [
        get,
        {**get, "operation_id": "some", "params": {**fields, "count": 3, "offset": 1}},
        {**get, "operation_id": "in the path", "path": f"{path}?count=2"},
        {**get, "operation_id": "nobody", "params": {**fields, "status": "cleaned"}},
        {**get, "operation_id": "rest", "params": {**fields, "offset": 6, "vip_only": False}},
        {"method": "GET", "path": f"/lists/{call.list_id}", "operation_id": "one"},
        {"method": "GET", "path": "/lists/0000000000/members", "operation_id": "none"},
    ])  # fmt: skip
    clock.advance(LONG)
    found: dict[str, list[list[str]]] = {}
    for answer in results(call, batch_id):
        members = json.loads(answer["response"]).get("members", [])
        found.setdefault(answer["operation_id"], []).append([member["email_address"] for member in members])
    everybody = [member["email_address"] for member in call.simulator.members(call.list_id)]
    assert sorted(found["all"]) == sorted([everybody[:5], everybody[5:10], everybody[10:]])
    assert sorted(found["rest"]) == sorted([everybody[6:11], everybody[11:]])
    assert (found["some"], found["in the path"]) == ([everybody[1:4]], [everybody[:2]])
    assert found["nobody"] == found["one"] == found["none"] == [[]]
    assert look(call, batch_id)["total_operations"] == 10


def test_a_report_without_pages_is_one_operation(call: Caller, clock: MovableClock) -> None:
    recipients = {"list_id": call.list_id}
    settings = {"subject_line": "S", "title": "T", "from_name": "V", "reply_to": "v@v.example"}
    campaign = call("POST", "/campaigns", json={"type": "regular", "recipients": recipients, "settings": settings})
    path = f"/reports/{campaign.json()['id']}"
    call("PUT", f"/campaigns/{campaign.json()['id']}/content", json={"plain_text": "Hallo"})
    assert call("POST", f"/campaigns/{campaign.json()['id']}/actions/send").status_code == 204
    call.simulator.turn(batch_page_size=4)
    batch_id = start(call, [
        {"method": "GET", "path": f"{path}/domain-performance", "operation_id": "domains"},
        {"method": "GET", "path": f"{path}/sent-to", "operation_id": "sent-to"},
    ])  # fmt: skip
    clock.advance(LONG)
    names = sorted(answer["operation_id"] for answer in results(call, batch_id))
    assert names == ["domains", "sent-to", "sent-to", "sent-to"]


def test_one_batch_runs_at_a_time_and_stopping_it_lets_the_next_begin(call: Caller, clock: MovableClock) -> None:
    call.simulator.turn(batch_step=1, batch_rate=1)
    first, second, third = (start(call, [add(call, f"{name}{n}@post.example") for n in range(10)]) for name in "abc")
    clock.advance(7)
    assert [look(call, batch)["status"] for batch in (first, second, third)] == ["started", "pending", "pending"]
    assert look(call, first)["finished_operations"] == 5
    assert call("DELETE", f"/batches/{first}").status_code == 204
    assert look(call, second)["status"] == "preprocessing"
    clock.advance(4)
    assert look(call, second)["finished_operations"] == 3
    clock.advance(LONG)
    assert [look(call, batch)["status"] for batch in (second, third)] == ["finished", "finished"]
    assert look(call, second)["completed_at"] < look(call, third)["completed_at"]
    names = [member["email_address"][0] for member in call.simulator.members(call.list_id)[12:]]
    assert [names.count(name) for name in "abc"] == [5, 10, 10]


def test_a_batch_that_is_no_batch_is_refused_as_a_whole(call: Caller) -> None:
    good = add(call, "x@post.example")
    for body, field in (
        ({}, ""),
        ({"operations": "x"}, "operations"),
        ({"operations": [good, "x"]}, "operations.item:1"),
        ({"operations": [{"method": "GET"}]}, "operations.item:0"),
        ({"operations": [{**good, "method": "HEAD"}]}, "operations.item:0.method"),
        ({"operations": [{**good, "body": {"email_address": "x"}}]}, "operations.item:0.body"),
    ):
        refusal = call("POST", "/batches", json=body)
        assert (refusal.status_code, refusal.json()["title"]) == (400, "Invalid Resource")
        assert [error["field"] for error in refusal.json()["errors"]] == [field]
    assert call("GET", "/batches").json()["total_items"] == 0


def test_a_batch_goes_on_where_it_was_after_a_restart(mailchimp_simulator_home: Path) -> None:
    switches = Switches(batch_step=1, batch_rate=1)
    with Sandbox(mailchimp_simulator_home, port=0, switches=switches) as sandbox:
        call = Caller(sandbox.mailchimp)
        batch_id = start(call, adds(call, 8))
        sandbox.clock.advance(5)
        before = look(call, batch_id)
        assert before["finished_operations"] == 3
        call.session.close()
    with Sandbox(mailchimp_simulator_home, port=0, switches=switches) as sandbox:
        call = Caller(sandbox.mailchimp)
        assert look(call, batch_id) == before
        sandbox.clock.advance(LONG)
        answers = results(call, batch_id)
        assert sorted(answer["operation_id"] for answer in answers) == [f"person{n}@post.example" for n in range(8)]
        assert all(answer["status_code"] == 200 for answer in answers)
        call.session.close()
