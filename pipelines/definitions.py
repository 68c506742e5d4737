"""The Dagster code location: everything that the YAML of the home asks for.

Belongs here: putting the factory's parts together. Does not: any part (defs/). Adding a sync is adding a file to the
home and reloading this code location.
"""

import dagster as dg

from pipelines.config import Home, SyncConfig, load_home
from pipelines.defs import check, extract, marts, models, names, plan, push, running, stats, write_back


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of the home that --home, ENLIST_HOME or the repository names."""
    return build(load_home())


def build(home: Home) -> dg.Definitions:
    """All assets, checks, jobs, schedules and run locks of a home."""
    syncs = home.syncs.values()
    entities = sorted({(source.connection, source.entity_name) for sync in syncs for source in sync.sources})
    accounts = sorted({sync.to.connection for sync in syncs})
    assets = [
        *(extract.entity_asset(home, *entity) for entity in entities),
        *(extract.account_asset(home, account) for account in accounts),
        *(asset for sync in syncs for asset in _assets(home, sync)),
        models.marts_models(home),
        marts.published_asset(home),
    ]
    return dg.Definitions(
        assets=assets,
        jobs=[job for sync in syncs for job in running.jobs(home, sync)],
        schedules=[schedule for sync in syncs for schedule in running.schedules(sync)],
        resources={
            names.PROCESS: running.process,
            **{names.run_lock(sync.sync): running.run_lock(home, sync.sync) for sync in syncs},
        },
        executor=dg.in_process_executor,
    )


def _assets(home: Home, sync: SyncConfig) -> list[dg.AssetsDefinition]:
    return [
        extract.members_asset(home, sync),
        check.addresses_asset(home, sync),
        check.extract_suite_asset(home, sync),
        check.consent_asset(home, sync),
        models.sync_models(home, sync),
        check.suite_asset(home, sync),
        plan.frozen_asset(home, sync),
        push.push_asset(home, sync),
        stats.campaigns_asset(home, sync),
        stats.details_asset(home, sync),
        write_back.write_back_asset(home, sync),
    ]
