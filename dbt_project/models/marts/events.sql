-- Everything that happened to a campaign's mails, sending included.
with campaigns as (
    select connection, campaign_id, sent_at from {{ source('stats', 'campaigns') }}
),

-- The provider tells how often a mail was sent, but the time of the campaign only: one event, times_sent is in sends.
sent as (
    select distinct
        sends.connection,
        sends.campaign_id,
        sends.email_key,
        'sent' as event,
        campaigns.sent_at as happened_at,
    from {{ source('stats', 'sends') }} as sends
    left join campaigns using (connection, campaign_id)
    where sends.email_key is not null
),

all_events as (
    select connection, campaign_id, email_key, event, happened_at, url, is_machine
    from {{ source('stats', 'events') }}
    where email_key is not null
    union all by name
    select * from sent
)

select
    told.connection,
    told.campaign_id,
    coalesce(renamed.email_key, told.email_key) as email_key,
    told.event,
    told.happened_at,
    told.url,
    coalesce(told.is_machine, false) as is_machine,
from all_events as told
left join {{ ref('campaign_addresses') }} as renamed
    on told.connection = renamed.connection
    and told.campaign_id = renamed.campaign_id
    and told.email_key = renamed.told_key
