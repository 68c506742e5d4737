"""Which fields of the provider a sync means: a name is resolved once, from then on its id counts (D13).

Belongs here: remembering those ids for the provider. Does not: stopping when a field drifted (stale.py), which names a
provider has (providers/).

The ids are those of the last push, which the ledger keeps, else those of the last extract.
"""

from collections.abc import Mapping
from typing import Any

from pipelines.config import Home, SyncConfig
from pipelines.ledger import load as ledger
from pipelines.providers.base import Provider
from pipelines.sync import stale
from pipelines.warehouse import Warehouse, has_table


def name_fields(home: Home, warehouse: Warehouse, provider: Provider, sync: SyncConfig, audience_id: str) -> None:
    """Tell the provider the sync's fields with the ids that they had; to be called before fields are named to it."""
    with warehouse.transaction() as connection:
        ledger.load(connection, home.ledger)
        extracted: stale.Fields = {}
        if has_table(connection, f"sync_{sync.sync}", "settings"):
            extracted = stale.named_fields(connection, sync)
        known = {**extracted, **stale.pushed_fields(connection, sync, audience_id)}
    provider.name_fields(audience_id, {name: _id_of(known.get(name)) for name in sync.field_names})


def _id_of(field: Mapping[str, Any] | None) -> str:
    return str(field["field_id"]) if field else ""
