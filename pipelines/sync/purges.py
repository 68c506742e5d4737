"""The clock that `on_exit.then` starts (F6): who waits to be archived, and until when.

Belongs here: reading it for people. Does not: starting it (the unsubscribe of a leaver carries the date), the purge
itself (dbt's plan_members). What is counted here is what plan_members will purge when the day comes.

A clock stops when the person is wanted or subscribed again, is blocked by hand, or when the sync says `then` no more.
"""

from datetime import datetime

import duckdb

from pipelines.config import SyncConfig
from pipelines.warehouse import has_table

WAITING = """
with settings as (select * from sync_{sync}.settings)
select members.email_key, members.purge_after
from ledger.members as members
inner join settings using (sync, connection, audience_id)
left join sync_{sync}.stage_members as present using (email_key)
left join sync_{sync}.map_wanted as wanted using (email_key)
where members.purge_after is not null
    and members.left_by = 'unsubscribe'
    and wanted.email_key is null
    -- What was read before they left says nothing about them.
    and (present.status is not distinct from 'unsubscribed' or settings.extracted_at < members.left_at)
    and not exists (
        from ledger.suppressions as blocks
        where blocks.email_key = members.email_key and blocks.reason = 'blocked' and blocks.released_at is null
        and (blocks.scope = 'home' or blocks.connection = settings.connection)
        and (blocks.scope <> 'audience' or blocks.audience_id = settings.audience_id)
    )
order by members.purge_after, members.email_key
"""


def waiting(connection: duckdb.DuckDBPyConnection, sync: SyncConfig) -> dict[str, datetime]:
    """Whose clock runs in the sync's audience, by email_key, and when it is due (UTC); the next one first."""
    if sync.on_exit.then != "archive":
        return {}
    tables = ("settings", "stage_members", "map_wanted")
    if not all(has_table(connection, f"sync_{sync.sync}", table) for table in tables):
        return {}
    return dict(connection.execute(WAITING.format(sync=sync.sync)).fetchall())
