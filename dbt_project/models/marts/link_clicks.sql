-- Who clicked what. A mail may hold one address under several link ids: they are one link here.
with clicks as (
    select
        link_clicks.connection,
        link_clicks.campaign_id,
        links.url,
        coalesce(renamed.email_key, link_clicks.email_key) as email_key,
        sum(link_clicks.clicks) as clicks,
    from {{ source('stats', 'link_clicks') }} as link_clicks
    inner join {{ source('stats', 'links') }} as links using (connection, campaign_id, link_id)
    left join {{ ref('campaign_addresses') }} as renamed
        on link_clicks.connection = renamed.connection
        and link_clicks.campaign_id = renamed.campaign_id
        and link_clicks.email_key = renamed.told_key
    where link_clicks.email_key is not null and links.url is not null
    group by all
),

events as (
    select
        connection,
        campaign_id,
        url,
        email_key,
        count(*) filter (not is_machine) as people_clicks,
        count(*) filter (is_machine) as machine_clicks,
        min(happened_at) filter (not is_machine) as first_clicked_at,
        max(happened_at) filter (not is_machine) as last_clicked_at,
    from {{ ref('events') }}
    where event = 'click' and url is not null
    group by all
),

-- The provider's count per link has scanners in it; the events tell them apart, but some providers keep none.
combined as (
    select
        connection,
        campaign_id,
        url,
        email_key,
        greatest(
            coalesce(events.people_clicks, 0), coalesce(clicks.clicks, 0) - coalesce(events.machine_clicks, 0)
        ) as clicks,
        events.first_clicked_at,
        events.last_clicked_at,
    from clicks
    full outer join events using (connection, campaign_id, url, email_key)
),

campaigns as (
    select connection, campaign_id, audience_id, coalesce(sent_at, timestamp '9999-01-01') as sent_at
    from {{ source('stats', 'campaigns') }}
)

select
    combined.connection,
    combined.campaign_id,
    combined.url,
    combined.email_key,
    ties.entity,
    ties.contact_key,
    coalesce(successors.current_entity, ties.entity) as current_entity,
    coalesce(successors.current_contact_key, ties.contact_key) as current_contact_key,
    cast(combined.clicks as bigint) as clicks,
    combined.first_clicked_at,
    combined.last_clicked_at,
from combined
left join campaigns using (connection, campaign_id)
{{ records_of('combined') }}
where combined.clicks > 0
