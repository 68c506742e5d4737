"""Statistics: totals, recipients, what they did, links; machine opens kept apart, nothing read twice."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from loopback import Loopback, Received, Reply, loopback

from pipelines.config.connections import MailchimpConnection
from pipelines.errors import PermanentError
from pipelines.http.client import Patience
from pipelines.providers.base import Event, LinkClick, Send
from pipelines.providers.mailchimp.provider import MailchimpProvider

KEY = "0123456789abcdef0123456789abcdef-us1"
EARLY, LATE = "2026-03-01T08:00:00+00:00", "2026-03-02T08:00:00+00:00"


@contextmanager
def provider(server: Loopback, folder: Path) -> Iterator[MailchimpProvider]:
    connection = MailchimpConnection(kind="mailchimp", api_key=KEY, url=server.url, page_size=10)
    opened = MailchimpProvider("test", connection, folder, patience=Patience(2, 5, 1))
    try:
        yield opened
    finally:
        opened.close()


def collections(**rows: list[dict[str, Any]]) -> Callable[[Received], Reply]:
    """Paged collections by the last part of their path, with dashes as underscores; 404 elsewhere."""
    keys = {
        "email_activity": "emails", "open_details": "members", "unsubscribed": "unsubscribes", "members": "members",
        "click_details": "urls_clicked", "campaign_folders": "folders",
    }  # fmt: skip

    def answer(request: Received) -> Reply:
        name = request.path.rpartition("/")[2].replace("-", "_")
        if name not in rows:
            return Reply(404, {"title": "Resource Not Found"})
        start, count = int(request.query.get("offset", 0)), int(request.query.get("count", 10))
        found = rows[name]
        page = found if name == "abuse_reports" else found[start : start + count]
        return Reply(body={keys.get(name, name): page, "total_items": len(found)})

    return answer


def who(number: int, **more: Any) -> dict[str, Any]:
    return {"email_id": f"{number:032x}", "email_address": f"p{number}@people.example", **more}


CAMPAIGN = {"id": "k1", "send_time": EARLY, "settings": {"title": "March", "subject_line": "News", "folder_id": "f1"}}
REPORT = {
    "id": "k1", "list_id": "a1", "campaign_title": "March", "subject_line": "News", "send_time": EARLY,
    "emails_sent": 100, "abuse_reports": 1, "unsubscribed": 2,
    "bounces": {"hard_bounces": 3, "soft_bounces": 4, "syntax_errors": 0},
    "opens": {"opens_total": 80, "unique_opens": 50, "proxy_excluded_opens": 60, "proxy_excluded_unique_opens": 40},
    "clicks": {"clicks_total": 30, "unique_clicks": 25, "unique_subscriber_clicks": 20},
}  # fmt: skip
FOLDERS = [{"id": "f1", "name": "Newsletters"}]


def test_a_campaign_has_its_totals_and_its_folder_as_category(tmp_path: Path) -> None:
    other = {**REPORT, "id": "k9", "list_id": "a2"}
    answer = collections(campaigns=[CAMPAIGN], reports=[other, REPORT], campaign_folders=FOLDERS)
    with loopback(answer) as server, provider(server, tmp_path) as opened:
        (campaign,) = opened.campaigns("a1", since=EARLY)
    assert (campaign.name, campaign.subject, campaign.category, campaign.sent_at) == (
        "March", "News", "Newsletters", EARLY,
    )  # fmt: skip
    assert (campaign.sent_count, campaign.hard_bounces, campaign.soft_bounces) == (100, 3, 4)
    assert (campaign.opens, campaign.unique_opens) == (80, 50)
    assert (campaign.proxy_excluded_opens, campaign.proxy_excluded_unique_opens) == (60, 40)
    assert (campaign.clicks, campaign.unique_clicks, campaign.opt_outs, campaign.complaints) == (30, 20, 2, 1)
    (asked,) = [call.query for call in server.received if call.path.endswith("/campaigns")]
    assert (asked["list_id"], asked["status"], asked["sort_field"]) == ("a1", "sent", "send_time")
    assert asked["since_send_time"] == "2026-03-01T07:59:59+00:00"


def test_a_campaign_without_a_report_or_folder_counts_nothing_yet(tmp_path: Path) -> None:
    bare = {"id": "k2", "send_time": LATE, "settings": {"title": "April", "subject_line": "", "folder_id": ""}}
    answer = collections(campaigns=[bare], reports=[], campaign_folders=FOLDERS)
    with loopback(answer) as server, provider(server, tmp_path) as opened:
        (campaign,) = opened.campaigns("a1")
    assert (campaign.category, campaign.sent_at, campaign.sent_count, campaign.opens) == (None, LATE, 0, 0)
    assert campaign.proxy_excluded_opens is None


def test_sends_say_who_bounced_and_come_in_pages(tmp_path: Path) -> None:
    words = ("sent", "hard", "soft")
    rows = [who(number, status=words[number % 3]) for number in range(35)]
    with loopback(collections(sent_to=rows)) as server, provider(server, tmp_path) as opened:
        pages = list(opened.sends("k1"))
    sends = [send for page in pages for send in page]
    assert len(pages) == 4 and len(sends) == 35
    assert sends[:3] == [
        Send("k1", "p0@people.example", f"{0:032x}", 1, None),
        Send("k1", "p1@people.example", f"{1:032x}", 1, "hard"),
        Send("k1", "p2@people.example", f"{2:032x}", 1, "soft"),
    ]


ACTIVITY = [
    who(1, activity=[
        {"action": "open", "timestamp": EARLY}, {"action": "open", "timestamp": LATE},
        {"action": "click", "timestamp": LATE, "url": "https://bureau.example/a"},
    ]),
    who(2, activity=[{"action": "bounce", "timestamp": EARLY, "type": "hard"}]),
    who(3, activity=[]),
]  # fmt: skip
OPENS = [who(1, opens=[{"timestamp": EARLY, "is_proxy_open": True}, {"timestamp": LATE, "is_proxy_open": False}])]
LEFT = [who(4, reason="Too often", timestamp=LATE), who(5, reason="", timestamp=EARLY)]
COMPLAINTS = [who(number, date=LATE) for number in range(20, 35)]


def events(folder: Path, since: str | None = None) -> tuple[list[Event], list[Received]]:
    answer = collections(email_activity=ACTIVITY, open_details=OPENS, unsubscribed=LEFT, abuse_reports=COMPLAINTS)
    with loopback(answer) as server, provider(server, folder) as opened:
        return [event for page in opened.events("k1", since=since) for event in page], server.received


def test_events_of_all_kinds_come_with_machine_opens_marked(tmp_path: Path) -> None:
    found, _ = events(tmp_path)
    first = "p1@people.example", f"{1:032x}"
    assert found[:4] == [
        Event("k1", *first, "open", EARLY, is_machine=True),
        Event("k1", *first, "open", LATE),
        Event("k1", *first, "click", LATE, url="https://bureau.example/a"),
        Event("k1", "p2@people.example", f"{2:032x}", "bounce", EARLY, detail="hard"),
    ]
    assert [(event.event, event.detail) for event in found[4:6]] == [("opt_out", "Too often"), ("opt_out", None)]
    assert [event.event for event in found[6:]] == ["complaint"] * 15, "complaints are not paged"


def test_a_person_who_opens_in_the_same_second_as_a_machine_is_counted(tmp_path: Path) -> None:
    activity = [who(1, activity=[{"action": "open", "timestamp": EARLY}] * 3)]
    opens = [who(1, opens=[{"timestamp": EARLY, "is_proxy_open": proxy} for proxy in (True, False, False)])]
    answer = collections(email_activity=activity, open_details=opens, unsubscribed=[], abuse_reports=[])
    with loopback(answer) as server, provider(server, tmp_path) as opened:
        found = [event for page in opened.events("k1") for event in page]
    assert sorted(event.is_machine for event in found) == [False, False, True]


def test_since_leaves_out_what_happened_before_also_where_mailchimp_can_not(tmp_path: Path) -> None:
    found, received = events(tmp_path, since=LATE)
    assert {event.happened_at for event in found} == {LATE}
    assert [event.event for event in found[:3]] == ["open", "click", "opt_out"]
    asked = {call.path.rpartition("/")[2]: call.query.get("since") for call in received}
    assert asked == {
        "open-details": "2026-03-02T07:59:59+00:00", "email-activity": "2026-03-02T07:59:59+00:00",
        "unsubscribed": None, "abuse-reports": None,
    }  # fmt: skip


def test_links_and_their_clickers_are_read(tmp_path: Path) -> None:
    """I6, I10."""
    links = [{"id": "l1", "url": "https://bureau.example/a", "total_clicks": 9, "unique_clicks": 7}]
    answer = collections(click_details=links, members=[who(1, clicks=3)])
    with loopback(answer) as server, provider(server, tmp_path) as opened:
        (link,) = opened.links("k1")
        pages = list(opened.link_clicks("k1", link.link_id))
    assert (link.url, link.clicks, link.unique_clickers) == ("https://bureau.example/a", 9, 7)
    assert pages == [[LinkClick("k1", "l1", "p1@people.example", f"{1:032x}", 3)]]
    assert server.received[-1].path == "/3.0/reports/k1/click-details/l1/members"


def test_totals_that_count_deleted_members_do_not_make_a_report_unreadable(tmp_path: Path) -> None:
    rows = [who(number, status="sent") for number in range(5)]

    def answer(_: Received) -> Reply:
        return Reply(body={"sent_to": rows, "total_items": 6})

    with loopback(answer) as server, provider(server, tmp_path) as opened:
        assert [len(page) for page in opened.sends("k1")] == [5]
    assert len(server.received) == 2, "looked at once more, then believed"


def test_an_unknown_campaign_is_a_permanent_error(tmp_path: Path) -> None:
    with loopback(collections()) as server, provider(server, tmp_path) as opened, pytest.raises(PermanentError):
        list(opened.events("nope"))
