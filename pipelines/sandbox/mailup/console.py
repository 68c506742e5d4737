"""What an administrator does in MailUp's own pages, and what becomes of tokens and imports.

Belongs here: lists, groups, fields and messages by hand, the end of tokens, the fate of imports. Does not: what
recipients do (acts.py), the pages that lead here (admin.py).
"""

from collections.abc import Sequence
from typing import Literal, get_args

from pipelines.sandbox.mailup import fields, sendings
from pipelines.sandbox.mailup.groups import drop_group
from pipelines.sandbox.mailup.lists import drop_list, new_list
from pipelines.sandbox.mailup.messages import DETAILS
from pipelines.sandbox.mailup.model import Fate, Group, Json, Message
from pipelines.sandbox.mailup.state import State


def list_named(state: State, name: str) -> int:
    """Id of the list of this name. Raises LookupError."""
    found = [item.id for item in state.lists if item.name == name]
    if not found:
        raise LookupError(f"The sandbox has no list {name}.")
    return found[0]


def group_named(state: State, list_id: int, name: str) -> int:
    """Id of the list's group of this name. Raises LookupError."""
    found = [group.id for group in state.groups_of(list_id) if group.name == name]
    if not found:
        raise LookupError(f"The list has no group {name}.")
    return found[0]


def name_field(state: State, number: int, description: str) -> None:
    """Names a dynamic field. Raises ValueError."""
    fields.name_field(state, number, description)


def add_list(state: State, name: str) -> int:
    """A list that may be used at once; its id."""
    return new_list(state, name, "", {}).id


def delete_list(state: State, list_id: int) -> None:
    """Deletes it, which no call of the API can (section 4). Raises LookupError."""
    item = state.lists.get(str(list_id))
    if item is None:
        raise LookupError(f"There is no list {list_id}.")
    drop_list(state, item)


def add_group(state: State, list_id: int, name: str, *, deletable: bool) -> int:
    """A group of the list; its id. Raises LookupError."""
    if state.lists.get(str(list_id)) is None:
        raise LookupError(f"There is no list {list_id}.")
    group = Group(state.number("group"), list_id, name, deletable=deletable)
    state.groups.put(group)
    state.remember("group_add", list_id=list_id, group_id=group.id)
    return group.id


def delete_group(state: State, group_id: int) -> None:
    """Deletes it, also a protected one. Raises LookupError."""
    group = state.groups.get(str(group_id))
    if group is None:
        raise LookupError(f"There is no group {group_id}.")
    drop_group(state, group)


def add_sms_message(state: State, list_id: int, text: str) -> int:
    """A text message; its id. The API of the contract has no call that makes one."""
    message = Message(state.number("message", 24), list_id, "", text, state.stamp(), kind="sms")
    state.messages.put(message)
    return message.id


def send_campaign(state: State, list_id: int, subject: str, content: str, group_ids: Sequence[int]) -> Json:
    """Writes a message and sends it to the list, or to some of its groups. Raises LookupError."""
    if state.lists.get(str(list_id)) is None:
        raise LookupError(f"There is no list {list_id}.")
    message = Message(state.number("message", 24), list_id, subject, content, state.stamp(), details=dict(DETAILS))
    chosen = sendings.audience_of(state, message, group_ids)
    state.messages.put(message)
    return sendings.send(state, message, chosen, {})


def archive_message(state: State, message_id: int) -> None:
    """Puts a message into the archive. Raises LookupError."""
    message = state.messages.get(str(message_id))
    if message is None:
        raise LookupError(f"There is no message {message_id}.")
    message.archived = True
    state.messages.put(message)


def end_tokens(state: State, how: Literal["expire", "revoke"]) -> None:
    """Ends every access token; `revoke` the refresh tokens too. Raises ValueError."""
    if how not in ("expire", "revoke"):
        raise ValueError("Tokens expire or are revoked.")
    for token in state.tokens:
        token.expires_at, token.revoked = 0, token.revoked or how == "revoke"
        state.tokens.put(token)


def set_fates(state: State, fates: Sequence[Fate]) -> None:
    """What becomes of the next imports. Raises ValueError."""
    if not set(fates) <= set(get_args(Fate)):
        raise ValueError(f"The fate of an import is one of {', '.join(get_args(Fate))}.")
    account = state.account
    account.fates = list(fates)
    state.save_account(account)


def finish_imports(state: State) -> None:
    """Every import that waits is due now, also a stalled one."""
    for item in state.imports:
        if item.progress == "waiting":
            item.fate = "" if item.fate == "stall" else item.fate
            item.due_at = item.told_at = state.ticks()
            state.imports.put(item)
