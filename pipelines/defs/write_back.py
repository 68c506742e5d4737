"""Stage 7, stats, its way back: what the sync asks for is written to the CRM.

Belongs here: the asset, its configuration and its check. Does not: what is written (write_back/drafting.py), writing
(write_back/sending.py), where the gate is as well.
"""

from typing import Any

import dagster as dg
from pydantic import Field

from pipelines import progress
from pipelines.config import Home, SyncConfig
from pipelines.defs import freshness, names
from pipelines.defs.results import counts_table, table_metadata, told
from pipelines.defs.stopping import stoppable
from pipelines.warehouse import Warehouse
from pipelines.write_back.sending import Request, Result, WriteBack


class WriteBackConfig(dg.Config):
    """What `enlist crm push` asks for; a schedule asks for nothing."""

    plan_id: str | None = None
    accept: list[str] = Field(default_factory=list)
    by: str = "schedule"


def write_back_asset(home: Home, sync: SyncConfig) -> dg.AssetsDefinition:
    """What was written to the CRM, and what became of it."""
    key = names.sync_key(sync.sync, "stats", "write_back")
    check = dg.AssetCheckSpec(
        "everything_reached_the_crm", asset=key, description="True when the CRM refused nothing and nothing failed."
    )

    @dg.asset(
        key=key,
        deps=[
            names.sync_key(sync.sync, "check", "consent"),
            names.sync_key(sync.sync, "map", "map_records"),
            names.mart_key("contact_notes"),
            names.mart_key("link_clicks"),
        ],
        group_name=sync.sync,
        description="What was written to the CRM or handed out, from the journal in the ledger. One row per record and "
        "field, note or event.",
        kinds={home.connection(sync.sources[0].connection).kind, "python"},
        owners=names.SYNC_OWNERS,
        freshness_policy=freshness.of(sync, "stats"),
        check_specs=[check],
        required_resource_keys={names.run_lock(sync.sync)},
    )
    def write_backs(context: dg.AssetExecutionContext, config: WriteBackConfig) -> dg.MaterializeResult:
        progress.stage(sync.sync, "write-back")
        warehouse, result = Warehouse(home), None
        request = Request(config.plan_id, tuple(config.accept), config.by)
        with told():
            if sync.write_back or config.plan_id:
                with stoppable():
                    result = WriteBack(home, sync, warehouse, context.run.run_id, request).run()
            with warehouse.open() as database:
                metadata = table_metadata(database, "ledger", "write_backs")
        wrong = result.outcomes["refused"] + result.outcomes["failed"] if result else 0
        return dg.MaterializeResult(
            metadata={**metadata, **_metadata(result)},
            check_results=[
                dg.AssetCheckResult(
                    asset_key=key, check_name=check.name, passed=wrong == 0, severity=dg.AssetCheckSeverity.WARN
                )
            ],
        )

    return write_backs


def _metadata(result: Result | None) -> dict[str, Any]:
    if result is None:
        return {"state": "the sync asks for nothing"}
    outcomes = [{"outcome": outcome, "count": count} for outcome, count in sorted(result.outcomes.items()) if count]
    return {
        "plan": result.plan.plan_id,
        "state": "waiting for somebody to accept the first plan" if result.is_waiting else "done",
        "outcomes": counts_table(outcomes, ("outcome", "count")),
        "for people to enter": result.plan.to_hand_out,
    }
