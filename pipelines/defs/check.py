"""Stage 2, check: addresses judged, opt-outs brought home into the ledger, the sync's three suites run.

Belongs here: these assets and their asset checks. Does not: the rules (quality/), consent (ledger/consent.py).
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import chain, count
from typing import Any

import dagster as dg

from pipelines import progress
from pipelines.config import Home, SyncConfig
from pipelines.config.expressions import check_expressions
from pipelines.defs import names
from pipelines.defs.results import table_metadata, told
from pipelines.ledger import learning, load
from pipelines.quality import catalogue, checking, suites
from pipelines.reports import quality as pages
from pipelines.warehouse import Warehouse

ADDRESS_COLUMNS = {
    "address": "The address as it is written.",
    "email_key": "The form in which addresses are compared; null for a missing one.",
    "verdict": "ok, wrong, missing, or warning: to be mailed, but looked at.",
    "rule": "What is wrong or was repaired; null for an address that is right as written.",
    "detail": "The same as a sentence.",
    "suggestion": "What was probably meant, for people.",
    "cleaned": "The form to send; null unless ok or warning.",
}
EXPECTATION_COLUMNS = {
    "sync": "The sync that it is of.",
    "suite": "extract, wanted or audience.",
    "name": "What is true when it is kept.",
    "observed": "What was found: a count, or a share from 0 to 1; null where it could not be measured.",
    "minimum": "The least that is allowed; null for no bound.",
    "maximum": "The most that is allowed; null for no bound.",
    "share": "The failing part, from 0 to 1; null where there is no such thing.",
    "passed": "Whether it is kept; one that is not breaks the rule quality.",
    "sentence": "All that for people.",
    "judged_at": "When (UTC).",
}
TRUE_WHEN = "True when {what}. If not, the plan breaks the rule `quality`, which a person may accept."
STOPS = "True when {what}. If not, there is no plan: the run ends and says what to mend."


def addresses_asset(home: Home, sync: SyncConfig) -> dg.AssetsDefinition:
    """Verdicts on the sync's addresses."""

    @dg.asset(
        key=names.sync_key(sync.sync, "check", "addresses"),
        deps=[names.sync_key(sync.sync, "extract", "members"), *_entities(sync)],
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
            metadata = table_metadata(database, "quality", "addresses", ADDRESS_COLUMNS)
        return dg.MaterializeResult(metadata={**metadata, **{f"new: {key}": n for key, n in asdict(counts).items()}})

    return addresses


def extract_suite_asset(home: Home, sync: SyncConfig) -> dg.AssetsDefinition:
    """The suite of the CRM extract, before the models read it: a key that two records have stops them."""
    key = names.sync_key(sync.sync, "check", "extract_suite")
    specs = _specs(key, [catalogue.extract_suite(sync, {})])

    @dg.asset(
        key=key,
        deps=_entities(sync),
        group_name=sync.sync,
        description="Volume, keys and unreadable records of the CRM extract, judged. One row per expectation.",
        kinds={"python", "greatexpectations"},
        owners=names.SYNC_OWNERS,
        check_specs=list(specs.values()),
        required_resource_keys={names.run_lock(sync.sync)},
    )
    def extract_suite() -> dg.MaterializeResult:
        with told():
            judged = checking.judge_extract(Warehouse(home), home, sync)
        return _suite_result(home, sync, key, "extract", judged, specs)

    return extract_suite


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
        with told(), load.opened(home) as database:
            news = learning.from_audience(database, home.ledger, sync)
            metadata = table_metadata(database, "ledger", "consent_events")
        return dg.MaterializeResult(metadata={**metadata, "new events": news})

    return consent_events


def suite_asset(home: Home, sync: SyncConfig) -> dg.AssetsDefinition:
    """The suites of the members wanted and of the audience, one asset check for each expectation."""
    key = names.sync_key(sync.sync, "check", "suite")
    specs = _specs(key, [catalogue.wanted_suite(sync, {}, {}), catalogue.audience_suite(sync, {}, {})])

    @dg.asset(
        key=key,
        deps=[
            names.sync_key(sync.sync, "check", "extract_suite"),
            *(names.sync_key(sync.sync, "map", name) for name in ("map_records", "map_wanted")),
            *(names.sync_key(sync.sync, "stage", name) for name in ("stage_members", "stage_managed")),
        ],
        group_name=sync.sync,
        description="Bad addresses, empty fields, values and the audience, judged. One row per expectation.",
        kinds={"python", "greatexpectations"},
        owners=names.SYNC_OWNERS,
        check_specs=list(specs.values()),
        required_resource_keys={names.run_lock(sync.sync)},
    )
    def suite() -> dg.MaterializeResult:
        with told():
            judged = checking.judge_members(Warehouse(home), sync)
        return _suite_result(home, sync, key, "members", judged, specs)

    return suite


def _entities(sync: SyncConfig) -> list[dg.AssetKey]:
    return [names.entity_key(source.connection, source.entity_name) for source in sync.sources]


def _specs(key: dg.AssetKey, asked: Sequence[suites.Suite]) -> dict[str, dg.AssetCheckSpec]:
    """An asset check for each limit, by the limit's name."""
    specs: dict[str, dg.AssetCheckSpec] = {}
    for limit in (limit for suite in asked for limit in suite.limits):
        name, taken = _check_name(limit.name), {spec.name for spec in specs.values()}
        # Fields may differ in a sign that a name can't have.
        choices = chain([name], (f"{name}_{number}" for number in count(2)))
        unique = next(one for one in choices if one not in taken)
        description = (STOPS if limit.stops else TRUE_WHEN).format(what=limit.name)
        specs[limit.name] = dg.AssetCheckSpec(unique, asset=key, description=description)
    return specs


def _suite_result(
    home: Home,
    sync: SyncConfig,
    key: dg.AssetKey,
    page: str,
    judged: Sequence[suites.Judged],
    specs: Mapping[str, dg.AssetCheckSpec],
) -> dg.MaterializeResult:
    """What the UI shows of suites: each expectation as a check, and where the page of all of them lies."""
    path = pages.path_of(home, sync.sync, page)
    with told():
        pages.write(path, sync.sync, judged)
        with Warehouse(home).open() as database:
            metadata = table_metadata(database, "quality", "expectations", EXPECTATION_COLUMNS)
    judgements = [one for suite in judged for one in suite.judgements]
    failed = sum(not one.passed for one in judgements)
    results = [
        dg.AssetCheckResult(
            asset_key=key,
            check_name=specs[one.name].name,
            passed=one.passed,
            description=one.sentence,
            metadata=_figures(one),
        )
        for one in judgements
    ]
    told_of: dict[str, Any] = {
        "dagster/row_count": len(judgements),
        "passed": len(judgements) - failed,
        "failed": failed,
        "data docs": dg.MetadataValue.path(str(path)),
    }
    return dg.MaterializeResult(asset_key=key, metadata={**metadata, **told_of}, check_results=results)


def _figures(judgement: suites.Judgement) -> dict[str, float]:
    """The numbers of a check: what was found, what may be, and the failing share."""
    figures = {
        "observed": judgement.observed,
        "failing share": judgement.share,
        "at least": judgement.minimum,
        "at most": judgement.maximum,
    }
    return {name: value for name, value in figures.items() if value is not None}


def _check_name(sentence: str) -> str:
    """Words joined by _; Dagster takes letters without accents, digits and _ alone."""
    plain = unicodedata.normalize("NFKD", sentence)
    return re.sub(r"[^A-Za-z0-9]+", "_", "".join(sign for sign in plain if not unicodedata.combining(sign)))
