"""Groups of a list: reading, creating, changing, deleting.

Belongs here: section 4 as far as groups go. Does not: who is in them (recipient_routes.py).
"""

from collections.abc import Sequence

from pipelines.sandbox.mailup.filters import by_key
from pipelines.sandbox.mailup.lookup import group_at, list_at
from pipelines.sandbox.mailup.model import Group, Json
from pipelines.sandbox.mailup.problems import bad_request
from pipelines.sandbox.mailup.query import Asked, paged, text_of
from pipelines.sandbox.mailup.state import State

PROPERTIES = by_key("Deletable", "Name", "Notes", "idGroup", "idList")


def group_document(group: Group) -> Json:
    """A group as the console shows it; Count is null (section 4)."""
    return {
        "Count": None,
        "Deletable": group.deletable,
        "Name": group.name,
        "Notes": group.notes,
        "idGroup": group.id,
        "idList": group.list_id,
    }


def group_page(state: State, asked: Asked, groups: Sequence[Group]) -> Json:
    """A page of these groups."""
    rows = [group_document(group) for group in groups]
    return paged(asked, rows, dict, PROPERTIES, state.switches.max_page_size)


def get_groups(state: State, asked: Asked) -> Json:
    """GET /Console/List/{id}/Groups."""
    return group_page(state, asked, state.groups_of(list_at(state, asked).id))


def post_group(state: State, asked: Asked) -> Json:
    """POST /Console/List/{id}/Group {Name, Notes[, Deletable]}."""
    list_id, body = list_at(state, asked).id, asked.object("Name")
    name = _free_name(state, list_id, text_of(body, "Name"))
    deletable = body.get("Deletable", True) is not False
    group = Group(state.number("group"), list_id, name, text_of(body, "Notes"), deletable)
    state.groups.put(group)
    state.remember("group_add", list_id=list_id, group_id=group.id)
    return group_document(group)


def put_group(state: State, asked: Asked) -> Json:
    """PUT /Console/List/{id}/Group/{idGroup}: the same object both ways."""
    group, body = group_at(state, asked), asked.object("Name")
    name = text_of(body, "Name")
    group.name = name if name == group.name else _free_name(state, group.list_id, name)
    group.notes = text_of(body, "Notes") if "Notes" in body else group.notes
    group.deletable = bool(body.get("Deletable", group.deletable))
    state.groups.put(group)
    state.remember("group_update", list_id=group.list_id, group_id=group.id)
    return group_document(group)


def _free_name(state: State, list_id: int, name: str) -> str:
    taken = any(group.name == name for group in state.groups_of(list_id))
    if taken and state.switches.group_names_unique:
        raise bad_request("A group with this name exists.")
    return name


def delete_group(state: State, asked: Asked) -> None:
    """DELETE /Console/List/{id}/Group/{idGroup}: its members stay in the list."""
    group = group_at(state, asked)
    if not group.deletable:
        raise bad_request(f"Group {group.id} can't be deleted.")
    drop_group(state, group)


def drop_group(state: State, group: Group) -> None:
    """The group is gone, also for its members."""
    for recipient in state.recipients(tuple(state.book.group(group.id).ids())):
        state.book.leave(recipient, group.id)
    state.groups.remove(group)
    state.remember("group_delete", list_id=group.list_id, group_id=group.id)
