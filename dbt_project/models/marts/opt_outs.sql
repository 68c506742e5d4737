-- Who said no, when, and to which campaign. All that is told between two releases of an address is one opt-out; a
-- release that names another reason, such as a block, is none.
with told as (
    select
        seq,
        connection,
        audience_id,
        email_key,
        event,
        case when reason <> 'opted_out' then reason end as reason,
        note,
        coalesce(happened_at, recorded_at) as happened_at,
        max(case when is_release then recorded_at end) over same_address as released_at,
        count(*) filter (is_release) over same_address as releases,
    from (
        select *, event = 'release' and reason in ('release', 'opted_out') as is_release
        from {{ source('ledger', 'consent_events') }}
    ) as events
    window same_address as (partition by email_key order by seq rows unbounded preceding)
),

opt_outs as (
    select * from told
    where event = 'opt_out'
    qualify row_number() over (partition by connection, audience_id, email_key, releases order by happened_at, seq) = 1
),

campaign_events as (
    select
        events.connection,
        campaigns.audience_id,
        events.campaign_id,
        events.email_key,
        events.happened_at,
        nullif(events.detail, '') as reason,
    from {{ source('stats', 'events') }} as events
    inner join {{ source('stats', 'campaigns') }} as campaigns using (connection, campaign_id)
    where events.event = 'opt_out'
),

-- The last campaign that they left through before we heard of it; a day is allowed for clocks and late reports.
attributed as (
    select
        opt_outs.*,
        campaign_events.campaign_id,
        campaign_events.reason as campaign_reason,
    from opt_outs
    left join campaign_events
        on opt_outs.connection = campaign_events.connection
        and opt_outs.audience_id = campaign_events.audience_id
        and opt_outs.email_key = campaign_events.email_key
        and campaign_events.happened_at <= opt_outs.happened_at + interval 1 day
        and (opt_outs.released_at is null or campaign_events.happened_at > opt_outs.released_at)
    qualify row_number() over (
        partition by opt_outs.seq order by campaign_events.happened_at desc nulls last, campaign_events.campaign_id
    ) = 1
),

-- What they got last before they said no, whether or not they said it there.
received as (
    select
        attributed.seq,
        arg_max(sends.campaign_id, (campaigns.sent_at, sends.campaign_id)) as last_campaign_id,
    from attributed
    inner join {{ ref('sends') }} as sends
        on attributed.connection = sends.connection and attributed.email_key = sends.email_key and sends.delivered
    inner join {{ source('stats', 'campaigns') }} as campaigns
        on sends.connection = campaigns.connection
        and sends.campaign_id = campaigns.campaign_id
        and attributed.audience_id = campaigns.audience_id
        and campaigns.sent_at <= attributed.happened_at
    group by all
)

select
    connection,
    audience_id,
    campaign_id,
    coalesce(campaign_id, last_campaign_id) as last_campaign_id,
    email_key,
    coalesce(campaign_reason, note, reason) as reason,
    happened_at,
from attributed
left join received using (seq)
