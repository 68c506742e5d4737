"""What dbt is told of the syncs of a home when it builds the marts.

Belongs here: the values. Does not: what the marts make of them (test_marts.py).
"""

from pathlib import Path

from pipelines.config import load_home
from pipelines.sync.settings import marts_vars

DATA = Path(__file__).parents[2] / "data"


def test_the_marts_know_the_group_into_which_a_sync_moves_those_who_leave() -> None:
    """F3, Z10: by its file, also before anybody was moved; a sync that moves nobody has none."""
    told = marts_vars(load_home(DATA, environ={}, check=False))
    assert len(told["syncs"]) == 5
    assert told["parking"] == {"vtiger_mailup": "esclusi"}
