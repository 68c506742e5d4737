"""What people and marketers do themselves: never refused, unlike the API.

Belongs here: opting out, bouncing, complaining, coming back through a form, edits by hand; reactions to a send that
fall due. Does not: calls of the API (members.py).
"""

from bisect import insort
from collections.abc import Callable
from datetime import timedelta
from operator import itemgetter
from typing import Any

from pipelines.sandbox.clock import stamp
from pipelines.sandbox.mailchimp import members
from pipelines.sandbox.mailchimp.model import Delivery, Json, Lock, Mark, Member
from pipelines.sandbox.mailchimp.state import State, address_hash

ALIVE = ("subscribed", "pending", "transactional")


def settle(state: State) -> None:
    """Lets everything that has fallen due happen to its member, unless the member is gone or archived."""
    for delivery, _, what in state.deliveries.fall_due(state.stamp()):
        member = state.members.of(delivery.list_id).get(delivery.contact_id)
        if member is None:
            continue
        match what:
            case "bounce" if member.status in ALIVE:
                _move(state, member, "hard_bounce", "cleaned", "bounce")
            case "opt_out" if member.status in (*ALIVE, "unsubscribed"):
                _move(state, member, "opt_out", "unsubscribed", "unsubscribe", delivery.opt_out_reason)
            case "complaint" if member.status in (*ALIVE, "unsubscribed"):
                _move(state, member, "complaint", "unsubscribed", "abuse", "Abuse complaint")


def _move(state: State, member: Member, change: str, status: str, lock: Lock, reason: str = "") -> None:
    before = member.status
    members.set_status(state, member, status, reason, lock)
    member.last_changed = state.stamp()
    state.members.save(member)
    _record(state, change, member, before)


def _record(state: State, change: str, member: Member, before: str, **what: Any) -> None:
    member_id = address_hash(member.email_address)
    state.remember(
        change, list_id=member.list_id, member_id=member_id, status_before=before, status_after=member.status, **what
    )


def perform(state: State, list_id: str, email: str, act: str, options: Json) -> Member | None:
    """Does one act; the member afterwards, None when it is gone. Raises LookupError or ValueError with a sentence."""
    if state.audiences.get(list_id) is None:
        raise LookupError(f"There is no audience {list_id}.")
    if act in NEW_ACTS:
        NEW_ACTS[act](state, list_id, email, options)
    elif act in ACTS:
        member = state.members.at(list_id, email)
        if member is None:
            raise LookupError("There is no member with this address.")
        ACTS[act](state, member, options)
        return state.members.of(list_id).get(member.contact_id)
    else:
        raise ValueError(f"An act is one of {', '.join((*ACTS, *NEW_ACTS))}.")
    return state.members.at(list_id, email)


def _delivery(state: State, member: Member, options: Json, *, needed: bool = False) -> Delivery | None:
    """The delivery of options["campaign_id"]; if needed and not named, the latest one."""
    campaign_id = options.get("campaign_id", "")
    if campaign_id:
        found = state.deliveries.of(campaign_id).get(member.contact_id)
        if found is None:
            raise LookupError("This member did not get that campaign.")
        return found
    if not needed:
        return None
    if not state.deliveries.to(member.contact_id):
        raise LookupError("This member did not get any campaign.")
    return state.deliveries.to(member.contact_id)[-1]


def _opt_out(state: State, member: Member, options: Json) -> None:
    reason = options.get("reason", "None given")
    delivery = _delivery(state, member, options)
    if delivery:
        delivery.opted_out_at, delivery.opt_out_reason = state.stamp(), reason
        state.deliveries.save(delivery)
    _move(state, member, "opt_out", "unsubscribed", "unsubscribe", reason)


def _complain(state: State, member: Member, options: Json) -> None:
    delivery = _delivery(state, member, options)
    if delivery:
        delivery.complained_at = state.stamp()
        delivery.complaint_id = delivery.complaint_id or state.number("complaint", 700001)
        state.deliveries.save(delivery)
    _move(state, member, "complaint", "unsubscribed", "abuse", "Abuse complaint")


def _bounced(state: State, delivery: Delivery, kind: str) -> None:
    delivery.bounce, delivery.bounced_at = kind, state.stamp()
    delivery.opens, delivery.clicks = [], []
    delivery.opted_out_at = delivery.complained_at = ""
    state.deliveries.save(delivery)


def _hard_bounce(state: State, member: Member, options: Json) -> None:
    delivery = _delivery(state, member, options)
    if delivery:
        _bounced(state, delivery, "hard")
    _move(state, member, "hard_bounce", "cleaned", "bounce")


def _soft_bounce(state: State, member: Member, options: Json) -> None:
    delivery = _delivery(state, member, options, needed=True)
    if delivery:
        _bounced(state, delivery, "soft")
    _record(state, "soft_bounce", member, member.status)


def _open(state: State, member: Member, options: Json) -> None:
    delivery = _delivery(state, member, options, needed=True)
    if delivery:
        is_proxy = bool(options.get("proxy", False))
        event = {"at": state.stamp(), "proxy": is_proxy, "ip": "203.0.113.250"}
        insort(delivery.opens, event, key=itemgetter("at"))
        state.deliveries.save(delivery)
    _record(state, "open", member, member.status)


def _click(state: State, member: Member, options: Json) -> None:
    delivery = _delivery(state, member, options, needed=True)
    campaign = state.campaigns.get(delivery.campaign_id) if delivery else None
    if delivery and campaign:
        url = options.get("url", next(iter(campaign.links.values()), ""))
        found = [link_id for link_id, known in campaign.links.items() if known == url]
        if not found:
            raise LookupError("The campaign has no such link.")
        event = {"at": state.stamp(), "link_id": found[0], "ip": "203.0.113.250"}
        insort(delivery.clicks, event, key=itemgetter("at"))
        state.deliveries.save(delivery)
    _record(state, "click", member, member.status)


def _change_email(state: State, member: Member, options: Json) -> None:
    new_email = str(options["new_email"])
    if state.members.at(member.list_id, new_email) not in (None, member):
        raise ValueError("The new address is taken.")
    before = address_hash(member.email_address)
    member.last_changed = state.stamp()
    state.members.rename(member, new_email)
    what = {"member_id": before, "new_member_id": address_hash(new_email)}
    state.remember("rename", list_id=member.list_id, status_before=member.status, status_after=member.status, **what)


def _edit_fields(state: State, member: Member, options: Json) -> None:
    keys = {field.tag: str(field.merge_id) for field in state.fields_of(member.list_id)}
    sent: Json = options["merge_fields"]
    unknown = sorted(set(sent) - set(keys))
    if unknown:
        raise LookupError(f"The audience has no merge fields {', '.join(unknown)}.")
    member.merge_values = {**member.merge_values, **{keys[tag]: value for tag, value in sent.items()}}
    member.last_changed = state.stamp()
    state.members.save(member)
    _record(state, "update", member, member.status, fields=sorted(sent))


def _archive(state: State, member: Member, _: Json) -> None:
    before = member.status
    members.set_status(state, member, "archived", lock="" if state.switches.archiving_forgets_lock else member.lock)
    member.last_changed = state.stamp()
    state.members.save(member)
    _record(state, "archive", member, before)


def _delete(state: State, member: Member, _: Json) -> None:
    members.delete_permanently(state, member)


def _resubscribe(state: State, list_id: str, email: str, _: Json) -> None:
    """Through a form: the person's own will, so that no lock, block or deletion stands in the way."""
    mark = state.mark("forgotten", list_id, email)
    if mark:
        state.marks.remove(mark)
    member = state.members.at(list_id, email)
    if member is None:
        _add(state, list_id, email, {"source": "Hosted Signup Form"})
        return
    member.timestamp_opt = member.timestamp_signup = state.stamp()
    _move(state, member, "resubscribe", "subscribed", "")


def _add(state: State, list_id: str, email: str, options: Json) -> None:
    """Added by hand: `status`, `merge_fields`, `tags`, `source` are options."""
    if state.members.at(list_id, email):
        raise ValueError("The address is on the list already.")
    body = {"email_address": email, "merge_fields": options.get("merge_fields", {}), "tags": options.get("tags", ())}
    status, source = options.get("status", "subscribed"), options.get("source", "Admin Add")
    members.add(state, list_id, body, status, skip=True, source=source)


def _too_many_signups(state: State, list_id: str, email: str, options: Json) -> None:
    until = state.now() + timedelta(days=float(options.get("days", 1)))
    state.marks.put(Mark(list_id, address_hash(email), "throttled", stamp(until)))


ACTS: dict[str, Callable[[State, Member, Json], None]] = {
    "opt_out": _opt_out,
    "complain": _complain,
    "hard_bounce": _hard_bounce,
    "soft_bounce": _soft_bounce,
    "open": _open,
    "click": _click,
    "change_email": _change_email,
    "edit_fields": _edit_fields,
    "archive_by_hand": _archive,
    "delete_by_hand": _delete,
}
NEW_ACTS: dict[str, Callable[[State, str, str, Json], None]] = {
    "resubscribe": _resubscribe,
    "add_by_hand": _add,
    "too_many_signups": _too_many_signups,
}
