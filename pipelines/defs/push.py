"""Stage 6, push: that plan is sent.

Belongs here: the asset, its configuration and its check. Does not: sending (sync/push.py), where the gate is as well:
a check guards only inside its own run.
"""

from typing import Any

import dagster as dg
from pydantic import Field

from pipelines import progress
from pipelines.config import Home, SyncConfig
from pipelines.defs import names
from pipelines.defs.results import counts_table, table_metadata, told
from pipelines.defs.stopping import stoppable
from pipelines.errors import Interrupted, ProviderError
from pipelines.providers.loading import connected
from pipelines.sync.push import Push, Request
from pipelines.sync.sending import Result
from pipelines.warehouse import Warehouse


class PushConfig(dg.Config):
    """What `enlist push` asks for; a schedule asks for nothing. `only` is the md5 of an email_key."""

    plan_id: str | None = None
    accept: list[str] = Field(default_factory=list)
    by: str = "schedule"
    limit: int | None = None
    only: str | None = None


def push_asset(home: Home, sync: SyncConfig) -> dg.AssetsDefinition:
    """What was sent, and what became of it."""
    key = names.sync_key(sync.sync, "push", "pushes")
    check = dg.AssetCheckSpec(
        "every_change_was_taken", asset=key, description="True when the provider refused nothing and nothing was left."
    )

    @dg.asset(
        key=key,
        deps=[names.sync_key(sync.sync, "plan", "frozen")],
        group_name=sync.sync,
        description="Changes sent, with their outcome, from the journal in the ledger. One row per change sent.",
        kinds={home.connection(sync.to.connection).kind, "python"},
        owners=names.SYNC_OWNERS,
        check_specs=[check],
        required_resource_keys={names.run_lock(sync.sync)},
    )
    def pushes(context: dg.AssetExecutionContext, config: PushConfig) -> dg.MaterializeResult:
        progress.stage(sync.sync, "push")
        warehouse = Warehouse(home)
        request = Request(config.plan_id, tuple(config.accept), config.by, config.limit, config.only)
        with told(), connected(home, sync.to.connection) as provider:
            push = Push(home, sync, provider, warehouse, context.run.run_id, request)
            try:
                with stoppable():
                    result = push.run()
            except (ProviderError, Interrupted):
                if push.result and push.result.outcomes:
                    observed = _metadata(push.result, state="broken off")
                    context.log_event(dg.AssetObservation(asset_key=key, metadata=observed))
                raise
            with warehouse.open() as database:
                metadata = table_metadata(database, "ledger", "pushes")
        return dg.MaterializeResult(
            metadata={**metadata, **_metadata(result)},
            check_results=[
                dg.AssetCheckResult(
                    asset_key=key,
                    check_name=check.name,
                    passed=result.outcomes.total() == result.outcomes["applied"],
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={"refused": result.outcomes["refused"], "left": result.outcomes["left"]},
                )
            ],
        )

    return pushes


def _metadata(result: Result, state: str = "done") -> dict[str, Any]:
    outcomes = [{"op": op, "outcome": outcome, "count": count} for (op, outcome), count in result.by_op.items()]
    refusals = [{"code": code, "count": count} for code, count in result.refusals.items()]
    return {
        "plan": result.plan.plan_id,
        "state": "waiting for somebody to accept the first plan" if result.is_waiting else state,
        "outcomes": counts_table(outcomes, ("op", "outcome", "count")),
        "refusals": counts_table(refusals, ("code", "count")),
        "calls": result.calls,
    }
