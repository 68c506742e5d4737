"""What the quality of a sync was, plan by plan: addresses by rule, and whom a plan no longer holds.

Belongs here: keeping that, in the transaction that freezes a plan. Does not: what is held now (plan.holds), judging
(addresses.py), showing it (reports/).

The tables of now are replaced with every plan, so whatever was mended would be gone without a trace.
"""

from datetime import datetime

import duckdb

from pipelines.blanks import BLANKS, ZERO_WIDTH
from pipelines.config import SyncConfig
from pipelines.quality import syntax

# The plan before, where nothing of it was ever sent: what ended with it has not been told by any push yet.
UNSENT = """
    select max_by(plan_id, planned_at) as plan_id from quality.history where sync = $sync
    having not exists (select 1 from ledger.runs where runs.plan_id = max_by(history.plan_id, history.planned_at))
"""
# A record is the same as long as its key is: mending an address changes the address.
ENDED = f"""
create or replace temp table ended_holds as
select distinct on (known.email_key, known.entity, known.contact_key, known.reason) known.*
from (
    select * exclude (last_seen_at) from plan.holds where sync = $sync
    union by name
    select * exclude (plan_id, released_at, became) from plan.released where plan_id in ({UNSENT})
) as known
anti join sync_{{sync}}.plan_holds as draft
    on known.reason = draft.reason
    and known.email_key is not distinct from draft.email_key
    and known.entity is not distinct from draft.entity
    and known.contact_key is not distinct from draft.contact_key
order by known.first_seen_at
"""
FORGOTTEN = f"delete from plan.released where plan_id in ({UNSENT})"
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
# What `cleaned` of quality/syntax.py left out; where a warning that nobody wants stands in its place, asked again.
REPAIR = """
case
    when rule is null or rule in ('outer_blanks', 'invisible_characters') then rule
    when trim(translate(address, $zero_width, ''), $outer) = address then null
    when trim(translate(address, $zero_width, ''), $outer) = trim(address, $blanks) then 'outer_blanks'
    else 'invisible_characters'
end
"""
SIGNS = {"blanks": BLANKS, "zero_width": ZERO_WIDTH, "outer": syntax.OUTER}
ADDRESSES = f"""
insert into quality.history by name
select
    $plan_id as plan_id,
    $sync as sync,
    $moment as planned_at,
    case when is_ok then 'ok' else verdict end as verdict,
    case when is_ok then {REPAIR} else rule end as rule,
    count(*) as records,
from (
    select
        address, verdict, rule,
        verdict = 'ok' or (verdict = 'warning' and not list_contains($warnings, rule)) as is_ok,
    from sync_{{sync}}.map_records
    where eligibility in ('wanted', 'bad_address', 'missing_address')
) as judged
group by all
"""


def note_endings(connection: duckdb.DuckDBPyConnection, sync: str) -> None:
    """Remember which holds the sync's draft has no more; to be called before plan.holds is renewed.

    What ended with a plan that was never pushed goes along to the next one: so a push tells all since the one before.
    """
    connection.execute(ENDED.format(sync=sync), {"sync": sync})
    connection.execute(FORGOTTEN, {"sync": sync})


def record(connection: duckdb.DuckDBPyConnection, sync: SyncConfig, plan_id: str, moment: datetime) -> None:
    """Keep for the frozen plan how many records had which verdict, and what became of the holds that ended.

    `moment` is when it was made, in UTC without saying so. Warnings that the sync does not want count as ok. The rule
    of an address that is ok is what was repaired, else null; one with a warning counts for that alone.
    """
    told: dict[str, object] = {"plan_id": plan_id, "sync": sync.sync, "moment": moment}
    connection.execute(ADDRESSES.format(sync=sync.sync), {**told, **SIGNS, "warnings": list(sync.quality.warnings)})
    connection.execute(RELEASED.format(sync=sync.sync), told)
    connection.execute("drop table temp.ended_holds")
