"""What the ledger learns from the CRM's records once they are mapped: who objects there, then whom objections follow.

Belongs here: that order. Does not: either of them (objections.py, objectors.py), what is learned from the audience and
from campaigns (consent.py, reactions.py).
"""

from pathlib import Path

import duckdb

from pipelines.config import SyncConfig
from pipelines.ledger import load, objections, objectors


def remember(connection: duckdb.DuckDBPyConnection, ledger: Path, sync: SyncConfig) -> None:
    """Write down what is new, and bring the ledger's tables up to it; to be called inside a transaction."""
    objections.record(ledger, objections.news(connection, sync))
    load.load(connection, ledger)
    objectors.record(ledger, objectors.news(connection, sync.sync))
    load.load(connection, ledger)
