-- Where the provider reports on every campaign that reached a domain, domains has the provider's own numbers. Only a
-- warning: its report may count people whose activity it has deleted since.
{{ config(severity='warn') }}

with reached as (
    select distinct
        connection,
        campaign_id,
        split_part(email_key, '@', -1) as domain,
    from {{ ref('sends') }}
    where contains(email_key, '@')
),

theirs as (
    select
        connection,
        domain,
        sum(reported.sent_count) as sent_count,
        sum(reported.delivered_count) as delivered_count,
        sum(reported.bounces) as bounces,
    from reached
    left join {{ source('stats', 'domains') }} as reported using (connection, campaign_id, domain)
    group by all
    having bool_and(reported.sent_count is not null)
)

select *
from {{ ref('domains') }} as ours
inner join theirs using (connection, domain)
where
    ours.sent_count <> theirs.sent_count
    or ours.delivered_count <> theirs.delivered_count
    or ours.bounces <> theirs.bounces
