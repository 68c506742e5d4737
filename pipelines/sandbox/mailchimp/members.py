"""The rules of members: adding, updating, renaming, every transition of the status.

Belongs here: what a call may do to one member (section 6 of the contract). Does not: paths and documents
(member_routes.py), many members in one call (batch.py), what people do themselves (acts.py, people.py).

Every function refuses before it changes anything.
"""

from typing import Any

from pipelines.sandbox.clock import parse_time, stamp
from pipelines.sandbox.mailchimp import problems, values
from pipelines.sandbox.mailchimp.addresses import refusal_of
from pipelines.sandbox.mailchimp.model import Json, Lock, Mark, Member, MergeField
from pipelines.sandbox.mailchimp.segments import tag_member
from pipelines.sandbox.mailchimp.state import State, address_hash

BY_ADMIN = "N/A (Unsubscribed by admin)"
TOO_MANY = "{} has signed up to a lot of lists very recently; we're not allowing more signups for now"


def add(
    state: State, list_id: str, body: Json, status: str, *, ip: str = "", skip: bool = False, source: str = ""
) -> Member:
    """A new member; the address must not be on the list. `skip` is skip_merge_validation."""
    email_address = body["email_address"]
    check_address(state, list_id, email_address)
    merge_values = merged(state, list_id, {}, body.get("merge_fields", {}), skip=skip)
    interests = chosen(state, list_id, {}, body.get("interests", {}))
    now = state.stamp()
    member = Member(
        contact_id=state.new_id("contact", 32),
        web_id=state.number("member", 500001),
        list_id=list_id,
        email_address=email_address,
        status=status,
        merge_values=merge_values,
        interests=interests,
        ip_opt=ip,
        timestamp_opt=now,
        last_changed=now,
        status_changed=now,
        unsubscribe_reason=BY_ADMIN if status == "unsubscribed" else "",
        lock="bounce" if status == "cleaned" else "",
    )
    member.source = source or member.source
    _set_plain(member, body)
    state.members.save(member)
    for name in body.get("tags", ()):
        tag_member(state, member, name)
    state.remember("add", list_id=list_id, member_id=address_hash(email_address), status_before="", status_after=status)
    return member


def update(state: State, member: Member, body: Json, *, skip: bool = False, on_post: bool = False) -> bool:
    """Changes a member as the body says, its address too; whether anything changed.

    Absent fields keep their value; without `status` the status stays, also an archived one.
    """
    status = body.get("status", member.status)
    new_address = body.get("email_address") or member.email_address
    is_renamed = address_hash(new_address) != address_hash(member.email_address)
    if is_renamed:
        check_rename(state, member, new_address)
    if status == "subscribed" and member.status != "subscribed" and member.lock:
        raise problems.in_compliance_state(member.email_address, on_post=on_post)
    sent = body.get("merge_fields", {})
    merge_values = merged(
        state,
        member.list_id,
        member.merge_values,
        sent,
        skip=skip,
        checks_all=state.switches.checks_untouched_fields,
    )
    interests = chosen(state, member.list_id, member.interests, body.get("interests", {}))

    before = dict(vars(member))
    member_id = address_hash(member.email_address)
    member.merge_values = merge_values
    member.interests = interests
    _set_plain(member, body)
    if is_renamed:
        state.members.rename(member, new_address)
    if status != member.status:
        lock: Lock = "bounce" if status == "cleaned" else member.lock
        set_status(state, member, status, BY_ADMIN, lock)
    return _note_changes(state, member, before, member_id)


def revive(state: State, member: Member, body: Json, *, skip: bool = False) -> None:
    """POST on an archived member: old values and tags are kept, the sent ones come on top, timestamp_opt is now."""
    update(state, member, {"timestamp_opt": state.stamp(), **body}, skip=skip, on_post=True)
    for name in body.get("tags", ()):
        tag_member(state, member, name)


def _note_changes(state: State, member: Member, before: Json, member_id: str) -> bool:
    after = vars(member)
    changed = [name for name in before if before[name] != after[name] and name not in ("status_changed", "lock")]
    if not changed:
        return False
    member.last_changed = state.stamp()
    state.members.save(member)
    what: Json = {"list_id": member.list_id, "member_id": member_id, "fields": _names(state, member, before, changed)}
    if "email_address" in changed:
        what["new_member_id"] = address_hash(member.email_address)
    change = "rename" if "email_address" in changed else "update"
    state.remember(change, **what, status_before=before["status"], status_after=member.status)
    return True


def _names(state: State, member: Member, before: Json, changed: list[str]) -> list[str]:
    names = [name for name in changed if name != "merge_values"]
    old, new = before["merge_values"], member.merge_values
    tags = {str(field.merge_id): field.tag for field in state.fields_of(member.list_id)}
    return names + [tag for key, tag in tags.items() if old.get(key, "") != new.get(key, "")]


def _set_plain(member: Member, body: Json) -> None:
    for name in ("email_type", "language", "ip_signup", "ip_opt"):
        if body.get(name):
            setattr(member, name, body[name])
    for name in ("timestamp_signup", "timestamp_opt"):
        if body.get(name):
            setattr(member, name, stamp(parse_time(body[name])))
    member.vip = body.get("vip", member.vip)
    location = body.get("location", {})
    member.latitude = location.get("latitude", member.latitude)
    member.longitude = location.get("longitude", member.longitude)


def check_address(state: State, list_id: str, email_address: str) -> None:
    """Raises the Problem of an address that can't come onto the list."""
    refusal = refusal_of(email_address)
    if refusal:
        raise refusal
    if state.mark("forgotten", list_id, email_address):
        raise problems.forgotten(email_address)
    throttled = state.mark("throttled", list_id, email_address)
    if throttled and state.stamp() < throttled.until:
        raise problems.invalid_detail(TOO_MANY.format(email_address))


def check_rename(state: State, member: Member, new_address: str) -> None:
    """Raises the Problem of a change of address that is not possible."""
    if member.status != "subscribed":
        raise problems.only_subscribed_renamed(member.status)
    occupant = state.members.at(member.list_id, new_address)
    if occupant:
        raise problems.address_taken(new_address, occupant.status)
    check_address(state, member.list_id, new_address)


def merged(state: State, list_id: str, stored: Json, sent: Json, *, skip: bool, checks_all: bool = True) -> Json:
    """The merge values after a call; unknown tags are silently ignored. Raises the Problem that lists all faults.

    `checks_all` False: fields that the call does not mention are not looked at.
    """
    result = dict(stored)
    errors = []
    for field in state.fields_of(list_id):
        fault = ""
        if field.tag in sent:
            fault = _take(result, field, sent[field.tag], lenient=skip and state.switches.skip_validation_skips_values)
        if not fault and not skip and (checks_all or field.tag in sent):
            fault = values.problem_of(field, result.get(str(field.merge_id), ""))
        if fault:
            errors.append((field.tag, fault))
    if errors:
        raise problems.invalid_merge_fields(errors)
    return result


def _take(result: Json, field: MergeField, value: Any, *, lenient: bool) -> str:
    try:
        result[str(field.merge_id)] = values.kept(field, value)
    except values.Refused as refused:
        if not lenient:
            return str(refused)
        result[str(field.merge_id)] = value
    return ""


def chosen(state: State, list_id: str, stored: dict[str, bool], sent: dict[str, bool]) -> dict[str, bool]:
    """The groups after a call: only those that it mentions change."""
    if not sent:
        return stored
    known = {interest.id for interest in state.interests_of(list_id)}
    for interest_id in sent:
        if interest_id not in known:  # assumed: the contract has no word on unknown ids
            raise problems.invalid_detail(f"Invalid interest ID: '{interest_id}'.")
    wanted = stored | sent
    return {interest_id: True for interest_id, is_in in wanted.items() if is_in}


def set_status(state: State, member: Member, status: str, reason: str = "", lock: Lock = "") -> None:
    """Moves the member; the caller has checked that it may, and records it."""
    member.status = status
    member.status_changed = state.stamp()
    member.unsubscribe_reason = reason if status == "unsubscribed" else ""
    member.lock = lock


def archive(state: State, member: Member) -> None:
    """DELETE: the data stay, the status becomes archived."""
    if member.status in ("archived", "cleaned", "pending"):
        raise problems.cannot_archive()
    before = member.status
    set_status(state, member, "archived", lock="" if state.switches.archiving_forgets_lock else member.lock)
    member.last_changed = state.stamp()
    state.members.save(member)
    member_id = address_hash(member.email_address)
    state.remember(
        "archive", list_id=member.list_id, member_id=member_id, status_before=before, status_after="archived"
    )


def delete_permanently(state: State, member: Member) -> None:
    """The member and its activity are gone; the address can't be added again by the API."""
    member_id = address_hash(member.email_address)
    state.members.remove(member)
    state.marks.put(Mark(member.list_id, member_id, "forgotten"))
    for delivery in state.deliveries.to(member.contact_id):
        delivery.erased = True
        delivery.email_address = ""
        state.deliveries.save(delivery)
    state.remember(
        "delete", list_id=member.list_id, member_id=member_id, status_before=member.status, status_after="deleted"
    )
