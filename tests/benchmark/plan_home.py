"""Plans in a home as a run does, stages 3 to 5, and says what each part of it took.

Belongs here: one plan in a process of its own, so that nothing else is measured. Does not: the home (contacts.py).

Usage: plan_home.py HOME; prints {"seconds": {part: s}, "models": {name: s}, "cpu": s, "megabytes": n, "counts": [...]}
as one line of JSON. The same calls as defs/models.py, defs/check.py and defs/plan.py make, in their order.
"""

import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from contacts import SYNC, home_in

from pipelines import dbt
from pipelines.defs.models import SYNC_FOLDERS, variables
from pipelines.ledger import load
from pipelines.providers import traits_of
from pipelines.quality import measures
from pipelines.sync.freeze import freeze
from pipelines.warehouse import Warehouse


def plan(folder: Path) -> dict[str, Any]:
    """What was planned, and what it took."""
    home = home_in(folder)
    warehouse, sync = Warehouse(home), home.sync(SYNC)
    seconds: dict[str, float] = {}
    with timed(seconds, "dbt"):
        nodes = dbt.build(home, warehouse, SYNC, SYNC_FOLDERS, variables(home, SYNC))
        dbt.raise_for(nodes, "dbt_project")
    with timed(seconds, "suite"), warehouse.transaction() as database:
        measures.of_extract(database, home, sync)
        measures.of_wanted(database, sync)
        measures.of_audience(database, sync)
    with timed(seconds, "freeze"), warehouse.transaction() as database:
        load.load(database, home.ledger)
        frozen = freeze(database, home, sync, traits_of("chimp", home.connection("chimp")))
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": seconds,
        "models": {node.name: node.seconds for node in nodes if node.kind == "model"},
        "data_tests": sum(node.seconds for node in nodes if node.kind == "test"),
        "cpu": used.ru_utime + used.ru_stime,
        "megabytes": used.ru_maxrss / 1024,
        "counts": [dict(count) for count in frozen.counts],
    }


@contextmanager
def timed(seconds: dict[str, float], what: str) -> Iterator[None]:
    """Write down how long the block takes."""
    started = time.monotonic()
    yield
    seconds[what] = time.monotonic() - started


if __name__ == "__main__":
    sys.stdout.write(json.dumps(plan(Path(sys.argv[1]))))
