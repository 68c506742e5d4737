-- The provider's totals per link. Whoever clicked two links with the same address is one clicker of it.
with clickers as (
    select connection, campaign_id, url, count(*) as known_clickers
    from {{ ref('link_clicks') }}
    group by all
),

links as (
    select connection, campaign_id, url, sum(clicks) as clicks, max(unique_clickers) as most_clickers
    from {{ source('stats', 'links') }}
    where url is not null
    group by all
)

select
    links.connection,
    links.campaign_id,
    links.url,
    cast(links.clicks as bigint) as clicks,
    greatest(links.most_clickers, clickers.known_clickers) as unique_clickers,
    {{ rate('links.clicks', 'sum(links.clicks) over (partition by links.connection, links.campaign_id)') }} as share_of_clicks,
    {{ rate('greatest(links.most_clickers, clickers.known_clickers)', 'campaigns.delivered_count') }} as click_rate,
from links
left join clickers using (connection, campaign_id, url)
left join {{ ref('campaigns') }} as campaigns using (connection, campaign_id)
