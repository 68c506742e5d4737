"""The back-stage pages that every simulator has: what happened, what goes wrong next, how open points are decided.

Belongs here: the four pages below. Does not: pages of one system (such as mailup/admin.py).

    GET    history    ?after=SEQ&count=N: what changed, and through what
    GET    stats      calls by route and status, simultaneous connections, and what the system counts beside them
    GET, POST, DELETE faults     what goes wrong with the next calls
    GET, POST switches           how open points of the contract are decided
"""

from dataclasses import asdict
from typing import Any

from starlette.routing import Route

from pipelines.sandbox.backstage import Visit, page
from pipelines.sandbox.simulator import Simulator


def watching_routes(root: str, simulator: Simulator[Any, Any]) -> list[Route]:
    """The pages of this simulator below `root`."""

    def history(visit: Visit) -> dict[str, Any]:
        after, count = int(visit.query.get("after", 0)), int(visit.query.get("count", -1))
        return {"history": simulator.history(after, count)}

    def stats(_: Visit) -> dict[str, Any]:
        return simulator.stats()

    def faults(visit: Visit) -> dict[str, Any]:
        if visit.method == "POST":
            simulator.fail(**visit.body)
        elif visit.method == "DELETE":
            simulator.faults.clear()
        return {"faults": [asdict(fault) for fault in simulator.faults.waiting()]}

    def switches(visit: Visit) -> dict[str, Any]:
        return asdict(simulator.turn(**visit.body) if visit.method == "POST" else simulator.switches)

    return [
        page(f"{root}/history", history),
        page(f"{root}/stats", stats),
        page(f"{root}/faults", faults, ("GET", "POST", "DELETE")),
        page(f"{root}/switches", switches, ("GET", "POST")),
    ]
