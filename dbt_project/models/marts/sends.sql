-- One campaign to one person, however often it was sent (I4). Opens and clicks are people's; machines have their own.
-- The record in the CRM is the one that the address stood for when the campaign was sent; the current one beside it
-- differs where the CRM merged or converted records since.
-- Campaigns and addresses are numbers until the end: millions of rows with three texts as their key take several times
-- the memory (tests/benchmark).
with campaigns as materialized (
    select
        connection,
        campaign_id,
        audience_id,
        coalesce(sent_at, timestamp '9999-01-01') as sent_at,
        row_number() over () as campaign_no,
    from {{ source('stats', 'campaigns') }}
),

renamed as (
    select campaigns.campaign_no, told.told_key, told.email_key
    from {{ ref('campaign_addresses') }} as told
    inner join campaigns using (connection, campaign_id)
),

people as materialized (
    select email_key, row_number() over () as person_no
    from (
        select email_key from {{ source('stats', 'sends') }} where email_key is not null
        union
        select email_key from {{ ref('events') }}
        union
        select email_key from {{ ref('link_clicks') }}
    )
),

sends as (
    select
        campaigns.campaign_no,
        people.person_no,
        sum(told.times_sent) as times_sent,
        min(told.bounce) as bounce,
    from {{ source('stats', 'sends') }} as told
    inner join campaigns using (connection, campaign_id)
    left join renamed on campaigns.campaign_no = renamed.campaign_no and told.email_key = renamed.told_key
    inner join people on coalesce(renamed.email_key, told.email_key) = people.email_key
    group by all
),

events as (
    select
        campaigns.campaign_no,
        people.person_no,
        count(*) filter (event = 'open' and not is_machine) as opens,
        count(*) filter (event = 'open' and is_machine) as machine_opens,
        min(happened_at) filter (event = 'open' and not is_machine) as first_opened_at,
        max(happened_at) filter (event = 'open' and not is_machine) as last_opened_at,
        min(happened_at) filter (event = 'click' and not is_machine) as first_clicked_at,
        max(happened_at) filter (event = 'click' and not is_machine) as last_clicked_at,
        count(*) filter (event = 'click' and not is_machine and url is null) as clicks_without_url,
        bool_or(event = 'opt_out') as opted_out,
        bool_or(event = 'complaint') as complained,
    from {{ ref('events') }} as told
    inner join campaigns using (connection, campaign_id)
    inner join people using (email_key)
    where told.event <> 'sent'
    group by all
),

clicks as (
    select campaigns.campaign_no, people.person_no, sum(told.clicks) as clicks
    from {{ ref('link_clicks') }} as told
    inner join campaigns using (connection, campaign_id)
    inner join people using (email_key)
    group by all
),

acts as (
    select * from events
    full outer join clicks using (campaign_no, person_no)
),

combined as (
    select
        campaign_no,
        person_no,
        sends.times_sent,
        sends.bounce,
        acts.* exclude (campaign_no, person_no),
    from sends
    full outer join acts using (campaign_no, person_no)
)

select
    campaigns.connection,
    campaigns.campaign_id,
    people.email_key,
    ties.entity,
    ties.contact_key,
    coalesce(successors.current_entity, ties.entity) as current_entity,
    coalesce(successors.current_contact_key, ties.contact_key) as current_contact_key,
    parked.email_key is not null as was_parked,
    -- Providers forget recipients before they forget what they did: who opened a mail was sent it at least once.
    cast(coalesce(combined.times_sent, 1) as bigint) as times_sent,
    combined.bounce is null as delivered,
    coalesce(combined.opens, 0) as opens,
    coalesce(combined.machine_opens, 0) as machine_opens,
    cast(coalesce(combined.clicks, 0) + coalesce(combined.clicks_without_url, 0) as bigint) as clicks,
    combined.first_opened_at,
    combined.last_opened_at,
    combined.first_clicked_at,
    combined.last_clicked_at,
    combined.bounce,
    coalesce(combined.opted_out, false) as opted_out,
    coalesce(combined.complained, false) as complained,
from combined
inner join campaigns using (campaign_no)
inner join people using (person_no)
{{ records_of('people') }}
left join {{ ref('parked_members') }} as parked
    on campaigns.connection = parked.connection
    and campaigns.audience_id = parked.audience_id
    and people.email_key = parked.email_key
    and campaigns.sent_at >= parked.since
    and campaigns.sent_at < coalesce(parked.until, timestamp 'infinity')
