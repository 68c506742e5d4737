"""Merge fields of an audience.

Belongs here: /lists/{list_id}/merge-fields. Does not: what a value may be (values.py). EMAIL is merge 0 and is never
listed.
"""

import re

from pipelines.sandbox.mailchimp.links import links
from pipelines.sandbox.mailchimp.lookup import audience_at, field_at
from pipelines.sandbox.mailchimp.model import Json, MergeField
from pipelines.sandbox.mailchimp.problems import Problem, invalid
from pipelines.sandbox.mailchimp.query import Asked, choice, is_true, page_of, text_of
from pipelines.sandbox.mailchimp.state import State
from pipelines.sandbox.mailchimp.values import KEEPERS

TAG = re.compile(r"[A-Z0-9_]{1,10}")
# EMAIL is the address itself; the others are merge tags of Mailchimp's own (an assumed, short list).
RESERVED = frozenset({"EMAIL", "INTERESTS", "UNSUB", "FORWARD", "REWARDS", "ARCHIVE", "USER_URL", "DATE", "UNIQID"})

OPTIONS: dict[str, Json] = {
    "text": {"size": 25},
    "phone": {"phone_format": "none"},
    "date": {"date_format": "MM/DD/YYYY"},
    "birthday": {"date_format": "MM/DD"},
    "address": {"default_country": 164},
    "radio": {"choices": []},
    "dropdown": {"choices": []},
}


def field_document(field: MergeField) -> Json:
    """The merge field as the API shows it."""
    path = f"/lists/{field.list_id}/merge-fields"
    return {
        "merge_id": field.merge_id,
        "tag": field.tag,
        "name": field.name,
        "type": field.type,
        "required": field.required,
        "default_value": field.default_value,
        "public": field.public,
        "display_order": field.display_order,
        "options": field.options,
        "help_text": field.help_text,
        "list_id": field.list_id,
        "_links": links(f"{path}/{field.merge_id}", path),
    }


def get_fields(state: State, asked: Asked) -> Json:
    """GET /lists/{list_id}/merge-fields."""
    list_id = audience_at(state, asked).id
    kind = choice(asked.query, "type", tuple(KEEPERS))
    items = [item for item in state.fields_of(list_id) if kind in (None, item.type)]
    if "required" in asked.query:
        items = [item for item in items if item.required == is_true(asked.query, "required")]
    path = f"/lists/{list_id}"
    return {
        "merge_fields": [field_document(item) for item in page_of(items, asked.query)],
        "list_id": list_id,
        "total_items": len(items),
        "_links": links(f"{path}/merge-fields", path, changes=False),
    }


def get_field(state: State, asked: Asked) -> Json:
    """GET /lists/{list_id}/merge-fields/{merge_id}."""
    return field_document(field_at(state, asked))


def post_field(state: State, asked: Asked) -> Json:
    """POST /lists/{list_id}/merge-fields {name, type, tag?, ...}."""
    list_id = audience_at(state, asked).id
    body = asked.object("name", "type")
    name, kind = text_of(body, "name"), body["type"]
    if kind not in KEEPERS:
        raise invalid("type", f"Value must be one of the following: {', '.join(KEEPERS)}")
    there = state.fields_of(list_id)
    if len(there) >= state.switches.max_merge_fields:
        detail = f"You can't have more than {state.switches.max_merge_fields} merge fields on a list."
        raise Problem(400, "Merge Max Limit Exceeded", detail)
    merge_id = state.number(f"merge field {list_id}")
    tag = _checked_tag(text_of(body, "tag"), there) if body.get("tag") else _made_tag(name, merge_id, there)
    field = MergeField(list_id, merge_id, tag, name, kind, display_order=merge_id + 1)
    field.options = dict(OPTIONS.get(kind, {}))
    _set(field, body)
    state.fields.put(field)
    state.remember("field_add", list_id=list_id, fields=[tag])
    return field_document(field)


def _checked_tag(tag: str, there: list[MergeField]) -> str:
    tag = tag.upper()
    if not TAG.fullmatch(tag):
        raise invalid("tag", "Merge tags have at most 10 characters: A-Z, 0-9 and _.")
    if tag in RESERVED or any(item.tag == tag for item in there):
        raise Problem(400, "Invalid Resource", f'A Merge Field with the tag "{tag}" already exists for this list.')
    return tag


def _made_tag(name: str, merge_id: int, there: list[MergeField]) -> str:
    tag = re.sub(r"[^A-Z0-9_]", "", name.upper())[:10]
    is_free = tag and tag not in RESERVED and all(item.tag != tag for item in there)
    return tag if is_free else f"MMERGE{merge_id}"


def _set(field: MergeField, body: Json) -> None:
    for key in ("name", "required", "default_value", "public", "display_order", "help_text"):
        if key not in body:
            continue
        if type(body[key]) is not type(getattr(field, key)):
            raise invalid(key, "Data has the wrong type for this field.")
        setattr(field, key, body[key])
    options = body.get("options", {})
    choices = options.get("choices", []) if isinstance(options, dict) else None
    if not isinstance(choices, list) or not all(isinstance(item, str) for item in choices):
        raise invalid("options", "Schema describes object with an array of choices")
    field.options = {**field.options, **options}


def patch_field(state: State, asked: Asked) -> Json:
    """PATCH /lists/{list_id}/merge-fields/{merge_id}; the type stays, whatever the body says."""
    field = field_at(state, asked)
    body = asked.object()
    others = [item for item in state.fields_of(field.list_id) if item is not field]
    tag = _checked_tag(text_of(body, "tag"), others) if body.get("tag") else field.tag
    _set(field, body)
    field.tag = tag
    state.fields.put(field)
    state.remember("field_update", list_id=field.list_id, fields=[tag])
    return field_document(field)


def delete_field(state: State, asked: Asked) -> None:
    """DELETE /lists/{list_id}/merge-fields/{merge_id}: members lose its value."""
    field = field_at(state, asked)
    state.fields.remove(field)
    state.remember("field_delete", list_id=field.list_id, fields=[field.tag])
