"""Suites of expectations, judged by Great Expectations.

Belongs here: limits, judging a row of metrics. Does not: addresses one by one (addresses.py), which limits a sync has
(catalogue.py), where figures come from (measures.py), Dagster's checks (defs/).

DuckDB computes the metrics and GX judges them as a frame of one row: memory stays flat at any number of people, and
no person's value ever reaches GX or what it prints.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipelines.quality.gx import great_expectations, quiet_context


@dataclass(frozen=True, slots=True)
class Limit:
    """What a metric may be, bounds included. `name` says what is true when it is kept: every key is there once.

    Shares run from 0 to 1 and are shown in percent. `noun` says what the metric counts: doubled keys. `of` is the
    metric that a count is a part of. `note` is a sentence on where a bound comes from. `stops`: there is no plan where
    it is broken, that a person could accept.
    """

    name: str
    metric: str
    minimum: float | None = None
    maximum: float | None = None
    is_share: bool = False
    noun: str = ""
    of: str | None = None
    note: str = ""
    stops: bool = False

    def __post_init__(self) -> None:
        if self.minimum is None and self.maximum is None:
            raise ValueError(f"{self.name} has neither a minimum nor a maximum")


@dataclass(frozen=True, slots=True)
class Suite:
    """Limits that are judged together, and what they are about."""

    name: str
    title: str
    description: str
    limits: tuple[Limit, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a metric keeps its limit; `observed` is None where it could not be measured, which never passes.

    `share` is the failing part of what was looked at, from 0 to 1; None where there is no such thing.
    """

    name: str
    metric: str
    observed: float | None
    minimum: float | None
    maximum: float | None
    passed: bool
    sentence: str
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """A suite and what became of it, in the order of its limits; `results` are GX's own, for its renderers."""

    suite: Suite
    judgements: tuple[Judgement, ...]
    results: tuple[Any, ...]


def judge(suite: Suite, metrics: Mapping[str, float | None]) -> Judged:
    """Have GX judge the suite over the metrics."""
    limits = suite.limits
    if not limits:
        return Judged(suite, (), ())
    # A column for each limit: GX judges one expectation only once.
    row = {str(number): _number(metrics.get(limit.metric)) for number, limit in enumerate(limits)}
    results = _validated(pd.DataFrame([row], dtype="float64"), suite)
    judgements = []
    for limit, result in zip(limits, results, strict=True):
        judgements.append(_judgement(limit, metrics, is_kept=bool(result.success)))
        # What is shown: GX knows no percents, and its renderers no numbers of numpy.
        observed = judgements[-1].observed
        result.result["observed_value"] = "not measured" if observed is None else shown(limit, observed)
    return Judged(suite, tuple(judgements), tuple(results))


def allowed(limit: Limit) -> str:
    """Its bounds in words: at least 1 and at most 10%."""
    bounds = []
    if limit.minimum:
        bounds.append(f"at least {shown(limit, limit.minimum)}")
    if limit.maximum is not None and not (limit.is_share and limit.maximum >= 1):
        bounds.append(f"at most {shown(limit, limit.maximum)}")
    return " and ".join(bounds) or ("any share" if limit.is_share else "any number")


def shown(limit: Limit, value: float) -> str:
    """A value of the limit's metric, for people."""
    if not limit.is_share:
        return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"
    # More digits where rounding would hide that a bound is broken: 10.003% is not "10%".
    bounds = [bound for bound in (limit.minimum, limit.maximum) if bound is not None]
    hides = any(value != bound and f"{value:.4f}" == f"{bound:.4f}" for bound in bounds)
    return f"{value * 100:.{4 if hides else 2}f}".rstrip("0").rstrip(".") + "%"


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _validated(frame: pd.DataFrame, suite: Suite) -> list[Any]:
    """GX's results in the order of the limits."""
    gx, context = great_expectations(), quiet_context()
    expectations = gx.ExpectationSuite(name=suite.name)
    for number, limit in enumerate(suite.limits):
        # The frame has one row, so its largest value is the metric; this expectation is the one that shows it.
        expectations.add_expectation(
            gx.expectations.ExpectColumnMaxToBeBetween(
                column=str(number),
                min_value=limit.minimum,
                max_value=limit.maximum,
                description=f"{limit.name} ({f'{limit.noun}: ' if limit.noun else ''}{allowed(limit)})",
            )
        )
    asset = context.data_sources.add_pandas("duckdb").add_dataframe_asset("metrics")
    batch = asset.add_batch_definition_whole_dataframe("row").get_batch({"dataframe": frame})
    found = batch.validate(expectations).results
    return sorted(found, key=lambda result: int(result.expectation_config.kwargs["column"]))


def _judgement(limit: Limit, metrics: Mapping[str, float | None], *, is_kept: bool) -> Judgement:
    value = metrics.get(limit.metric)
    observed = None if value is None or math.isnan(value) else float(value)
    passed = is_kept and observed is not None
    return Judgement(
        limit.name,
        limit.metric,
        observed,
        limit.minimum,
        limit.maximum,
        passed,
        _sentence(limit, observed, passed),
        _failing_share(limit, observed, metrics),
    )


def _failing_share(limit: Limit, observed: float | None, metrics: Mapping[str, float | None]) -> float | None:
    if observed is None or limit.is_share:
        return observed
    whole = metrics.get(limit.of) if limit.of else None
    return None if whole is None else observed / whole if whole else 0.0


def _sentence(limit: Limit, observed: float | None, passed: bool) -> str:
    if observed is None:
        told = f"could not be measured; allowed is {allowed(limit)}."
    else:
        found = f"found {shown(limit, observed)}{f' {limit.noun}' if limit.noun else ''}"
        told = f"{found}, as it should be." if passed else f"{found}; allowed is {allowed(limit)}."
    return f"{limit.name}: {told} {limit.note}".rstrip()
