"""E-mail messages of a list and their tags.

Belongs here: /Console/List/{id}/Email..., /Console/List/{id}/Tag... Does not: sending them (sendings.py).
"""

from collections.abc import Sequence
from typing import Any

from pipelines.sandbox.mailup.filters import by_key
from pipelines.sandbox.mailup.lookup import list_at, message_at, tag_at
from pipelines.sandbox.mailup.model import Json, Message, Tag
from pipelines.sandbox.mailup.problems import bad_request
from pipelines.sandbox.mailup.query import Asked, paged, text_of
from pipelines.sandbox.mailup.state import State

PROPERTIES = by_key("CreationDate", "Notes", "Subject", "idList", "idMessage")
TAG_PROPERTIES = by_key("Enabled", "Id", "Name")
DETAILS: Json = {
    "Embed": False,
    "IsConfirmation": False,
    "Fields": [],
    "UseDynamicField": False,
    "PreHeader": "",
    "TrackingInfo": {"CustomParams": "", "Enabled": True, "Protocols": ["http", "https"]},
}


def message_date(moment: str) -> str:
    """A kept moment as `2014-04-01 13:53:06Z`; the year 1 for never (section 3)."""
    return f"{moment[:10]} {moment[11:19]}Z" if moment else "0001-01-01 00:00:00Z"


def _short(message: Message) -> Json:
    return {
        "CreationDate": message_date(message.created),
        "Notes": message.notes,
        "Subject": message.subject,
        "idList": message.list_id,
        "idMessage": message.id,
    }


def _full(state: State, message: Message) -> Json:
    tags = [_tag(tag) for tag in state.tags if tag.id in message.tags]
    return {**_short(message), **message.details, "Content": message.content, "Tags": tags}


def _page(state: State, asked: Asked, messages: Sequence[Message]) -> Json:
    """Those that have any of the tags asked for."""
    names = {name.strip() for name in asked.query.get("tags", "").split(",") if name.strip()}
    wanted = {tag.id for tag in state.tags if tag.name in names}
    found = [message for message in messages if not names or wanted & set(message.tags)]
    rows = [{**_short(message), "ServiceType": 0} for message in found]
    return paged(asked, rows, dict, PROPERTIES, state.switches.max_page_size)


def get_messages(state: State, asked: Asked) -> Json:
    """GET /Console/List/{id}/Emails."""
    return _page(state, asked, state.messages_of(list_at(state, asked).id))


def get_archived(state: State, asked: Asked) -> Json:
    """GET /Console/List/{id}/Archived/Emails: those that somebody archived in the console."""
    messages = state.messages_of(list_at(state, asked).id)
    return _page(state, asked, [message for message in messages if message.archived])


def get_online(state: State, asked: Asked) -> Json:
    """GET /Console/List/{id}/Online/Emails: those that went out, with the last date and their address in the web."""
    list_id, last = list_at(state, asked).id, _last_sent(state)
    rows = [
        {
            **_short(message),
            "LastSendDate": message_date(last[message.id]),
            "Url": f"https://{state.account.username}.console.example/e/{message.id}",
        }
        for message in state.messages_of(list_id)
        if message.id in last and not message.archived
    ]
    return paged(asked, rows, dict, PROPERTIES, state.switches.max_page_size)


def _last_sent(state: State) -> dict[int, str]:
    return {sending.message_id: sending.started for sending in state.sendings if sending.started}


def get_message(state: State, asked: Asked) -> Json:
    """GET /Console/List/{id}/Email/{idMessage}."""
    return _full(state, message_at(state, asked))


def post_message(state: State, asked: Asked) -> Json:
    """POST /Console/List/{id}/Email."""
    found, body = list_at(state, asked), asked.object("Subject", "Content")
    message = Message(state.number("message", 24), found.id, "", "", state.stamp(), details=dict(DETAILS))
    _write(state, message, body)
    state.messages.put(message)
    state.remember("message_add", list_id=found.id, id=message.id)
    return _short(message)


def put_message(state: State, asked: Asked) -> Json:
    """PUT /Console/List/{id}/Email/{idMessage}."""
    message = message_at(state, asked)
    _write(state, message, asked.object("Subject", "Content"))
    state.messages.put(message)
    state.remember("message_update", list_id=message.list_id, id=message.id)
    return _short(message)


def _write(state: State, message: Message, body: Json) -> None:
    tags = _known_tags(state, message.list_id, body.get("Tags"))
    message.subject, message.content = text_of(body, "Subject"), text_of(body, "Content")
    message.notes, message.tags = text_of(body, "Notes"), tags
    message.details = {**message.details, **{name: body[name] for name in DETAILS if name in body}}


def _known_tags(state: State, list_id: int, sent: Any) -> list[int]:
    """Ids of [{Id, Enabled, Name}]; a tag must exist before it is used."""
    items = sent if sent is not None else []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise bad_request("'Tags' must be a list of objects.")
    known = {tag.id for tag in state.tags if tag.list_id == list_id}
    if any(item.get("Id") not in known for item in items):
        raise bad_request("A tag of the message does not exist.")
    return [item["Id"] for item in items if item.get("Enabled", True)]


def delete_message(state: State, asked: Asked) -> None:
    """DELETE /Console/List/{id}/Email/{idMessage}: its statistics go with it."""
    drop_message(state, message_at(state, asked))


def drop_message(state: State, message: Message) -> None:
    """The message is gone with its statistics."""
    state.deliveries.forget(message.id)
    state.messages.remove(message)
    state.remember("message_delete", list_id=message.list_id, id=message.id)


def put_dynamic_fields(state: State, asked: Asked) -> None:
    """PUT /Console/List/{id}/Email/{idMessage}/EnableDynamicFields/{true|false}."""
    message, wanted = message_at(state, asked), asked.params["on"].lower()
    if wanted not in ("true", "false"):
        raise bad_request("The last part of the address must be true or false.")
    message.details = {**message.details, "UseDynamicField": wanted == "true"}
    state.messages.put(message)


def _tag(tag: Tag) -> Json:
    return {"Enabled": tag.enabled, "Id": tag.id, "Name": tag.name}


def get_tags(state: State, asked: Asked) -> Json:
    """GET /Console/List/{id}/Tags."""
    list_id = list_at(state, asked).id
    rows = [_tag(tag) for tag in state.tags if tag.list_id == list_id]
    return paged(asked, rows, dict, TAG_PROPERTIES, state.switches.max_page_size)


def post_tag(state: State, asked: Asked) -> Json:
    """POST /Console/List/{id}/Tag: the body is the name as a bare JSON string."""
    list_id, name = list_at(state, asked).id, asked.json()
    if not isinstance(name, str) or not name.strip():
        raise bad_request("The request body must be the name of the tag.")
    tag = Tag(state.number("tag"), list_id, name)
    state.tags.put(tag)
    return _tag(tag)


def put_tag(state: State, asked: Asked) -> Json:
    """PUT /Console/List/{id}/Tag/{idTag} {Enabled, Name}."""
    tag, body = tag_at(state, asked), asked.object("Name")
    tag.name, tag.enabled = text_of(body, "Name"), bool(body.get("Enabled", tag.enabled))
    state.tags.put(tag)
    return _tag(tag)


def delete_tag(state: State, asked: Asked) -> None:
    """DELETE /Console/List/{id}/Tag/{idTag}: messages lose it."""
    tag = tag_at(state, asked)
    for message in state.messages:
        if tag.id in message.tags:
            message.tags = [found for found in message.tags if found != tag.id]
            state.messages.put(message)
    state.tags.remove(tag)
