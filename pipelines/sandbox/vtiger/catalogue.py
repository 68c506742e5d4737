"""Which modules and fields there are: listtypes, describe, relatedtypes.

Belongs here: metadata as the API shows it. Does not: the tables (modules.py), records.
"""

import json

from pipelines.sandbox.vtiger.model import Json
from pipelines.sandbox.vtiger.modules import FIRST_NON_ENTITY, MAILABLE, MODULES, TYPES, Module
from pipelines.sandbox.vtiger.problems import Fatal, denied
from pipelines.sandbox.vtiger.state import State

NAMES = tuple(name for name, _, _ in TYPES)
FIRST_OTHER = NAMES.index(FIRST_NON_ENTITY)


def module_named(name: str) -> Module:
    """The module, or the refusal. Modules whose fields were not recorded are refused as unknown ones."""
    if name not in MODULES:
        raise denied(f" for name : {name}")
    return MODULES[name]


def list_types(state: State, field_types: str) -> Json:
    """All modules, or those with a field of one of the types of this JSON list."""
    names = NAMES if field_types in ("", "null") else _with_fields(state, field_types)
    information = {
        name: {"isEntity": place < FIRST_OTHER, "label": label, "singular": singular}
        for place, (name, label, singular) in enumerate(TYPES)
        if name in names
    }
    return {"types": list(information), "information": information}


def _with_fields(state: State, field_types: str) -> set[str]:
    try:
        wanted = set(json.loads(field_types))
    except (ValueError, TypeError):
        raise Fatal from None
    found = {
        module.name
        for module in MODULES.values()
        if module.name != "Users" and any(field.type in wanted for field in state.fields(module).values())
    }
    return found | set(MAILABLE) if "email" in wanted else found


def describe(state: State, name: str) -> Json:
    """The module with its fields."""
    module = module_named(name)
    return {
        "label": module.label,
        "name": module.name,
        "createable": module.is_entity,
        "updateable": module.is_entity,
        "deleteable": module.is_entity,
        "retrieveable": True,
        "fields": [field.describe() for field in state.fields(module).values()],
        "idPrefix": module.prefix,
        "isEntity": module.is_entity,
        "allowDuplicates": False,
        "labelFields": ",".join(module.label_fields),
    }
