"""The back stage of the Mailchimp simulator: restarts, history, faults, limits, people, starting and stopping."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from mailchimp_simulator_caller import Caller
from push_world import wait_until

from pipelines.errors import Busy, ConfigError
from pipelines.sandbox.mailchimp.seeding import AUDIENCE
from pipelines.sandbox.mailchimp.simulator import Mailchimp
from pipelines.sandbox.mailchimp.switches import Switches
from pipelines.sandbox.people import Habits
from pipelines.sandbox.server import Sandbox, running_sandbox, serve

ANKE = "anke.vis@privemail.example"
PAGE = '<a href="https://v.example/a">a</a><a href="https://v.example/b">b</a>'
EVERYBODY_READS = Habits(hard_bounces=0, soft_bounces=0, never_opens=0, proxies=0, opens=1, clicks=1, opt_outs=0)


@pytest.fixture
def call(mailchimp_simulator_call: Caller) -> Caller:
    return mailchimp_simulator_call


def send(call: Caller, segment: int = 0, html: str = PAGE) -> str:
    """Makes and sends a campaign to the seeded audience; its id."""
    recipients: dict[str, Any] = {"list_id": call.list_id}
    if segment:
        recipients["segment_opts"] = {"saved_segment_id": segment}
    settings = {"subject_line": "S", "title": "T", "from_name": "V", "reply_to": "v@v.example"}
    body = {"type": "regular", "recipients": recipients, "settings": settings}
    campaign: str = call("POST", "/campaigns", json=body).json()["id"]
    call("PUT", f"/campaigns/{campaign}/content", json={"html": html})
    assert call("POST", f"/campaigns/{campaign}/actions/send").status_code == 204
    return campaign


def test_a_fresh_sandbox_holds_one_audience_with_private_members_of_whom_one_opted_out(call: Caller) -> None:
    """Requirement B4 needs people whom no CRM knows."""
    members = call.simulator.members(call.list_id)
    assert len(members) == 12 and all(member["email_address"].endswith(".example") for member in members)
    assert [member["status"] for member in members].count("unsubscribed") == 1
    assert call.simulator.history() == []


def test_two_fresh_sandboxes_of_one_seed_have_the_same_ids(tmp_path: Path) -> None:
    found = []
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        with Sandbox(tmp_path / folder, port=0, seed=seed) as sandbox:
            list_id = sandbox.mailchimp.list_id
            found.append((list_id, [member["contact_id"] for member in sandbox.mailchimp.members(list_id)]))
    assert found[0] == found[1] != found[2]


def test_the_state_survives_a_restart(mailchimp_simulator_home: Path) -> None:
    with Sandbox(mailchimp_simulator_home, port=0) as sandbox:
        call = Caller(sandbox.mailchimp)
        call("POST", "LIST/segments", json={"name": "T", "static_segment": [ANKE]})
        call("POST", "LIST/merge-fields", json={"name": "Nr", "type": "number", "tag": "NR"})
        call("PATCH", f"LIST/members/{ANKE}", json={"merge_fields": {"NR": 4}})
        campaign = send(call)
        sandbox.mailchimp.act(call.list_id, "bas.tuin@privemail.example", "delete_by_hand")
        before = sandbox.mailchimp.members(call.list_id), sandbox.mailchimp.history()
        report = call("GET", f"/reports/{campaign}").json()
        call.session.close()
    with Sandbox(mailchimp_simulator_home, port=0) as sandbox:
        call = Caller(sandbox.mailchimp)
        assert (sandbox.mailchimp.members(call.list_id), sandbox.mailchimp.history()) == before
        assert call("GET", f"/reports/{campaign}").json() == report
        gone = {"email_address": "bas.tuin@privemail.example", "status": "subscribed"}
        assert call("POST", "LIST/members", json=gone).json()["title"] == "Forgotten Email Not Subscribed"
        assert call("POST", "LIST/merge-fields", json={"name": "X", "type": "text"}).json()["merge_id"] == 7
        call.session.close()


def program(folder: Path, port: int) -> subprocess.Popen[str]:
    """A sandbox in a process of its own; returns once it answers."""
    code = f"from pathlib import Path; from pipelines.sandbox.server import serve; serve(Path({str(folder)!r}), {port})"
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    while not running_sandbox(f"http://127.0.0.1:{port}"):
        assert process.poll() is None, process.communicate()[1]
    return process


def test_a_killed_sandbox_continues_and_a_stopped_one_ends_cleanly(mailchimp_simulator_home: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    killed = program(mailchimp_simulator_home, port)
    auth = ("x", "0123456789abcdef0123456789abcdef-us1")
    (audience,) = requests.get(f"{url}/mailchimp/3.0/lists", auth=auth, timeout=9).json()["lists"]
    act = {"list_id": audience["id"], "email": ANKE, "act": "opt_out", "reason": "No longer interested"}
    assert requests.post(f"{url}/sandbox/mailchimp/act", json=act, timeout=9).status_code == 200
    killed.kill()
    killed.communicate()

    stopped = program(mailchimp_simulator_home, port)
    member = requests.get(f"{url}/mailchimp/3.0/lists/{audience['id']}/members/{ANKE}", auth=auth, timeout=9).json()
    assert (member["status"], member["unsubscribe_reason"]) == ("unsubscribed", "No longer interested")
    stopped.send_signal(signal.SIGTERM)
    _, complaints = stopped.communicate(timeout=9)
    assert (stopped.returncode, complaints) == (0, "")


def test_a_port_in_use_is_a_clear_error(mailchimp_simulator_server: Sandbox, tmp_path: Path) -> None:
    port = int(mailchimp_simulator_server.url.rpartition(":")[2])
    with pytest.raises(ConfigError, match=f"can't listen on port {port}.*choose another port"):
        serve(tmp_path / "other", port)


def test_two_sandboxes_can_not_work_on_one_home(mailchimp_simulator_home: Path) -> None:
    with (
        Sandbox(mailchimp_simulator_home, port=0),
        pytest.raises(Busy, match="Another sandbox"),
        Sandbox(mailchimp_simulator_home, port=0),
    ):
        pass


def test_a_state_that_is_no_state_is_a_clear_error(mailchimp_simulator_home: Path) -> None:
    mailchimp_simulator_home.mkdir()
    (mailchimp_simulator_home / "mailchimp.sqlite").write_text("no database " * 100)
    with pytest.raises(ConfigError, match="Delete this file"):
        Sandbox(mailchimp_simulator_home, port=0).start()


def test_a_running_sandbox_is_recognised_and_nothing_else_is(mailchimp_simulator: Mailchimp) -> None:
    root = mailchimp_simulator.url.removesuffix("/mailchimp")
    assert running_sandbox(mailchimp_simulator.url) and running_sandbox(root)
    assert not running_sandbox("http://127.0.0.1:1")
    assert requests.get(root, timeout=9).json()["mounts"] == ["mailchimp", "mailup", "vtiger", "iteras"]


def test_the_history_tells_what_changed_through_which_call(call: Caller) -> None:
    body = {"email_address": "p@post.example", "status": "subscribed"}
    member = call("POST", "LIST/members", json=body).json()["id"]
    call("PATCH", f"LIST/members/{member}", json={"merge_fields": {"FNAME": "P"}})
    call("PATCH", f"LIST/members/{member}", json={"merge_fields": {"FNAME": "P"}})
    call("GET", f"LIST/members/{member}")
    call("DELETE", f"LIST/members/{member}")
    call.simulator.act(call.list_id, ANKE, "opt_out")
    history = call.simulator.history()
    told = [(entry["actor"], entry["method"], entry["change"], entry["status_after"]) for entry in history]
    assert told == [
        ("api", "POST", "add", "subscribed"),
        ("api", "PATCH", "update", "subscribed"),
        ("api", "DELETE", "archive", "archived"),
        ("hand", "ACT", "opt_out", "unsubscribed"),
    ]
    assert history[1]["fields"] == ["FNAME"] and history[1]["path"] == "/lists/{list_id}/members/{subscriber_hash}"
    assert {entry["member_id"] for entry in history[:3]} == {member}
    assert "post.example" not in json.dumps(history)
    root = call.simulator.url.removesuffix("/mailchimp")
    later = requests.get(f"{root}/sandbox/mailchimp/history?after={history[1]['seq']}", timeout=9).json()["history"]
    assert later == history[2:]


def test_faults_meet_the_calls_they_are_meant_for_and_no_others(call: Caller) -> None:
    root = f"{call.simulator.url.removesuffix('/mailchimp')}/sandbox/mailchimp/faults"
    fault = {"kind": "problem", "status": 503, "method": "GET", "path": "/lists", "times": 2, "skip": 1}
    assert requests.post(root, json=fault, timeout=9).status_code == 200
    statuses = [call("GET", path).status_code for path in ("/lists", "/ping", "/lists", "/lists", "/lists")]
    assert statuses == [200, 200, 503, 503, 200]
    requests.post(root, json=fault, timeout=9)
    assert requests.delete(root, timeout=9).json() == {"faults": []}
    assert requests.post(root, json={"kind": "fire"}, timeout=9).status_code == 400
    assert requests.post(root, json={"soort": "drop"}, timeout=9).json()["error"].startswith("Unknown keys")


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("kind", ["drop", "problem", "html", "empty"])
def test_a_fault_strikes_before_or_after_the_change_took_effect(call: Caller, kind: str, applied: bool) -> None:
    call.simulator.fail(kind=kind, applied=applied, status=502)
    body = {"email_address": "p@post.example", "status": "subscribed"}
    if kind == "drop":
        with pytest.raises(requests.ConnectionError):
            call("POST", "LIST/members", json=body)
    else:
        answer = call("POST", "LIST/members", json=body)
        assert answer.status_code == 502
        assert {"problem": b'"status": 502', "html": b"Access Denied", "empty": b""}[kind] in answer.content
    assert (call.simulator.member(call.list_id, "p@post.example") is not None) is applied


def test_a_truncated_answer_is_no_json(call: Caller) -> None:
    call.simulator.fail(kind="truncated")
    with pytest.raises(requests.JSONDecodeError):
        call("GET", "/lists").json()


def test_the_eleventh_simultaneous_connection_is_refused_without_retry_after(call: Caller) -> None:
    """Section 4: ten connections per user; the other ten are served, once the whole of their requests is there."""
    release = threading.Event()

    def body() -> Iterator[bytes]:
        yield b"{"
        release.wait(60)
        yield b"}"

    with ThreadPoolExecutor(10) as pool:
        try:
            first = [pool.submit(call, "GET", "/ping", data=body()) for _ in range(10)]
            wait_until(lambda: call.simulator.stats()["connections"] == 10)
            late = [call("GET", "/ping") for _ in range(2)]
        finally:
            release.set()
        answers = late + [answer.result() for answer in first]
    assert sorted(answer.status_code for answer in answers) == [200] * 10 + [429] * 2
    assert all(answer.json()["title"] == "TooManyRequests" for answer in late)
    assert not any("Retry-After" in answer.headers for answer in late)
    stats = call.simulator.stats()
    assert stats["max_connections"] == 11 and stats["statuses"] == {"200": 10, "429": 2}
    assert stats["calls"] == {"GET /ping": 12}


def test_open_points_of_the_contract_are_switches(call: Caller) -> None:
    root = f"{call.simulator.url.removesuffix('/mailchimp')}/sandbox/mailchimp/switches"
    call.simulator.act(call.list_id, ANKE, "archive_by_hand")
    again = {"members": [{"email_address": ANKE, "status": "subscribed"}]}
    requests.post(root, json={"batch_revives_archived": False}, timeout=9)
    assert call("POST", "LIST", json=again).json()["errors"][0]["error_code"] == "ERROR_CONTACT_EXISTS"
    requests.post(root, json={"batch_revives_archived": True, "lists_every_status": False}, timeout=9)
    assert call("GET", "LIST/members").json()["total_items"] == 11
    assert call("POST", "LIST", json=again).json()["total_created"] == 1
    assert requests.post(root, json={"nothing": True}, timeout=9).status_code == 400
    call.simulator.turn(status_if_new_revives=True)
    call("DELETE", f"LIST/members/{ANKE}")
    assert call("PUT", f"LIST/members/{ANKE}", json={"status_if_new": "subscribed"}).json()["status"] == "subscribed"


def test_an_archived_member_stays_so_when_a_put_has_only_status_if_new(call: Caller) -> None:
    call("DELETE", f"LIST/members/{ANKE}")
    body = {"status_if_new": "subscribed", "merge_fields": {"FNAME": "A"}}
    answer = call("PUT", f"LIST/members/{ANKE}", json=body)
    assert (answer.status_code, answer.json()["status"]) == (200, "archived")


def many(call: Caller, number: int = 600) -> None:
    call.simulator.add_members(call.list_id, ({"email_address": f"p{i}@massa{i % 7}.example"} for i in range(number)))


def test_reports_agree_with_their_details_and_with_the_members(call: Caller) -> None:
    many(call)
    campaign = send(call)
    report = call("GET", f"/reports/{campaign}").json()
    rows = call("GET", f"/reports/{campaign}/sent-to?count=1000").json()["sent_to"]
    assert report["emails_sent"] == len(rows) == 611
    bounces = [row["status"] for row in rows]
    assert report["bounces"]["hard_bounces"] == bounces.count("hard") > 0
    assert report["bounces"]["soft_bounces"] == bounces.count("soft") > 0
    assert report["opens"]["unique_opens"] == sum(row["open_count"] > 0 for row in rows)
    details = call("GET", f"/reports/{campaign}/open-details?count=1000").json()
    opens = [event for row in details["members"] for event in row["opens"]]
    assert report["opens"]["opens_total"] == len(opens) == details["total_opens"]
    human = sum(not event["is_proxy_open"] for event in opens)
    assert 0 < human == report["opens"]["proxy_excluded_opens"] < len(opens)
    links = call("GET", f"/reports/{campaign}/click-details").json()["urls_clicked"]
    assert report["clicks"]["clicks_total"] == sum(link["total_clicks"] for link in links) > 0
    assert report["clicks"]["unique_clicks"] == sum(link["unique_clicks"] for link in links)
    opted_out = call("GET", f"/reports/{campaign}/unsubscribed?count=1000").json()
    assert report["unsubscribed"] == opted_out["total_items"] > 0
    statuses = {member["email_address"]: member["status"] for member in call.simulator.members(call.list_id)}
    assert {statuses[row["email_address"]] for row in opted_out["unsubscribes"]} == {"unsubscribed"}
    assert {statuses[row["email_address"]] for row in rows if row["status"] == "hard"} == {"cleaned"}
    domains = call("GET", f"/reports/{campaign}/domain-performance").json()
    assert len(domains["domains"]) == 5 and domains["total_sent"] == 611


def test_reactions_come_after_the_send_and_never_in_the_future(call: Caller) -> None:
    many(call)
    campaign = send(call)
    report = call("GET", f"/reports/{campaign}").json()
    emails = call("GET", f"/reports/{campaign}/email-activity?count=1000").json()["emails"]
    moments = sorted(event["timestamp"] for row in emails for event in row["activity"])
    assert report["send_time"] < moments[0] <= moments[-1] <= datetime.now(UTC).isoformat()
    query = {"fields": "emails.activity.url,emails.activity.action", "count": 1000}
    trimmed = call("GET", f"/reports/{campaign}/email-activity", params=query).json()["emails"]
    assert {tuple(event) for row in trimmed for event in row["activity"]} == {("action",), ("action", "url")}
    since = moments[len(moments) // 2]
    later = call("GET", f"/reports/{campaign}/email-activity?count=1000", params={"since": since}).json()["emails"]
    assert sum(len(row["activity"]) for row in later) == sum(moment > since for moment in moments)


def test_reactions_come_as_the_clock_goes_on_when_the_send_is_not_backdated(tmp_path: Path) -> None:
    now = datetime(2026, 11, 2, 9, tzinfo=UTC)
    switches = Switches(sent_before=0, habits=Habits(span_seconds=86400))
    with Sandbox(tmp_path / "sandbox", port=0, clock=lambda: now, switches=switches) as sandbox:
        call = Caller(sandbox.mailchimp)
        many(call)
        campaign = send(call)
        opens = [call("GET", f"/reports/{campaign}").json()["opens"]["opens_total"]]
        assert all(row["status"] != "cleaned" for row in sandbox.mailchimp.members(call.list_id))
        for _ in range(2):
            sandbox.clock.advance(timedelta(hours=12).total_seconds())
            opens.append(call("GET", f"/reports/{campaign}").json()["opens"]["opens_total"])
        assert 0 == opens[0] < opens[1] < opens[2]
        assert any(row["status"] == "cleaned" for row in sandbox.mailchimp.members(call.list_id))
        assert {entry["actor"] for entry in sandbox.mailchimp.history()} == {"api", "people"}
        call.session.close()


def test_people_do_the_same_in_every_sandbox_of_one_seed(tmp_path: Path) -> None:
    now = datetime(2026, 11, 2, 9, tzinfo=UTC)
    found = []
    for folder in ("a", "b"):
        with Sandbox(tmp_path / folder, port=0, clock=lambda: now) as sandbox:
            call = Caller(sandbox.mailchimp)
            campaign = send(call)
            found.append(call("GET", f"/reports/{campaign}/email-activity?count=100").json())
            call.session.close()
    assert found[0] == found[1]


def test_a_send_reaches_subscribed_members_of_the_segment_only(call: Caller) -> None:
    call.simulator.turn(habits={name: getattr(EVERYBODY_READS, name) for name in EVERYBODY_READS.__slots__})
    people = [ANKE, "koos.lamp@buurtkrant.example", "bas.tuin@privemail.example"]
    segment = call("POST", "LIST/segments", json={"name": "Raad", "static_segment": people}).json()["id"]
    campaign = send(call, segment)
    rows = call("GET", f"/reports/{campaign}/sent-to").json()["sent_to"]
    assert [row["email_address"] for row in rows] == [people[0], people[2]]
    assert call("GET", f"/reports/{campaign}").json()["clicks"]["unique_subscriber_clicks"] == 2
    assert call.simulator.member(call.list_id, ANKE)["stats"] == {"avg_open_rate": 1, "avg_click_rate": 1}  # type: ignore[index]


def test_a_deleted_member_is_missing_from_the_details_but_not_from_the_totals(call: Caller) -> None:
    """Section 10: sums can fall below the dashboard."""
    campaign = send(call)
    call("POST", f"LIST/members/{ANKE}/actions/delete-permanent")
    assert call("GET", f"/reports/{campaign}").json()["emails_sent"] == 11
    assert call("GET", f"/reports/{campaign}/sent-to").json()["total_items"] == 10


def test_acts_of_people_show_in_the_reports_of_the_campaign_they_name(call: Caller) -> None:
    nobody = {"opens": 0, "proxies": 0, "hard_bounces": 0, "soft_bounces": 0}
    call.simulator.turn(habits=nobody)
    campaign = send(call)

    def act(email: str, name: str, **options: object) -> None:
        call.simulator.act(call.list_id, email, name, campaign_id=campaign, **options)

    act(ANKE, "open", proxy=True)
    act(ANKE, "open")
    act(ANKE, "click", url="https://v.example/b")
    act(ANKE, "opt_out", reason="Too many emails")
    act("bas.tuin@privemail.example", "complain")
    act("carla.duyn@hofstede.example", "soft_bounce")
    act("d.oost@hofstede.example", "hard_bounce")
    report = call("GET", f"/reports/{campaign}").json()
    assert (report["opens"]["opens_total"], report["opens"]["proxy_excluded_opens"]) == (2, 1)
    assert (report["unsubscribed"], report["abuse_reports"], report["clicks"]["clicks_total"]) == (1, 1, 1)
    assert report["bounces"] == {"hard_bounces": 1, "soft_bounces": 1, "syntax_errors": 0}
    (row,) = call("GET", f"/reports/{campaign}/unsubscribed").json()["unsubscribes"]
    assert (row["email_address"], row["reason"]) == (ANKE, "Too many emails")
    (complaint,) = call("GET", f"/reports/{campaign}/abuse-reports").json()["abuse_reports"]
    assert complaint["email_address"] == "bas.tuin@privemail.example"
    links = call("GET", f"/reports/{campaign}/click-details").json()["urls_clicked"]
    assert [link["total_clicks"] for link in links] == [0, 1]
    call.simulator.act(call.list_id, "ivo.brandt@buurtkrant.example", "change_email", new_email="ivo@nieuw.example")
    call.simulator.act(call.list_id, "handmatig@post.example", "add_by_hand", merge_fields={"FNAME": "H"})
    assert call.simulator.member(call.list_id, "handmatig@post.example")["source"] == "Admin Add"  # type: ignore[index]
    with pytest.raises(LookupError):
        call.simulator.act(call.list_id, "nobody@post.example", "opt_out")


def test_a_reset_brings_the_first_state_back(call: Caller) -> None:
    call("DELETE", "LIST")
    call.simulator.fail(kind="drop")
    root = call.simulator.url.removesuffix("/mailchimp")
    assert requests.post(f"{root}/sandbox/reset", timeout=9).json() == {"reset": True}
    assert call.simulator.audience_id(AUDIENCE) == call.list_id
    assert call("GET", "/ping").status_code == 200
    assert call.simulator.history() == []


def test_the_sandbox_honours_the_rehearsal_clock(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENLIST_NOW", "2026-12-24T18:00:00+01:00")
    body = {"email_address": "p@post.example", "status": "subscribed"}
    assert call("POST", "LIST/members", json=body).json()["timestamp_opt"] == "2026-12-24T17:00:00+00:00"
    root = call.simulator.url.removesuffix("/mailchimp")
    advanced = requests.post(f"{root}/sandbox/clock", json={"advance_seconds": 3600}, timeout=9).json()
    assert advanced == {"now": "2026-12-24T18:00:00+00:00"}


def test_calls_on_one_connection_do_not_wait_for_each_other(call: Caller) -> None:
    """Nagle's delay made all but the first take 44 ms; the best of the others takes no longer than the best first."""

    def seconds() -> float:
        started = time.perf_counter()
        assert call("GET", "/ping").status_code == 200
        return time.perf_counter() - started

    firsts, others = [], []
    for _ in range(10):
        call.session.close()  # the next call opens a connection of its own
        firsts.append(seconds())
        others += [seconds() for _ in range(5)]
    assert min(others) < 3 * min(firsts)
