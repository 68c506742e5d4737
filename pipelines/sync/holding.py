"""Who a plan leaves out, kept for people to look at: records that are held back, addresses that are wrong.

Belongs here: renewing plan.holds and quality.bad_emails when a plan is frozen. Does not: who is held and why (dbt's
plan models), which address is wrong (quality/).
"""

import duckdb

from pipelines import clock
from pipelines.config import SyncConfig


def renew_holds(connection: duckdb.DuckDBPyConnection, sync: str) -> None:
    """The holds of the sync as its draft has them; each remembers when it was first seen."""
    connection.execute(
        f"""
        create or replace temp table holds as
        select distinct on (draft.email_key, draft.entity, draft.contact_key, draft.reason)
            $sync as sync, draft.email_key, draft.contact_key, draft.entity, draft.owner, draft.reason, draft.detail,
            coalesce(known.first_seen_at, $now) as first_seen_at,
            $now as last_seen_at,
        from sync_{sync}.plan_holds as draft
        left join plan.holds as known
            on known.sync = $sync and known.reason = draft.reason
            and known.email_key is not distinct from draft.email_key
            and known.entity is not distinct from draft.entity
            and known.contact_key is not distinct from draft.contact_key
        """,
        {"sync": sync, "now": clock.naive(clock.now())},
    )
    connection.execute("delete from plan.holds where sync = ?", [sync])
    connection.execute("insert into plan.holds by name select * from holds")
    connection.execute("drop table holds")


def renew_bad_emails(connection: duckdb.DuckDBPyConnection, sync: SyncConfig) -> None:
    """The wrong and missing addresses of the sync's records, and the warnings that it counts as such."""
    connection.execute("delete from quality.bad_emails where sync = ?", [sync.sync])
    connection.execute(
        f"""
        insert into quality.bad_emails by name
        select ? as sync, entity, contact_key, owner, address as email, verdict, rule, detail, suggestion
        from sync_{sync.sync}.map_records
        where
            eligibility in ('wanted', 'bad_address', 'missing_address')
            and (verdict in ('wrong', 'missing') or verdict = 'warning' and list_contains(?, rule))
        """,
        [sync.sync, list(sync.quality.warnings)],
    )
