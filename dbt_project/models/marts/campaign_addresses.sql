{{ config(materialized='ephemeral') }}
-- Addresses that a campaign's statistics tell of under another name: somebody was renamed after it was sent, once or
-- several times, and what was read before names the old address, what was read later a newer one. The one that the
-- campaign was sent to stays.
with recursive renamed as (
    select distinct
        connection, audience_id, old_email_key, email_key, {{ to_the_second('pushes.happened_at') }} as happened_at,
    from {{ source('ledger', 'pushes') }} as pushes
    where outcome in ('applied', 'sending') and op = 'rename' and old_email_key is not null
),

-- Each address with all later ones of the same person. Time goes on with every step, so there is no way round for ever.
chains as (
    select
        connection, audience_id, old_email_key, email_key, happened_at as begun_at, happened_at as ended_at, 1 as steps,
    from renamed
    union all
    select
        chains.connection,
        chains.audience_id,
        chains.old_email_key,
        renamed.email_key,
        chains.begun_at,
        renamed.happened_at as ended_at,
        chains.steps + 1 as steps,
    from chains
    inner join renamed
        on chains.connection = renamed.connection
        and chains.audience_id = renamed.audience_id
        and chains.email_key = renamed.old_email_key
        and chains.ended_at < renamed.happened_at
),

sent as (
    select distinct connection, campaign_id, email_key
    from {{ source('stats', 'sends') }}
    where
        email_key in (select old_email_key from renamed)
        or email_key in (select email_key from renamed)
),

pairs as (
    select
        campaigns.connection,
        campaigns.campaign_id,
        chains.old_email_key,
        chains.email_key,
        chains.begun_at,
        chains.steps,
        old_send.email_key is not null as is_sent_to_old,
        new_send.email_key is not null as is_sent_to_new,
    from chains
    inner join {{ source('stats', 'campaigns') }} as campaigns
        on chains.connection = campaigns.connection
        and chains.audience_id = campaigns.audience_id
        and chains.begun_at > campaigns.sent_at
    left join sent as old_send
        on campaigns.connection = old_send.connection
        and campaigns.campaign_id = old_send.campaign_id
        and chains.old_email_key = old_send.email_key
    left join sent as new_send
        on campaigns.connection = new_send.connection
        and campaigns.campaign_id = new_send.campaign_id
        and chains.email_key = new_send.email_key
)

select
    connection,
    campaign_id,
    case when is_sent_to_old then email_key else old_email_key end as told_key,
    case when is_sent_to_old then old_email_key else email_key end as email_key,
from pairs
-- Two rows of one campaign are two people, or one address that two had one after the other.
where is_sent_to_old <> is_sent_to_new
qualify row_number() over (partition by connection, campaign_id, told_key order by steps, begun_at) = 1
