-- The provider's totals per link, or what is known of single people where it has forgotten some of them. Whoever
-- clicked two links with the same address is one clicker of it.
with clickers as (
    select connection, campaign_id, url, count(*) as known_clickers, sum(clicks) as known_clicks
    from {{ ref('link_clicks') }}
    group by all
),

links as (
    select connection, campaign_id, url, sum(clicks) as clicks, max(unique_clickers) as most_clickers
    from {{ source('stats', 'links') }}
    where url is not null
    group by all
),

combined as (
    select
        links.connection,
        links.campaign_id,
        links.url,
        greatest(links.clicks, clickers.known_clicks) as clicks,
        greatest(links.most_clickers, clickers.known_clickers) as unique_clickers,
    from links
    left join clickers using (connection, campaign_id, url)
),

totals as (
    select connection, campaign_id, sum(clicks) as all_clicks from combined group by all
)

select
    combined.connection,
    combined.campaign_id,
    combined.url,
    cast(combined.clicks as bigint) as clicks,
    combined.unique_clickers,
    cast(totals.all_clicks as bigint) as all_clicks,
    campaigns.delivered_count,
    {{ rate('combined.clicks', 'totals.all_clicks') }} as share_of_clicks,
    {{ rate('combined.unique_clickers', 'campaigns.delivered_count') }} as click_rate,
from combined
inner join totals using (connection, campaign_id)
left join {{ ref('campaigns') }} as campaigns using (connection, campaign_id)
