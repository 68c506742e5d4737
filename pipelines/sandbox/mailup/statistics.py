"""What became of messages: counts and lists by message and by recipient.

Belongs here: section 8, MailStatisticsService. Does not: how it came about (sandbox/people.py, acts.py). The items of
Views, Bounces, Unsubscriptions and the details are not documented and take after their neighbours.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from pipelines.sandbox.clock import stamp
from pipelines.sandbox.mailup.deliveries import First
from pipelines.sandbox.mailup.filters import Properties, by_key
from pipelines.sandbox.mailup.lookup import message_at, recipient_at
from pipelines.sandbox.mailup.model import Delivery, Json
from pipelines.sandbox.mailup.query import Asked, paged
from pipelines.sandbox.mailup.state import State

T = TypeVar("T")

URL_CLICKS = by_key("Count", "IdMessage", "Url")
BOUNCE_TYPES = {"hard": "Hard", "soft": "Soft"}

# How often something happened to one delivery until a moment.
MEASURES: dict[str, Callable[[Delivery, str], int]] = {
    "Recipients": lambda delivery, now: len(delivery.sent),
    "Deliveries": lambda delivery, now: len(delivery.sent),
    "Views": lambda delivery, now: len(_until(delivery.opens, now)),
    "Clicks": lambda delivery, now: len(_until(delivery.clicks, now)),
    "Bounces": lambda delivery, now: 1,
    "Unsubscriptions": lambda delivery, now: 1,
}
# When it happened first, "" for never; events are kept in their order.
FIRST: dict[str, First] = {
    "Recipients": lambda delivery: delivery.sent[0],
    "Deliveries": lambda delivery: delivery.sent[0],
    "Views": lambda delivery: delivery.opens[0]["at"] if delivery.opens else "",
    "Clicks": lambda delivery: delivery.clicks[0]["at"] if delivery.clicks else "",
    "Bounces": lambda delivery: delivery.bounced_at if delivery.bounce else "",
    "Unsubscriptions": lambda delivery: min(filter(None, (delivery.opted_out_at, delivery.complained_at)), default=""),
}
ABOUT = ("IdList", "IdMessage", "Notes", "Subject")


def _until(events: Iterable[Json], now: str) -> list[Json]:
    return [event for event in events if event["at"] <= now]


def _since(state: State) -> str:
    """The retention: beyond it Count is 0 and List empty."""
    return stamp(state.now() - timedelta(days=state.switches.statistics_days))


def _asked_for(asked: Asked) -> str:
    return asked.route.rpartition("/")[2]


def _of_message(state: State, asked: Asked, what: str) -> list[Delivery]:
    message_id = message_at(state, asked).id
    return state.deliveries.happened(message_id, what, FIRST[what], _since(state), state.stamp())


def _to_recipient(state: State, asked: Asked, what: str) -> list[Delivery]:
    first, since, now = FIRST[what], _since(state), state.stamp()
    got = state.deliveries.to(recipient_at(state, asked).id).values()
    return [delivery for delivery in got if delivery.sent[-1] >= since and "" < first(delivery) <= now]


def _count(state: State, what: str, deliveries: Sequence[Delivery]) -> int:
    """People, or events; filterby does not apply to counts (section 3)."""
    if state.switches.counts_are_unique:
        return len(deliveries)
    measure, now = MEASURES[what], state.stamp()
    return sum(measure(delivery, now) for delivery in deliveries)


def _properties(show: Callable[[T], Json], *names: str) -> Properties[T]:
    return {name.lower(): lambda found, name=name: show(found)[name] for name in names}  # type: ignore[misc]


def get_message_count(state: State, asked: Asked) -> int:
    """GET /Message/{id}/Count/X: a bare integer."""
    what = _asked_for(asked)
    return _count(state, what, _of_message(state, asked, what))


def get_message_list(state: State, asked: Asked) -> Json:
    """GET /Message/{id}/List/X: over all sendings of the message."""
    what, now = _asked_for(asked), state.stamp()

    def show(delivery: Delivery) -> Json:
        row: Json = {"Email": delivery.email, "IdMessage": delivery.message_id, "IdRecipient": delivery.recipient_id}
        if what in ("Views", "Clicks"):
            return {"Count": MEASURES[what](delivery, now), "Email": row["Email"], "IdRecipient": row["IdRecipient"]}
        return {**row, "Type": BOUNCE_TYPES[delivery.bounce]} if what == "Bounces" else row

    names = {"Views": ("Count",), "Clicks": ("Count",), "Bounces": ("IdMessage", "Type")}.get(what, ("IdMessage",))
    found = _of_message(state, asked, what)
    properties = _properties(show, "Email", "IdRecipient", *names)
    return paged(asked, found, show, properties, state.switches.max_page_size)


def get_url_clicks(state: State, asked: Asked) -> Json:
    """GET /Message/{id}/List/UrlClicks: clicks by address."""
    message_id = message_at(state, asked).id
    clicks = Counter(url for _, url in _clicked(state, _of_message(state, asked, "Clicks")))
    rows = [{"Count": count, "IdMessage": message_id, "Url": url} for url, count in clicks.most_common()]
    return paged(asked, rows, dict, URL_CLICKS, state.switches.max_page_size)


def _clicked(state: State, deliveries: Iterable[Delivery]) -> list[tuple[Delivery, str]]:
    now = state.stamp()
    return [(delivery, event["link_id"]) for delivery in deliveries for event in _until(delivery.clicks, now)]


def get_url_click_details(state: State, asked: Asked) -> Json:
    """GET /Message/{id}/List/UrlClickDetails: who clicked which address how often."""
    message_id = message_at(state, asked).id
    clicked = _clicked(state, _of_message(state, asked, "Clicks"))
    clicks = Counter((delivery.recipient_id, url) for delivery, url in clicked)
    emails = {delivery.recipient_id: delivery.email for delivery, _ in clicked}

    def show(found: tuple[tuple[int, str], int]) -> Json:
        (number, url), count = found
        return {"Count": count, "Email": emails[number], "IdMessage": message_id, "IdRecipient": number, "Url": url}

    properties = _properties(show, "Count", "Email", "IdMessage", "IdRecipient", "Url")
    return paged(asked, list(clicks.items()), show, properties, state.switches.max_page_size)


def get_recipient_count(state: State, asked: Asked) -> int:
    """GET /Recipient/{id}/Count/X: a bare integer."""
    what = _asked_for(asked)
    return _count(state, what, _to_recipient(state, asked, what))


def _about(state: State, delivery: Delivery, **more: Any) -> Json:
    message = state.messages.get(str(delivery.message_id))
    notes, subject = (message.notes, message.subject) if message else ("", "")
    row = {"IdList": delivery.list_id, "IdMessage": delivery.message_id, "Notes": notes, "Subject": subject}
    return {**more, **row}


def get_recipient_list(state: State, asked: Asked) -> Json:
    """GET /Recipient/{id}/List/X: one item for each message."""
    what, now = _asked_for(asked), state.stamp()
    rows = [
        _about(state, delivery, Count=MEASURES[what](delivery, now)) for delivery in _to_recipient(state, asked, what)
    ]
    return paged(asked, rows, dict, by_key("Count", *ABOUT), state.switches.max_page_size)


def get_clicks_details(state: State, asked: Asked) -> Json:
    """GET /Recipient/{id}/List/ClicksDetails: every click with its address."""
    rows = [
        _about(state, delivery, Url=url) for delivery, url in _clicked(state, _to_recipient(state, asked, "Clicks"))
    ]
    return paged(asked, rows, dict, by_key("Url", *ABOUT), state.switches.max_page_size)


def get_bounces_details(state: State, asked: Asked) -> Json:
    """GET /Recipient/{id}/List/BouncesDetails: every bounce with its kind."""
    bounced = _to_recipient(state, asked, "Bounces")
    rows = [_about(state, delivery, Type=BOUNCE_TYPES[delivery.bounce]) for delivery in bounced]
    return paged(asked, rows, dict, by_key("Type", *ABOUT), state.switches.max_page_size)
