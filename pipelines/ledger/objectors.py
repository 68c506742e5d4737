"""Objectors: which CRM records had the address that said no, so that the no goes along when they change it.

Belongs here: finding those records and writing them down. Does not: the objections (consent.py), what the plan makes
of them (dbt's plan_state).

The records that have the address when the objection is first seen are meant, and those to which we sent it; of an
objection that the CRM holds, only the record that says so (objections.py). When none of them is left in the CRM and
another record has the address, that one is the person: a lead that was converted, a record that was deleted and made
again. While they are there, whoever takes the address over is somebody else.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb

from pipelines import clock
from pipelines.config import SyncConfig
from pipelines.ledger import files
from pipelines.warehouse import has_table, rows

COLUMNS = ("email_key", "since", "entity", "contact_key", "recorded_at")

# A bounce is no objection: people call in with a working address.
OBJECTIONS = """
with objections as (
    select distinct email_key, since, sync, source = 'crm' as is_in_crm
    from ledger.suppressions where released_at is null and reason <> 'bounced'
)
"""
# The last one sent to before the no; and where it is not known whether that arrived, also the one before it.
SENT_TO = f"""
{OBJECTIONS}
select distinct objections.email_key, objections.since, pushes.entity, pushes.contact_key,
from objections
anti join ledger.objectors as known using (email_key, since)
inner join ledger.pushes as pushes on objections.email_key = pushes.email_key
where not objections.is_in_crm and pushes.outcome not in ('refused', 'left') and pushes.contact_key is not null
window nearest as (
    partition by objections.email_key, objections.since, pushes.sync
    order by
        pushes.happened_at >= objections.since,
        abs(date_diff('second', pushes.happened_at, objections.since)),
        pushes.seq desc
)
qualify row_number() over nearest = 1 or (
    pushes.happened_at < objections.since
    and count_if(pushes.outcome = 'applied') over (nearest rows between unbounded preceding and 1 preceding) = 0
)
"""
HAVING = f"""
{OBJECTIONS},
present as (
    select known.email_key, known.since, known.is_in_crm
    from (
        select email_key, since, entity, contact_key, unnest([true, false]) as is_in_crm from ledger.objectors
        union all
        select email_key, since, entity, contact_key, true from ledger.objections where sync = '{{sync}}'
    ) as known
    semi join sync_{{sync}}.map_records using (entity, contact_key)
)
select objections.email_key, objections.since, records.entity, records.contact_key,
from objections
anti join present using (email_key, since, is_in_crm)
inner join sync_{{sync}}.map_records as records on objections.email_key = records.email_key
where records.contact_key is not null and (not objections.is_in_crm or objections.sync = '{{sync}}')
"""


def path_of(ledger: Path) -> Path:
    """The file of objectors."""
    return ledger / "objectors.ndjson"


def news(connection: duckdb.DuckDBPyConnection, sync: SyncConfig) -> list[dict[str, Any]]:
    """Objectors whom the ledger does not know: as the sync's records were mapped last, which may be before a change.

    Rows of email_key, since, entity and contact_key, ready to `record`.
    """
    found = rows(connection, SENT_TO)
    if has_table(connection, f"sync_{sync.sync}", "map_records"):
        found += rows(connection, HAVING.format(sync=sync.sync))
    return found


def record(ledger: Path, found: Iterable[Mapping[str, Any]]) -> None:
    """Write objectors down for good."""
    moment = clock.text(clock.now())
    files.append(
        path_of(ledger),
        ({**row, "format": files.FORMAT, "since": str(row["since"]), "recorded_at": moment} for row in found),
    )
