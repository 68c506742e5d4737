"""Lists by both endpoints, and the account's own pages.

Belongs here: /Console/User/Lists, /Console/List, /Console/Authentication. Does not: groups, and who is in a list.
"""

import uuid

from pipelines.sandbox.mailup.filters import by_key
from pipelines.sandbox.mailup.groups import drop_group
from pipelines.sandbox.mailup.lookup import list_at
from pipelines.sandbox.mailup.messages import drop_message
from pipelines.sandbox.mailup.model import Json, MailList
from pipelines.sandbox.mailup.problems import bad_request
from pipelines.sandbox.mailup.query import Asked, paged, text_of
from pipelines.sandbox.mailup.state import State

CLASSIC = by_key("Company", "Description", "Name", "idList", "listGuid")
NEWER = by_key("IdList", "Name", "Company", "Description")
VERSION = "9.0.0"


def new_list(state: State, name: str, description: str, settings: Json, *, usable_at: float = 0) -> MailList:
    """Puts a list into the account; its guid is the same in every sandbox of one seed."""
    number = state.number("list")
    guid = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{state.seed}:list:{number}"))
    company = settings.get("CompanyName") or state.account.company
    made = MailList(number, guid, name, description, company, settings, usable_at)
    state.lists.put(made)
    state.remember("list_add", list_id=number)
    return made


def drop_list(state: State, item: MailList) -> None:
    """The list is gone with its groups, tags, messages and their statistics (assumed); its people stay in the book."""
    for group in state.groups_of(item.id):
        drop_group(state, group)
    for number in tuple(state.subscriptions.roster(item.id).ids()):
        if found := state.subscriptions.get(item.id, number):
            state.subscriptions.remove(found)
    for message in [message for message in state.messages if message.list_id == item.id]:
        drop_message(state, message)
    for tag in [tag for tag in state.tags if tag.list_id == item.id]:
        state.tags.remove(tag)
    for sending in [sending for sending in state.sendings if sending.list_id == item.id]:
        state.sendings.remove(sending)
    for waiting in [one for one in state.imports if one.list_id == item.id and one.progress == "waiting"]:
        state.imports.remove(waiting)
    state.lists.remove(item)
    state.remember("list_delete", list_id=item.id)


def _classic(found: MailList) -> Json:
    return {
        "Company": found.company,
        "Description": found.description,
        "Name": found.name,
        "idList": found.id,
        "listGuid": found.guid,
    }


def _newer(found: MailList) -> Json:
    return {"IdList": found.id, "Name": found.name, "Company": found.company, "Description": found.description}


def _full(found: MailList) -> Json:
    return {**found.settings, **_newer(found), "ListGuid": found.guid}


def get_user_lists(state: State, asked: Asked) -> Json:
    """GET /Console/User/Lists: lists that the user may see, not the ones that are too new."""
    rows = [_classic(found) for found in state.lists if found.usable_at <= state.ticks()]
    return paged(asked, rows, dict, CLASSIC, state.switches.max_page_size)


def get_lists(state: State, asked: Asked) -> Json:
    """GET /Console/List."""
    rows = [_newer(found) for found in state.lists if found.usable_at <= state.ticks()]
    return paged(asked, rows, dict, NEWER, state.switches.max_page_size)


def get_list(state: State, asked: Asked) -> Json:
    """GET /Console/List/{id}."""
    return _newer(list_at(state, asked))


def post_list(state: State, asked: Asked) -> Json:
    """POST /Console/List, and /Console/User/Lists of before: the full object back."""
    body = asked.object("Name", "OwnerEmail")
    if not body.get("IdSettings") and body.get("UseDefaultSettings") is not True:
        raise bad_request("Either 'IdSettings' or 'UseDefaultSettings' is required.")
    usable_at = state.ticks() + state.switches.new_list_seconds
    return _full(new_list(state, text_of(body, "Name"), text_of(body, "Description"), body, usable_at=usable_at))


def put_list(state: State, asked: Asked) -> Json:
    """PUT /Console/List/{id}, and /Console/User/List/{id} of before."""
    found, body = list_at(state, asked), asked.object()
    found.settings = {**found.settings, **body}
    found.name = text_of(body, "Name") or found.name
    found.description = text_of(body, "Description") if "Description" in body else found.description
    state.lists.put(found)
    state.remember("list_update", list_id=found.id)
    return _full(found)


def get_info(state: State, asked: Asked) -> Json:
    """GET /Console/Authentication/Info."""
    account = state.account
    return {
        "Company": account.company,
        "ExpiryDate": "2036-12-09 00:00:00.000",
        "IsTrial": False,
        "UID": account.uid,
        "Url": f"https://{account.username}.console.example",
        "Username": account.username,
        "Version": VERSION,
    }


def get_details(state: State, asked: Asked) -> Json:
    """GET /Console/Authentication/Details."""
    return {
        **get_info(state, asked),
        "AutoRenewal": False,
        "CreditsByList": [{"Credit": -1, "ListId": found.id} for found in state.lists],
        "Email": "beheer@voorbeeld.example",
        "Lang": "nl",
        "Plan": "Marketing+",
        "TotalCredits": -1,
    }
