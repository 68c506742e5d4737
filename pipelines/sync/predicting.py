"""What a push will take: calls, and seconds for each.

Belongs here: predicting it from the rows of a plan that is being frozen. Does not: how a provider batches (its
`Traits`), counting what a push really took (sending.py).
"""

from typing import cast

import duckdb

from pipelines.config import Home, SyncConfig
from pipelines.providers.base import Op, Traits
from pipelines.warehouse import rows

CALLS = """
    with changes as (select *, coalesce(before, '{}') as had from plan.changes where plan_id = $plan_id),
    -- Changes that travel along with those of another op, and those that carry them.
    along as (
        select carriers.change_id as carrier, along.change_id as carried
        from (select unnest(cast($along as varchar[][])) as pair) as pairs
        inner join changes as carriers on carriers.op = pair[1]
        inner join changes as along on along.op = pair[2] and along.email_key = carriers.email_key
        where json_extract_string(carriers.after, '$.status') = 'subscribed'
    ),
    ways as (
        select *, case
            when op = 'add' and before is not null then 'singly'
            when change_id in (select carrier from along) then 'carrier'
            when change_id in (select carried from along) then 'along'
            else 'batched'
        end as way,
        from changes
    ),
    labels as (
        select op, way, unnest(from_json(coalesce(
            json_extract(case when op in ('tag', 'join') then after else had end, '$.tags'),
            json_extract(case when op in ('tag', 'join') then after else had end, '$.groups')
        ), '["VARCHAR"]')) as name, from_json(coalesce(
            json_extract(case when op in ('tag', 'join') then had else after end, '$.tags'),
            json_extract(case when op in ('tag', 'join') then had else after end, '$.groups')
        ), '["VARCHAR"]') as others
        from ways where list_contains($by_label, op)
    )
    select op, name, way = 'along' as is_along, count(*) as count, 0 as singly, 0 as carriers
    from labels where not list_contains(others, name) group by all
    union all
    select
        op, null, false, count(*) filter (way in ('batched', 'along')), count(*) filter (way = 'singly'),
        count(*) filter (way = 'carrier')
    from ways where not list_contains($by_label, op) group by op
"""


def calls_needed(connection: duckdb.DuckDBPyConnection, sync: str, plan_id: str, traits: Traits) -> int:
    """How many calls the push will need: batched ops by the batch, those by label once for each name."""
    query = f"select coalesce(sum(members), 0) from sync_{sync}.plan_standing where status <> 'archived'"
    present = int(connection.execute(query).fetchall()[0][0])
    counted = rows(
        connection,
        CALLS,
        {
            "plan_id": plan_id,
            "by_label": sorted(traits.by_label),
            "along": [list(pair) for pair in traits.along.items()],
        },
    )
    calls = 0
    for row in counted:
        number, carriers, op = int(str(row["count"])), int(str(row["carriers"])), cast("Op", row["op"])
        members = number if op in traits.by_label else present + number + carriers
        calls += int(str(row["singly"]))
        if row["is_along"]:
            calls += min(number, traits.calls_of_batches(number, members=members))
        elif carriers:
            calls += traits.calls_of_batches(number, members=members)
        else:
            calls += traits.calls_for(op, number, members=members)
    return calls


def seconds_per_call(home: Home, sync: SyncConfig, traits: Traits) -> float:
    """What the account's own rate setting says (A12), else what a call usually takes at this provider."""
    rate = getattr(home.connection(sync.to.connection), "rate_per_second", None)
    return max(1 / rate if rate else 0.0, traits.seconds_per_call)
