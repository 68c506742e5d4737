"""What the provider refuses: the last word on each change that it did not take.

Belongs here: that query. Does not: holding such rows back (dbt's plan_changes), showing them (cli, reports).
"""

from typing import Any

import duckdb

from pipelines.warehouse import rows


def refused(connection: duckdb.DuckDBPyConnection, sync: str | None = None) -> list[dict[str, Any]]:
    """Changes whose last outcome is refused or failed, newest first, with the provider's words and the remedy."""
    return rows(
        connection,
        """
        with last as (
            select * from ledger.pushes
            where sync = coalesce(?, sync) and outcome <> 'left'
            qualify 1 = row_number() over (
                partition by sync, email_key, op order by happened_at desc, seq desc
            )
        )
        select
            sync, entity, contact_key, owner, email, op, outcome, code, detail, remedy, can_retry, happened_at, run_id,
        from last where outcome in ('refused', 'failed')
        order by happened_at desc, sync, entity, contact_key
        """,
        [sync],
    )
