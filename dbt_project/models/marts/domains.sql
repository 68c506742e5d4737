-- Where mail gets through and where it doesn't. An erased address is a hash without a domain and is left out.
with sends as (
    select connection, split_part(email_key, '@', -1) as domain, delivered, opens, machine_opens
    from {{ ref('sends') }}
    where contains(email_key, '@')
),

totals as (
    select
        connection,
        domain,
        count(*) as sent_count,
        count(*) filter (delivered) as delivered_count,
        count(*) filter (not delivered) as bounces,
        count(*) filter (opens > 0 or machine_opens > 0) as unique_opens,
        count(*) filter (opens > 0) as unique_human_opens,
    from sends
    group by all
)

select
    connection,
    domain,
    sent_count,
    delivered_count,
    bounces,
    unique_opens,
    unique_human_opens,
    {{ rate('bounces', 'sent_count') }} as bounce_rate,
    {{ rate('unique_opens', 'delivered_count') }} as open_rate,
    {{ rate('unique_human_opens', 'delivered_count') }} as human_open_rate,
from totals
