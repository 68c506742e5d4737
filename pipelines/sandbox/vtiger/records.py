"""Reading and writing single records: sections 3 and 6 of the contract.

Belongs here: create, revise, update, delete, retrieve, and what a record looks like. Does not: single values
(values.py), converting a lead (conversion.py).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pipelines.sandbox.vtiger.model import Json, Record, User
from pipelines.sandbox.vtiger.modules import Module
from pipelines.sandbox.vtiger.problems import Problem, denied, wrong_id
from pipelines.sandbox.vtiger.query import may_see
from pipelines.sandbox.vtiger.state import ID, State
from pipelines.sandbox.vtiger.values import label, owner_id, read_owner, read_value, show, split_id, wire_id

OWNER = "assigned_user_id"
SOURCE = "WEBSERVICE"
FIRST_NUMBER = 2
WITHOUT_RECORDS = ("Users", "Groups")


def find(state: State, user: User, text: str) -> tuple[Module, Record]:
    """The record of this id. A missing, a deleted and an unseen one are refused alike. Raises Problem."""
    module, number = split_id(text)
    if module.name in WITHOUT_RECORDS:
        found = next((item for item in state.shelf(module).above(number - 1) if item.number == number), None)
    else:
        found = state.record(number)
    if found is None or not may_see(user, found):
        raise denied()
    if found.module != module.name:
        raise wrong_id()
    return module, found


def document(state: State, user: User, record: Record, module: Module) -> Json:
    """The record as retrieve, create and revise give it."""
    values = {name: show(state, record, field, user, in_query=False) for name, field in state.fields(module).items()}
    return {**values, "label": label(module, record)}


def retrieve(state: State, user: User, text: str) -> Json:
    """The record of this id, also a converted lead."""
    module, record = find(state, user, text)
    return document(state, user, record, module)


def create(state: State, user: User, module: Module, element: Mapping[str, Any], source: str = SOURCE) -> Json:
    """A new record. Raises Problem."""
    if module.name in WITHOUT_RECORDS:
        raise denied()
    check_mandatory(state, module, element, only_sent=False)
    check_unique(state, module, element, None)
    record = Record(state.number("record", FIRST_NUMBER), module.name)
    set_values(state, module, record, element)
    complete(state, user, module, record, source)
    state.save(record)
    _remember(state, "create", module, record, element)
    return document(state, user, record, module)


def complete(state: State, user: User, module: Module, record: Record, source: str) -> None:
    """What Vtiger itself puts into a new record."""
    if module.number_field and module.number_field not in record.values:
        record.values[module.number_field] = f"{module.number_prefix}{state.number(module.number_field)}"
    fields, now, me = state.fields(module), state.stamp(), wire_id("Users", user.number)
    for name, value in (("createdtime", now), ("modifiedtime", now), ("modifiedby", me), ("creator", me)):
        if name in fields:
            record.values[name] = value
    record.values["source"] = source
    if module.name in ("Events", "Calendar"):
        _set_duration(record)


def _set_duration(record: Record) -> None:
    """From start to end; a task without an end lasts until midnight (recorded exchanges 71, 72)."""
    found = record.values
    try:
        start = datetime.fromisoformat(f"{found['date_start']} {found['time_start']}")
        end = datetime.fromisoformat(f"{found['due_date']} {found.get('time_end') or '00:00:00'}")
    except ValueError:
        return
    minutes = int((end - start).total_seconds()) // 60
    minutes = minutes if minutes >= 0 else minutes % (24 * 60)
    found.setdefault("duration_hours", str(minutes // 60))
    found.setdefault("duration_minutes", str(minutes % 60))


def change(state: State, user: User, element: Mapping[str, Any], *, partial: bool) -> Json:
    """Revise (partial) or update; fields that are not sent stay in both. Moves modifiedtime even if nothing changes."""
    module, record = find(state, user, str(element.get(ID, "")))
    if module.name in WITHOUT_RECORDS:
        raise denied()
    check_mandatory(state, module, element, only_sent=partial)
    check_unique(state, module, element, record)
    before = document(state, user, record, module)
    set_values(state, module, record, element)
    record.values["modifiedtime"] = state.stamp()
    if "modifiedby" in state.fields(module):
        record.values["modifiedby"] = wire_id("Users", user.number)
    state.save(record)
    after = document(state, user, record, module)
    changed = sorted(name for name in element if before.get(name) != after.get(name))
    _remember(state, "change", module, record, element, changed=changed)
    return after


def delete(state: State, user: User, text: str) -> Json:
    """Into the recycle bin: gone for every operation."""
    module, record = find(state, user, text)
    if module.name in WITHOUT_RECORDS:
        raise denied()
    record.deleted_at = state.stamp()
    state.save(record)
    _remember(state, "delete", module, record, {})
    return {"status": "successful"}


def check_mandatory(state: State, module: Module, element: Mapping[str, Any], *, only_sent: bool) -> None:
    """Refuses the first mandatory field without a value."""
    for name, field in state.fields(module).items():
        if field.mandatory and not (only_sent and name not in element) and element.get(name) in (None, ""):
            raise Problem("MANDATORY_FIELDS_MISSING", f"{name} does not have a value")


def check_unique(state: State, module: Module, element: Mapping[str, Any], known: Record | None) -> None:
    """Refuses a value that another record of the module has; the code is the number 0."""
    unique = [name for name, field in state.fields(module).items() if field.unique and name in element]
    if not state.switches.duplicates_refused or not unique:
        return
    wanted = [(name, str(element[name]).casefold()) for name in unique]
    for record in state.shelf(module).above(0):
        if record is not known and any(record.values.get(name, "").casefold() == text for name, text in wanted):
            raise Problem(0, "Duplicate(s) detected!")


def set_values(state: State, module: Module, record: Record, element: Mapping[str, Any]) -> None:
    """Stores what was sent; unknown fields and those that are not editable are ignored without a word."""
    owner = read_owner(element[OWNER]) if element.get(OWNER) else record.owner
    fields = state.fields(module)
    read = {
        name: read_value(state, fields[name], value)
        for name, value in element.items()
        if name in fields and fields[name].editable and name != OWNER
    }
    record.owner = owner
    record.values = {name: text for name, text in {**record.values, **read}.items() if text}


def _remember(state: State, what: str, module: Module, record: Record, element: Mapping[str, Any], **more: Any) -> None:
    number = wire_id(module.name, record.number)
    owner = owner_id(state, record.owner)
    sent = sorted(name for name in element if name != ID)
    state.remember(what, id=number, module=module.name, owner=owner, fields=sent, **more)
