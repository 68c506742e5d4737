"""What an extract must be like before anything is planned from it, judged by Great Expectations.

Belongs here: limits, judging a row of metrics, the metrics of an extract. Does not: addresses one by one
(addresses.py), where limits come from (the sync's YAML), Dagster's checks (defs/).

DuckDB computes the metrics and GX judges them as a frame of one row: memory stays flat at any number of people, and
no person's value ever reaches GX or what it prints (style finding 13).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pandas as pd

from pipelines.landing import sql_name
from pipelines.quality.gx import great_expectations, quiet_context


@dataclass(frozen=True, slots=True)
class Limit:
    """What a metric may be, bounds included. `name` says what is true when it is kept: every key is there once.

    Shares run from 0 to 1 and are shown in percent.
    """

    name: str
    metric: str
    minimum: float | None = None
    maximum: float | None = None
    is_share: bool = False

    def __post_init__(self) -> None:
        if self.minimum is None and self.maximum is None:
            raise ValueError(f"{self.name} has neither a minimum nor a maximum")


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a metric keeps its limit; `observed` is None where it could not be measured, which never passes."""

    name: str
    metric: str
    observed: float | None
    minimum: float | None
    maximum: float | None
    passed: bool
    sentence: str


def judge_metrics(metrics: Mapping[str, float | None], limits: Sequence[Limit]) -> list[Judgement]:
    """One judgement per limit, in their order."""
    if not limits:
        return []
    frame = pd.DataFrame([{limit.metric: _number(metrics.get(limit.metric)) for limit in limits}], dtype="float64")
    passed = _validated(frame, limits)
    return [_judgement(limit, float(frame[limit.metric].iloc[0]), name in passed) for name, limit in _named(limits)]


def source_metrics(connection: duckdb.DuckDBPyConnection, relation: str, key: str) -> dict[str, float]:
    """Of an extract: rows, duplicate_keys (keys that several rows have) and null_keys (rows with a null or blank key).

    `relation` is what may stand in a `from`; `key` the name of its key column.
    """
    (row,) = connection.execute(
        f"""
        with keys as (select {sql_name(key)}::varchar as key, count(*) as row_count from {relation} group by all)
        select
            coalesce(sum(row_count), 0)::double as rows,
            count(*) filter (row_count > 1 and trim(key) <> '')::double as duplicate_keys,
            coalesce(sum(row_count) filter (key is null or trim(key) = ''), 0)::double as null_keys
        from keys
        """
    ).fetchall()
    return dict(zip(("rows", "duplicate_keys", "null_keys"), row, strict=True))


def _named(limits: Sequence[Limit]) -> list[tuple[str, Limit]]:
    return [(f"{number}", limit) for number, limit in enumerate(limits)]


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _validated(frame: pd.DataFrame, limits: Sequence[Limit]) -> set[str]:
    """Names of the limits that GX finds kept."""
    gx, context = great_expectations(), quiet_context()
    suite = gx.ExpectationSuite(name="metrics")
    for name, limit in _named(limits):
        suite.add_expectation(
            gx.expectations.ExpectColumnValuesToBeBetween(
                column=limit.metric, min_value=limit.minimum, max_value=limit.maximum, meta={"name": name}
            )
        )
    asset = context.data_sources.add_pandas("duckdb").add_dataframe_asset("metrics")
    batch = asset.add_batch_definition_whole_dataframe("row").get_batch({"dataframe": frame})
    return {found.expectation_config.meta["name"] for found in batch.validate(suite).results if found.success}


def _judgement(limit: Limit, observed: float, kept: bool) -> Judgement:
    # GX looks at no nulls: a metric that is not there would pass every expectation on its values.
    measured = None if math.isnan(observed) else observed
    passed = kept and measured is not None
    return Judgement(
        limit.name, limit.metric, measured, limit.minimum, limit.maximum, passed, _sentence(limit, measured, passed)
    )


def _sentence(limit: Limit, observed: float | None, passed: bool) -> str:
    if observed is None:
        return f"{limit.name}: could not be measured; {_allowed(limit)}."
    found = f"{limit.name}: found {_shown(limit, observed)}"
    return f"{found}, as it should be." if passed else f"{found}; {_allowed(limit)}."


def _allowed(limit: Limit) -> str:
    bounds = []
    if limit.minimum is not None:
        bounds.append(f"at least {_shown(limit, limit.minimum)}")
    if limit.maximum is not None:
        bounds.append(f"at most {_shown(limit, limit.maximum)}")
    return f"allowed is {' and '.join(bounds)}"


def _shown(limit: Limit, value: float) -> str:
    if not limit.is_share:
        return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"
    # Two digits more than usual where rounding would hide that a bound is broken: 10.003% is not "10%".
    return f"{value * 100:.4f}".rstrip("0").rstrip(".") + "%"
