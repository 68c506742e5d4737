"""Sending messages to a list, a group or one person; the queues of sendings; who got what.

Belongs here: section 7 as far as sending goes. Does not: what recipients do (sandbox/people.py), statistics.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any

from pipelines.sandbox.clock import parse_time, stamp
from pipelines.sandbox.mailup import acts
from pipelines.sandbox.mailup.filters import by_key
from pipelines.sandbox.mailup.lookup import group_at, message_at, sending_at, unknown
from pipelines.sandbox.mailup.messages import message_date
from pipelines.sandbox.mailup.model import Delivery, Json, Message, Recipient, Sending
from pipelines.sandbox.mailup.problems import Problem, bad_request
from pipelines.sandbox.mailup.query import Asked, paged
from pipelines.sandbox.mailup.state import State
from pipelines.sandbox.pages import links_of
from pipelines.sandbox.people import Recipient as Person

# Opt-out types that a message leads to: the link, and the button of the mail client.
OPT_OUT_TYPES = ("2", "2", "2", "32")
QUEUE = by_key("Date", "Recipients", "idList", "idMessage", "idSending")
HISTORY = by_key("EndDate", "Kb_transferred", "Recipients", "SenderEmail", "SenderName", "StartDate", "idMessage")


def post_to_list(state: State, asked: Asked) -> Json:
    """POST /Console/List/{id}/Email/{idMessage}/Send[?inGroups=&notInGroups=&SenderName=&SenderAddress=&datetime=]."""
    message = message_at(state, asked)
    chosen = audience_of(state, message, asked.ids("ingroups"), asked.ids("notingroups"))
    return send(state, message, chosen, asked.query)


def post_to_group(state: State, asked: Asked) -> Json:
    """POST /Console/Group/{id}/Email/{idMessage}/Send: to its members who are subscribed to the list."""
    message, group = message_at(state, asked), group_at(state, asked)
    return send(state, message, audience_of(state, message, [group.id]), asked.query)


def audience_of(state: State, message: Message, inside: Sequence[int], outside: Sequence[int] = ()) -> set[int]:
    """Subscribed recipients of the message's list, in any of the groups if some are named, in none of the others."""
    chosen = set(state.subscriptions.roster(message.list_id, "Subscribed").ids())
    if inside:
        chosen &= _members(state, message, inside)
    return chosen - _members(state, message, outside)


def _members(state: State, message: Message, group_ids: Iterable[int]) -> set[int]:
    known = {group.id for group in state.groups_of(message.list_id)}
    found: set[int] = set()
    for group_id in group_ids:
        if group_id not in known:
            raise unknown(state, "Group", group_id)
        found |= set(state.book.group(group_id).ids())
    return found


def send(state: State, message: Message, chosen: Iterable[int], query: Mapping[str, str]) -> Json:
    """Sends it now, or puts it off until `datetime`."""
    settings = _settings(state, message)
    sending = Sending(
        id=state.number("sending"),
        message_id=message.id,
        list_id=message.list_id,
        queue="Immediate",
        sender_name=query.get("sendername") or settings["SenderName"],
        sender_email=query.get("senderaddress") or settings["SenderEmail"],
        chosen=sorted(chosen),
    )
    count, moment = len(sending.chosen), query.get("datetime")
    if moment:
        sending.queue, sending.date = "Deferred", stamp(_moment(moment))
        state.sendings.put(sending)
    else:
        run(state, sending)
    return _sent(sending, count)


def _settings(state: State, message: Message) -> dict[str, str]:
    found = state.lists.get(str(message.list_id))
    settings: Json = found.settings if found else {}
    return {"SenderName": state.account.company, "SenderEmail": str(settings.get("OwnerEmail", ""))}


def _moment(text: Any) -> datetime:
    try:
        return parse_time(str(text).strip().replace(" ", "T"))
    except ValueError:
        raise bad_request("The date must be like 2026-11-21 20:00:00Z.") from None


def _sent(sending: Sending, count: int, *, invalid: Iterable[str] = (), unprocessed: Iterable[str] = ()) -> Json:
    return {
        "Id": sending.id,
        "InvalidRecipients": list(invalid),
        "Sent": count,
        "UnprocessedRecipients": list(unprocessed),
        "idMessage": sending.message_id,
    }


def post_to_one(state: State, asked: Asked) -> Json:
    """POST /Console/Email/Send {Email, idMessage[, Fields]}."""
    body = asked.object("Email")
    message = _message_of(state, body, "email")
    sending = Sending(state.number("sending"), message.id, message.list_id, "Immediate", "", "", [])
    recipient = state.book.at(body["Email"])
    if recipient is None:
        return _sent(sending, 0, invalid=[body["Email"]])
    found = state.subscriptions.get(message.list_id, recipient.id)
    if found is None or found.status != "Subscribed":
        return _sent(sending, 0, unprocessed=[body["Email"]])
    settings = _settings(state, message)
    sending.sender_name, sending.sender_email = settings["SenderName"], settings["SenderEmail"]
    sending.chosen = [recipient.id]
    run(state, sending)
    return _sent(sending, 1)


def post_sms(state: State, asked: Asked) -> Json:
    """POST /Console/Sms/Send {Number, Prefix, idMessage}: to a number of the address book."""
    body = asked.object("Number")
    message = _message_of(state, body, "sms")
    sending = Sending(state.number("sending"), message.id, message.list_id, "", "", "", [])
    recipient = state.book.with_mobile(str(body.get("Prefix") or ""), body["Number"])
    return _sent(sending, 1) if recipient else _sent(sending, 0, invalid=[body["Number"]])


def _message_of(state: State, body: Json, kind: str) -> Message:
    number = body.get("idMessage")
    message = state.messages.get(str(number))
    if message is None or message.kind != kind:
        raise Problem(state.switches.unknown_status, f"Message {number} does not exist.")
    return message


def run(state: State, sending: Sending) -> None:
    """Sends it now: everybody chosen who is still subscribed gets it, and does what people do."""
    sent_at = state.now() - timedelta(seconds=state.switches.sent_before)
    sending.queue, sending.started, sending.ended = "", stamp(sent_at), stamp(sent_at + timedelta(minutes=1))
    sending.recipients = len(sending.chosen)
    if not sending.is_confirmation:
        _deliver_all(state, sending, sent_at)
    sending.chosen = []
    state.sendings.put(sending)
    state.remember("send", list_id=sending.list_id, id=sending.message_id)


def _deliver_all(state: State, sending: Sending, sent_at: datetime) -> None:
    message = state.messages.get(str(sending.message_id))
    if message is None:
        return
    subscribed = state.subscriptions.roster(sending.list_id, "Subscribed")
    chosen = state.recipients(found for found in sending.chosen if found in subscribed)
    links = links_of(message.content)
    for recipient in chosen:
        _deliver(state, sending, recipient, links, sent_at)
    # Backdating a sending must not put it before the message's own creation.
    message.created = min(message.created, sending.started)
    state.messages.put(message)
    sending.recipients = len(chosen)
    sending.kilobytes = len(chosen) * (1 + len(message.content) // 1024)


def _deliver(state: State, sending: Sending, recipient: Recipient, links: tuple[str, ...], sent_at: datetime) -> None:
    delivery = state.deliveries.get(sending.message_id, recipient.id) or Delivery(
        sending.message_id, recipient.id, sending.list_id, recipient.email
    )
    delivery.sent.append(stamp(sent_at))
    habits, about = state.switches.habits, f"{sending.message_id}:{sending.id}"
    Person(habits, state.seed, about, recipient.email, sent_at, OPT_OUT_TYPES).receive(delivery, links)
    delivery.clicks.sort(key=itemgetter("at"))
    if delivery.opted_out_at:
        acts.click_unsubscribe(state, delivery)
    state.deliveries.send(delivery)


def get_history(state: State, asked: Asked) -> Json:
    """GET /Console/List/{id}/Email/{idMessage}/SendHistory."""
    message = message_at(state, asked)
    rows = [
        {
            "EndDate": message_date(sending.ended),
            "Kb_transferred": sending.kilobytes,
            "Recipients": sending.recipients,
            "SenderEmail": sending.sender_email,
            "SenderName": sending.sender_name,
            "StartDate": message_date(sending.started),
            "idMessage": message.id,
        }
        for sending in state.sendings
        if sending.message_id == message.id and sending.started
    ]
    return paged(asked, rows, dict, HISTORY, state.switches.max_page_size)


def _waiting(sending: Sending) -> Json:
    return {
        "Date": message_date(sending.date),
        "Recipients": len(sending.chosen),
        "idList": sending.list_id,
        "idMessage": sending.message_id,
        "idSending": sending.id,
    }


def get_queue(state: State, asked: Asked) -> Json:
    """GET /Console/Email/Sendings/Immediate | Deferred | Undefined."""
    queue = asked.route.rpartition("/")[2]
    rows = [_waiting(sending) for sending in state.sendings if sending.queue == queue]
    return paged(asked, rows, dict, QUEUE, state.switches.max_page_size)


def get_free_slot(state: State, asked: Asked) -> Json:
    """GET /Console/Email/Sendings/{id}/Deferred, and /Sending/{id}/Deferred: the first free moment."""
    sending_at(state, asked)
    return {"Date": message_date(stamp(state.now().astimezone(UTC) + timedelta(minutes=5)))}


def post_now(state: State, asked: Asked) -> Json:
    """POST /Console/Email/Sendings/{id}/Immediate."""
    sending = _queued(state, asked)
    run(state, sending)
    return _waiting(sending)


def post_later(state: State, asked: Asked) -> Json:
    """POST /Console/Email/Sendings/{id}/Deferred {"Date": "yyyy-MM-dd HH:mm:ssZ"}."""
    sending = _queued(state, asked)
    sending.queue, sending.date = "Deferred", stamp(_moment(asked.object("Date")["Date"]))
    state.sendings.put(sending)
    return _waiting(sending)


def _queued(state: State, asked: Asked) -> Sending:
    sending = sending_at(state, asked)
    if not sending.queue:
        raise bad_request(f"Sending {sending.id} has been sent.")
    return sending


def delete_sending(state: State, asked: Asked) -> None:
    """DELETE /Console/Email/Sendings/{id}: stops it."""
    state.sendings.remove(_queued(state, asked))


def settle(state: State) -> None:
    """Sends what was deferred until now."""
    now = state.stamp()
    for sending in list(state.sendings):
        if sending.queue == "Deferred" and sending.date <= now:
            run(state, sending)
