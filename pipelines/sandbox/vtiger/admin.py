"""The back stage of the Vtiger simulator: /sandbox/vtiger/...

Belongs here: pages for rehearsals and tests. Does not: anything that Vtiger's API has.

    POST   records    {module, records: [{field: value}]}: puts them there, outside the history; {ids}
    GET    records    ?module=Leads: all that a query could find; or ?id=10x2: one, null when it is gone
    POST   create, edit   {module, values} and {id, values}, both with user: a CRM user does it by hand
    POST   delete, convert   {id}: a CRM user deletes a record or converts a lead
    POST   sessions   {how: idle | expired | forgotten}: ends all sessions
    POST   users, groups   {user_name, access_key, time_zone, sees_all, ...} and {name, description}; PATCH users
    POST   fields, views   {module, label, type, values} and {module, name, where}
    ...    history, stats, faults, switches: see sandbox/watching.py
"""

from typing import Any

from starlette.routing import Route

from pipelines.sandbox.backstage import Visit, page
from pipelines.sandbox.vtiger.seeding import ACCESS_KEY, USERNAME
from pipelines.sandbox.vtiger.simulator import Vtiger
from pipelines.sandbox.watching import watching_routes

ROOT = "/sandbox/vtiger"


def admin_routes(vtiger: Vtiger) -> list[Route]:
    """Its pages."""
    return [*_record_routes(vtiger), *_console_routes(vtiger), *watching_routes(ROOT, vtiger)]


def _record_routes(vtiger: Vtiger) -> list[Route]:
    def records(visit: Visit) -> dict[str, Any]:
        if visit.method == "POST":
            return {"ids": vtiger.add_records(str(visit.body["module"]), visit.body["records"])}
        if "id" in visit.query:
            return {"record": vtiger.record(visit.query["id"])}
        return {"records": vtiger.records(visit.query["module"])}

    def create(visit: Visit) -> dict[str, Any]:
        user_name = str(visit.body.get("user", USERNAME))
        return {"id": vtiger.create(str(visit.body["module"]), user_name, **visit.body["values"])}

    def edit(visit: Visit) -> dict[str, Any]:
        user_name = str(visit.body.get("user", USERNAME))
        return {"record": vtiger.edit(str(visit.body["id"]), user_name, **visit.body["values"])}

    def delete(visit: Visit) -> dict[str, Any]:
        vtiger.delete(str(visit.body["id"]))
        return {"deleted": True}

    def convert(visit: Visit) -> dict[str, Any]:
        return {"made": vtiger.convert(str(visit.body["id"]))}

    return [
        page(f"{ROOT}/records", records, ("GET", "POST")),
        page(f"{ROOT}/create", create, ("POST",)),
        page(f"{ROOT}/edit", edit, ("POST",)),
        page(f"{ROOT}/delete", delete, ("POST",)),
        page(f"{ROOT}/convert", convert, ("POST",)),
    ]


def _console_routes(vtiger: Vtiger) -> list[Route]:
    def sessions(visit: Visit) -> dict[str, Any]:
        return {"ended": vtiger.end_sessions(visit.body.get("how", "idle"))}

    def users(visit: Visit) -> dict[str, Any]:
        about = dict(visit.body)
        user_name = str(about.pop("user_name"))
        if visit.method == "PATCH":
            vtiger.edit_user(user_name, **about)
            return {"changed": True}
        return {"id": vtiger.add_user(user_name, str(about.pop("access_key", ACCESS_KEY)), **about)}

    def groups(visit: Visit) -> dict[str, Any]:
        return {"id": vtiger.add_group(str(visit.body["name"]), str(visit.body.get("description", "")))}

    def fields(visit: Visit) -> dict[str, Any]:
        body = visit.body
        kind, values = str(body.get("type", "string")), body.get("values", ())
        return {"name": vtiger.add_field(str(body["module"]), str(body["label"]), kind, values)}

    def views(visit: Visit) -> dict[str, Any]:
        body = visit.body
        return {"id": vtiger.add_view(str(body["module"]), str(body["name"]), str(body.get("where", "")))}

    return [
        page(f"{ROOT}/sessions", sessions, ("POST",)),
        page(f"{ROOT}/users", users, ("POST", "PATCH")),
        page(f"{ROOT}/groups", groups, ("POST",)),
        page(f"{ROOT}/fields", fields, ("POST",)),
        page(f"{ROOT}/views", views, ("POST",)),
    ]
