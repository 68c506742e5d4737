"""Objections: what the CRM itself holds against mailing, kept so that it outlives the record that said it.

Belongs here: finding what the CRM's records say that the ledger does not know yet, and writing it down. Does not: a no
at the provider (consent.py), what a suppression means for the plan (dbt's stage_suppressions), the tables (load.py).

A record that is gone takes nothing back. Vtiger converts a lead into a contact that has lost the lead's opt-out, and
records are deleted by mistake. So only the record itself takes its objection back: it is there, and says no more; or
it has another address now, where it objects as well. An address that is wanted through another record waits meanwhile.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb

from pipelines import clock
from pipelines.config import SyncConfig
from pipelines.ledger import files
from pipelines.warehouse import rows

COLUMNS = ("sync", "connection", "audience_id", "entity", "contact_key", "email_key", "recorded_at")

# `is_opted_out` is null where the CRM can't say: that takes nothing back either.
NEWS = """
with settings as (
    select sync, connection, audience_id from sync_{sync}.settings
),
told as (
    select entity, contact_key, email_key, is_opted_out
    from sync_{sync}.map_records
    where list_contains($entities, entity) and contact_key is not null
),
known as (
    select objections.* from ledger.objections as objections
    semi join settings using (sync, connection, audience_id)
    where objections.ended_at is null
)
select settings.*, told.entity, told.contact_key, told.email_key, true as objects
from told
anti join known using (entity, contact_key, email_key)
cross join settings
where told.is_opted_out and told.email_key is not null
union all
select settings.*, known.entity, known.contact_key, known.email_key, false as objects
from known
inner join told using (entity, contact_key)
cross join settings
where not told.is_opted_out or (told.is_opted_out and told.email_key <> known.email_key)
"""


def path_of(ledger: Path) -> Path:
    """The file of objections."""
    return ledger / "objections.ndjson"


def news(connection: duckdb.DuckDBPyConnection, sync: SyncConfig) -> list[dict[str, Any]]:
    """What the sync's records, as mapped last, say otherwise than the ledger: rows ready to `record`.

    Of entities whose `opt_out` the sync writes as false nothing is known, and so nothing is taken back.
    """
    entities = [source.entity for source in sync.sources if source.opt_out]
    return rows(connection, NEWS.format(sync=sync.sync), {"entities": entities}) if entities else []


def record(ledger: Path, found: Iterable[Mapping[str, Any]]) -> None:
    """Write down who objects in the CRM, and who does so no longer."""
    moment = clock.exact_text(clock.now())
    files.append(path_of(ledger), ({**row, "format": files.FORMAT, "recorded_at": moment} for row in found))
