{{ config(materialized='view') }}

with objections as (
    select distinct email_key
    from {{ ref('map_records') }}
    where eligibility = 'opt_out_in_crm' and email_key is not null
),

labels as (
    select
        email_key,
        list_sort(list_distinct(flatten(list(records.tags)))) as tags,
        list_sort(list_distinct(flatten(list(records.groups)))) as groups,
    from {{ ref('map_records') }} as records
    inner join {{ ref('map_duplicates') }} as duplicates using (entity, contact_key, email_key)
    group by email_key
)

select
    records.email_key,
    records.email,
    records.entity,
    records.contact_key,
    records.owner,
    records.fields,
    records.fields_hash,
    records.secrets,
    {% for kind in ['tags', 'groups'] -%}
    {{ 'coalesce(labels.' ~ kind ~ ', records.' ~ kind ~ ')' if kind in var('merge') else 'records.' ~ kind }} as {{ kind }},
    {% endfor -%}
    coalesce(duplicates.records, 1) as records,
from {{ ref('map_records') }} as records
left join {{ ref('map_duplicates') }} as duplicates using (entity, contact_key, email_key)
left join objections using (email_key)
{% if var('merge') -%} left join labels using (email_key) {%- endif %}
where records.eligibility = 'wanted' and coalesce(duplicates.rank, 1) = 1 and objections.email_key is null
