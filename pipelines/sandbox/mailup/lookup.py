"""What the ids of a path name, or the refusal.

Belongs here: finding. Does not: what is done with it (the module of each theme).
"""

from typing import TypeVar

from pipelines.sandbox.mailup.model import Group, Import, MailList, Message, Recipient, Sending, Tag
from pipelines.sandbox.mailup.problems import Problem
from pipelines.sandbox.mailup.query import Asked
from pipelines.sandbox.mailup.state import State

T = TypeVar("T")


def unknown(state: State, what: str, number: int) -> Problem:
    """The refusal for an id that names nothing."""
    return Problem(state.switches.unknown_status, f"{what} {number} does not exist.")


def _found(state: State, found: T | None, what: str, number: int) -> T:
    if found is None:
        raise unknown(state, what, number)
    return found


def list_at(state: State, asked: Asked) -> MailList:
    """The list of the path; a new one answers 403 for a while."""
    number = asked.id("id_list")
    found = _found(state, state.lists.get(str(number)), "List", number)
    if state.ticks() < found.usable_at:
        raise Problem(403, f"Authorization error: List {number} is not allowed for this user.")
    return found


def group_at(state: State, asked: Asked) -> Group:
    """The group of the path; if the path names a list too, a group of that list."""
    number = asked.id("id_group")
    found = _found(state, state.groups.get(str(number)), "Group", number)
    if "id_list" in asked.params and list_at(state, asked).id != found.list_id:
        raise unknown(state, "Group", number)
    return found


def recipient_at(state: State, asked: Asked) -> Recipient:
    """The recipient of the path."""
    number = asked.id("id_recipient")
    return _found(state, state.book.get(number), "Recipient", number)


def message_at(state: State, asked: Asked) -> Message:
    """The e-mail message of the path, one of the path's list if it names one."""
    number = asked.id("id_message")
    found = _found(state, state.messages.get(str(number)), "Message", number)
    if found.kind != "email" or ("id_list" in asked.params and list_at(state, asked).id != found.list_id):
        raise unknown(state, "Message", number)
    return found


def tag_at(state: State, asked: Asked) -> Tag:
    """The tag of the path's list."""
    number = asked.id("id_tag")
    found = _found(state, state.tags.get(str(number)), "Tag", number)
    if list_at(state, asked).id != found.list_id:
        raise unknown(state, "Tag", number)
    return found


def import_at(state: State, asked: Asked) -> Import:
    """The import of the path."""
    number = asked.id("id_import")
    return _found(state, state.imports.get(str(number)), "Import", number)


def sending_at(state: State, asked: Asked) -> Sending:
    """The sending of the path."""
    number = asked.id("id_sending")
    return _found(state, state.sendings.get(str(number)), "Sending", number)
