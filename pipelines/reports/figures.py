"""What a report says in numbers: the newest plan and what became of it, and how things went over time.

Belongs here: reading counts from the plan, the ledger and the marts. Does not: people (sheets.py), drawing.

Nothing here names a person, so that the page made of it may be passed on. Words that a person typed, as a reason for
opting out, are counted together unless several people used the same ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from pipelines import clock
from pipelines.errors import ConfigError
from pipelines.quality.addresses import REPAIRS
from pipelines.sync import plans
from pipelines.sync.plans import Plan
from pipelines.warehouse import has_table, rows

Rows = Sequence[Mapping[str, Any]]

LAST_RUNS = 30
LAST_PLANS = 30
LAST_CAMPAIGNS = 20
LAST_MONTHS = 24
SAME_WORDS = 5  # so many people must have used the same words before a report repeats them
OWN_WORDS = "in their own words"

# A change counts as sent when the provider said yes or no for good: those a further push of the plan leaves out.
SENDING = """
with last as (
    select change_id, outcome from ledger.pushes where plan_id = $plan_id
    qualify row_number() over (
        partition by change_id order by outcome in ('applied', 'refused') desc, happened_at desc, seq desc
    ) = 1
)
select
    op,
    reason,
    count(*) as planned,
    count(*) filter (outcome = 'applied') as applied,
    count(*) filter (outcome = 'refused') as refused,
    count(*) filter (outcome in ('failed', 'sending')) as failed,
    count(*) filter (outcome = 'left') as left_count,
    count(*) filter (outcome is null) as not_sent,
from plan.changes
left join last using (change_id)
where plan_id = $plan_id
group by all
order by op, reason
"""
HOLDS = """
select reason, count(*) as records, min(first_seen_at) as since
from plan.holds where sync = $sync group by all order by records desc, reason
"""
RELEASED = """
select reason, became, count(*) as records
from plan.released where plan_id = $plan_id group by all order by became, reason
"""
RULES = """
select verdict, rule, any_value(detail) as detail, count(*) as records
from quality.bad_emails where sync = $sync group by verdict, rule order by verdict desc, records desc, rule
"""
# One plan a day is enough to see where things go: the day's last one.
HISTORY = f"""
with days as (
    select distinct plan_id, planned_at from quality.history where sync = $sync
    qualify dense_rank() over (partition by planned_at::date order by planned_at desc) = 1
    order by planned_at desc limit {LAST_PLANS}
)
select planned_at::date as day, verdict, rule, records
from quality.history
inner join days using (plan_id, planned_at)
where sync = $sync
order by day, verdict, rule
"""
RUNS = f"""
select started_at, seconds, planned, applied, refused, failed + unanswered as failed, left_count, calls
from marts.sync_runs where sync = $sync order by started_at desc limit {LAST_RUNS}
"""
OPT_OUTS = f"""
with said as (
    select
        date_trunc('month', happened_at)::date as month,
        coalesce(reason, 'not said') as reason,
        count(*) over (partition by reason) as same_words,
    from marts.opt_outs
    where connection = $connection and audience_id = $audience_id
)
select
    month,
    case
        when list_contains($known, lower(reason)) or (same_words >= {SAME_WORDS} and not contains(reason, '@'))
            then reason
        else '{OWN_WORDS}'
    end as reason,
    count(*) as opt_outs,
from said
where month >= date_trunc('month', $moment::timestamp) - to_months({LAST_MONTHS - 1})
group by all
order by month, reason
"""
GROWTH = f"""
with days as (
    select *, date_trunc('month', day)::date as month from marts.audience_daily
    where connection = $connection and audience_id = $audience_id
),
months as (
    select
        month,
        min(day) as first_day,
        max(day) as last_day,
        arg_min(members_at_start, day) as members_at_start,
        sum(joined)::bigint as joined,
        sum(left_count)::bigint as left_count,
        arg_max(members_at_start + net, day) as members_at_end,
    from days group by month
)
select
    *,
    case when members_at_start > 0 then least(left_count / members_at_start, 1.0) end as churn_rate,
from months
order by month desc limit {LAST_MONTHS}
"""
STATUSES = """
select subscribed_count, unsubscribed_count, bounced_count, pending_count, archived_count, managed_count, name
from marts.audiences where connection = $connection and audience_id = $audience_id
"""
CAMPAIGNS = f"""
select
    name, category, sent_at, sent_count, blocked_count, delivered_count, hard_bounces + soft_bounces as bounces,
    unique_opens, unique_human_opens, unique_clicks, opt_outs, complaints, open_rate, human_open_rate, click_rate,
    opt_out_rate, bounce_rate, parked_sent_count,
from marts.campaigns
where connection = $connection and audience_id = $audience_id
order by sent_at desc nulls last limit {LAST_CAMPAIGNS}
"""
# What providers offer to choose from, and our own reasons: never a person's own words.
KNOWN_REASONS = (
    *("not said", "none given", "no longer interested", "did not signup for list", "too many emails"),
    *("inappropriate content", "spam content", "abuse complaint", "opted_out", "complained"),
    "n/a (unsubscribed by admin)",
)


@dataclass(frozen=True)
class Figures:
    """The numbers of a sync's report; every sequence is of rows keyed as their query names them.

    `sending`, `holds`, `released` and `rules` are of the newest plan and exact; what follows is over time, and empty
    until the marts were built. `runs`, `growth` and `campaigns` have the latest first.
    """

    plan: Plan
    made_at: datetime
    audience: str
    sending: Rows
    holds: Rows
    released: Rows
    rules: Rows
    history: Rows
    runs: Rows
    opt_outs: Rows
    growth: Rows
    statuses: Mapping[str, Any]
    campaigns: Rows

    @property
    def bad(self) -> int:
        """Records that can't be mailed because their address is wrong or missing."""
        return sum(int(row["records"]) for row in self.rules if row["verdict"] in ("wrong", "missing"))

    @property
    def checked(self) -> int:
        """Records that the CRM wants mailed, before their addresses were judged; 0 for a plan of an older version."""
        return sum(int(row["records"]) for row in self._latest_history())

    @property
    def usable(self) -> int:
        """Of those, the ones with an address that can be mailed."""
        return sum(int(row["records"]) for row in self._latest_history() if row["verdict"] in ("ok", "warning"))

    @property
    def repairs(self) -> Rows:
        """Of those, the ones that were repaired without asking: rule, detail, records; the most frequent first."""
        found = [row for row in self._latest_history() if is_repair(row)]
        ordered = sorted(found, key=lambda row: (-row["records"], row["rule"]))
        return [{"rule": row["rule"], "detail": REPAIRS[row["rule"]], "records": row["records"]} for row in ordered]

    @property
    def repaired(self) -> int:
        """How many records those are."""
        return sum(int(row["records"]) for row in self.repairs)

    def _latest_history(self) -> Rows:
        days = {row["day"] for row in self.history}
        return [row for row in self.history if row["day"] == max(days)]

    @property
    def held(self) -> int:
        """Records and members held, each once for each reason."""
        return sum(int(row["records"]) for row in self.holds)

    @property
    def unblocked(self) -> int:
        """Holds that ended with this plan and set their record free."""
        return sum(int(row["records"]) for row in self.released if row["became"] in ("planned", "settled"))

    def total(self, name: str) -> int:
        """The sum of a column of `sending`."""
        return sum(int(row[name]) for row in self.sending)


def read(connection: duckdb.DuckDBPyConnection, sync: str) -> Figures:
    """The figures of a sync as the warehouse has them; `ConfigError` before its first plan."""
    plan = plans.latest(connection, sync)
    if plan is None:
        raise ConfigError("nothing was planned yet.", where=sync, do=f"Plan first: enlist plan {sync}")
    of_plan, of_sync = {"plan_id": plan.plan_id}, {"sync": sync}
    audience = {"connection": plan.connection, "audience_id": plan.audience_id}
    moment = clock.naive(clock.now())
    statuses = _of_mart(connection, "audiences", STATUSES, audience)
    return Figures(
        plan=plan,
        made_at=moment,
        audience=str(statuses[0]["name"] or plan.audience_id) if statuses else plan.audience_id,
        sending=rows(connection, SENDING, of_plan),
        holds=rows(connection, HOLDS, of_sync),
        released=rows(connection, RELEASED, of_plan),
        rules=rows(connection, RULES, of_sync),
        history=rows(connection, HISTORY, of_sync),
        runs=_of_mart(connection, "sync_runs", RUNS, of_sync),
        opt_outs=_of_mart(
            connection, "opt_outs", OPT_OUTS, {**audience, "known": list(KNOWN_REASONS), "moment": moment}
        ),
        growth=_of_mart(connection, "audience_daily", GROWTH, audience),
        statuses=statuses[0] if statuses else {},
        campaigns=_of_mart(connection, "campaigns", CAMPAIGNS, audience),
    )


def is_repair(row: Mapping[str, Any]) -> bool:
    """Whether a row of `history` counts addresses that were repaired without asking."""
    return row["verdict"] == "ok" and row["rule"] in REPAIRS


def _of_mart(connection: duckdb.DuckDBPyConnection, mart: str, query: str, parameters: Mapping[str, Any]) -> Rows:
    """The rows of a query on a mart; none before that mart was built for the first time."""
    return rows(connection, query, parameters) if has_table(connection, "marts", mart) else ()
