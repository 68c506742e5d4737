"""Stage 7, stats: campaigns and what people did with them.

Belongs here: these assets. Does not: pulling (stats/pulling.py).
"""

from collections.abc import Iterator
from dataclasses import asdict

import dagster as dg

from pipelines import progress
from pipelines.config import Home, SyncConfig
from pipelines.defs import freshness, names
from pipelines.defs.results import table_metadata, told
from pipelines.errors import ConfigError
from pipelines.ledger import pins
from pipelines.providers.loading import connected
from pipelines.stats.pulling import pull_campaigns, pull_details
from pipelines.warehouse import Warehouse

DETAILS = {
    "sends": "Who got which campaign. One row per campaign and recipient, all sendings added up.",
    "events": "What people did. One row per open, click, bounce, opt-out or complaint.",
    "links": "The links of each campaign with the provider's totals. One row per campaign and link.",
    "link_clicks": "Who clicked what. One row per campaign, link and person.",
    "domains": "The provider's own numbers by mail domain. One row per campaign and domain.",
}


def campaigns_asset(home: Home, sync: SyncConfig) -> dg.AssetsDefinition:
    """Campaigns with the provider's own totals."""

    @dg.asset(
        key=names.sync_key(sync.sync, "stats", "campaigns"),
        deps=[names.audiences_key(sync.to.connection)],
        group_name=sync.sync,
        description="Campaigns with the provider's own totals. One row per campaign.",
        kinds={home.connection(sync.to.connection).kind, "duckdb"},
        owners=names.SYNC_OWNERS,
        freshness_policy=freshness.of(sync, "stats"),
    )
    def campaigns() -> dg.MaterializeResult:
        progress.stage(sync.sync, "stats")
        warehouse = Warehouse(home)
        with told(), connected(home, sync.to.connection) as provider:
            read = pull_campaigns(home, warehouse, provider, sync, _audience_id(home, sync))
            with warehouse.open() as database:
                metadata = table_metadata(database, "stats", "campaigns")
        return dg.MaterializeResult(metadata={**metadata, "campaigns read": read})

    return campaigns


def details_asset(home: Home, sync: SyncConfig) -> dg.AssetsDefinition:
    """Sends, events, links and clickers of every campaign that may still move."""
    campaigns = names.sync_key(sync.sync, "stats", "campaigns")

    @dg.multi_asset(
        name=f"{sync.sync}__stats_details",
        specs=[
            dg.AssetSpec(
                names.sync_key(sync.sync, "stats", table),
                deps=[campaigns],
                group_name=sync.sync,
                description=description,
                kinds={home.connection(sync.to.connection).kind, "duckdb"},
                owners=names.SYNC_OWNERS,
                freshness_policy=freshness.of(sync, "stats"),
            )
            for table, description in DETAILS.items()
        ],
    )
    def details() -> Iterator[dg.MaterializeResult]:
        warehouse = Warehouse(home)
        with told(), connected(home, sync.to.connection) as provider:
            pulled = asdict(pull_details(home, warehouse, provider, sync, _audience_id(home, sync)))
        with told(), warehouse.open() as database:
            for table in DETAILS:
                read = {
                    "campaigns read": pulled["campaigns"],
                    **({"rows read": pulled[table]} if table in pulled else {}),
                }
                yield dg.MaterializeResult(
                    asset_key=names.sync_key(sync.sync, "stats", table),
                    metadata={**table_metadata(database, "stats", table), **read},
                )

    return details


def _audience_id(home: Home, sync: SyncConfig) -> str:
    pinned = pins.pinned(home.ledger, sync.sync)
    if pinned is None:
        raise ConfigError(
            "it was never planned, so its audience is not known yet.",
            where=sync.sync,
            do=f"Plan it first: enlist plan {sync.sync}",
        )
    return pinned["audience_id"]
