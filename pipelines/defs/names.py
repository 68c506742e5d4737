"""Names of Dagster objects: asset keys `[sync, stage, name]`, groups, owners.

Belongs here: pure naming. Does not: the objects themselves.
"""

from typing import Literal

import dagster as dg

Line = Literal["audiences", "members", "stats"]
Stage = Literal["extract", "check", "stage", "map", "plan", "push", "stats", "marts"]

ANALYTICS = "analytics"
PROCESS = "process"
SYNC_OWNERS = ("team:audiences",)
MARTS_OWNERS = ("team:analytics",)

# dbt sources as the assets that write them; see `source_of` for the ledger.
SOURCES: dict[tuple[str, str], tuple[Stage, str]] = {
    ("sync", "settings"): ("extract", "members"),
    ("sync", "extract_members"): ("extract", "members"),
    ("extract", "audiences"): ("extract", "audiences"),
    ("extract", "merge_fields"): ("extract", "members"),
    ("extract", "groups"): ("extract", "members"),
    ("extract", "objections"): ("extract", "members"),
    ("extract", "rejected"): ("check", "extract_suite"),
    ("quality", "addresses"): ("check", "addresses"),
    ("quality", "bad_emails"): ("plan", "frozen"),
    ("quality", "history"): ("plan", "frozen"),
    ("plan", "plans"): ("plan", "frozen"),
    ("plan", "changes"): ("plan", "frozen"),
    ("plan", "holds"): ("plan", "frozen"),
    ("plan", "released"): ("plan", "frozen"),
    ("stats", "campaigns"): ("stats", "campaigns"),
    ("stats", "sends"): ("stats", "sends"),
    ("stats", "events"): ("stats", "events"),
    ("stats", "links"): ("stats", "links"),
    ("stats", "link_clicks"): ("stats", "link_clicks"),
    ("stats", "domains"): ("stats", "domains"),
}


def source_of(source: str, table: str, *, is_after_push: bool) -> tuple[Stage, str]:
    """Stage and name of the asset behind a dbt source.

    The ledger is brought up to date twice: before the plan, which reads it, and after the push, for the marts.
    """
    if source == "ledger":
        return ("push", "pushes") if is_after_push else ("check", "consent")
    return SOURCES[source, table]


def entity_key(connection: str, entity: str) -> dg.AssetKey:
    """A CRM entity as extracted."""
    return dg.AssetKey([connection, "extract", entity])


def audiences_key(connection: str) -> dg.AssetKey:
    """The audiences of a provider account."""
    return dg.AssetKey([connection, "extract", "audiences"])


def sync_key(sync: str, stage: Stage, name: str) -> dg.AssetKey:
    """An asset of one sync."""
    return dg.AssetKey([sync, stage, name])


def mart_key(name: str) -> dg.AssetKey:
    """A table that analysts read."""
    return dg.AssetKey([ANALYTICS, "marts", name])


def run_lock(sync: str) -> str:
    """The resource that lets one run of a sync in at a time."""
    return f"{sync}__run"


def job(sync: str, line: Line) -> str:
    """The job of one of a sync's three cron lines."""
    return f"{sync}__{line}"
