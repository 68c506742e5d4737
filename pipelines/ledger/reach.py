"""Reach: noes that reach less far than the sync of their audience says by now.

Belongs here: writing such a no down again, as far as it reaches now. Does not: noes that are new (consent.py,
reactions.py), what a reach means for the plan (dbt's stage_suppressions).

A reach that is made wider counts for what was said before as well; one that is made narrower takes nothing back. What
was released is not in force, and so nothing here says it anew. A block keeps the reach that a person gave it.
"""

from typing import Any

import duckdb

from pipelines.config import SyncConfig
from pipelines.ledger import consent
from pipelines.warehouse import rows

# The order of scopes, for SQL.
RANK = "list_position(['audience', 'account', 'home'], {scope})"
NEWS = """
with settings as (select * from sync_{sync}.settings),
known as (
    select
        suppressions.email_key,
        suppressions.reason,
        suppressions.source,
        max({known_rank}) as reach,
        min(suppressions.since) as since, -- the same for both: whose address it was then is known by it (objectors.py)
        arg_min(suppressions.note, suppressions.since) as note,
    from ledger.suppressions as suppressions
    inner join settings using (connection, audience_id)
    where suppressions.released_at is null and suppressions.source not in ('admin', 'crm')
    group by suppressions.email_key, suppressions.reason, suppressions.source
)
select
    known.email_key,
    settings.connection,
    settings.audience_id,
    managed.entity,
    settings.sync,
    {scope} as scope,
    {event} as event,
    known.reason,
    known.source,
    known.since as happened_at,
    known.note,
from known
cross join settings
{managed}
where known.reach < {rank}
"""


def news(connection: duckdb.DuckDBPyConnection, sync: SyncConfig) -> list[dict[str, Any]]:
    """What is in force from the sync's audience and reaches too little: events ready for `consent.record`."""
    scope = consent.scope_of(sync)
    return rows(
        connection,
        NEWS.format(
            sync=sync.sync,
            scope=scope,
            event=consent.EVENT.format(reason="known.reason"),
            managed=consent.MANAGED.format(email_key="known.email_key"),
            rank=RANK.format(scope=scope),
            known_rank=RANK.format(scope="suppressions.scope"),
        ),
    )
