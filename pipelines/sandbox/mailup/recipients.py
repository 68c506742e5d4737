"""The rules of recipients: who they are, where they stand with a list, and what may move them.

Belongs here: adding, changing, subscribing, unsubscribing, removing, and the history of all that. Does not: endpoints
(recipient_routes.py, imports.py), what people do by hand (acts.py).
"""

from pipelines.sandbox.mailup.model import Objection, Recipient, Status, Subscription
from pipelines.sandbox.mailup.problems import bad_request
from pipelines.sandbox.mailup.state import State, address_hash
from pipelines.sandbox.mailup.values import Blanks, Row, write

# Opt-out types of section 5.
ADMINISTRATOR, LINK, IMPORTED, WRONG_ADDRESS, COMPLAINT = 0, 2, 4, 8, 16
BARRED = frozenset({8, 80, 81, 82, 83, 16, 161, 162})


def conflicting_mobile(state: State, row: Row, recipient: Recipient | None) -> bool:
    """Whether the mobile number, the second unique key, belongs to somebody else (section 6.1)."""
    owner = state.book.with_mobile(row.mobile_prefix, row.mobile_number) if row.mobile_number else None
    return owner is not None and owner is not recipient


def save(state: State, row: Row, blanks: Blanks, *, with_mobile: bool = True) -> tuple[Recipient, bool]:
    """The recipient with the row's address, created or changed, and whether it was created."""
    recipient = state.book.at(row.email)
    is_new = recipient is None
    recipient = recipient or Recipient(state.number("recipient", 18), row.email)
    changed = write(state, recipient, row, blanks)
    state.book.save(recipient)
    if with_mobile and row.mobile_number:
        state.book.set_mobile(recipient, row.mobile_prefix, row.mobile_number)
    if is_new or changed:
        state.remember("create" if is_new else "update", recipient_id=recipient.id, fields=changed)
    return recipient, is_new


def is_barred(subscription: Subscription | None) -> bool:
    """Whether a bounce or a complaint stands in the way of forcing somebody back."""
    return subscription is not None and subscription.optout_type in BARRED


def bounced_anywhere(state: State, recipient: Recipient) -> bool:
    """Whether a hard bounce has taken the recipient off any list."""
    found = (state.subscriptions.get(item.id, recipient.id) for item in state.lists)
    return any(item is not None and item.optout_type in (8, 80, 81, 82, 83) for item in found)


def set_status(
    state: State,
    recipient: Recipient,
    list_id: int,
    status: Status,
    change: str,
    *,
    optout: tuple[int, int, int] = (ADMINISTRATOR, -1, -1),
    ip: str = "",
) -> None:
    """Moves the recipient in one list and records it; `optout` is type, subtype and message of an opt-out."""
    found = state.subscriptions.get(list_id, recipient.id)
    before = found.status if found else ""
    moved = found or Subscription(list_id, recipient.id, status)
    moved.status = status
    _date(moved, state.stamp(), optout, ip)
    state.subscriptions.save(moved)
    state.remember(
        change,
        list_id=list_id,
        recipient_id=recipient.id,
        status_before=before,
        status_after=status,
        optout_type=moved.optout_type,
        against_will=status == "Subscribed" and state.objection(list_id, recipient.email) is not None,
    )


def _date(moved: Subscription, now: str, optout: tuple[int, int, int], ip: str) -> None:
    """Notes when and why; coming back blanks the reason of having left."""
    moved.optout_at, (moved.optout_type, moved.optout_subtype, moved.optout_message_id) = "", (-1, -1, -1)
    match moved.status:
        case "Unsubscribed":
            moved.optout_at = now
            moved.optout_type, moved.optout_subtype, moved.optout_message_id = optout
        case "Subscribed":
            moved.optin_at = now
        case "Pending":
            moved.optin_requested_at, moved.optin_ip = now, ip


def enter(state: State, recipient: Recipient, list_id: int, *, confirm: bool, ip: str = "") -> None:
    """Lets somebody into a list without force: new ones get in, those who left or wait stay as they are (6.1, 6.2)."""
    subscription = state.subscriptions.get(list_id, recipient.id)
    if subscription is None:
        if state.switches.bounce_spreads and bounced_anywhere(state, recipient):
            set_status(state, recipient, list_id, "Unsubscribed", "subscribe", optout=(WRONG_ADDRESS, -1, -1))
        else:
            set_status(state, recipient, list_id, "Pending" if confirm else "Subscribed", "subscribe", ip=ip)
    elif (
        confirm
        and subscription.status == "Unsubscribed"
        and not is_barred(subscription)
        and state.switches.confirm_reaches_unsubscribed
    ):
        set_status(state, recipient, list_id, "Pending", "subscribe", ip=ip)


def force(state: State, recipient: Recipient, list_id: int, change: str = "force_subscribe") -> None:
    """Subscribes somebody whatever they said before, but for bounces and complaints."""
    subscription = state.subscriptions.get(list_id, recipient.id)
    barred = is_barred(subscription) or (state.switches.bounce_spreads and bounced_anywhere(state, recipient))
    if barred and state.switches.forced_after_bounce == "refused":
        raise bad_request(f"Recipient {recipient.id} can't be subscribed after a bounce or a complaint.")
    if not barred and (subscription is None or subscription.status != "Subscribed"):
        set_status(state, recipient, list_id, "Subscribed", change)


def leave(state: State, recipient: Recipient, list_id: int, optout_type: int) -> None:
    """Unsubscribes through the API; who has left already keeps their own reason and date."""
    subscription = state.subscriptions.get(list_id, recipient.id)
    if subscription is None or subscription.status != "Unsubscribed":
        set_status(state, recipient, list_id, "Unsubscribed", "unsubscribe", optout=(optout_type, -1, -1))


def remove_from_list(state: State, recipient: Recipient, list_id: int) -> None:
    """Out of the list and its groups; the record of an opt-out is lost (section 12.10)."""
    subscription = state.subscriptions.get(list_id, recipient.id)
    if subscription is None:
        return
    for group in state.groups_of(list_id):
        if group.id in recipient.groups:
            state.book.leave(recipient, group.id)
    state.subscriptions.remove(subscription)
    state.remember(
        "remove", list_id=list_id, recipient_id=recipient.id, status_before=subscription.status, status_after=""
    )


def remove_everywhere(state: State, recipient: Recipient) -> None:
    """Out of the account."""
    for item in state.lists:
        remove_from_list(state, recipient, item.id)
    state.book.remove(recipient)
    state.remember("erase", recipient_id=recipient.id)


def join_group(state: State, recipient: Recipient, group_id: int) -> None:
    """Into the group, whatever the status in its list."""
    if group_id not in recipient.groups:
        state.book.join(recipient, group_id)
        state.remember("group_join", group_id=group_id, recipient_id=recipient.id)


def leave_group(state: State, recipient: Recipient, group_id: int) -> None:
    """Out of the group only."""
    if group_id in recipient.groups:
        state.book.leave(recipient, group_id)
        state.remember("group_leave", group_id=group_id, recipient_id=recipient.id)


def object_to(state: State, list_id: int, email: str) -> None:
    """The person said no with their own hand."""
    state.objections.put(Objection(list_id, address_hash(email), state.stamp()))


def consent_to(state: State, list_id: int, email: str) -> None:
    """The person said yes with their own hand, which ends an objection."""
    found = state.objection(list_id, email)
    if found:
        state.objections.remove(found)
