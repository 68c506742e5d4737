-- What campaigns of one kind did together (I11). Where a provider lets a campaign have several tags, it counts for each.
{% set figures = [
    'sent_count', 'delivered_count', 'hard_bounces', 'soft_bounces', 'unique_opens', 'unique_human_opens',
    'unique_clicks', 'opt_outs', 'complaints',
] -%}
with campaigns as (
    select
        *,
        unnest(
            case when list_contains({{ strings(var('tagging', [])) }}, connection) and category is not null
                then list_distinct(string_split(category, ', '))
                else [category]
            end
        ) as kind,
    from {{ ref('campaigns') }}
),

totals as (
    select
        connection,
        audience_id,
        kind as category,
        count(*) as campaigns,
        max(sent_at) as last_sent_at,
        {% for figure in figures -%}
        cast(sum({{ figure }}) as bigint) as {{ figure }},
        {% endfor -%}
    from campaigns
    group by all
)

select
    connection,
    audience_id,
    category,
    campaigns,
    last_sent_at,
    {% for figure in figures -%}
    {{ figure }},
    {% endfor -%}
    {{ rate('unique_opens', 'delivered_count') }} as open_rate,
    {{ rate('unique_human_opens', 'delivered_count') }} as human_open_rate,
    {{ rate('unique_clicks', 'delivered_count') }} as click_rate,
    {{ rate('opt_outs', 'delivered_count') }} as opt_out_rate,
    {{ rate('complaints', 'delivered_count') }} as complaint_rate,
    {{ rate('unique_clicks', 'unique_opens') }} as click_to_open,
    {{ rate('(hard_bounces + soft_bounces)', 'sent_count') }} as bounce_rate,
from totals
