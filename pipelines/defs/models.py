"""Stages 3 to 5, stage, map and plan, and stage 8, marts: dbt models as assets.

Belongs here: which node of dbt's manifest is which asset, and what a build tells Dagster. Does not: running dbt
(pipelines/dbt.py), the models (dbt_project/).

One set of models serves every sync: each sync has them under its own name, in its own schema.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, build_dbt_asset_specs

from pipelines import dbt, progress
from pipelines.config import Home, SyncConfig
from pipelines.defs import names
from pipelines.defs.results import pictures, table_metadata, told
from pipelines.reports import plots
from pipelines.stats import history
from pipelines.sync.settings import map_vars, marts_vars
from pipelines.warehouse import Warehouse

SYNC_FOLDERS = ("stage", "map", "plan")
Result = dg.MaterializeResult | dg.AssetCheckResult


class _Translator(DagsterDbtTranslator):
    """Names nodes for one sync; with None, the marts are named, which read what every sync writes."""

    def __init__(self, home: Home, sync: SyncConfig | None) -> None:
        # Several tables that one asset writes are several sources of dbt.
        super().__init__(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))
        self._home = home
        self._sync = sync

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        if dbt_resource_props["resource_type"] == "source":
            stage, name = names.source_of(
                dbt_resource_props["source_name"], dbt_resource_props["name"], is_after_push=self._sync is None
            )
            return names.sync_key(self._sync.sync if self._sync else names.ANALYTICS, stage, name)
        folder = dbt_resource_props["fqn"][1]
        if folder == "marts":
            return names.mart_key(dbt_resource_props["name"])
        sync = self._sync.sync if self._sync else names.ANALYTICS
        return names.sync_key(sync, folder, dbt_resource_props["name"])

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: Any) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        deps = [dep for before in spec.deps for dep in self._spread(before.asset_key)]
        if self._sync and unique_id.endswith((".map_records", ".stage_suppressions")):
            deps += [names.entity_key(source.connection, source.entity_name) for source in self._sync.sources]
        if self._sync is None and _reads_all_syncs(manifest, unique_id):
            deps += [names.sync_key(sync, "check", "consent") for sync in self._home.syncs]
        group = self._sync.sync if self._sync else names.ANALYTICS
        owners = names.SYNC_OWNERS if self._sync else names.MARTS_OWNERS
        return spec.replace_attributes(deps=list(dict.fromkeys(deps)), group_name=group, owners=owners)

    def _spread(self, key: dg.AssetKey) -> Sequence[dg.AssetKey]:
        """The assets behind a dependency: a source of the marts stands for that asset of every sync or account."""
        syncs = [self._sync] if self._sync else list(self._home.syncs.values())
        if key.path[1:] == ["extract", "audiences"]:
            return [names.audiences_key(sync.to.connection) for sync in syncs]
        if self._sync or key.path[0] != names.ANALYTICS or key.path[1] == "marts":
            return [key]
        return [dg.AssetKey([sync.sync, *key.path[1:]]) for sync in syncs]


def sync_models(home: Home, sync: SyncConfig) -> dg.AssetsDefinition:
    """Stage, map and plan of one sync, built by one start of dbt."""
    translator = _Translator(home, sync)
    lock = {names.run_lock(sync.sync)}
    return _models(home, sync.sync, SYNC_FOLDERS, translator, lock, f"syncs/{sync.sync}.yaml")


def marts_models(home: Home) -> dg.AssetsDefinition:
    """The tables that analysts read, of all syncs together."""
    return _models(home, names.ANALYTICS, ("marts",), _Translator(home, None), set(), "dbt_project/models/marts")


def variables(home: Home, name: str) -> dict[str, Any]:
    """The --vars of one build: a sync's rules, or what the marts have to know of all syncs."""
    if name == names.ANALYTICS:
        return marts_vars(home)
    return map_vars(home, home.sync(name))


def _models(
    home: Home,
    name: str,
    folders: Sequence[str],
    translator: _Translator,
    resources: set[str],
    where: str,
) -> dg.AssetsDefinition:
    manifest = dbt.manifest(home)
    specs = build_dbt_asset_specs(
        manifest=manifest,
        dagster_dbt_translator=translator,
        select=" ".join(f"fqn:enlist.{folder}" for folder in folders),
    )
    ids = {_unique_id(spec): spec.key for spec in specs}
    tests = _tests(manifest, ids)

    @dg.multi_asset(
        name=f"{name}__{'_'.join(folders)}",
        specs=specs,
        check_specs=list(tests.values()),
        required_resource_keys=resources,
    )
    def models() -> Iterator[Result]:
        progress.stage(name, " to ".join(dict.fromkeys((folders[0], folders[-1]))))
        warehouse = Warehouse(home)
        with told():
            if name == names.ANALYTICS:
                history.restore(home, warehouse)
            nodes = dbt.build(home, warehouse, name, folders, variables(home, name))
        yield from _check_results(nodes, tests)
        with told():
            dbt.raise_for(nodes, where)
            if name == names.ANALYTICS:
                history.keep(home, warehouse, history.OF_MARTS)
        yield from _materializations(warehouse, manifest, nodes, ids, name)

    return models


def _reads_all_syncs(manifest: Mapping[str, Any], unique_id: str) -> bool:
    """Whether a mart reads the members of every sync, itself or through an ephemeral model: dbt can't know."""
    node = manifest["nodes"].get(unique_id)
    if node is None or node["resource_type"] != "model":
        return False
    if "macro.enlist.across_syncs" in node["depends_on"]["macros"]:
        return True
    parents = [parent for parent in node["depends_on"]["nodes"] if parent in manifest["nodes"]]
    ephemeral = [parent for parent in parents if manifest["nodes"][parent]["config"]["materialized"] == "ephemeral"]
    return any(_reads_all_syncs(manifest, parent) for parent in ephemeral)


def _unique_id(spec: dg.AssetSpec) -> str:
    return str(spec.metadata["dagster_dbt/unique_id"])


def _tests(manifest: Mapping[str, Any], ids: Mapping[str, dg.AssetKey]) -> dict[str, dg.AssetCheckSpec]:
    """Each dbt test of a model as a check of its asset."""
    found = {}
    for unique_id, node in manifest["nodes"].items():
        key = ids.get(node.get("attached_node") or "")
        if node["resource_type"] == "test" and key:
            found[unique_id] = dg.AssetCheckSpec(node["name"], asset=key, description=node.get("description") or None)
    return found


def _check_results(nodes: Sequence[dbt.Node], tests: Mapping[str, dg.AssetCheckSpec]) -> Iterator[dg.AssetCheckResult]:
    for node in nodes:
        spec = tests.get(node.unique_id)
        if spec:
            is_warning = node.status == "warn"
            yield dg.AssetCheckResult(
                asset_key=spec.asset_key,
                check_name=spec.name,
                passed=node.is_good and not is_warning,
                severity=dg.AssetCheckSeverity.WARN if is_warning else dg.AssetCheckSeverity.ERROR,
                metadata={"failing rows": node.failures, "seconds": node.seconds},
            )


def _materializations(
    warehouse: Warehouse,
    manifest: Mapping[str, Any],
    nodes: Sequence[dbt.Node],
    ids: Mapping[str, dg.AssetKey],
    name: str,
) -> Iterator[dg.MaterializeResult]:
    schema = "marts" if name == names.ANALYTICS else f"sync_{name}"
    with warehouse.open() as database:
        for node in nodes:
            if node.unique_id in ids:
                columns = manifest["nodes"][node.unique_id]["columns"]
                descriptions = {column: props["description"] for column, props in columns.items()}
                metadata = table_metadata(database, schema, node.name, descriptions)
                if schema == "marts":
                    metadata |= pictures(plots.of_mart(database, node.name))
                yield dg.MaterializeResult(
                    asset_key=ids[node.unique_id], metadata={**metadata, "seconds": round(node.seconds, 3)}
                )
