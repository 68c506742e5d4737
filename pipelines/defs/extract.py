"""Stage 1, extract: one asset per CRM entity, one per provider account, one per sync's audience.

Belongs here: these assets. Does not: reading and loading (crm/loading.py, providers/loading.py, sync/audience.py).
"""

import dagster as dg

from pipelines import progress
from pipelines.config import Home, SqlConnection, SyncConfig
from pipelines.crm.loading import load_entity
from pipelines.defs import names
from pipelines.defs.results import table_metadata, told
from pipelines.providers.loading import connected, load_account
from pipelines.sync.audience import load_audience
from pipelines.warehouse import Warehouse


def entity_asset(home: Home, connection: str, entity: str) -> dg.AssetsDefinition:
    """A CRM entity, landed as it came."""
    config = home.connection(connection)
    kind = (
        config.url.get_secret_value().partition(":")[0].partition("+")[0]
        if isinstance(config, SqlConnection)
        else config.kind
    )

    @dg.asset(
        key=names.entity_key(connection, entity),
        group_name=connection,
        description=f"Records of {entity} in {connection}, as they came. One row per CRM record.",
        kinds={kind, "duckdb"},
        owners=names.SYNC_OWNERS,
        required_resource_keys={names.PROCESS},
    )
    def extract(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        progress.stage(connection, "extract")
        warehouse = Warehouse(home)
        with told():
            loaded = load_entity(home, warehouse, connection, entity, context.run.run_id, context.run.tags.get("sync"))
            with warehouse.open() as database:
                metadata = table_metadata(database, f"crm_{connection}", entity)
        return dg.MaterializeResult(
            metadata={
                **metadata,
                "records read": loaded.how,
                "rejected records": loaded.rejected,
                "new columns": ", ".join(loaded.new_columns) or "none",
                "columns that are gone": ", ".join(loaded.gone_columns) or "none",
                "notes": " ".join(loaded.notes) or "none",
            }
        )

    return extract


def account_asset(home: Home, connection: str) -> dg.AssetsDefinition:
    """All audiences of a provider account (J6)."""

    @dg.asset(
        key=names.audiences_key(connection),
        group_name=connection,
        description="Audiences of the account, past ones included. One row per audience.",
        kinds={home.connection(connection).kind, "duckdb"},
        owners=names.SYNC_OWNERS,
        required_resource_keys={names.PROCESS},
    )
    def audiences() -> dg.MaterializeResult:
        progress.stage(connection, "extract")
        warehouse = Warehouse(home)
        with told():
            with connected(home, connection) as provider:
                load_account(provider, warehouse, connection)
            with warehouse.open() as database:
                return dg.MaterializeResult(metadata=table_metadata(database, "extract", "audiences"))

    return audiences


def members_asset(home: Home, sync: SyncConfig) -> dg.AssetsDefinition:
    """The sync's audience as the provider has it now."""

    @dg.asset(
        key=names.sync_key(sync.sync, "extract", "members"),
        deps=[names.audiences_key(sync.to.connection)],
        group_name=sync.sync,
        description=f"Members of {sync.to.audience} as {sync.to.connection} has them now, in every status. "
        "One row per member.",
        kinds={home.connection(sync.to.connection).kind, "duckdb"},
        owners=names.SYNC_OWNERS,
        required_resource_keys={names.run_lock(sync.sync)},
    )
    def members() -> dg.MaterializeResult:
        progress.stage(sync.sync, "extract")
        warehouse = Warehouse(home)
        with told():
            with connected(home, sync.to.connection) as provider:
                extracted = load_audience(home, warehouse, provider, sync)
            with warehouse.open() as database:
                metadata = table_metadata(database, f"sync_{sync.sync}", "extract_members")
        return dg.MaterializeResult(
            metadata={
                **metadata,
                "audience": extracted.audience.name,
                "members read": f"all: {extracted.why}" if extracted.why else "those who changed since the last read",
                "merge fields": extracted.merge_fields,
                "groups": extracted.groups,
            }
        )

    return members
