"""Sending: every row gets exactly one outcome, whatever the answer hides, loses or refuses."""

import threading
from pathlib import Path

import pytest
from loopback import Received, Reply, loopback
from mailchimp_changes import add, answered, brief, by_path, change, document, provider, push, update

from pipelines.errors import PermanentError, TransientError
from pipelines.providers.mailchimp.values import member_id

COMPLIANCE = {"title": "Member In Compliance State", "detail": "... is in a compliance state ..."}


def test_adds_name_a_status_for_each_row_and_never_touch_who_is_there(tmp_path: Path) -> None:
    errors = [{"email_address": "dirk@PEOPLE.example", "error": "exists", "error_code": "ERROR_CONTACT_EXISTS"}]
    reply = answered(new=[document("ann", merge_fields={"FNAME": "An", "X": "y"})], errors=errors)
    with loopback(lambda _: reply) as server, provider(server, tmp_path) as opened:
        outcomes = push(opened, add("ann"), add("dirk"))
    assert server.received[0].path == "/3.0/lists/a1"
    assert server.received[0].body == {
        "members": [
            {"email_address": f"{name}@People.example", "status": "subscribed", "merge_fields": {"FNAME": "Ann"}}
            for name in ("ann", "dirk")
        ],
        "update_existing": False,
    }
    assert brief(outcomes) == {"ann": ("applied", None), "dirk": ("refused", "already_there")}
    assert outcomes["ann"].kept == {"fields": {"FNAME": "An"}}
    assert outcomes["ann"].provider_id == member_id("ann@people.example")


def test_an_add_whose_answer_was_lost_is_found_to_be_applied(tmp_path: Path) -> None:
    first = threading.Lock()
    exists = {"error": "exists", "error_code": "ERROR_CONTACT_EXISTS"}

    def answer(request: Received) -> Reply:
        if request.method == "POST":
            rows = [{"email_address": item["email_address"], **exists} for item in request.body["members"]]
            return Reply(drop=True) if first.acquire(blocking=False) else answered(errors=rows)
        if request.path.endswith(member_id("ann@people.example")):
            return Reply(body=document("ann"))
        return Reply(body=document("dirk", status="unsubscribed"))

    with loopback(answer) as server, provider(server, tmp_path) as opened:
        outcomes = push(opened, add("ann"), add("dirk"))
    assert brief(outcomes) == {"ann": ("applied", None), "dirk": ("refused", "already_there")}


def test_a_refusal_in_an_unknown_language_is_told_by_the_status_of_the_member(tmp_path: Path) -> None:
    statuses = {"ann": "unsubscribed", "dirk": "cleaned"}

    def answer(request: Received) -> Reply:
        if request.method == "POST":
            rows = [{"email_address": item["email_address"], "error": "Nein.", "error_code": "ERROR_GENERIC"}
                    for item in request.body["members"]]  # fmt: skip
            return answered(errors=rows)
        for name, status in statuses.items():
            if request.path.endswith(member_id(f"{name}@people.example")):
                return Reply(body=document(name, status=status))
        return Reply(404, {})

    with loopback(answer) as server, provider(server, tmp_path) as opened:
        outcomes = push(opened, add("ann"), add("dirk"), add("eva"))
    assert brief(outcomes) == {
        "ann": ("refused", "compliance_state"), "dirk": ("refused", "cleaned"), "eva": ("refused", "unknown"),
    }  # fmt: skip
    assert outcomes["eva"].detail == "Nein."


def test_a_row_that_an_answer_does_not_mention_is_never_called_applied_unseen(tmp_path: Path) -> None:
    routes = by_path(("POST", "/a1", answered()), ("GET", member_id("ann@people.example"), Reply(body=document("ann"))))
    with loopback(routes) as server, provider(server, tmp_path) as opened:
        outcomes = push(opened, add("ann"), add("dirk"))
    assert brief(outcomes) == {"ann": ("applied", None), "dirk": ("failed", "no_answer")}


def test_a_batch_refused_as_a_whole_is_split_until_the_bad_row_stands_alone(tmp_path: Path) -> None:
    def answer(request: Received) -> Reply:
        names = [item["email_address"].split("@")[0] for item in request.body["members"]]
        if "bad" in names:
            return Reply(400, {"title": "Invalid Resource", "detail": "Please provide a valid email address."})
        return answered(new=[document(name) for name in names])

    names = [f"n{number}" for number in range(15)]
    with loopback(answer) as server, provider(server, tmp_path) as opened:
        outcomes = push(opened, *(add(name) for name in (*names[:9], "bad", *names[9:])))
    assert brief(outcomes) == dict.fromkeys(names, ("applied", None)) | {"bad": ("refused", "invalid_address")}
    assert len(server.received) == 1 + 2 * 4


def test_what_half_a_split_batch_achieved_is_not_lost_when_the_other_half_fails(tmp_path: Path) -> None:
    def answer(request: Received) -> Reply:
        names = [item["email_address"].split("@")[0] for item in request.body["members"]]
        if len(names) == 4:
            return Reply(400, {})
        return Reply(500, {}) if "d" in names else answered(new=[document(name) for name in names])

    with loopback(answer) as server, provider(server, tmp_path) as opened:
        outcomes = push(opened, *(add(name) for name in "abcd"))
    assert brief(outcomes) == {
        "a": ("applied", None), "b": ("applied", None), "c": ("failed", "no_answer"), "d": ("failed", "no_answer"),
    }  # fmt: skip
    assert outcomes["c"].can_retry


def test_a_call_without_any_answer_raises(tmp_path: Path) -> None:
    with loopback(lambda _: Reply(503, "")) as server, provider(server, tmp_path) as opened:
        for rows in ([add("ann")], [change("ann", "archive", None, {"status": "archived"})]):
            with pytest.raises(TransientError):
                push(opened, *rows)
    for status in (401, 404):
        with loopback(lambda _, status=status: Reply(status, {})) as server, provider(server, tmp_path) as opened:  # type: ignore[misc]
            for rows in ([add("ann")], [change("ann", "archive", None, {"status": "archived"})]):
                with pytest.raises(PermanentError):
                    push(opened, *rows)


def test_single_calls_stop_soon_after_the_provider_went_away(tmp_path: Path) -> None:
    served = threading.Semaphore(5)
    rows = [change(f"n{number}", "archive", None, {"status": "archived"}) for number in range(100)]
    with loopback(lambda _: Reply(204 if served.acquire(blocking=False) else 503, "")) as server:
        with provider(server, tmp_path, connections=2) as opened:
            outcomes = push(opened, *rows)
        assert len(server.received) <= 5 + 2 * 2
    assert sorted({outcome.outcome for outcome in outcomes.values()}) == ["applied", "failed"]
    assert sum(outcome.outcome == "applied" for outcome in outcomes.values()) == 5


def test_somebody_who_returns_is_put_with_their_status(tmp_path: Path) -> None:
    archived, refuser = add("ann", {"status": "archived"}), add("dirk", {"status": "unsubscribed"})
    routes = by_path(
        ("PUT", member_id("ann@people.example"), Reply(body=document("ann"))),
        ("PUT", member_id("dirk@people.example"), Reply(400, COMPLIANCE)),
    )
    with loopback(routes) as server, provider(server, tmp_path) as opened:
        outcomes = push(opened, archived, refuser)
    assert brief(outcomes) == {"ann": ("applied", None), "dirk": ("refused", "compliance_state")}
    bodies = {call.body["email_address"]: call.body for call in server.received}
    assert bodies["ann@People.example"] == {
        "email_address": "ann@People.example",
        "status": "subscribed",
        "status_if_new": "subscribed",
        "merge_fields": {"FNAME": "Ann"},
    }


def test_updates_name_no_status_and_read_none_where_the_plan_knows_it(tmp_path: Path) -> None:
    reply = answered(updated=[document("ann"), document("dirk", status="cleaned")])
    with loopback(lambda _: reply) as server, provider(server, tmp_path) as opened:
        outcomes = push(opened, update("ann", "subscribed"), update("dirk", "bounced"))
    assert brief(outcomes) == {"ann": ("applied", None), "dirk": ("applied", None)}
    (call,) = server.received
    assert call.body["update_existing"] is True
    assert all(set(item) == {"email_address", "merge_fields"} for item in call.body["members"])


def test_statuses_that_the_plan_does_not_know_are_read_before_the_first_batch_only(tmp_path: Path) -> None:
    def answer(request: Received) -> Reply:
        if request.method == "GET":
            return Reply(body=document("ann"))
        return answered(updated=[document(item["email_address"].split("@")[0]) for item in request.body["members"]])

    with loopback(answer) as server, provider(server, tmp_path, batch_size=2) as opened:
        push(opened, *(update(name) for name in ("ann", "dirk", "eva")))
    assert [call.method for call in server.received] == ["GET", "GET", "POST", "POST"]


@pytest.mark.parametrize("from_plan", [True, False])
def test_an_update_that_moves_a_status_is_put_back_and_stops_the_push(tmp_path: Path, from_plan: bool) -> None:
    def answer(request: Received) -> Reply:
        if request.method == "POST":
            return answered(updated=[document("ann"), document("dirk")])
        is_ann = request.path.endswith(member_id("ann@people.example"))
        return Reply(body=document("ann") if is_ann else document("dirk", status="unsubscribed"))

    rows = [update("ann", "subscribed" if from_plan else None), update("dirk", "unsubscribed" if from_plan else None)]
    with (
        loopback(answer) as server,
        provider(server, tmp_path) as opened,
        pytest.raises(PermanentError, match="changed that of 1 members; 1 were put back") as caught,
    ):
        push(opened, *rows)
    assert "update_without_status: single" in caught.value.do
    (restored,) = server.calls("PATCH")
    assert restored.path.endswith(member_id("dirk@people.example"))
    assert restored.body == {"status": "unsubscribed"}


def test_an_update_that_made_somebody_anew_is_undone_and_stops_the_push(tmp_path: Path) -> None:
    def answer(request: Received) -> Reply:
        return answered(new=[document("ann")]) if request.method == "POST" else Reply(204)

    with (
        loopback(answer) as server,
        provider(server, tmp_path) as opened,
        pytest.raises(PermanentError, match="changed that of 1 members; 1 were put back"),
    ):
        push(opened, update("ann", "subscribed"))
    assert [call.path for call in server.calls("DELETE")] == [
        f"/3.0/lists/a1/members/{member_id('ann@people.example')}"
    ]


def test_somebody_who_opted_out_since_the_plan_does_not_stop_it(tmp_path: Path) -> None:
    reply = answered(updated=[document("ann", status="unsubscribed"), document("dirk", status="cleaned")])
    with loopback(lambda _: reply) as server, provider(server, tmp_path) as opened:
        outcomes = push(opened, update("ann", "subscribed"), update("dirk", "subscribed"))
    assert {outcome.outcome for outcome in outcomes.values()} == {"applied"}


def test_single_updates_patch_and_never_make_anybody_anew(tmp_path: Path) -> None:
    routes = by_path(("PATCH", member_id("ann@people.example"), Reply(body=document("ann"))))
    with loopback(routes) as server, provider(server, tmp_path, update_without_status="single") as opened:
        outcomes = push(opened, update("ann"), update("gone"))
    assert brief(outcomes) == {"ann": ("applied", None), "gone": ("refused", "not_found")}
    assert {call.method for call in server.received} == {"PATCH"}
    assert all(call.body == {"merge_fields": {"FNAME": "Ann"}} for call in server.received)


def test_a_member_renamed_in_the_same_push_is_found_under_the_new_address(tmp_path: Path) -> None:
    row = change("ann", "update", None, {"fields": {"FNAME": "Ann"}}, provider_id="0" * 32)
    ann = Reply(body=document("ann"))
    routes = by_path(
        *((method, member_id("ann@people.example"), ann) for method in ("GET", "PATCH")), ("POST", "/a1", answered())
    )
    for mode in ("single", "batch"):
        with loopback(routes) as server, provider(server, tmp_path, update_without_status=mode) as opened:
            assert brief(push(opened, row)) == {"ann": ("applied", None)}


def test_a_rename_patches_the_old_member_and_is_recognised_when_its_answer_was_lost(tmp_path: Path) -> None:
    before, after = {"email": "Old@People.example"}, {"email": "ann@People.example", "fields": {"FNAME": "Ann"}}
    first = threading.Lock()

    def answer(request: Received) -> Reply:
        if request.method == "PATCH":
            return Reply(drop=True) if first.acquire(blocking=False) else Reply(404, {})
        return Reply(body=document("ann"))

    with loopback(answer) as server, provider(server, tmp_path) as opened:
        outcomes = push(opened, change("ann", "rename", before, after))
    assert brief(outcomes) == {"ann": ("applied", None)}
    assert outcomes["ann"].provider_id == member_id("ann@people.example")
    request = server.calls("PATCH")[0]
    assert request.path.endswith(member_id("old@people.example"))
    assert request.body == {"email_address": "ann@People.example", "merge_fields": {"FNAME": "Ann"}}


def test_an_archive_that_took_effect_before_is_applied_and_one_of_a_cleaned_member_is_refused(tmp_path: Path) -> None:
    not_allowed = Reply(405, {"title": "Method Not Allowed", "detail": "This list member cannot be removed."})
    ann, dirk = member_id("ann@people.example"), member_id("dirk@people.example")
    routes = by_path(
        ("DELETE", ann, not_allowed), ("GET", ann, Reply(body=document("ann", status="archived"))),
        ("DELETE", dirk, not_allowed), ("GET", dirk, Reply(body=document("dirk", status="cleaned"))),
        ("DELETE", "e" * 32, Reply(204)),
    )  # fmt: skip
    after = {"status": "archived"}
    with loopback(routes) as server, provider(server, tmp_path) as opened:
        outcomes = push(
            opened,
            change("ann", "archive", {"status": "subscribed"}, after),
            change("dirk", "archive", {"status": "subscribed"}, after),
            change("eva", "archive", {"status": "subscribed"}, after, provider_id="e" * 32),
        )
    assert brief(outcomes) == {
        "ann": ("applied", None), "dirk": ("refused", "not_removable"), "eva": ("applied", None),
    }  # fmt: skip


def test_forgetting_somebody_who_is_gone_is_done(tmp_path: Path) -> None:
    routes = by_path(
        ("POST", f"{member_id('ann@people.example')}/actions/delete-permanent", Reply(204)),
        ("GET", "/a1", Reply(body={"id": "a1"})),
    )
    with loopback(routes) as server, provider(server, tmp_path) as opened:
        outcomes = push(opened, change("ann", "delete", None, {}), change("gone", "delete", None, {}))
    assert {outcome.outcome for outcome in outcomes.values()} == {"applied"}


def test_an_opt_out_passes_without_merge_validation_and_never_overwrites_a_bounce(tmp_path: Path) -> None:
    reply = answered(updated=[document("ann", status="unsubscribed")])
    after = {"status": "unsubscribed"}
    with loopback(lambda _: reply) as server, provider(server, tmp_path) as opened:
        outcomes = push(
            opened,
            change("ann", "unsubscribe", {"status": "subscribed"}, after),
            change("dirk", "unsubscribe", {"status": "bounced"}, after),
        )
    assert brief(outcomes) == {"ann": ("applied", None), "dirk": ("refused", "cleaned")}
    (call,) = server.received
    assert call.query == {"skip_merge_validation": "true"}
    assert call.body["members"] == [{"email_address": "ann@People.example", "status": "unsubscribed"}]


def test_groups_are_joined_and_left_by_id_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    routes = by_path(
        ("GET", "/interest-categories", Reply(body={"categories": [{"id": "k", "title": "Topics"}], "total_items": 1})),
        ("GET", "/k/interests", Reply(body={
            "interests": [{"id": "i1", "name": "Tax"}, {"id": "i2", "name": "Law"}], "total_items": 2,
        })),
        ("POST", "/a1", answered(updated=[document("ann")])),
    )  # fmt: skip
    before = {"status": "subscribed", "groups": ["Topics: Law"]}
    with loopback(routes) as server, provider(server, tmp_path) as opened:
        outcomes = push(
            opened,
            change("ann", "join", before, {"groups": ["Topics: Law", "Topics: Tax"]}),
            change("dirk", "join", before, {"groups": ["Topics: Golf", "Topics: Law"]}),
        )
        push(opened, change("ann", "leave", before, {"groups": []}))
    assert brief(outcomes) == {"ann": ("applied", None), "dirk": ("refused", "unknown_group")}
    sent = [call.body["members"] for call in server.calls("POST")]
    assert sent == [
        [{"email_address": "ann@People.example", "interests": {"i1": True}}],
        [{"email_address": "ann@People.example", "interests": {"i2": False}}],
    ]
