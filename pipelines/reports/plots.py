"""Pictures of the marts for the Dagster UI: what campaigns did, and how audiences grew.

Belongs here: which figures are shown. Does not: drawing (charts.py), metadata (defs/results.py). No address is in them.
"""

from collections.abc import Mapping

import duckdb

from pipelines.warehouse import rows

CAMPAIGNS, DAYS, AUDIENCES = 12, 60, 5  # the latest, and those with most members


def of_mart(connection: duckdb.DuckDBPyConnection, mart: str) -> Mapping[str, str]:
    """Pictures of a mart as data: URIs, by their title; none where it has no picture or no rows."""
    if mart == "campaigns":
        return _reactions(connection)
    if mart == "audience_daily":
        return _growth(connection)
    return {}


def _reactions(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    found = rows(
        connection,
        f"""
        select
            coalesce(name, subject, campaign_id) as name, coalesce(human_open_rate, 0) as opened,
            coalesce(click_rate, 0) as clicked,
        from marts.campaigns where delivered_count > 0 order by sent_at desc limit {CAMPAIGNS}
        """,
    )
    if not found:
        return {}
    from pipelines.reports import charts  # matplotlib takes a second to load

    series = {"opened by people": _numbers(found, "opened"), "clicked": _numbers(found, "clicked")}
    return {"opens and clicks": charts.shares([str(row["name"]) for row in found], series, form="png")}


def _growth(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    found = rows(
        connection,
        f"""
        with daily as (
            select connection, audience_id, day, members_at_start + net as members, joined, -left_count as gone
            from marts.audience_daily where day > (select max(day) from marts.audience_daily) - {DAYS}
        ),
        largest as (
            select connection, audience_id, coalesce(name, audience_id) as name
            from marts.audiences semi join daily using (connection, audience_id)
            order by subscribed_count desc nulls last, connection, audience_id limit {AUDIENCES}
        )
        select day, name, connection, audience_id, members, joined, gone
        from daily inner join largest using (connection, audience_id) order by day
        """,
    )
    if not found:
        return {}
    from pipelines.reports import charts

    days = sorted({row["day"] for row in found}, key=str)
    members: dict[str, dict[object, float]] = {}
    for row in found:
        members.setdefault(str(row["name"]), {})[row["day"]] = float(str(row["members"]))
    labels = [f"{day:%d %b}" for day in days]
    series = {name: [known.get(day, float("nan")) for day in days] for name, known in members.items()}
    moved = {
        name: [sum(_numbers([row for row in found if row["day"] == day], key)) for day in days]
        for name, key in (("joined", "joined"), ("left", "gone"))
    }
    return {
        "members": charts.lines(labels, series, form="png"),
        "joined and left": charts.stacked(labels, moved, form="png"),
    }


def _numbers(found: list[dict[str, object]], key: str) -> list[float]:
    return [float(str(row[key])) for row in found]
