"""What people and marketers do themselves: never refused, unlike the API.

Belongs here: opting out, bouncing, complaining, coming back through a form, edits by hand; reactions to a sending that
fall due. Does not: calls of the API (recipients.py).
"""

from bisect import insort
from collections.abc import Callable
from operator import itemgetter

from pipelines.sandbox.mailup import recipients
from pipelines.sandbox.mailup.model import Delivery, Json, Recipient
from pipelines.sandbox.mailup.state import State
from pipelines.sandbox.mailup.values import Row, is_address, write

UNSUBSCRIBE = "Unsubscribe"
# Opt-out types by which people themselves say no; 0, 4, 128, 256 and 512 are the sender's or the system's doing.
OWN_WILL = frozenset({2, 20, 21, 22, 16, 161, 162, 32, 321, 64, 640, 641, 642, 1024})


def settle(state: State) -> None:
    """Lets everything that has fallen due happen to its recipient, unless that one is gone."""
    for delivery, what in state.deliveries.fall_due(state.stamp()):
        recipient = state.book.get(delivery.recipient_id)
        if recipient is None:
            continue
        if what == "bounce":
            bounce(state, recipient, delivery.message_id)
        elif state.subscriptions.get(delivery.list_id, recipient.id):
            code = int(delivery.opt_out_reason) if what == "opt_out" else recipients.COMPLAINT
            opt_out(state, recipient, delivery.list_id, code, message_id=delivery.message_id)


def bounce(state: State, recipient: Recipient, message_id: int = -1) -> None:
    """A hard bounce: off every list (section 5)."""
    for item in state.lists:
        found = state.subscriptions.get(item.id, recipient.id)
        if found and not (found.status == "Unsubscribed" and found.optout_type == recipients.WRONG_ADDRESS):
            optout = (recipients.WRONG_ADDRESS, 80, message_id)
            recipients.set_status(state, recipient, item.id, "Unsubscribed", "hard_bounce", optout=optout)


def opt_out(
    state: State, recipient: Recipient, list_id: int, code: int, subtype: int = -1, message_id: int = -1
) -> None:
    """Out of one list for the reason of the code; with one's own hand it is an objection that outlives the record."""
    if code in OWN_WILL:
        recipients.object_to(state, list_id, recipient.email)
    change = "complaint" if code in (16, 161, 162) else "opt_out"
    recipients.set_status(state, recipient, list_id, "Unsubscribed", change, optout=(code, subtype, message_id))


def click_unsubscribe(state: State, delivery: Delivery) -> None:
    """Notes that the person left by the link, which is a click on the Url "Unsubscribe" (section 8)."""
    is_link = delivery.opt_out_reason in ("2", "20", "21", "22")
    known = any(event["link_id"] == UNSUBSCRIBE for event in delivery.clicks)
    if is_link and not known and state.switches.unsubscribe_is_click:
        event = {"at": delivery.opted_out_at, "link_id": UNSUBSCRIBE, "ip": "203.0.113.250"}
        insort(delivery.clicks, event, key=itemgetter("at"))


def perform(state: State, list_id: int, email: str, act: str, options: Json) -> Recipient | None:
    """Does one act; the recipient afterwards, None when gone. Raises LookupError or ValueError with a sentence."""
    if state.lists.get(str(list_id)) is None:
        raise LookupError(f"There is no list {list_id}.")
    if act in NEW_ACTS:
        NEW_ACTS[act](state, list_id, email, options)
        return state.book.at(email)
    if act not in ACTS:
        raise ValueError(f"An act is one of {', '.join((*ACTS, *NEW_ACTS))}.")
    recipient = state.book.at(email)
    if recipient is None:
        raise LookupError("There is no recipient with this address.")
    ACTS[act](state, recipient, list_id, options)
    return state.book.get(recipient.id)


def _delivery(state: State, recipient: Recipient, options: Json) -> Delivery | None:
    """The delivery of options["message_id"], the latest one if it is not named."""
    got = state.deliveries.to(recipient.id)
    if "message_id" in options and int(options["message_id"]) not in got:
        raise LookupError("This recipient did not get that message.")
    if "message_id" in options:
        return got[int(options["message_id"])]
    return list(got.values())[-1] if got else None


def _needed(state: State, recipient: Recipient, options: Json) -> Delivery:
    found = _delivery(state, recipient, options)
    if found is None:
        raise LookupError("This recipient did not get any message.")
    return found


def _opt_out(state: State, recipient: Recipient, list_id: int, options: Json) -> None:
    """By the link in a message unless `type` says otherwise; `subtype` too."""
    code, subtype = int(options.get("type", recipients.LINK)), int(options.get("subtype", -1))
    delivery = _delivery(state, recipient, options)
    if delivery:
        delivery.opted_out_at, delivery.opt_out_reason = state.stamp(), str(code)
        click_unsubscribe(state, delivery)
        state.deliveries.save(delivery)
    opt_out(state, recipient, list_id, code, subtype, delivery.message_id if delivery else -1)


def _complain(state: State, recipient: Recipient, list_id: int, options: Json) -> None:
    delivery = _delivery(state, recipient, options)
    if delivery:
        delivery.complained_at = state.stamp()
        state.deliveries.save(delivery)
    message_id = delivery.message_id if delivery else -1
    opt_out(state, recipient, list_id, recipients.COMPLAINT, message_id=message_id)


def _bounced(state: State, delivery: Delivery, kind: str) -> None:
    delivery.bounce, delivery.bounced_at = kind, state.stamp()
    delivery.opens, delivery.clicks = [], []
    delivery.opted_out_at = delivery.complained_at = ""
    state.deliveries.save(delivery)


def _hard_bounce(state: State, recipient: Recipient, _: int, options: Json) -> None:
    delivery = _delivery(state, recipient, options)
    if delivery:
        _bounced(state, delivery, "hard")
    bounce(state, recipient, delivery.message_id if delivery else -1)


def _soft_bounce(state: State, recipient: Recipient, list_id: int, options: Json) -> None:
    _bounced(state, _needed(state, recipient, options), "soft")
    state.remember("soft_bounce", list_id=list_id, recipient_id=recipient.id)


def _open(state: State, recipient: Recipient, list_id: int, options: Json) -> None:
    delivery = _needed(state, recipient, options)
    insort(delivery.opens, {"at": state.stamp(), "proxy": False, "ip": "203.0.113.250"}, key=itemgetter("at"))
    state.deliveries.save(delivery)
    state.remember("open", list_id=list_id, recipient_id=recipient.id)


def _click(state: State, recipient: Recipient, list_id: int, options: Json) -> None:
    delivery = _needed(state, recipient, options)
    event = {"at": state.stamp(), "link_id": str(options["url"]), "ip": "203.0.113.250"}
    insort(delivery.clicks, event, key=itemgetter("at"))
    state.deliveries.save(delivery)
    state.remember("click", list_id=list_id, recipient_id=recipient.id)


def _change_email(state: State, recipient: Recipient, list_id: int, options: Json) -> None:
    new_email = str(options["new_email"])
    if not is_address(new_email) or state.book.at(new_email) not in (None, recipient):
        raise ValueError("The new address is not valid or taken.")
    state.book.rename(recipient, new_email)
    state.remember("rename", list_id=list_id, recipient_id=recipient.id)


def _edit_fields(state: State, recipient: Recipient, _: int, options: Json) -> None:
    """`fields` is {id: value}, and Name."""
    sent = {str(number): str(value) for number, value in options["fields"].items()}
    name = sent.pop("Name", None)
    unknown = sorted(set(sent) - set(state.account.fields))
    if unknown:
        raise LookupError(f"There are no dynamic fields {', '.join(unknown)}.")
    changed = write(state, recipient, Row(recipient.email, name, "", "", sent), "cleared")
    state.book.save(recipient)
    state.remember("update", recipient_id=recipient.id, fields=changed)


def _confirm(state: State, recipient: Recipient, list_id: int, _: Json) -> None:
    """Answers the confirmation mail."""
    found = state.subscriptions.get(list_id, recipient.id)
    if found is None or found.status != "Pending":
        raise ValueError("This recipient is not pending in this list.")
    recipients.consent_to(state, list_id, recipient.email)
    recipients.set_status(state, recipient, list_id, "Subscribed", "confirm")


def _remove(state: State, recipient: Recipient, list_id: int, _: Json) -> None:
    recipients.remove_from_list(state, recipient, list_id)


def _erase(state: State, recipient: Recipient, _: int, __: Json) -> None:
    recipients.remove_everywhere(state, recipient)


def _group(state: State, list_id: int, options: Json) -> int:
    group = state.groups.get(str(options["group_id"]))
    if group is None or group.list_id != list_id:
        raise LookupError("There is no such group in this list.")
    return group.id


def _join(state: State, recipient: Recipient, list_id: int, options: Json) -> None:
    recipients.join_group(state, recipient, _group(state, list_id, options))


def _leave(state: State, recipient: Recipient, list_id: int, options: Json) -> None:
    recipients.leave_group(state, recipient, _group(state, list_id, options))


def _known(state: State, email: str, options: Json) -> Recipient:
    values = {str(number): str(value) for number, value in options.get("fields", {}).items()}
    return recipients.save(state, Row(email, options.get("name"), "", "", values), "kept")[0]


def _add(state: State, list_id: int, email: str, options: Json) -> None:
    """Added by hand: `status` (also with `type` of an opt-out), `name`, `fields` and `group_id` are options."""
    recipient = _known(state, email, options)
    if state.subscriptions.get(list_id, recipient.id):
        raise ValueError("The address is in the list already.")
    status = options.get("status", "Subscribed")
    if status not in ("Subscribed", "Pending", "Unsubscribed"):
        raise ValueError("A status is Subscribed, Pending or Unsubscribed.")
    code = int(options.get("type", recipients.ADMINISTRATOR))
    if status == "Unsubscribed" and code in OWN_WILL:
        recipients.object_to(state, list_id, email)
    optout = (code, int(options.get("subtype", -1)), -1)
    recipients.set_status(state, recipient, list_id, status, "add", optout=optout)
    if "group_id" in options:
        _join(state, recipient, list_id, options)


def _resubscribe(state: State, list_id: int, email: str, options: Json) -> None:
    """Through a form: the person's own will, so that nothing stands in the way."""
    recipient = _known(state, email, options)
    recipients.consent_to(state, list_id, email)
    recipients.set_status(state, recipient, list_id, "Subscribed", "resubscribe")


ACTS: dict[str, Callable[[State, Recipient, int, Json], None]] = {
    "opt_out": _opt_out,
    "complain": _complain,
    "hard_bounce": _hard_bounce,
    "soft_bounce": _soft_bounce,
    "open": _open,
    "click": _click,
    "confirm": _confirm,
    "change_email": _change_email,
    "edit_fields": _edit_fields,
    "remove_by_hand": _remove,
    "erase_by_hand": _erase,
    "join_group": _join,
    "leave_group": _leave,
}
NEW_ACTS: dict[str, Callable[[State, int, str, Json], None]] = {
    "add_by_hand": _add,
    "resubscribe": _resubscribe,
}
