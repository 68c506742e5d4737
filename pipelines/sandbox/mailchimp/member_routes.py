"""The endpoints of members: pages, one member, archiving, permanent deletion.

Belongs here: what a path and a body mean, and which answer follows. Does not: the rules of one member (members.py).
"""

from collections.abc import Callable, Iterable

from pipelines.sandbox.clock import stamp
from pipelines.sandbox.mailchimp import members, problems
from pipelines.sandbox.mailchimp.links import links
from pipelines.sandbox.mailchimp.lookup import audience_at, member_at
from pipelines.sandbox.mailchimp.member_document import Renderer, unique_email_id
from pipelines.sandbox.mailchimp.model import Audience, Json, Member
from pipelines.sandbox.mailchimp.query import Asked, Window, choice, in_order, is_true, moment, page_of, wants
from pipelines.sandbox.mailchimp.schema import STATUSES, problem_of_member
from pipelines.sandbox.mailchimp.state import State

SORTS = {
    "timestamp_opt": lambda member: member.timestamp_opt,
    "timestamp_signup": lambda member: member.timestamp_signup,
    "last_changed": lambda member: member.last_changed,
}


def get_members(state: State, asked: Asked) -> Json:
    """GET /lists/{list_id}/members: a page; filters change total_items, the page does not."""
    audience = audience_at(state, asked)
    everybody = state.members.of(audience.id)
    chosen: Iterable[Member] = everybody.values()
    total = len(everybody)
    if not _is_plain(state, asked):
        chosen = in_order(_filtered(state, audience, asked), asked.query, SORTS)
        total = len(chosen)
    show = Renderer(state, audience.id, with_links=wants(asked.query, "members", "_links")).full
    return {
        "members": [show(member) for member in page_of(chosen, asked.query)],
        "list_id": audience.id,
        "total_items": total,
        "_links": links(f"/lists/{audience.id}/members", f"/lists/{audience.id}", changes=False),
    }


def _is_plain(state: State, asked: Asked) -> bool:
    return state.switches.lists_every_status and not set(asked.query) - {"count", "offset", "fields", "exclude_fields"}


def _filtered(state: State, audience: Audience, asked: Asked) -> list[Member]:
    tests = _tests(state, audience, asked)
    return [member for member in state.members.of(audience.id).values() if all(test(member) for test in tests)]


def _tests(state: State, audience: Audience, asked: Asked) -> list[Callable[[Member], bool]]:
    """One test for each filter that the query has, cheap ones first."""
    query, inclusive = asked.query, state.switches.since_is_inclusive
    status = choice(query, "status", (*STATUSES, "archived"))
    email_type = choice(query, "email_type", ("html", "text"))
    changed = Window.of(query, "last_changed", inclusive=inclusive)
    opted = Window.of(query, "timestamp_opt", inclusive=inclusive)
    moved_after = _moved_after(audience, asked, status)
    interests = _interest_filter(asked)
    unique_id = query.get("unique_email_id")
    tests: list[tuple[object, Callable[[Member], bool]]] = [
        (status, lambda member: member.status == status),
        (not status and not state.switches.lists_every_status, lambda member: member.status != "archived"),
        (email_type, lambda member: member.email_type == email_type),
        (changed.is_closed, lambda member: changed.holds(member.last_changed)),
        (opted.is_closed, lambda member: opted.holds(member.timestamp_opt)),
        (moved_after, lambda member: member.status_changed > moved_after),
        (is_true(query, "vip_only"), lambda member: member.vip),
        (interests, lambda member: interests is not None and _is_in(member, *interests)),
        (unique_id, lambda member: unique_email_id(state.seed, member.email_address) == unique_id),
    ]
    return [test for is_asked, test in tests if is_asked]


def _is_in(member: Member, match: Callable[[Iterable[bool]], bool], interest_ids: list[str]) -> bool:
    return match(interest_id in member.interests for interest_id in interest_ids)


def _moved_after(audience: Audience, asked: Asked, status: str | None) -> str:
    """The moment after which the status must have changed: unsubscribed_since or since_last_campaign."""
    since = moment(asked.query, "unsubscribed_since")
    if since and status != "unsubscribed":
        raise problems.invalid("unsubscribed_since", "This filter can only be used with the status unsubscribed.")
    if is_true(asked.query, "since_last_campaign"):
        if not status:
            raise problems.invalid("since_last_campaign", "Member status is required to use this filter.")
        return audience.last_sent
    return stamp(since) if since else ""


def _interest_filter(asked: Asked) -> tuple[Callable[[Iterable[bool]], bool], list[str]] | None:
    names = ("interest_category_id", "interest_ids", "interest_match")
    given = [asked.query.get(name, "") for name in names]
    if not any(given):
        return None
    if not all(given):
        raise problems.invalid("interest_ids", f"{', '.join(names)} must be sent together.")
    match = choice(asked.query, "interest_match", ("any", "all", "none"))
    matches = {"any": any, "all": all, "none": lambda found: not any(found)}
    return matches[match or "any"], given[1].split(",")


def _shown(state: State, member: Member) -> Json:
    return Renderer(state, member.list_id).full(member)


def get_member(state: State, asked: Asked) -> Json:
    """GET /lists/{list_id}/members/{hash}."""
    return _shown(state, member_at(state, asked))


def post_member(state: State, asked: Asked) -> Json:
    """POST /lists/{list_id}/members: adds, or brings an archived member back; anybody else is refused."""
    audience = audience_at(state, asked)
    body = _body(asked, required=("email_address", "status"))
    skip = is_true(asked.query, "skip_merge_validation")
    member = state.members.at(audience.id, body["email_address"])
    if member is None:
        member = members.add(state, audience.id, body, body["status"], ip=asked.ip, skip=skip)
    elif member.status == "archived":
        members.revive(state, member, body, skip=skip)
    elif member.lock and body["status"] == "subscribed":
        raise problems.in_compliance_state(body["email_address"], on_post=True)
    else:
        raise problems.member_exists(body["email_address"], has_type=True)
    return _shown(state, member)


def put_member(state: State, asked: Asked) -> Json:
    """PUT /lists/{list_id}/members/{hash}: updates whom the path names, else adds under the address' own MD5."""
    audience = audience_at(state, asked)
    body = _body(asked)
    skip = is_true(asked.query, "skip_merge_validation")
    path_id = asked.params["subscriber_hash"]
    member = state.members.find(audience.id, path_id)
    if member is not None:
        _update(state, member, body, skip=skip)
        return _shown(state, member)
    if "@" in path_id:
        body.setdefault("email_address", path_id)
    status = body.get("status", body.get("status_if_new"))
    if "email_address" not in body or status is None:
        missing = "status_if_new" if "email_address" in body else "email_address"
        raise problems.invalid("", f"Required fields were not provided: {missing}")
    if state.members.at(audience.id, body["email_address"]):
        raise problems.member_exists(body["email_address"], has_type=False)
    return _shown(state, members.add(state, audience.id, body, status, ip=asked.ip, skip=skip))


def _update(state: State, member: Member, body: Json, *, skip: bool) -> None:
    if member.status == "archived" and "status" not in body and state.switches.status_if_new_revives:
        body = body | {"status": body["status_if_new"]} if "status_if_new" in body else body
    members.update(state, member, body, skip=skip)


def patch_member(state: State, asked: Asked) -> Json:
    """PATCH /lists/{list_id}/members/{hash}."""
    member = member_at(state, asked)
    takes_all = state.switches.patch_takes_transactional
    body = _body(asked, statuses=STATUSES if takes_all else STATUSES[:-1])
    members.update(state, member, body, skip=is_true(asked.query, "skip_merge_validation"))
    return _shown(state, member)


def delete_member(state: State, asked: Asked) -> None:
    """DELETE /lists/{list_id}/members/{hash}: archives."""
    members.archive(state, member_at(state, asked))


def delete_member_permanently(state: State, asked: Asked) -> None:
    """POST /lists/{list_id}/members/{hash}/actions/delete-permanent."""
    members.delete_permanently(state, member_at(state, asked))


def _body(asked: Asked, required: tuple[str, ...] = (), statuses: tuple[str, ...] = STATUSES) -> Json:
    body = asked.json()
    problem = problem_of_member(body, required=required, statuses=statuses)
    if problem:
        raise problem
    found: Json = body
    return found
