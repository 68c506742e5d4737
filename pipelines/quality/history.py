"""What the quality of a sync was, plan by plan: addresses by rule, and whom a plan no longer holds.

Belongs here: keeping that, in the transaction that freezes a plan. Does not: what is held now (plan.holds), judging
(addresses.py), showing it (reports/).

The tables of now are replaced with every plan, so whatever was mended would be gone without a trace.
"""

from datetime import datetime

import duckdb

# A record is the same as long as its key is: mending an address changes the address.
ENDED = """
create or replace temp table ended_holds as
select known.* exclude (last_seen_at)
from plan.holds as known
anti join sync_{sync}.plan_holds as draft
    on known.reason = draft.reason
    and known.email_key is not distinct from draft.email_key
    and known.entity is not distinct from draft.entity
    and known.contact_key is not distinct from draft.contact_key
where known.sync = $sync
"""
# Each big table is looked through once for the few records whose hold ended, never the other way round.
RELEASED = """
insert into plan.released by name
with ended as (
    select *, row_number() over () as number from temp.ended_holds
),
held as (
    select number from ended inner join plan.holds as holds using (entity, contact_key) where holds.sync = $sync
    union
    select number from ended inner join plan.holds as holds using (email_key)
    where holds.sync = $sync and ended.contact_key is null
),
planned as (
    select number from ended inner join plan.changes as changes using (entity, contact_key) where plan_id = $plan_id
    union
    select number from ended inner join plan.changes as changes using (email_key) where plan_id = $plan_id
),
records as (
    select number, any_value(records.eligibility) as eligibility
    from ended inner join sync_{sync}.map_records as records using (entity, contact_key) group by number
)
select
    $plan_id as plan_id,
    ended.* exclude (number),
    $moment as released_at,
    case
        when number in (select number from held) then 'held'
        when number in (select number from planned) then 'planned'
        when records.eligibility = 'wanted' then 'settled'
        when records.eligibility is not null then 'not_wanted'
        else 'gone'
    end as became,
from ended
left join records using (number)
"""
ADDRESSES = """
insert into quality.history by name
select
    $plan_id as plan_id,
    $sync as sync,
    $moment as planned_at,
    verdict,
    case when verdict <> 'ok' then rule end as rule,
    count(*) as records,
from sync_{sync}.map_records
where eligibility in ('wanted', 'bad_address', 'missing_address')
group by all
"""


def note_endings(connection: duckdb.DuckDBPyConnection, sync: str) -> None:
    """Remember which holds the sync's draft has no more; to be called before plan.holds is renewed."""
    connection.execute(ENDED.format(sync=sync), {"sync": sync})


def record(connection: duckdb.DuckDBPyConnection, sync: str, plan_id: str, moment: datetime) -> None:
    """Keep for the frozen plan how many records had which verdict, and what became of the holds that ended.

    `moment` is when it was made, in UTC without saying so.
    """
    told = {"plan_id": plan_id, "sync": sync, "moment": moment}
    connection.execute(ADDRESSES.format(sync=sync), told)
    connection.execute(RELEASED.format(sync=sync), told)
    connection.execute("drop table temp.ended_holds")
