"""`make docs`: dbt's page on every model of a home, its columns, its tests and where it comes from.

Belongs here: which models and where to. Does not: calling dbt (dbt.py).

Usage: python -m pipelines.dbt_docs [HOME]. The models of stage to plan are shown as those of the first sync.
"""

import sys
from pathlib import Path

from pipelines import dbt
from pipelines.config import Home, find_root, load_home
from pipelines.sync.settings import map_vars, marts_vars
from pipelines.warehouse import Warehouse


def write(home: Home) -> Path:
    """Write the page into the home's reports and say where it lies."""
    first = [map_vars(home, sync) for sync in list(home.syncs.values())[:1]]
    variables = {name: value for part in (*first, marts_vars(home)) for name, value in part.items()}
    return dbt.document(home, Warehouse(home), variables)


if __name__ == "__main__":
    sys.stdout.write(f"{write(load_home(find_root(Path(sys.argv[1]) if sys.argv[1:] else None)))}\n")
