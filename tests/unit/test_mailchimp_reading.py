"""Reading pages that move while they are read: nobody lost, nobody twice, and never more in memory than needed."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from loopback import Loopback, Received, Reply, loopback

from pipelines.config.connections import MailchimpConnection
from pipelines.errors import PermanentError, TransientError
from pipelines.http.client import Patience
from pipelines.providers.base import Member
from pipelines.providers.mailchimp.provider import MailchimpProvider

KEY = "0123456789abcdef0123456789abcdef-us1"
ONCE = Patience(connect_timeout=2, read_timeout=5, max_attempts=1)


@contextmanager
def provider(server: Loopback, folder: Path, **settings: Any) -> Iterator[MailchimpProvider]:
    connection = MailchimpConnection(kind="mailchimp", api_key=KEY, url=server.url, **settings)
    opened = MailchimpProvider("test", connection, folder, patience=ONCE)
    try:
        yield opened
    finally:
        opened.close()


def person(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"{number:032x}",
        "contact_id": f"c{number}",
        "email_address": f"p{number}@people.example",
        "status": "subscribed",
        "merge_fields": {"FNAME": f"P{number}", "AGE": 40.0, "SECRET": "x"},
        "timestamp_opt": "2026-01-01T00:00:00+00:00",
        "last_changed": "2026-02-01T00:00:00+00:00",
        "tags_count": 0,
        "tags": [],
        **more,
    }


class Audience:
    """People in order of joining, paged as Mailchimp does; `hidden` statuses come only when asked for."""

    def __init__(self, people: list[dict[str, Any]], hidden: Sequence[str] = ()) -> None:
        self.people = people
        self.hidden = hidden
        self.before_page: Callable[[int], None] = lambda number: None
        self._pages = 0
        self._lock = threading.Lock()

    def answer(self, request: Received) -> Reply:
        if not request.path.endswith("/members"):
            return Reply(404, {})
        status = request.query.get("status")
        if status is None:
            with self._lock:
                self._pages += 1
                self.before_page(self._pages)
        rows = [row for row in self.people if (row["status"] == status if status else row["status"] not in self.hidden)]
        start, count = int(request.query.get("offset", 0)), int(request.query["count"])
        return Reply(body={"members": rows[start : start + count], "total_items": len(rows)})


def read(opened: MailchimpProvider, **more: Any) -> list[Member]:
    return [member for page in opened.members("a1", fields=["FNAME", "AGE"], **more) for member in page]


def test_pages_come_in_order_and_complete_with_only_the_named_fields(tmp_path: Path) -> None:
    audience = Audience([person(n) for n in range(95)])
    with loopback(audience.answer) as server, provider(server, tmp_path, page_size=10) as opened:
        members = read(opened)
    assert [member.email for member in members] == [f"p{n}@people.example" for n in range(95)]
    assert members[7].fields == {"FNAME": "P7", "AGE": "40"}
    first = server.received[0].query
    assert (first["sort_field"], first["sort_dir"], first["count"]) == ("timestamp_opt", "ASC", "10")
    assert "members.email_address" in first["fields"] and "_links" not in first["fields"]


def test_an_empty_audience_and_one_of_a_single_page_are_read(tmp_path: Path) -> None:
    for count in (0, 1, 2, 10):
        audience = Audience([person(n) for n in range(count)])
        with loopback(audience.answer) as server, provider(server, tmp_path, page_size=10) as opened:
            assert len(read(opened)) == count
        assert len([call for call in server.received if "status" not in call.query]) == 1


def test_people_who_slip_to_an_earlier_page_are_not_lost(tmp_path: Path) -> None:
    people = [person(n) for n in range(60)]
    audience = Audience(people)
    audience.before_page = lambda number: people.__delitem__(slice(3)) if number == 3 else None
    with loopback(audience.answer) as server, provider(server, tmp_path, page_size=10, connections=1) as opened:
        read_ids = [member.provider_id for member in read(opened)]
    assert len(read_ids) == len(set(read_ids))
    assert {row["id"] for row in people} <= set(read_ids)


def test_departures_that_newcomers_hide_from_the_total_are_noticed(tmp_path: Path) -> None:
    people = [person(n) for n in range(60)]
    audience = Audience(people)

    def swap(number: int) -> None:
        if number == 3:
            del people[:3]
            people.extend(person(1000 + n) for n in range(3))

    audience.before_page = swap
    with loopback(audience.answer) as server, provider(server, tmp_path, page_size=10, connections=1) as opened:
        read_ids = [member.provider_id for member in read(opened)]
    assert {row["id"] for row in people} <= set(read_ids)
    assert len(read_ids) == len(set(read_ids)) == 63


def test_somebody_whose_address_changes_in_between_is_not_doubled(tmp_path: Path) -> None:
    people = [person(n) for n in range(30)]
    audience = Audience(people)

    def rename(number: int) -> None:
        if number == 2:
            people.append({**people.pop(0), "id": "f" * 32, "email_address": "new@people.example"})

    audience.before_page = rename
    with loopback(audience.answer) as server, provider(server, tmp_path, page_size=10, connections=1) as opened:
        members = read(opened)
    assert len(members) == 30
    assert "new@people.example" not in [member.email for member in members], "first seen under the old address"


def test_newcomers_at_the_end_are_read_without_starting_over(tmp_path: Path) -> None:
    people = [person(n) for n in range(30)]
    audience = Audience(people)
    audience.before_page = lambda number: people.extend(person(100 + n) for n in range(15)) if number == 4 else None
    with loopback(audience.answer) as server, provider(server, tmp_path, page_size=10, connections=1) as opened:
        assert len(read(opened)) == 45
    assert len([call for call in server.received if call.query.get("offset") == "0"]) == 1


def test_an_audience_that_never_holds_still_is_an_error_not_a_guess(tmp_path: Path) -> None:
    people = [person(n) for n in range(200)]
    audience = Audience(people)

    def stir(number: int) -> None:
        people.insert(0, people.pop())
        people.append(person(1000 + number))

    audience.before_page = stir
    with (
        loopback(audience.answer) as server,
        provider(server, tmp_path, page_size=10, connections=1) as opened,
        pytest.raises(TransientError, match="changed so fast"),
    ):
        read(opened)


def test_statuses_that_a_listing_leaves_out_are_read_too(tmp_path: Path) -> None:
    words = ("subscribed", "archived", "cleaned", "unsubscribed", "pending", "transactional")
    people = [person(n, status=words[n % 6], unsubscribe_reason="N/A") for n in range(60)]
    for hidden in ((), ("archived",), words[1:]):
        with loopback(Audience(people, hidden).answer) as server, provider(server, tmp_path, page_size=10) as opened:
            members = read(opened)
        assert sorted(member.provider_id for member in members) == [row["id"] for row in people]
        filtered = [call for call in server.received if call.query.get("count") != "1" and "status" in call.query]
        assert {call.query["status"] for call in filtered} == set(hidden), "only what was missing is read again"
    assert {member.status for member in members} == {
        "subscribed", "archived", "bounced", "unsubscribed", "pending", "transactional",
    }  # fmt: skip


def test_since_asks_a_second_earlier_and_keeps_what_changed_at_or_after(tmp_path: Path) -> None:
    times = ("2026-02-01T09:59:59+00:00", "2026-02-01T10:00:00+00:00", "2026-02-01T10:00:01+00:00")
    people = [person(n, last_changed=time) for n, time in enumerate(times)]
    with loopback(Audience(people).answer) as server, provider(server, tmp_path) as opened:
        members = read(opened, since=times[1])
    assert [member.changed_at for member in members] == list(times[1:])
    assert all(call.query["since_last_changed"] == times[0] for call in server.received)


def test_tags_beyond_fifty_and_group_names_are_looked_up(tmp_path: Path) -> None:
    row = person(1, tags=[{"id": 1, "name": "b"}], tags_count=2, interests={"i1": True, "i2": False})
    audience = Audience([row])

    def answer(request: Received) -> Reply:
        documents: dict[str, Any] = {
            f"/3.0/lists/a1/members/{row['id']}/tags": {"tags": [{"name": "b"}, {"name": "a"}], "total_items": 2},
            "/3.0/lists/a1/interest-categories": {"categories": [{"id": "k", "title": "Topics"}], "total_items": 1},
            "/3.0/lists/a1/interest-categories/k/interests": {
                "interests": [{"id": "i1", "name": "Tax"}, {"id": "i2", "name": "Law"}], "total_items": 2,
            },
        }  # fmt: skip
        return Reply(body=documents[request.path]) if request.path in documents else audience.answer(request)

    with loopback(answer) as server, provider(server, tmp_path) as opened:
        (member,) = read(opened)
    assert (member.tags, member.groups) == (("a", "b"), ("Topics: Tax",))


def test_a_reader_that_stops_early_leaves_nothing_running(tmp_path: Path) -> None:
    with loopback(Audience([person(n) for n in range(500)]).answer) as server:
        with provider(server, tmp_path, page_size=10, connections=2) as opened:
            pages = opened.members("a1", fields=[])
            next(pages)
            pages.close()  # type: ignore[attr-defined]
        assert len(server.received) < 10


def test_pages_are_read_ahead_but_not_far(tmp_path: Path) -> None:
    audience = Audience([person(n) for n in range(1000)])
    with loopback(audience.answer) as server, provider(server, tmp_path, page_size=10, connections=4) as opened:
        pages = opened.members("a1", fields=[])
        for _ in range(5):
            next(pages)
        assert len(server.received) <= 5 + 4
        assert sum(1 for _ in pages) > 90


def test_an_unknown_status_stops_the_reading(tmp_path: Path) -> None:
    audience = Audience([person(1, status="paused")])
    with (
        loopback(audience.answer) as server,
        provider(server, tmp_path) as opened,
        pytest.raises(PermanentError, match="does not know"),
    ):
        read(opened)


def test_the_account_is_read_and_a_small_role_is_a_problem(tmp_path: Path) -> None:
    for role, problems in (("owner", 0), ("admin", 0), ("author", 1)):
        body = {"account_id": "a", "account_name": "Bureau", "role": role}
        with loopback(lambda _, body=body: Reply(body=body)) as server, provider(server, tmp_path) as opened:  # type: ignore[misc]
            account = opened.account()
        assert (account.name, account.role, len(account.problems)) == ("Bureau", role, problems)
        assert server.received[0].headers["Authorization"].startswith("Basic ")


def test_a_token_goes_as_bearer_to_its_own_endpoint(tmp_path: Path) -> None:
    body = {"account_id": "a", "account_name": "Bureau", "role": "owner"}
    with loopback(lambda _: Reply(body=body)) as server:
        connection = MailchimpConnection(kind="mailchimp", api_key="oauth-token", url=server.url)
        opened = MailchimpProvider("test", connection, tmp_path, patience=ONCE)
        opened.account()
        opened.close()
    assert server.received[0].headers["Authorization"] == "Bearer oauth-token"


def test_merge_fields_say_what_they_hold(tmp_path: Path) -> None:
    fields = [
        {"merge_id": 1, "tag": "FNAME", "name": "First", "type": "text", "required": True, "options": {"size": 25}},
        {"merge_id": 2, "tag": "KIND", "name": "Kind", "type": "dropdown", "required": False,
         "options": {"choices": ["a", "b"]}},
        {"merge_id": 3, "tag": "PIC", "name": "Picture", "type": "imageurl", "required": False, "options": {}},
    ]  # fmt: skip
    body = {"merge_fields": fields, "total_items": 3}
    with loopback(lambda _: Reply(body=body)) as server, provider(server, tmp_path) as opened:
        text, choice, picture = opened.merge_fields("a1")
    assert (text.name, text.field_id, text.required, text.max_bytes) == ("FNAME", "1", True, 255)
    assert (choice.type, choice.choices, choice.max_bytes) == ("choice", ("a", "b"), None)
    assert picture.type == "url"
