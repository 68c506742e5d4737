"""The back stage of the Iteras simulator: /sandbox/iteras/...

Belongs here: pages for rehearsals and tests. Does not: anything that Iteras's API has.

    POST   customers  {customers: [{id, data, subscriptions}]}: puts them there, outside the history; {ids}
    GET    customers  ?id=N: one of them with all that is kept, null when it is gone
    POST   edit, delete   {id, data} and {id}: somebody does it in Iteras's own pages
    POST   subscribe, stop   {id, subscription} and {id, subscription_id}
    POST   fields     {name, kind, values}: a custom field
    ...    history, stats, faults, switches: see sandbox/watching.py
"""

from typing import Any

from starlette.routing import Route

from pipelines.sandbox.backstage import Visit, page
from pipelines.sandbox.iteras.simulator import Iteras
from pipelines.sandbox.watching import watching_routes

ROOT = "/sandbox/iteras"


def admin_routes(iteras: Iteras) -> list[Route]:
    """Its pages."""
    return [*_customer_routes(iteras), *watching_routes(ROOT, iteras)]


def _customer_routes(iteras: Iteras) -> list[Route]:
    def customers(visit: Visit) -> dict[str, Any]:
        if visit.method == "POST":
            return {"ids": iteras.add_customers(visit.body["customers"])}
        return {"customer": iteras.customer(visit.query["id"])}

    def edit(visit: Visit) -> dict[str, Any]:
        iteras.edit(str(visit.body["id"]), **visit.body["data"])
        return {"changed": True}

    def delete(visit: Visit) -> dict[str, Any]:
        iteras.delete(str(visit.body["id"]))
        return {"deleted": True}

    def subscribe(visit: Visit) -> dict[str, Any]:
        return {"id": iteras.subscribe(str(visit.body["id"]), **visit.body["subscription"])}

    def stop(visit: Visit) -> dict[str, Any]:
        iteras.stop(str(visit.body["id"]), str(visit.body["subscription_id"]))
        return {"stopped": True}

    def fields(visit: Visit) -> dict[str, Any]:
        body = visit.body
        iteras.add_field(str(body["name"]), body.get("kind", "text"), body.get("values", ()))
        return {"made": True}

    return [
        page(f"{ROOT}/customers", customers, ("GET", "POST")),
        page(f"{ROOT}/edit", edit, ("POST",)),
        page(f"{ROOT}/delete", delete, ("POST",)),
        page(f"{ROOT}/subscribe", subscribe, ("POST",)),
        page(f"{ROOT}/stop", stop, ("POST",)),
        page(f"{ROOT}/fields", fields, ("POST",)),
    ]
