"""What a fresh Vtiger has, and putting many records there at once.

Belongs here: users, groups, custom fields and views of a new installation; bulk seeding. Does not: sample people.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pipelines.sandbox.vtiger import records
from pipelines.sandbox.vtiger.model import CustomField, Group, Installation, Record, User, View
from pipelines.sandbox.vtiger.modules import Module
from pipelines.sandbox.vtiger.state import ID, State
from pipelines.sandbox.vtiger.values import owner_id, split_id

USERNAME = "admin"
ACCESS_KEY = "FAKE-ACCESS-KEY"
INSTALLATION = "vtiger"
GROUPS = (
    (2, "Team Selling", "Group Related to Sales"),
    (3, "Marketing Group", "Group Related to Marketing Activities"),
    (4, "Support Group", "Group Related to providing Support to Customers"),
)
INTERESTS = ("Art", "Music", "Sport", "Travel")
CUSTOM = (("Interests", "multipicklist", INTERESTS), ("Member Since", "date", ()), ("Region Code", "string", ()))
MODULES_WITH_CUSTOM = ("Leads", "Contacts", "Accounts")
FIRST_CUSTOM = 853
FIELD_TYPES = ("string", "text", "email", "phone", "url", "boolean", "date", "integer", "currency")
PICKLISTS = ("picklist", "multipicklist")


def seed(state: State) -> None:
    """Fills an empty state."""
    state.save_account(Installation(INSTALLATION))
    state.users.put(User(1, USERNAME, ACCESS_KEY, "Administrator", "admin@associazione.example", is_admin="on"))
    for number, name, description in GROUPS:
        state.groups.put(Group(number, name, description))
    state.reach("member", len(GROUPS) + 1)
    for module in MODULES_WITH_CUSTOM:
        add_view(state, module, "All", "")
        for label, kind, values in CUSTOM:
            add_field(state, module, label, kind, values)


def add_field(state: State, module: str, label: str, kind: str, values: Iterable[str]) -> str:
    """A custom field; its name cf_<n>. Raises ValueError."""
    values = list(values)
    if kind not in FIELD_TYPES + PICKLISTS or bool(values) != (kind in PICKLISTS):
        raise ValueError("A custom field has a type of Vtiger's, and values if it is a picklist.")
    made = CustomField(state.number("custom field", FIRST_CUSTOM, step=2), module, label, kind, values)
    state.add_field(made)
    return made.name


def add_view(state: State, module: str, name: str, where: str) -> int:
    """A custom view with the conditions of a query's where; its id."""
    view = View(state.number("view"), module, name, where)
    state.views.put(view)
    return view.number


def add_records(state: State, user: User, module: Module, rows: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Records without asking what is mandatory or unique; their ids, row by row. Raises Problem.

    `id`, the running number, createdtime, modifiedtime, source and modifiedby may be given as well.
    """
    return tuple(_add(state, user, module, row) for row in rows)


def _add(state: State, user: User, module: Module, row: Mapping[str, Any]) -> str:
    if ID in row:
        number = split_id(str(row[ID]))[1]
        state.reach("record", number)
    else:
        number = state.number("record", records.FIRST_NUMBER)
    record = Record(number, module.name, owner=user.number)
    records.set_values(state, module, record, row)
    fixed = ("createdtime", "modifiedtime", "source", "modifiedby", "creator", module.number_field)
    given = {name: str(row[name]) for name in fixed if name and name in row}
    if module.number_field in given:
        record.values[module.number_field] = given[module.number_field]
        running = given[module.number_field].removeprefix(module.number_prefix)
        state.reach(module.number_field, int(running) if running.isdecimal() else 0)
    records.complete(state, user, module, record, "CRM")
    record.values |= given
    state.save(record)
    return f"{module.prefix}x{number}"


def add_user(state: State, user_name: str, access_key: str, about: Mapping[str, Any]) -> str:
    """A user, with the fields of model.User; the id. Raises TypeError."""
    given = {"last_name": user_name, "email1": f"{user_name}@associazione.example", **about}
    user = User(state.number("member"), user_name, access_key, **given)
    state.users.put(user)
    return owner_id(state, user.number)


def add_group(state: State, name: str, description: str) -> str:
    """A group; the id."""
    group = Group(state.number("member"), name, description)
    state.groups.put(group)
    return owner_id(state, group.number)
