"""Tags go by segment, and what a sync may create is made once."""

import threading
from pathlib import Path
from typing import Any

import pytest
from loopback import Received, Reply, loopback
from mailchimp_changes import answered, brief, by_path, change, document, provider, push

from pipelines.config.sync import NewAudience
from pipelines.errors import ConfigError
from pipelines.providers.base import Change, Op
from pipelines.providers.mailchimp.values import member_id

SEGMENTS = Reply(body={"segments": [{"id": 7, "name": "vip"}], "total_items": 1})


def tag(name: str, *tags: str, op: Op = "tag") -> Change:
    sides: tuple[dict[str, Any], dict[str, Any]] = ({"tags": []}, {"tags": sorted(tags)})
    return change(name, op, *(sides if op == "tag" else sides[::-1]))


def test_a_tag_is_one_call_for_all_its_members_whatever_the_letter_case(tmp_path: Path) -> None:
    confirmed = Reply(body={"members_added": [document("ann"), document("dirk")], "errors": []})
    routes = by_path(("GET", "/segments", SEGMENTS), ("POST", "/segments/7", confirmed))
    with loopback(routes) as server, provider(server, tmp_path) as opened:
        outcomes = push(opened, tag("ann", "VIP"), tag("dirk", "VIP"))
    assert brief(outcomes) == {"ann": ("applied", None), "dirk": ("applied", None)}
    (call,) = server.calls("POST")
    assert call.body == {"members_to_add": ["ann@People.example", "dirk@People.example"]}


def test_a_tag_that_does_not_exist_is_made_once_even_when_another_run_makes_it_first(tmp_path: Path) -> None:
    made = threading.Event()

    def answer(request: Received) -> Reply:
        if request.method == "GET":
            return SEGMENTS if made.is_set() else Reply(body={"segments": [], "total_items": 0})
        if request.path.endswith("/segments"):
            made.set()
            return Reply(400, {"title": "Bad Request", "detail": "Sorry, that tag already exists."})
        return Reply(body={"members_added": [document("ann")], "errors": []})

    with loopback(answer) as server, provider(server, tmp_path) as opened:
        assert brief(push(opened, tag("ann", "VIP"))) == {"ann": ("applied", None)}
    assert [call.path.rpartition("/lists/a1")[2] for call in server.calls("POST")] == ["/segments", "/segments/7"]


def test_members_whom_a_tag_call_passes_over_in_silence_are_looked_at(tmp_path: Path) -> None:
    ann = Reply(body=document("ann", tags=[{"id": 7, "name": "VIP"}], tags_count=1))
    routes = by_path(
        ("GET", "/segments", SEGMENTS),
        ("POST", "/segments/7", Reply(body={"members_added": [], "errors": []})),
        ("GET", member_id("ann@people.example"), ann),
        ("GET", member_id("dirk@people.example"), Reply(body=document("dirk"))),
    )
    with loopback(routes) as server, provider(server, tmp_path) as opened:
        outcomes = push(opened, *(tag(name, "vip") for name in ("ann", "dirk", "gone")))
    assert brief(outcomes) == {
        "ann": ("applied", None), "dirk": ("failed", "no_answer"), "gone": ("refused", "not_found"),
    }  # fmt: skip


def test_a_change_of_several_tags_is_applied_only_when_all_are(tmp_path: Path) -> None:
    segments = Reply(body={"segments": [{"id": 7, "name": "new"}, {"id": 8, "name": "vip"}], "total_items": 2})
    routes = by_path(
        ("GET", "/segments", segments),
        ("POST", "/segments/7", Reply(body={"members_added": [document("ann"), document("dirk")]})),
        ("POST", "/segments/8", Reply(500, {})),
    )
    with loopback(routes) as server, provider(server, tmp_path, connections=1) as opened:
        outcomes = push(opened, tag("ann", "vip", "new"), tag("dirk", "new"))
    assert brief(outcomes) == {"ann": ("failed", "no_answer"), "dirk": ("applied", None)}


def test_a_refused_tag_is_no_success_though_the_other_tag_passed(tmp_path: Path) -> None:
    segments = Reply(body={"segments": [{"id": 7, "name": "new"}, {"id": 8, "name": "vip"}], "total_items": 2})
    routes = by_path(
        ("GET", "/segments", segments),
        ("POST", "/segments/7", Reply(body={"members_added": [document("ann")]})),
        ("POST", "/segments/8", Reply(400, {"title": "Bad Request", "detail": "Nein."})),
    )
    with loopback(routes) as server, provider(server, tmp_path) as opened:
        outcomes = push(opened, tag("ann", "vip", "new"))
    assert brief(outcomes) == {"ann": ("refused", "unknown")}


def test_taking_away_a_tag_that_nobody_made_needs_no_call(tmp_path: Path) -> None:
    with loopback(by_path(("GET", "/segments", SEGMENTS))) as server, provider(server, tmp_path) as opened:
        assert brief(push(opened, tag("ann", "old", op="untag"))) == {"ann": ("applied", None)}
    assert not server.calls("POST")


def test_an_address_field_is_sent_as_an_object_and_other_json_as_text(tmp_path: Path) -> None:
    fields = [
        {"merge_id": 1, "tag": "ADDR", "name": "A", "type": "address", "required": False},
        {"merge_id": 2, "tag": "NOTE", "name": "N", "type": "text", "required": False},
    ]
    routes = by_path(
        ("GET", "/merge-fields", Reply(body={"merge_fields": fields, "total_items": 2})),
        ("POST", "/a1", answered(new=[document("ann")])),
    )
    text = '{"addr1":"Dam 1","city":"Amsterdam"}'
    row = change("ann", "add", None, {"status": "pending", "fields": {"ADDR": text, "NOTE": text}})
    with loopback(routes) as server, provider(server, tmp_path, skip_merge_validation=True) as opened:
        push(opened, row)
    (call,) = server.calls("POST")
    (item,) = call.body["members"]
    assert item["merge_fields"] == {"ADDR": {"addr1": "Dam 1", "city": "Amsterdam"}, "NOTE": text}
    assert (item["status"], call.query) == ("pending", {"skip_merge_validation": "true"})


def test_an_audience_is_made_only_from_all_that_mailchimp_demands(tmp_path: Path) -> None:
    data = NewAudience(
        company="Bureau", sender_name="Ann", sender_email="ann@bureau.example", address="Dam 1", city="Amsterdam",
        country="NL", permission_reminder="You are a client.",
    )  # fmt: skip
    reply = Reply(body={"id": "a9", "name": "Clients", "date_created": "", "double_optin": False, "stats": {}})
    with loopback(lambda _: reply) as server, provider(server, tmp_path) as opened:
        assert opened.create_audience("Clients", data).audience_id == "a9"
        with pytest.raises(ConfigError, match="without city, permission_reminder"):
            opened.create_audience("Clients", data.model_copy(update={"city": "", "permission_reminder": ""}))
    (call,) = server.received
    assert call.body["contact"]["country"] == "NL" and call.body["campaign_defaults"]["from_email"] == data.sender_email


def test_fields_and_groups_that_are_there_are_not_made_again(tmp_path: Path) -> None:
    field = {"merge_id": 1, "tag": "FNAME", "name": "First", "type": "text", "required": False}
    routes = by_path(
        ("GET", "/merge-fields", Reply(body={"merge_fields": [field], "total_items": 1})),
        ("POST", "/merge-fields", Reply(body={**field, "tag": "CITY", "merge_id": 2})),
        ("GET", "/interest-categories", Reply(body={"categories": [{"id": "k", "title": "Topics"}], "total_items": 1})),
        ("GET", "/k/interests", Reply(body={"interests": [{"id": "i1", "name": "Tax"}], "total_items": 1})),
        ("POST", "/k/interests", Reply(body={"id": "i2", "name": "Law"})),
    )
    with loopback(routes) as server, provider(server, tmp_path) as opened:
        assert opened.create_merge_field("a1", "FNAME", "First").field_id == "1"
        assert opened.create_group("a1", "Topics", "Tax").group_id == "i1"
        assert not server.calls("POST")
        assert opened.create_merge_field("a1", "CITY", "City").name == "CITY"
        assert opened.create_group("a1", "Topics", "Law").key == "Topics: Law"
    assert [call.body for call in server.calls("POST")] == [
        {"tag": "CITY", "name": "City", "type": "text", "required": False, "public": False}, {"name": "Law"},
    ]  # fmt: skip
