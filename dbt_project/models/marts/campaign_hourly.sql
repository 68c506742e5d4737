-- When people open and click, hour by hour after the sending. What the provider gives no time for is left out; what it
-- dates before the sending, because clocks differ, counts in the first hour.
with campaigns as (
    select connection, campaign_id, sent_at from {{ source('stats', 'campaigns') }} where sent_at is not null
),

done as (
    select
        campaigns.connection,
        campaigns.campaign_id,
        {{ hours_between('campaigns.sent_at', 'events.happened_at') }} as hours_after,
        count(*) filter (event = 'open') as opens,
        count(*) filter (event = 'open' and is_machine) as machine_opens,
        count(*) filter (event = 'click' and not is_machine) as clicks,
    from {{ ref('events') }} as events
    inner join campaigns using (connection, campaign_id)
    where events.event in ('open', 'click') and events.happened_at is not null
    group by all
),

begun as (
    {% for act in ['open', 'click'] -%}
    select
        campaigns.connection,
        campaigns.campaign_id,
        {{ hours_between('campaigns.sent_at', 'sends.first_' ~ act ~ 'ed_at') }} as hours_after,
        count(*) as new_{{ act }}ers,
    from {{ ref('sends') }} as sends
    inner join campaigns using (connection, campaign_id)
    where sends.first_{{ act }}ed_at is not null
    group by all
    {{ 'union all by name' if not loop.last }}
    {% endfor %}
),

totals as (
    select
        connection,
        campaign_id,
        hours_after,
        {% for figure in ['opens', 'machine_opens', 'clicks', 'new_openers', 'new_clickers'] -%}
        cast(coalesce(sum({{ figure }}), 0) as bigint) as {{ figure }},
        {% endfor -%}
    from (select * from done union all by name select * from begun)
    group by all
)

select
    connection,
    campaign_id,
    totals.hours_after,
    campaigns.sent_at + to_hours(totals.hours_after) as begins_at,
    totals.opens,
    totals.machine_opens,
    totals.clicks,
    totals.new_openers,
    totals.new_clickers,
from totals
inner join campaigns using (connection, campaign_id)
