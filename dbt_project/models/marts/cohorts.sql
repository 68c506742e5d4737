-- What became of those who joined in the same month. Time is counted up to the last reading of the statistics, as in
-- engagement.
{% set recent_days = 90 -%}
with as_of as (
    select max(coalesce(read_at, sent_at)) as moment from {{ source('stats', 'campaigns') }}
),

engaged as (
    select distinct campaigns.connection, campaigns.audience_id, sends.email_key
    from {{ ref('sends') }} as sends
    inner join {{ source('stats', 'campaigns') }} as campaigns using (connection, campaign_id)
    cross join as_of
    where
        (sends.opens > 0 or sends.clicks > 0)
        -- A provider without times of opens still tells that they opened: then the sending is the time.
        and greatest(sends.last_opened_at, sends.last_clicked_at, campaigns.sent_at)
            > as_of.moment - to_days({{ recent_days }})
),

members as (
    select
        members.connection,
        members.audience_id,
        cast(date_trunc('month', members.joined_at) as date) as joined_month,
        members.left_at is null as is_there,
        engaged.email_key is not null as is_engaged,
    from {{ ref('audience_members') }} as members
    left join engaged using (connection, audience_id, email_key)
    where members.joined_at is not null and members.status not in ('pending', 'transactional')
),

counted as (
    select
        connection,
        audience_id,
        joined_month,
        count(*) as joined_count,
        count(*) filter (is_there) as still_there_count,
        count(*) filter (is_there and is_engaged) as engaged_count,
    from members
    group by all
)

select
    *,
    {{ rate('still_there_count', 'joined_count') }} as retention_rate,
    {{ rate('engaged_count', 'still_there_count') }} as engaged_rate,
from counted
