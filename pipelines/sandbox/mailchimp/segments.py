"""Tags and static segments, which are the same thing, one member at a time or 500.

Belongs here: /tags, /tag-search, /segments. Does not: conditions of saved segments, which the sandbox lacks.
"""

from collections.abc import Iterable, Iterator

from pipelines.sandbox.mailchimp.links import link, links
from pipelines.sandbox.mailchimp.lookup import audience_at, member_at, segment_at
from pipelines.sandbox.mailchimp.member_document import Renderer
from pipelines.sandbox.mailchimp.model import Json, Member, Segment
from pipelines.sandbox.mailchimp.problems import Problem, invalid
from pipelines.sandbox.mailchimp.query import Asked, Window, choice, is_true, page_of, text_of, wants
from pipelines.sandbox.mailchimp.state import State, address_hash

MAX_MEMBERS = 500


def segment_named(state: State, list_id: str, name: str) -> Segment | None:
    """The tag of this name, in whatever case."""
    return next((item for item in state.segments_of(list_id) if item.name.lower() == name.lower()), None)


def new_segment(state: State, list_id: str, name: str) -> Segment:
    """Creates a tag."""
    now = state.stamp()
    segment = Segment(state.number("segment", 40001), list_id, name, created_at=now, updated_at=now)
    state.remember("segment_add", list_id=list_id, ids=[segment.id])
    return state.segments.put(segment)


def tag_member(state: State, member: Member, name: str) -> None:
    """Gives the member a tag, which is created if need be; moves last_changed also when the member had it."""
    segment = segment_named(state, member.list_id, name) or new_segment(state, member.list_id, name)
    _put_in(state, segment, member)


def _put_in(state: State, segment: Segment, member: Member) -> bool:
    is_new = str(segment.id) not in member.tags
    now = _touch(state, member)
    member.tags.setdefault(str(segment.id), now)
    state.members.save(member)
    if is_new:
        segment.updated_at = now
        state.segments.put(segment)
        _record(state, "tag", segment, member)
    return is_new


def _touch(state: State, member: Member) -> str:
    """The moment, which becomes the member's last_changed."""
    now = state.stamp()
    if state.switches.tags_touch_members:
        member.last_changed = now
    return now


def take_out(state: State, segment: Segment, member: Member) -> bool:
    """Takes the tag from the member; whether the member had it."""
    if str(segment.id) not in member.tags:
        return False
    segment.updated_at = _touch(state, member)
    state.segments.put(segment)
    state.members.untag(member, segment.id)
    _record(state, "untag", segment, member)
    return True


def _record(state: State, change: str, segment: Segment, member: Member) -> None:
    state.remember(
        change,
        list_id=member.list_id,
        member_id=address_hash(member.email_address),
        ids=[segment.id],
        status_before=member.status,
        status_after=member.status,
    )


def get_member_tags(state: State, asked: Asked) -> Json:
    """GET /lists/{list_id}/members/{hash}/tags."""
    member = member_at(state, asked)
    items = [
        {"id": segment.id, "name": segment.name, "date_added": member.tags[str(segment.id)]}
        for segment in state.segments_of(member.list_id)
        if str(segment.id) in member.tags
    ]
    return {"tags": page_of(items, asked.query), "total_items": len(items), "_links": []}


def post_member_tags(state: State, asked: Asked) -> None:
    """POST .../tags. A body without the wrapper {"tags": [...]} is answered with 204 and does nothing (observed)."""
    member = member_at(state, asked)
    body = asked.json()
    tags = body.get("tags") if isinstance(body, dict) else None
    if not isinstance(tags, list):
        return
    for tag in tags:
        if not isinstance(tag, dict) or tag.get("status") not in ("active", "inactive"):
            raise invalid("tags", "Each tag needs a name and the status active or inactive.")
        text_of(tag, "name")
    for tag in tags:
        segment = segment_named(state, member.list_id, tag["name"])
        if tag["status"] == "active":
            tag_member(state, member, tag["name"])
        elif segment:
            take_out(state, segment, member)


def search_tags(state: State, asked: Asked) -> Json:
    """GET /lists/{list_id}/tag-search: those whose name starts with `name`."""
    start = asked.query.get("name", "").lower()
    segments = state.segments_of(audience_at(state, asked).id)
    found = [{"id": item.id, "name": item.name} for item in segments if item.name.lower().startswith(start)]
    return {"tags": found, "total_items": len(found)}


def included(state: State, segment: Segment, asked: Asked) -> Iterator[Member]:
    """Members that count for a call: not unsubscribed, cleaned or transactional ones unless asked; never archived."""
    left_out = {"archived"}
    for status in ("unsubscribed", "cleaned", "transactional"):
        if not is_true(asked.query, f"include_{status}"):
            left_out.add(status)
    return (member for member in state.members.tagged(segment.id).values() if member.status not in left_out)


def segment_document(state: State, segment: Segment, asked: Asked) -> Json:
    """The segment as the API shows it."""
    path = f"/lists/{segment.list_id}/segments/{segment.id}"
    return {
        "id": segment.id,
        "name": segment.name,
        "member_count": sum(member.status != "pending" for member in included(state, segment, asked)),
        "type": "static",
        "created_at": segment.created_at,
        "updated_at": segment.updated_at,
        "options": {"match": "any", "conditions": []},
        "list_id": segment.list_id,
        "_links": [*links(path, f"/lists/{segment.list_id}/segments"), link("members", f"{path}/members")],
    }


def get_segments(state: State, asked: Asked) -> Json:
    """GET /lists/{list_id}/segments."""
    list_id = audience_at(state, asked).id
    kind = choice(asked.query, "type", ("saved", "static", "fuzzy"))
    inclusive = state.switches.since_is_inclusive
    created = Window.of(asked.query, "created_at", inclusive=inclusive)
    updated = Window.of(asked.query, "updated_at", inclusive=inclusive)
    items = [
        item
        for item in state.segments_of(list_id)
        if kind in (None, "static") and created.holds(item.created_at) and updated.holds(item.updated_at)
    ]
    return {
        "segments": [segment_document(state, item, asked) for item in page_of(items, asked.query)],
        "list_id": list_id,
        "total_items": len(items),
        "_links": links(f"/lists/{list_id}/segments", f"/lists/{list_id}", changes=False),
    }


def post_segment(state: State, asked: Asked) -> Json:
    """POST /lists/{list_id}/segments {name, static_segment}: unknown addresses are ignored."""
    list_id = audience_at(state, asked).id
    body = asked.object("name")
    name = text_of(body, "name")
    if "options" in body:
        raise Problem(400, "Bad Request", "This sandbox keeps static segments only: send static_segment, no options.")
    if segment_named(state, list_id, name):  # assumed: the contract has no word on a second segment of one name
        raise Problem(400, "Bad Request", "Sorry, that tag already exists.")
    members = list(_known(state, list_id, _addresses(body, "static_segment", limit=None)))
    segment = new_segment(state, list_id, name)
    for member in members:
        _put_in(state, segment, member)
    return segment_document(state, segment, asked)


def get_segment(state: State, asked: Asked) -> Json:
    """GET /lists/{list_id}/segments/{segment_id}."""
    return segment_document(state, segment_at(state, asked), asked)


def post_segment_members(state: State, asked: Asked) -> Json:
    """POST /lists/{list_id}/segments/{segment_id}: at most 500 to add and 500 to remove; unknown ones are ignored."""
    segment = segment_at(state, asked)
    body = asked.object()
    to_add = _known(state, segment.list_id, _addresses(body, "members_to_add", limit=MAX_MEMBERS))
    to_remove = _known(state, segment.list_id, _addresses(body, "members_to_remove", limit=MAX_MEMBERS))
    # Assumed: only those who really joined or left are counted.
    added = [member for member in to_add if _put_in(state, segment, member)]
    removed = [member for member in to_remove if take_out(state, segment, member)]
    show = Renderer(state, segment.list_id, with_links=wants(asked.query, "members_added", "_links")).in_batch
    return {
        "members_added": [show(member) for member in added],
        "members_removed": [show(member) for member in removed],
        "errors": [],
        "total_added": len(added),
        "total_removed": len(removed),
        "error_count": 0,
        "_links": [],
    }


def delete_segment(state: State, asked: Asked) -> None:
    """DELETE /lists/{list_id}/segments/{segment_id}: the tag leaves its members; their last_changed stays (assumed)."""
    segment = segment_at(state, asked)
    for member in list(state.members.tagged(segment.id).values()):
        state.members.untag(member, segment.id)
    state.segments.remove(segment)
    state.remember("segment_delete", list_id=segment.list_id, ids=[segment.id])


def get_segment_members(state: State, asked: Asked) -> Json:
    """GET /lists/{list_id}/segments/{segment_id}/members."""
    segment = segment_at(state, asked)
    members = list(included(state, segment, asked))
    show = Renderer(state, segment.list_id, with_links=wants(asked.query, "members", "_links")).in_segment
    return {
        "members": [show(member) for member in page_of(members, asked.query)],
        "total_items": len(members),
        "_links": [],
    }


def _addresses(body: Json, name: str, *, limit: int | None) -> list[str]:
    value = body.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise invalid(name, "Schema describes array of strings")
    if limit is not None and len(value) > limit:
        raise invalid(name, f"A maximum of {limit} members can be sent")
    return value


def _known(state: State, list_id: str, addresses: Iterable[str]) -> Iterator[Member]:
    """Members at these addresses, each once."""
    found = (state.members.at(list_id, address) for address in dict.fromkeys(addresses))
    return (member for member in found if member is not None)
