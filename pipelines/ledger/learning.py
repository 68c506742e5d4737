"""What the ledger learns in a run: from the audience and its campaigns once they are read, then from the CRM's records.

Belongs here: what is written down when, each time followed by the ledger's tables. Does not: what is news (consent.py,
reactions.py, reach.py, objections.py, objectors.py).
"""

from pathlib import Path

import duckdb

from pipelines.config import SyncConfig
from pipelines.ledger import consent, load, objections, objectors, reach, reactions


def from_audience(connection: duckdb.DuckDBPyConnection, ledger: Path, sync: SyncConfig) -> int:
    """Opt-outs, bounces and complaints that the audience and the sync's campaigns show; returns how many were new.

    One that reaches further than before is new as well. To be called inside a transaction, as `from_records`.
    Objectors are those of the records as they were mapped before.
    """
    load.load(connection, ledger)
    events = [event for news in (consent.news, reactions.news, reach.news) for event in news(connection, sync)]
    consent.record(ledger, events)
    load.load(connection, ledger)
    _follow(connection, ledger, sync)
    return len(events)


def from_records(connection: duckdb.DuckDBPyConnection, ledger: Path, sync: SyncConfig) -> None:
    """Who objects in the CRM, once its records are mapped, and which addresses such a no follows."""
    objections.record(ledger, objections.news(connection, sync))
    load.load(connection, ledger)
    _follow(connection, ledger, sync)


def _follow(connection: duckdb.DuckDBPyConnection, ledger: Path, sync: SyncConfig) -> None:
    objectors.record(ledger, objectors.news(connection, sync))
    load.load(connection, ledger)
