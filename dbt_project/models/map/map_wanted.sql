with objections as (
    select distinct email_key
    from {{ ref('map_records') }}
    where eligibility = 'opt_out_in_crm' and email_key is not null
),

labels as (
    select
        email_key,
        list_sort(list_distinct(flatten(list(tags)))) as tags,
        list_sort(list_distinct(flatten(list(groups)))) as groups,
    from {{ ref('map_records') }}
    where eligibility = 'wanted' and {{ 'true' if var('merge') else 'false' }}
    group by email_key
)

select
    records.email_key,
    records.email,
    records.entity,
    records.contact_key,
    records.owner,
    records.fields,
    records.secrets,
    {% for kind in ['tags', 'groups'] -%}
    {{ 'labels.' ~ kind if kind in var('merge') else 'records.' ~ kind }} as {{ kind }},
    {% endfor -%}
    duplicates.records,
from {{ ref('map_records') }} as records
inner join {{ ref('map_duplicates') }} as duplicates using (entity, contact_key, email_key)
left join labels using (email_key)
anti join objections using (email_key)
where duplicates.rank = 1 and records.eligibility = 'wanted'
