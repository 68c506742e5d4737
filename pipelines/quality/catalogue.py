"""The three suites of a sync as code: its CRM extract, the members it wants, its audience.

Belongs here: which limits a sync has and where their bounds come from: its file, or what was usual in the last runs.
Does not: measuring (measures.py), judging (suites.py), what the models keep (dbt's tests) or the plan (sync/safety.py).
A limit's name is also the name of a Dagster check: it never depends on what was measured.
"""

from collections.abc import Iterator, Mapping

from pipelines.config import SyncConfig
from pipelines.quality.measures import doubled
from pipelines.quality.suites import Limit, Suite

NOTHING_BEFORE = "There is no earlier plan to compare with."
Metrics = Mapping[str, float]


def extract_suite(sync: SyncConfig, usual: Metrics) -> Suite:
    """The CRM's records as they were loaded; a sudden drop is the plan's rule max_source_drop."""
    limits = tuple(limit for source in sync.sources for limit in _of_entity(sync, source.entity, usual))
    return Suite("extract", "CRM extract", "The records as they came, before anything is made of them.", limits)


def wanted_suite(sync: SyncConfig, usual: Metrics, found: Metrics) -> Suite:
    """The people that the sync asks for, with the fields that they would have."""
    quality = sync.quality
    limits = [
        _usual_many(
            sync, "about as many people are wanted as usual", "wanted", "people", usual, drop=_unguarded_drop(sync)
        ),
        Limit("few addresses are wrong or missing", "bad addresses", maximum=quality.max_bad_addresses, is_share=True),
        *(_filled_in(sync, name, usual, found) for name in sync.field_names),
        *(
            Limit(f"{name} holds allowed values alone", f"not allowed {name}", maximum=0, noun="others", of="wanted")
            for name in quality.allowed
        ),
    ]
    return Suite("wanted", "Members wanted", "The people whom the CRM asks for, duplicates settled.", tuple(limits))


def audience_suite(sync: SyncConfig, usual: Metrics, found: Metrics) -> Suite:
    """The audience as the provider has it, beside what the last pushes left there.

    Only of strangers a number can be usual: how many we keep follows from our own pushes.
    """
    managed = found.get("managed", 0.0)
    subscribed = found.get("subscribed", 0.0)
    limits = (
        Limit(
            "the members that we keep are still there",
            "lost members",
            maximum=max(float(sync.safety.floor), float(int(sync.quality.max_lost * managed))),
            noun="lost",
            of="managed",
            note=f"Of {managed:,.0f} whom the last pushes left there." if managed else "",
        ),
        Limit(
            "every member has an id of their own",
            "members without an id",
            maximum=0,
            noun="members without one",
            of="members",
        ),
        Limit(
            "few subscribed members have an address that is wrong",
            "wrong members",
            maximum=max(float(sync.safety.floor), float(int(sync.quality.max_bad_addresses * subscribed))),
            noun="wrong",
            of="subscribed",
        ),
        _usual_many(sync, "no more strangers than usual are in it", "strangers", "strangers", usual),
    )
    return Suite("audience", "Audience", "The members as the provider has them now, whoever put them there.", limits)


def _of_entity(sync: SyncConfig, entity: str, usual: Metrics) -> Iterator[Limit]:
    records = f"{entity} records"
    yield _usual_many(sync, f"{entity} has no more records than usual", records, "records", usual)
    yield Limit(f"{entity} has every key once", doubled(entity), maximum=0, noun="doubled", of=records, stops=True)
    yield Limit(
        f"{entity} has few records that can't be loaded",
        f"{entity} rejected",
        maximum=sync.quality.max_rejected,
        is_share=True,
        noun="not loaded",
    )


def _usual_many(
    sync: SyncConfig, name: str, metric: str, noun: str, usual: Metrics, *, drop: float | None = None
) -> Limit:
    """At most `max_growth` above what is usual, and at most `drop` below it; a few people are no sign of anything."""
    before = usual.get(metric)
    if before is None:
        return Limit(name, metric, minimum=0, noun=noun, note=NOTHING_BEFORE)
    floor = float(sync.safety.floor)
    return Limit(
        name,
        metric,
        minimum=0 if drop is None else max(0.0, before - max(floor, drop * before)),
        maximum=before + max(floor, sync.quality.max_growth * before),
        noun=noun,
        note=f"Usual in the last plans were {before:,.0f}.",
    )


def _unguarded_drop(sync: SyncConfig) -> float | None:
    """How far the people wanted may drop; None where the plan's rule max_removals counts those who leave."""
    return sync.quality.max_drop if sync.mode == "append" or sync.on_exit.do == "keep" else None


def _filled_in(sync: SyncConfig, name: str, usual: Metrics, found: Metrics) -> Limit:
    """By the sync file where it says something of the field; else not much emptier than it usually is."""
    metric, note = f"empty {name}", ""
    before, wanted = usual.get(metric), found.get("wanted", 0.0)
    if name in sync.quality.max_null:
        maximum = sync.quality.max_null[name]
    elif before is None:
        maximum, note = 1.0, NOTHING_BEFORE
    else:
        # As everywhere, a few people are no sign of anything.
        slack = max(sync.quality.max_null_growth, sync.safety.floor / wanted if wanted else 1.0)
        maximum, note = min(1.0, before + slack), f"Usual in the last plans was {before:.1%}."
    return Limit(f"{name} is filled in", metric, maximum=maximum, is_share=True, noun="empty", note=note)
