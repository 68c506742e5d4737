{#- The one model that loops over the sync's YAML: every expression there is evaluated here, and nowhere else. -#}
{%- set names = [] -%}
{%- for source in var('sources') -%}
    {%- for field in source.fields if field.name not in names -%} {%- do names.append(field.name) -%} {%- endfor -%}
{%- endfor -%}

with limits as (
    select
        1 as one,
        {%- for name in names %}
        max(type) filter (name = {{ text(name) }}) as type_{{ loop.index0 }},
        max(max_bytes) filter (name = {{ text(name) }}) as max_bytes_{{ loop.index0 }},
        {%- endfor %}
    from {{ ref('stage_fields') }}
),

{% for source in var('sources') -%}
source_{{ loop.index0 }} as (
    select
        nullif({{ trimmed('columns(*)') }}, ''),
        coalesce(
            {%- for column in source.email %}
            case when {{ trimmed(name_of(column)) }} <> '' then {{ name_of(column) }} end,
            {%- endfor %}
            null
        ) as enlist_address,
    from {{ source.relation }}
),

records_{{ loop.index0 }} as (
    select
        {{ text(source.entity) }} as entity,
        {{ loop.index0 }} as entity_order,
        {{ name_of(source.key) }} as contact_key,
        cast({{ expression(source.owner or 'null') }} as varchar) as owner,
        enlist_address as address,
        coalesce(cast({{ expression(source.where or 'true') }} as boolean), false) as is_match,
        cast({{ expression(source.opt_out or 'false') }} as boolean) as is_opted_out,
        list_filter([
            {%- for exclusion in source.exclude %}
            case
                when {{ expression(exclusion.when) }} then {{ text(exclusion.name) }}
                when {{ expression(exclusion.when) }} is null then 'unknown'
            end,
            {%- endfor %}
            cast(null as varchar)
        ], lambda name: name is not null) as exclusions,
        cast({{ expression(source.newest or 'null') }} as varchar) as newest,
        {%- set keeps = source.fields | selectattr('empty', 'equalto', 'keep') | list %}
        cast({{ "json_merge_patch('{}', " if keeps }}json_object(
            {%- for field in source.fields | sort(attribute='name', case_sensitive=true) %}
            {%- set at = names.index(field.name) %}
            {%- set value = kept('cast(' ~ expression(field.sql) ~ ' as varchar)', 'type_' ~ at, 'max_bytes_' ~ at) %}
            {{ text(field.name) }}, {% if field.empty == 'keep' %}nullif({% endif -%}
            {%- if field.secret %}case when {{ value }} = '' then '' else 'md5:' || md5({{ value }}) end{% else %}{{ value }}{% endif -%}
            {%- if field.empty == 'keep' %}, ''){% endif -%}
            {{ ',' if not loop.last }}
            {%- endfor %}
        ){{ ')' if keeps }} as varchar) as fields,
        cast(json_object(
            {%- for field in source.fields | selectattr('secret') %}
            {{ text(field.name) }}, cast({{ expression(field.sql) }} as varchar){{ ',' if not loop.last }}
            {%- endfor %}
        ) as varchar) as secrets,
        {%- for kind, labels in {
            'tags': source.tags,
            'groups': source.groups,
            'overwritten_groups': source.groups | selectattr('split') | selectattr('mode', 'eq', 'overwrite') | list,
        }.items() %}
        list_sort(list_distinct(list_filter(flatten([
            {%- for label in labels %}
            {%- if label.split %}
            list_transform(string_split(cast({{ expression(label.split) }} as varchar), {{ text(label.by) }}), lambda part: {{ text(label.prefix or '') }} || nullif({{ trimmed('part') }}, '')),
            {%- else %}
            case when {{ expression(label.when or 'true') }} then [{{ text(label.name) }}] end,
            {%- endif %}
            {%- endfor %}
            cast([] as varchar[])
        ]), lambda label: label is not null))) as {{ kind }},
        {%- endfor %}
    from source_{{ loop.index0 }}
    cross join limits
),

{% endfor -%}
records as (
    {% for source in var('sources') -%}
    select * from records_{{ loop.index0 }}
    {{ 'union all by name ' if not loop.last }}
    {%- else -%}
    select
        '' as entity, 0 as entity_order, '' as contact_key, '' as owner, '' as address, false as is_match,
        false as is_opted_out, cast([] as varchar[]) as exclusions, '' as newest, '{}' as fields, '{}' as secrets,
        cast([] as varchar[]) as tags, cast([] as varchar[]) as groups, cast([] as varchar[]) as overwritten_groups,
    where false
    {%- endfor %}
),

-- Nearly every address is right as written and its own key. Only the others are joined, for at millions of records a
-- join of all would not fit into memory; that every address was judged is a test of this model.
remarked as (
    select * from {{ source('quality', 'addresses') }}
    where not coalesce(verdict = 'ok' and cleaned = address and email_key = address and rule is null, false)
),

judged as (
    select
        records.*,
        remarked.address is null as is_plain,
        if(is_plain, records.address, remarked.email_key) as email_key,
        if(is_plain, records.address, coalesce(remarked.cleaned, remarked.email_key)) as email,
        case when records.address is null then 'missing' when is_plain then 'ok' else remarked.verdict end as verdict,
        if(records.address is null, 'missing', remarked.rule) as rule,
        if(records.address is null, 'The record has no address.', remarked.detail) as detail,
        remarked.suggestion,
    from records
    left join remarked on records.address = remarked.address
)

select
    entity,
    entity_order,
    contact_key,
    owner,
    email,
    email_key,
    verdict,
    rule,
    detail,
    suggestion,
    case
        when is_opted_out then 'opt_out_in_crm'
        when list_any_value(list_filter(exclusions, lambda name: name <> 'unknown')) is not null
            then 'excluded:' || list_any_value(list_filter(exclusions, lambda name: name <> 'unknown'))
        when not is_match then 'no_match'
        when is_opted_out is null or len(exclusions) > 0 then 'excluded:unknown'
        when verdict = 'missing' then 'missing_address'
        when verdict = 'wrong' then 'bad_address'
        else 'wanted'
    end as eligibility,
    is_opted_out,
    newest,
    fields,
    hash(fields) as fields_hash,
    secrets,
    tags,
    groups,
    overwritten_groups,
    address,
from judged
