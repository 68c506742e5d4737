"""The back stage of the Mailchimp simulator: /sandbox/mailchimp/...

Belongs here: pages for rehearsals and tests. Does not: anything that Mailchimp's API has.

    POST   act        {list_id, email, act, ...}: a person or a marketer does something
    GET    history    ?after=SEQ&count=N: what changed, and through what
    GET    stats      calls by route and status, simultaneous connections
    GET, POST, DELETE faults     what goes wrong with the next calls
    GET, POST switches           how open points of the contract are decided
"""

from dataclasses import asdict
from typing import Any

from starlette.routing import Route

from pipelines.sandbox.backstage import Visit, page
from pipelines.sandbox.mailchimp.simulator import Mailchimp

ROOT = "/sandbox/mailchimp"


def admin_routes(mailchimp: Mailchimp) -> list[Route]:
    """Its pages."""

    def act(visit: Visit) -> dict[str, Any]:
        options = dict(visit.body)
        named = {name: str(options.pop(name)) for name in ("list_id", "email", "act")}
        return {"member": mailchimp.act(**named, **options)}

    def history(visit: Visit) -> dict[str, Any]:
        after, count = int(visit.query.get("after", 0)), int(visit.query.get("count", -1))
        return {"history": mailchimp.history(after, count)}

    def faults(visit: Visit) -> dict[str, Any]:
        if visit.method == "POST":
            mailchimp.fail(**visit.body)
        elif visit.method == "DELETE":
            mailchimp.faults.clear()
        return {"faults": [asdict(fault) for fault in mailchimp.faults.waiting()]}

    def switches(visit: Visit) -> dict[str, Any]:
        return asdict(mailchimp.turn(**visit.body) if visit.method == "POST" else mailchimp.switches)

    def stats(_: Visit) -> dict[str, Any]:
        return mailchimp.stats()

    return [
        page(f"{ROOT}/act", act, ("POST",)),
        page(f"{ROOT}/history", history),
        page(f"{ROOT}/stats", stats),
        page(f"{ROOT}/faults", faults, ("GET", "POST", "DELETE")),
        page(f"{ROOT}/switches", switches, ("GET", "POST")),
    ]
