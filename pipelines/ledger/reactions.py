"""Reactions: what people's answers to campaigns say about mailing them at all.

Belongs here: complaints, soft bounces in a row, and opt-outs of people whom the audience shows no longer, read from
the campaign statistics. Does not: what the audience itself shows (consent.py), pulling (stats/).
"""

from typing import Any

import duckdb

from pipelines.config import SyncConfig
from pipelines.ledger import consent, reach
from pipelines.warehouse import rows

NEWS = """
with settings as (select * from sync_{sync}.settings),
campaigns as (
    select campaigns.connection, campaigns.campaign_id, campaigns.sent_at
    from stats.campaigns as campaigns
    inner join settings using (connection, audience_id)
),
releases as (
    select email_key, max(recorded_at) as released_at
    from ledger.consent_events
    where event = 'release' and reason in ('release', 'bounced')
    group by all
),
-- The audience speaks for those it shows; who was archived or deleted afterwards said no all the same.
shown as (
    select addresses.email_key
    from sync_{sync}.extract_members as members
    inner join quality.addresses as addresses on members.email = addresses.address
    where members.status <> 'archived'
),
acts as (
    select
        events.email_key,
        case events.event when 'complaint' then 'complained' else 'opted_out' end as reason,
        'provider' as source,
        max(events.happened_at) as happened_at,
        arg_max(events.detail, events.happened_at) as note,
    from stats.events as events
    semi join campaigns using (connection, campaign_id)
    where events.event = 'complaint'
        or (events.event = 'opt_out' and events.email_key not in (select email_key from shown))
    group by all
),
mailed as (
    select
        sends.email_key,
        campaigns.sent_at,
        sends.bounce is not distinct from 'soft' as is_soft,
        max(case when sends.bounce is distinct from 'soft' then campaigns.sent_at end)
            over (partition by sends.email_key) as last_other_at,
    from stats.sends as sends
    inner join campaigns using (connection, campaign_id)
    left join releases on sends.email_key = releases.email_key
    where campaigns.sent_at > coalesce(releases.released_at, '-infinity')
),
streaks as (
    select
        mailed.email_key,
        'bounced' as reason,
        '{soft}' as source,
        max(mailed.sent_at) as happened_at,
        count(*) || ' soft bounces in a row' as note,
    from mailed
    cross join settings
    where mailed.is_soft and mailed.sent_at > coalesce(mailed.last_other_at, '-infinity')
    group by mailed.email_key, settings.soft_bounces
    having count(*) >= settings.soft_bounces
),
told as (
    select acts.*, managed.entity, {scope} as scope
    from (select * from acts union all by name select * from streaks) as acts
    cross join settings
    {managed}
    where acts.email_key is not null
),
-- What reaches this audience. What it said itself is known however far it reaches (reach.py); a no from elsewhere says
-- this one too where it reaches as far. A hard bounce is no streak: syncs may heed the one and not the other.
known as (
    select
        suppressions.email_key,
        suppressions.reason,
        suppressions.source = '{soft}' as is_streak,
        max(case
            when suppressions.connection is distinct from settings.connection then {home}
            when suppressions.audience_id is distinct from settings.audience_id then {known_rank}
            else {home}
        end) filter (suppressions.released_at is null) as reach,
        max(suppressions.released_at) as released_at,
    from ledger.suppressions as suppressions
    cross join settings
    where suppressions.source <> 'crm' and (
        suppressions.scope = 'home'
        or (suppressions.connection = settings.connection and suppressions.scope = 'account')
        or (suppressions.connection = settings.connection and suppressions.audience_id = settings.audience_id)
    )
    group by all
)
select
    told.email_key,
    settings.connection,
    settings.audience_id,
    told.entity,
    settings.sync,
    told.scope,
    {event} as event,
    told.reason,
    told.source,
    told.happened_at,
    told.note,
from told
cross join settings
left join known
    on told.email_key = known.email_key
    and told.reason = known.reason
    and (told.source = '{soft}') = known.is_streak
where not coalesce(known.reach >= {rank}, false) and not coalesce(told.happened_at <= known.released_at, false)
"""
SOFT = "soft_bounces"


def news(connection: duckdb.DuckDBPyConnection, sync: SyncConfig) -> list[dict[str, Any]]:
    """What the sync's campaigns tell and the ledger does not hold: events ready for `consent.record`."""
    return rows(
        connection,
        NEWS.format(
            sync=sync.sync,
            soft=SOFT,
            scope=consent.scope_of(sync),
            event=consent.EVENT.format(reason="told.reason"),
            managed=consent.MANAGED.format(email_key="acts.email_key"),
            home=reach.RANK.format(scope="'home'"),
            rank=reach.RANK.format(scope="told.scope"),
            known_rank=reach.RANK.format(scope="suppressions.scope"),
        ),
    )
