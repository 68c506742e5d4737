"""A provider account: opened and let go of, and what it holds brought into the warehouse.

Belongs here: the account and its audiences. Does not: one sync's audience (sync/audience.py), one provider's API.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from pipelines import clock
from pipelines.config import Home
from pipelines.providers import connect
from pipelines.providers.base import Audience, Provider
from pipelines.warehouse import Warehouse


@contextmanager
def connected(home: Home, name: str) -> Iterator[Provider]:
    """The provider account of that name, let go of at the end."""
    provider = connect(name, home.connection(name), home.locks)
    try:
        yield provider
    finally:
        provider.close()


def load_account(provider: Provider, warehouse: Warehouse, connection: str) -> int:
    """Bring extract.audiences up to the account: what is gone there stays as history (F10, J1). How many there are."""
    account = provider.account()
    audiences = provider.audiences()
    with warehouse.transaction() as database:
        database.execute(
            "update extract.audiences set state = 'deleted' where connection = ? and not list_contains(?, audience_id)",
            [connection, [audience.audience_id for audience in audiences]],
        )
        for audience in audiences:
            record_audience(database, connection, account.account_id, audience)
    return len(audiences)


def record_audience(database: duckdb.DuckDBPyConnection, connection: str, account_id: str, audience: Audience) -> None:
    """Bring one row of extract.audiences up to what the provider says now."""
    now = clock.naive(clock.now())
    database.execute(
        """
        insert into extract.audiences
        values (?, ?, ?, ?, ?::timestamptz at time zone 'UTC', ?, ?, ?, ?, 'created', ?, ?)
        on conflict do update set
            name = excluded.name, double_opt_in = excluded.double_opt_in, state = 'created',
            subscribed_count = excluded.subscribed_count, unsubscribed_count = excluded.unsubscribed_count,
            bounced_count = excluded.bounced_count, last_seen_at = excluded.last_seen_at
        """,
        [
            *(connection, audience.audience_id, account_id, audience.name, audience.created_at),
            *(audience.double_opt_in, audience.subscribed_count, audience.unsubscribed_count),
            *(audience.bounced_count, now, now),
        ],
    )
