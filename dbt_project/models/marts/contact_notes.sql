-- One line of English for the contact's history in the CRM (I8): what was sent, and what became of it.
with sends as (
    select
        sends.entity,
        sends.contact_key,
        sends.connection,
        sends.campaign_id,
        max(sends.times_sent) as times_sent,
        sum(sends.opens) as opens,
        sum(sends.clicks) as clicks,
        case when not bool_or(sends.delivered) then min(sends.bounce) end as bounce,
        bool_or(sends.opted_out) as opted_out,
        bool_or(sends.complained) as complained,
    from {{ ref('sends') }} as sends
    where sends.contact_key is not null
    group by all
),

clicked_links as (
    select entity, contact_key, connection, campaign_id, count(distinct url) as links
    from {{ ref('link_clicks') }}
    where contact_key is not null
    group by all
),

phrased as (
    select
        sends.*,
        campaigns.sent_at,
        'Sent "' || coalesce(campaigns.subject, campaigns.name, sends.campaign_id) || '"'
        || case when sends.times_sent > 1 then ' ' || sends.times_sent || ' times' else '' end
        || coalesce(' on ' || strftime(campaigns.sent_at, '%Y-%m-%d'), '') as opening,
        case
            when sends.bounce is not null then 'bounced (' || sends.bounce || ')'
            when sends.opens > 0 then 'opened ' || {{ counted('sends.opens', 'time', 'times') }}
            when sends.clicks = 0 then 'not opened'
        end as opened,
        case
            when sends.clicks > 0 then 'clicked ' || {{ counted('coalesce(clicked_links.links, 1)', 'link', 'links') }}
        end as clicked,
    from sends
    left join clicked_links using (entity, contact_key, connection, campaign_id)
    left join {{ source('stats', 'campaigns') }} as campaigns using (connection, campaign_id)
)

select
    entity,
    contact_key,
    connection,
    campaign_id,
    sent_at,
    opening || ': ' || concat_ws(
        ', ', opened, clicked, case when opted_out then 'opted out' end, case when complained then 'complained' end
    ) || '.' as note,
from phrased
