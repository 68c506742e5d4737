"""Custom views as the mobile operations give them: section 9 of the contract.

Belongs here: the picker and the pages of a view, with their losses. Does not: how conditions are evaluated (query.py).
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from pipelines.sandbox.vtiger import catalogue, query
from pipelines.sandbox.vtiger.model import Json, Record, User, View
from pipelines.sandbox.vtiger.modules import Module
from pipelines.sandbox.vtiger.problems import Problem
from pipelines.sandbox.vtiger.state import State
from pipelines.sandbox.vtiger.values import as_number, show
from pipelines.sandbox.vtiger.vtql import read_where

PAGE = 20
ALL = "All"
NAME_FIELDS = {"Leads": ("firstname", "lastname"), "Contacts": ("firstname", "lastname"), "Accounts": ("accountname",)}
HEADERS = {
    "Leads": ("firstname", "lastname", "phone", "email"),
    "Contacts": ("firstname", "lastname", "phone", "email"),
    "Accounts": ("accountname", "phone", "email1"),
}


def filters(state: State, name: str) -> Json:
    """Views of a module; those of the Public group are never there."""
    module = catalogue.module_named(name)
    mine: list[Json] = []
    every: list[Json] = []
    for view in state.views:
        if view.module == module.name:
            (every if view.name == ALL else mine).append({"id": str(view.number), "name": view.name, "default": False})
    return {"filters": {"Mine": mine, "Shared": every, "Others": every}, "moduleLabel": module.label}


def page(state: State, user: User, elements: Mapping[str, Any]) -> Json:
    """One page of a view.

    It fetches one row more than it shows and counts pages by that, so that every 21st row is lost; rows of the same
    time come in another order on every page, so that some come twice and some never.
    """
    module = catalogue.module_named(str(elements.get("module", "")))
    number = max(int(as_number(str(elements.get("page", 1)))), 1)
    view = _view(state, module, str(elements.get("filterid", "")))
    offset = (number - 1) * (PAGE + 1)
    rows = sorted(query.matching(state, user, module, read_where(view.where)), key=lambda row: _mixed(row, number))
    rows.sort(key=lambda row: row.values.get("modifiedtime", ""), reverse=True)
    fetched = rows[offset : offset + PAGE + 1]
    fields = state.fields(module)
    headers = [fields[name] for name in HEADERS.get(module.name, module.label_fields)]
    shown = [
        {"id": row.number, **{field.name: show(state, row, field, user, in_query=False) or "" for field in headers}}
        | {module.id_label: str(row.number), "starred": row.values.get("starred", "0")}
        for row in fetched[:PAGE]
    ]
    return {
        "records": shown or None,
        "headers": [
            {"name": field.name, "label": field.label, "fieldType": _type(field.name, field.type)} for field in headers
        ],
        "selectedFilter": str(view.number),
        "nameFields": list(NAME_FIELDS.get(module.name, module.label_fields)),
        "moreRecords": len(fetched) > PAGE,
        "orderBy": False,
        "sortOrder": False,
        "page": str(number),
    }


def _type(name: str, kind: str) -> str:
    return "salutation" if name == "firstname" else kind


def _mixed(row: Record, number: int) -> bytes:
    return hashlib.blake2b(f"{number}:{row.number}".encode(), digest_size=8).digest()


def _view(state: State, module: Module, number: str) -> View:
    view = state.views.get(number)
    if view is None or view.module != module.name:
        raise Problem("ACCESS_DENIED", "Permission to perform the operation is denied")
    return view
