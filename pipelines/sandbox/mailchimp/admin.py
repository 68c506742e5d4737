"""The back stage of the Mailchimp simulator: /sandbox/mailchimp/...

Belongs here: pages for rehearsals and tests. Does not: anything that Mailchimp's API has.

    POST   act        {list_id, email, act, ...}: a person or a marketer does something
    ...    history, stats, faults, switches: see sandbox/watching.py
"""

from typing import Any

from starlette.routing import Route

from pipelines.sandbox.backstage import Visit, page
from pipelines.sandbox.mailchimp.simulator import Mailchimp
from pipelines.sandbox.watching import watching_routes

ROOT = "/sandbox/mailchimp"


def admin_routes(mailchimp: Mailchimp) -> list[Route]:
    """Its pages."""

    def act(visit: Visit) -> dict[str, Any]:
        options = dict(visit.body)
        named = {name: str(options.pop(name)) for name in ("list_id", "email", "act")}
        return {"member": mailchimp.act(**named, **options)}

    return [page(f"{ROOT}/act", act, ("POST",)), *watching_routes(ROOT, mailchimp)]
