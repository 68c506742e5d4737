"""Stage 8, marts: the tables that analysts read, published as a file of their own.

Belongs here: the asset that publishes. Does not: copying (publishing.py), the models (models.py).
"""

import dagster as dg

from pipelines import progress
from pipelines.config import Home
from pipelines.defs import names
from pipelines.defs.results import told
from pipelines.dictionary import PUBLISHED
from pipelines.publishing import publish
from pipelines.warehouse import Warehouse


def published_asset(home: Home) -> dg.AssetsDefinition:
    """analytics.duckdb."""

    @dg.asset(
        key=names.mart_key("published"),
        deps=[names.mart_key(table) for schema, table in PUBLISHED if schema == "marts"],
        group_name=names.ANALYTICS,
        description="analytics.duckdb, replaced whole when a published table changed. One table per published table.",
        kinds={"duckdb"},
        owners=names.MARTS_OWNERS,
    )
    def published() -> dg.MaterializeResult:
        progress.stage(names.ANALYTICS, "publish")
        with told():
            outcome = publish(home, Warehouse(home))
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": outcome.rows,
                "tables": outcome.tables,
                "replaced": outcome.is_replaced,
                "file": dg.MetadataValue.path(str(home.analytics)),
            }
        )

    return published
