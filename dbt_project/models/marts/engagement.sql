-- How alive each contact is, with zeros for those who never reacted. Time is counted up to the last reading of the
-- statistics, not up to now: a contact does not cool down because nobody asked the provider.
{% set dormant_after = var('dormant_after', 10) -%}
{% set half_life_days = 90 -%}
with contacts as (
    select entity, contact_key, email_key
    from {{ ref('member_contacts') }}
    where contact_key is not null
    qualify row_number() over (
        partition by entity, contact_key order by is_managed desc, coalesce(left_at, joined_at) desc, email_key
    ) = 1
),

as_of as (
    select max(coalesce(read_at, sent_at)) as moment from {{ source('stats', 'campaigns') }}
),

campaigns as materialized (
    select
        connection,
        campaign_id,
        sent_at,
        row_number() over (order by sent_at nulls first, connection desc, campaign_id desc) as campaign_no,
    from {{ source('stats', 'campaigns') }}
),

numbered as materialized (
    select entity, contact_key, row_number() over () as contact_no from contacts
),

-- As in sends, numbers stand for texts while millions of rows are added up; a later campaign has a larger one.
received as (
    select
        numbered.contact_no,
        campaigns.campaign_no,
        max(sends.last_opened_at) as last_opened_at,
        max(sends.last_clicked_at) as last_clicked_at,
        bool_or(sends.opens > 0 or sends.clicks > 0) as is_engaged,
    from {{ ref('sends') }} as sends
    inner join campaigns using (connection, campaign_id)
    -- What a record got that was merged into another, or converted, counts for the one that is there now.
    inner join numbered
        on sends.current_entity = numbered.entity and sends.current_contact_key = numbered.contact_key
    where sends.delivered
    group by all
),

ranked as (
    select
        received.*,
        campaigns.sent_at,
        row_number() over (partition by received.contact_no order by received.campaign_no desc)
            <= {{ dormant_after }} as is_recent,
    from received
    inner join campaigns using (campaign_no)
),

measured as (
    select
        contact_no,
        count(*) as campaigns_received,
        count(*) filter (is_recent) as recent,
        count(*) filter (is_recent and is_engaged) as recent_engaged,
        max(last_opened_at) as last_opened_at,
        max(last_clicked_at) as last_clicked_at,
        -- A provider without times of opens still tells that they opened: then the sending is the time.
        max(greatest(last_opened_at, last_clicked_at, case when is_engaged then sent_at end)) as last_engaged_at,
    from ranked
    group by all
)

select
    contacts.entity,
    contacts.contact_key,
    contacts.email_key,
    coalesce(measured.campaigns_received, 0) as campaigns_received,
    measured.last_opened_at,
    measured.last_clicked_at,
    cast(coalesce(round(
        50.0 * measured.recent_engaged / measured.recent
        + case
            when measured.last_engaged_at is null then 0
            else 50.0 * power(
                0.5,
                greatest(date_diff('second', measured.last_engaged_at, as_of.moment), 0) / (86400.0 * {{ half_life_days }})
            )
        end
    ), 0) as integer) as score,
    coalesce(measured.campaigns_received >= {{ dormant_after }} and measured.recent_engaged = 0, false) as is_dormant,
from contacts
cross join as_of
left join numbered using (entity, contact_key)
left join measured using (contact_no)
