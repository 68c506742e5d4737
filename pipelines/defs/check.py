"""Stage 2, check: addresses judged, opt-outs brought home into the ledger, the sync's suite run.

Belongs here: these assets and their asset checks. Does not: the rules (quality/), consent (ledger/consent.py).
"""

from dataclasses import asdict

import dagster as dg

from pipelines import progress
from pipelines.config import Home, SyncConfig
from pipelines.config.expressions import check_expressions
from pipelines.defs import names
from pipelines.defs.results import table_metadata, told
from pipelines.ledger import consent, load, objectors, reactions
from pipelines.quality import checking, suites
from pipelines.warehouse import Warehouse


def addresses_asset(home: Home, sync: SyncConfig) -> dg.AssetsDefinition:
    """Verdicts on the sync's addresses."""

    @dg.asset(
        key=names.sync_key(sync.sync, "check", "addresses"),
        deps=[
            names.sync_key(sync.sync, "extract", "members"),
            *(names.entity_key(source.connection, source.entity_name) for source in sync.sources),
        ],
        group_name=sync.sync,
        description="Addresses as written, judged once and for all. One row per distinct address.",
        kinds={"python", "duckdb"},
        owners=names.SYNC_OWNERS,
        required_resource_keys={names.run_lock(sync.sync)},
    )
    def addresses() -> dg.MaterializeResult:
        progress.stage(sync.sync, "check")
        with told(), Warehouse(home).transaction() as database:
            check_expressions(home, sync)
            counts = checking.judge_addresses(database, sync)
            metadata = table_metadata(database, "quality", "addresses")
        return dg.MaterializeResult(metadata={**metadata, **{f"new: {key}": n for key, n in asdict(counts).items()}})

    return addresses


def consent_asset(home: Home, sync: SyncConfig) -> dg.AssetsDefinition:
    """The ledger with the opt-outs and bounces that the audience shows and it did not know."""

    @dg.asset(
        key=names.sync_key(sync.sync, "check", "consent"),
        deps=[names.sync_key(sync.sync, "check", "addresses")],
        group_name=sync.sync,
        description="Opt-outs and bounces, written into the ledger for good. One row per consent event.",
        kinds={"python", "duckdb"},
        owners=names.SYNC_OWNERS,
        required_resource_keys={names.run_lock(sync.sync)},
    )
    def consent_events() -> dg.MaterializeResult:
        warehouse = Warehouse(home)
        with told():
            with warehouse.transaction() as database:
                load.load(database, home.ledger)
                news = [*consent.news(database, sync), *reactions.news(database, sync)]
            consent.record(home.ledger, news)
            with warehouse.transaction() as database:
                load.load(database, home.ledger)
                known = objectors.news(database, sync.sync)
            objectors.record(home.ledger, known)
            with warehouse.transaction() as database:
                load.load(database, home.ledger)
                metadata = table_metadata(database, "ledger", "consent_events")
        return dg.MaterializeResult(metadata={**metadata, "new events": len(news)})

    return consent_events


def suite_asset(home: Home, sync: SyncConfig) -> dg.AssetsDefinition:
    """The sync's figures held against what its file allows, one asset check for each."""
    key = names.sync_key(sync.sync, "check", "suite")
    limits = checking.limits(sync)
    specs = {
        limit.name: dg.AssetCheckSpec(_check_name(limit.name), asset=key, description=f"True when {limit.name}.")
        for limit in limits
    }

    @dg.asset(
        key=key,
        deps=[names.sync_key(sync.sync, "map", "map_records"), names.sync_key(sync.sync, "map", "map_wanted")],
        group_name=sync.sync,
        description="Volume, keys, bad addresses and empty fields, judged. One row per expectation.",
        kinds={"python", "greatexpectations"},
        owners=names.SYNC_OWNERS,
        check_specs=list(specs.values()),
        required_resource_keys={names.run_lock(sync.sync)},
    )
    def suite() -> dg.MaterializeResult:
        with told():
            warehouse = Warehouse(home)
            with warehouse.open() as database:
                figures = checking.metrics(database, home, sync)
            judgements = suites.judge_metrics(figures, limits)
            with warehouse.transaction() as database:
                counts = checking.record(database, sync.sync, judgements)
                metadata = table_metadata(database, "quality", "expectations")
        results = [
            dg.AssetCheckResult(
                asset_key=key,
                check_name=specs[judgement.name].name,
                passed=judgement.passed,
                description=judgement.sentence,
                metadata={"observed": judgement.observed},
            )
            for judgement in judgements
        ]
        return dg.MaterializeResult(metadata={**metadata, **counts}, check_results=results)

    return suite


def _check_name(sentence: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in sentence)
