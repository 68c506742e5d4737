"""Interest categories and interests: Mailchimp's groups.

Belongs here: /lists/{list_id}/interest-categories and below. Does not: who is in a group (members.py).
"""

from pipelines.sandbox.mailchimp.links import link, links
from pipelines.sandbox.mailchimp.lookup import audience_at, category_at, interest_at
from pipelines.sandbox.mailchimp.model import Category, Interest, Json
from pipelines.sandbox.mailchimp.problems import Problem, invalid
from pipelines.sandbox.mailchimp.query import Asked, choice, page_of, text_of
from pipelines.sandbox.mailchimp.state import State

TYPES = ("checkboxes", "dropdown", "radio", "hidden")


def _category_document(category: Category) -> Json:
    parent = f"/lists/{category.list_id}/interest-categories"
    path = f"{parent}/{category.id}"
    return {
        "list_id": category.list_id,
        "id": category.id,
        "title": category.title,
        "display_order": category.display_order,
        "type": category.type,
        "_links": [*links(path, parent), link("interests", f"{path}/interests")],
    }


def _interest_document(state: State, interest: Interest) -> Json:
    parent = f"/lists/{interest.list_id}/interest-categories/{interest.category_id}/interests"
    members = state.members.of(interest.list_id).values()
    count = sum(member.status == "subscribed" and interest.id in member.interests for member in members)
    return {
        "category_id": interest.category_id,
        "list_id": interest.list_id,
        "id": interest.id,
        "name": interest.name,
        "subscriber_count": str(count),  # a string in the spec
        "display_order": interest.display_order,
        "_links": links(f"{parent}/{interest.id}", parent),
    }


def get_categories(state: State, asked: Asked) -> Json:
    """GET /lists/{list_id}/interest-categories."""
    list_id = audience_at(state, asked).id
    kind = choice(asked.query, "type", TYPES)
    items = [item for item in state.categories if item.list_id == list_id and kind in (None, item.type)]
    path = f"/lists/{list_id}"
    return {
        "list_id": list_id,
        "categories": [_category_document(item) for item in page_of(items, asked.query)],
        "total_items": len(items),
        "_links": links(f"{path}/interest-categories", path, changes=False),
    }


def get_category(state: State, asked: Asked) -> Json:
    """GET /lists/{list_id}/interest-categories/{interest_category_id}."""
    return _category_document(category_at(state, asked))


def new_category(state: State, list_id: str, title: str, kind: str = "checkboxes") -> Category:
    """A category without groups."""
    category = Category(state.new_id("category"), list_id, title, kind)
    state.remember("category_add", list_id=list_id, ids=[category.id])
    return state.categories.put(category)


def post_category(state: State, asked: Asked) -> Json:
    """POST /lists/{list_id}/interest-categories {title, type}."""
    list_id = audience_at(state, asked).id
    body = asked.object("title", "type")
    title = text_of(body, "title")
    return _category_document(new_category(state, list_id, title, _checked_type(body)))


def _checked_type(body: Json) -> str:
    kind: str = body["type"]
    if kind not in TYPES:
        raise invalid("type", f"Value must be one of the following: {', '.join(TYPES)}")
    return kind


def patch_category(state: State, asked: Asked) -> Json:
    """PATCH /lists/{list_id}/interest-categories/{interest_category_id}."""
    category = category_at(state, asked)
    body = asked.object()
    title = text_of(body, "title") if "title" in body else category.title
    category.type = _checked_type(body) if "type" in body else category.type
    category.title = title
    state.categories.put(category)
    state.remember("category_update", list_id=category.list_id, ids=[category.id])
    return _category_document(category)


def delete_category(state: State, asked: Asked) -> None:
    """DELETE /lists/{list_id}/interest-categories/{interest_category_id}, with its groups."""
    category = category_at(state, asked)
    for interest in [item for item in state.interests if item.category_id == category.id]:
        _drop(state, interest)
    state.categories.remove(category)
    state.remember("category_delete", list_id=category.list_id, ids=[category.id])


def get_interests(state: State, asked: Asked) -> Json:
    """GET .../{interest_category_id}/interests."""
    category = category_at(state, asked)
    items = [item for item in state.interests if item.category_id == category.id]
    path = f"/lists/{category.list_id}/interest-categories/{category.id}"
    return {
        "interests": [_interest_document(state, item) for item in page_of(items, asked.query)],
        "list_id": category.list_id,
        "category_id": category.id,
        "total_items": len(items),
        "_links": links(f"{path}/interests", path, changes=False),
    }


def get_interest(state: State, asked: Asked) -> Json:
    """GET .../interests/{interest_id}."""
    return _interest_document(state, interest_at(state, asked))


def new_interest(state: State, category: Category, name: str) -> Interest:
    """A group of the category; at most 60 per audience."""
    limit = state.switches.max_interests
    if len(state.interests_of(category.list_id)) >= limit:
        detail = f"Cannot have more than {limit} interests per list (Across all categories)"
        raise Problem(400, "Bad Request", detail)
    interest = Interest(state.new_id("interest"), category.id, category.list_id, name)
    state.remember("interest_add", list_id=category.list_id, ids=[interest.id])
    return state.interests.put(interest)


def post_interest(state: State, asked: Asked) -> Json:
    """POST .../{interest_category_id}/interests {name}."""
    category = category_at(state, asked)
    name = text_of(asked.object("name"), "name")
    return _interest_document(state, new_interest(state, category, name))


def patch_interest(state: State, asked: Asked) -> Json:
    """PATCH .../interests/{interest_id}."""
    interest = interest_at(state, asked)
    interest.name = text_of(asked.object("name"), "name")
    state.interests.put(interest)
    state.remember("interest_update", list_id=interest.list_id, ids=[interest.id])
    return _interest_document(state, interest)


def delete_interest(state: State, asked: Asked) -> None:
    """DELETE .../interests/{interest_id}."""
    interest = interest_at(state, asked)
    _drop(state, interest)
    state.remember("interest_delete", list_id=interest.list_id, ids=[interest.id])


def _drop(state: State, interest: Interest) -> None:
    for member in state.members.of(interest.list_id).values():
        if member.interests.pop(interest.id, None):
            state.members.save(member)
    state.interests.remove(interest)
