"""Stage 5, plan: the draft that dbt built is frozen under an id, with its verdict.

Belongs here: the asset and its check. Does not: freezing (sync/freeze.py), the rules (sync/safety.py).
"""

import dagster as dg

from pipelines import progress
from pipelines.config import Home, SyncConfig
from pipelines.defs import freshness, names
from pipelines.defs.results import counts_table, table_metadata, told
from pipelines.ledger import learning
from pipelines.providers import traits_of
from pipelines.sync.freeze import freeze
from pipelines.warehouse import Warehouse


def frozen_asset(home: Home, sync: SyncConfig) -> dg.AssetsDefinition:
    """The plan of a sync."""
    key = names.sync_key(sync.sync, "plan", "frozen")
    check = dg.AssetCheckSpec("plan_is_safe", asset=key, description="True when the plan breaks no safety rule.")

    @dg.asset(
        key=key,
        deps=[
            names.sync_key(sync.sync, "plan", "plan_changes"),
            names.sync_key(sync.sync, "plan", "plan_holds"),
            names.sync_key(sync.sync, "check", "suite"),
        ],
        group_name=sync.sync,
        # Every run makes one, with nothing to do and with something that waits for a person alike; none is made while
        # the CRM or the provider can't be read. The push would look late while somebody thinks a plan over.
        description="The plan, frozen with a checksum and its safety verdict. Late when no run of the schedule got as "
        "far as a plan; one that waits for a person is not late: see the check. One row per member and op.",
        kinds={"python", "duckdb"},
        owners=names.SYNC_OWNERS,
        freshness_policy=freshness.of(sync, "members"),
        check_specs=[check],
        required_resource_keys={names.run_lock(sync.sync)},
    )
    def frozen() -> dg.MaterializeResult:
        progress.stage(sync.sync, "plan")
        with told(), Warehouse(home).transaction() as database:
            learning.from_records(database, home.ledger, sync)
            plan = freeze(database, home, sync, traits_of(sync.to.connection, home.connection(sync.to.connection)))
            metadata = table_metadata(database, "plan", "changes")
        broken = "; ".join(f"{rule.rule}: {rule.sentence}" for rule in plan.broken_rules)
        return dg.MaterializeResult(
            metadata={
                **metadata,
                "dagster/row_count": plan.size,
                "plan": plan.plan_id,
                "changes": counts_table(plan.counts, ("op", "reason", "count")),
                "holds": counts_table(plan.hold_counts, ("reason", "count")),
                "calls": plan.calls,
                "managed members": plan.managed_count,
                "left alone": plan.stranger_count,
            },
            check_results=[
                dg.AssetCheckResult(
                    asset_key=key,
                    check_name=check.name,
                    passed=plan.safe,
                    severity=_severity(plan.broken_rules),
                    description=broken or "No rule is broken.",
                )
            ],
        )

    return frozen


def _severity(broken: tuple[object, ...]) -> dg.AssetCheckSeverity:
    """A first plan merely waits for a person; everything else is an alarm."""
    rules = {getattr(rule, "rule", "") for rule in broken}
    return dg.AssetCheckSeverity.WARN if rules <= {"first_run"} else dg.AssetCheckSeverity.ERROR
