"""The back stage of the Iteras simulator: /sandbox/iteras/...

Belongs here: pages for rehearsals and tests. Does not: anything that Iteras's API has.

    POST   customers  {customers: [{id, data, subscriptions}]}: puts them there, outside the history; {ids}
    GET    customers  ?id=N: one of them with all that is kept, null when it is gone
    POST   edit, delete   {id, data} and {id}: somebody does it in Iteras's own pages
    POST   subscribe, stop   {id, subscription} and {id, subscription_id}
    POST   fields     {name, kind, values}: a custom field
    GET    history    ?after=SEQ&count=N: what was written, and through what
    GET    stats      calls by route and status, and what was asked for
    GET, POST, DELETE faults     what goes wrong with the next calls
    GET, POST switches           how open points of the contract are decided
"""

from dataclasses import asdict
from typing import Any

from starlette.routing import Route

from pipelines.sandbox.backstage import Visit, page
from pipelines.sandbox.iteras.simulator import Iteras

ROOT = "/sandbox/iteras"


def admin_routes(iteras: Iteras) -> list[Route]:
    """Its pages."""
    return [*_customer_routes(iteras), *_watching_routes(iteras)]


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


def _watching_routes(iteras: Iteras) -> list[Route]:
    def history(visit: Visit) -> dict[str, Any]:
        after, count = int(visit.query.get("after", 0)), int(visit.query.get("count", -1))
        return {"history": iteras.history(after, count)}

    def faults(visit: Visit) -> dict[str, Any]:
        if visit.method == "POST":
            iteras.fail(**visit.body)
        elif visit.method == "DELETE":
            iteras.faults.clear()
        return {"faults": [asdict(fault) for fault in iteras.faults.waiting()]}

    def switches(visit: Visit) -> dict[str, Any]:
        return asdict(iteras.turn(**visit.body) if visit.method == "POST" else iteras.switches)

    def stats(_: Visit) -> dict[str, Any]:
        return iteras.stats()

    return [
        page(f"{ROOT}/history", history),
        page(f"{ROOT}/stats", stats),
        page(f"{ROOT}/faults", faults, ("GET", "POST", "DELETE")),
        page(f"{ROOT}/switches", switches, ("GET", "POST")),
    ]
