-- The provider's own totals, the ratios that follow from them, how many addresses our ledger held back, and how many
-- people were parked when it was sent.
with campaigns as (
    select
        *,
        greatest(sent_count - hard_bounces - soft_bounces, 0) as delivered_count,
        greatest(opens - coalesce(proxy_excluded_opens, opens), 0) as machine_opens,
        coalesce(proxy_excluded_unique_opens, unique_opens) as unique_human_opens,
    from {{ source('stats', 'campaigns') }}
),

audiences as (
    select distinct connection, audience_id from campaigns
),

suppressions as (
    select
        audiences.connection,
        audiences.audience_id,
        suppressions.email_key,
        suppressions.since,
        suppressions.released_at,
    from {{ source('ledger', 'suppressions') }} as suppressions
    inner join audiences
        on suppressions.scope = 'home'
        or (
            suppressions.connection = audiences.connection
            and (suppressions.scope = 'account' or suppressions.audience_id = audiences.audience_id)
        )
),

-- An address may be suppressed for several reasons at once: it counts from the first until the last is released.
steps as (
    select connection, audience_id, email_key, since as moment, 1 as step from suppressions
    union all
    select connection, audience_id, email_key, released_at as moment, -1 as step
    from suppressions where released_at is not null
),

stacked as (
    select
        *,
        sum(step) over (
            partition by connection, audience_id, email_key order by moment, step desc rows unbounded preceding
        ) as depth,
    from steps
),

blocked as (
    select
        connection,
        audience_id,
        moment,
        sum(step) over (partition by connection, audience_id order by moment) as blocked_count,
    from stacked
    where (step = 1 and depth = 1) or (step = -1 and depth = 0)
),

parked as (
    select
        campaigns.connection,
        campaigns.campaign_id,
        count(distinct parked.email_key) as parked_count,
    from campaigns
    inner join {{ ref('parked_members') }} as parked
        on campaigns.connection = parked.connection
        and campaigns.audience_id = parked.audience_id
        and campaigns.sent_at >= parked.since
        and campaigns.sent_at < coalesce(parked.until, timestamp 'infinity')
    group by all
),

reached as (
    select connection, campaign_id, count(*) as parked_sent_count
    from {{ ref('sends') }}
    where was_parked
    group by all
)

select
    campaigns.connection,
    campaigns.campaign_id,
    campaigns.audience_id,
    campaigns.name,
    campaigns.subject,
    campaigns.category,
    campaigns.sent_at,
    campaigns.sent_count,
    campaigns.delivered_count,
    cast(coalesce(blocked.blocked_count, 0) as bigint) as blocked_count,
    coalesce(parked.parked_count, 0) as parked_count,
    coalesce(reached.parked_sent_count, 0) as parked_sent_count,
    campaigns.hard_bounces,
    campaigns.soft_bounces,
    campaigns.opens,
    campaigns.unique_opens,
    campaigns.machine_opens,
    campaigns.unique_human_opens,
    campaigns.clicks,
    campaigns.unique_clicks,
    campaigns.opt_outs,
    campaigns.complaints,
    {{ rate('campaigns.unique_opens', 'campaigns.delivered_count') }} as open_rate,
    {{ rate('campaigns.unique_human_opens', 'campaigns.delivered_count') }} as human_open_rate,
    {{ rate('campaigns.unique_clicks', 'campaigns.delivered_count') }} as click_rate,
    {{ rate('campaigns.opt_outs', 'campaigns.delivered_count') }} as opt_out_rate,
    {{ rate('campaigns.complaints', 'campaigns.delivered_count') }} as complaint_rate,
    {{ rate('campaigns.unique_clicks', 'campaigns.unique_opens') }} as click_to_open,
    {{ rate('(campaigns.hard_bounces + campaigns.soft_bounces)', 'campaigns.sent_count') }} as bounce_rate,
    campaigns.read_at,
from campaigns
left join parked using (connection, campaign_id)
left join reached using (connection, campaign_id)
asof left join blocked
    on campaigns.connection = blocked.connection
    and campaigns.audience_id = blocked.audience_id
    and campaigns.sent_at >= blocked.moment
