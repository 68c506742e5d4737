-- Who clicked what. A mail may hold one address under several link ids: they are one link here.
with clicks as (
    select
        link_clicks.connection,
        link_clicks.campaign_id,
        links.url,
        link_clicks.email_key,
        sum(link_clicks.clicks) as clicks,
    from {{ source('stats', 'link_clicks') }} as link_clicks
    inner join {{ source('stats', 'links') }} as links using (connection, campaign_id, link_id)
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
)

select
    combined.connection,
    combined.campaign_id,
    combined.url,
    combined.email_key,
    contacts.entity,
    contacts.contact_key,
    cast(combined.clicks as bigint) as clicks,
    combined.first_clicked_at,
    combined.last_clicked_at,
from combined
left join {{ source('stats', 'campaigns') }} as campaigns using (connection, campaign_id)
left join {{ ref('member_contacts') }} as contacts
    on combined.connection = contacts.connection
    and campaigns.audience_id = contacts.audience_id
    and combined.email_key = contacts.email_key
where combined.clicks > 0
