-- One campaign to one person, however often it was sent (I4). Opens and clicks are people's; machines have their own.
with sends as (
    select
        connection,
        campaign_id,
        email_key,
        sum(times_sent) as times_sent,
        case when bool_or(bounce = 'hard') then 'hard' when bool_or(bounce = 'soft') then 'soft' end as bounce,
    from {{ source('stats', 'sends') }}
    where email_key is not null
    group by all
),

events as (
    select
        connection,
        campaign_id,
        email_key,
        count(*) filter (event = 'open' and not is_machine) as opens,
        count(*) filter (event = 'open' and is_machine) as machine_opens,
        min(happened_at) filter (event = 'open' and not is_machine) as first_opened_at,
        max(happened_at) filter (event = 'open' and not is_machine) as last_opened_at,
        min(happened_at) filter (event = 'click' and not is_machine) as first_clicked_at,
        max(happened_at) filter (event = 'click' and not is_machine) as last_clicked_at,
        count(*) filter (event = 'click' and not is_machine and url is null) as clicks_without_url,
        bool_or(event = 'opt_out') as opted_out,
        bool_or(event = 'complaint') as complained,
    from {{ ref('events') }}
    group by all
),

clicks as (
    select connection, campaign_id, email_key, sum(clicks) as clicks
    from {{ ref('link_clicks') }}
    group by all
),

keys as (
    select connection, campaign_id, email_key from events
    union
    select connection, campaign_id, email_key from clicks
)

select
    keys.connection,
    keys.campaign_id,
    keys.email_key,
    contacts.entity,
    contacts.contact_key,
    -- Providers forget recipients before they forget what they did: who opened a mail was sent it at least once.
    cast(coalesce(sends.times_sent, 1) as bigint) as times_sent,
    sends.bounce is null as delivered,
    coalesce(events.opens, 0) as opens,
    coalesce(events.machine_opens, 0) as machine_opens,
    cast(coalesce(clicks.clicks, 0) + coalesce(events.clicks_without_url, 0) as bigint) as clicks,
    events.first_opened_at,
    events.last_opened_at,
    events.first_clicked_at,
    events.last_clicked_at,
    sends.bounce,
    coalesce(events.opted_out, false) as opted_out,
    coalesce(events.complained, false) as complained,
from keys
left join sends using (connection, campaign_id, email_key)
left join events using (connection, campaign_id, email_key)
left join clicks using (connection, campaign_id, email_key)
left join {{ source('stats', 'campaigns') }} as campaigns using (connection, campaign_id)
left join {{ ref('member_contacts') }} as contacts
    on keys.connection = contacts.connection
    and campaigns.audience_id = contacts.audience_id
    and keys.email_key = contacts.email_key
