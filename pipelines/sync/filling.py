"""How many people the groups have that a plan fills or empties, told before anything is sent (E13).

Belongs here: counting them. Does not: who joins or leaves (dbt's plan models), showing (cli/planning.py).
"""

import duckdb

from pipelines.warehouse import rows

# Everybody in the audience counts, as the provider counts: somebody who opted out stays in a group.
GROUPS = """
    with changes as (
        select
            op,
            case when op = 'join' then after else before end as with_them,
            case when op = 'join' then before else after end as without_them,
        from plan.changes
        where plan_id = $plan_id and op in ('join', 'leave')
    ),
    labels as (
        select
            op,
            unnest(from_json(coalesce(json_extract(with_them, '$.groups'), '[]'), '["VARCHAR"]')) as name,
            from_json(coalesce(json_extract(without_them, '$.groups'), '[]'), '["VARCHAR"]') as others,
        from changes
    ),
    moves as (
        select name, count(*) filter (op = 'join') as joining, count(*) filter (op = 'leave') as leaving
        from labels where not list_contains(others, name) group by name
    ),
    present as (
        select unnest(groups) as name
        from sync_{sync}.stage_members
        where status <> 'archived' and list_has_any(groups, (select coalesce(list(name), []) from moves))
    )
    select moves.name as "group", count(present.name) as members, moves.joining, moves.leaving
    from moves
    left join present using (name)
    group by all
    order by moves.name
"""


def groups(connection: duckdb.DuckDBPyConnection, sync: str, plan_id: str) -> list[dict[str, object]]:
    """The groups that members join or leave by the frozen plan: {group, members, joining, leaving}.

    `members` is how many the group has now, whoever put them there; 0 for a group that is still to be made.
    """
    return rows(connection, GROUPS.format(sync=sync), {"plan_id": plan_id})
