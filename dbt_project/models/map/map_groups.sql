{#- A rule names its group, or a column of the records does. Of the latter nobody knows later which groups were meant;
    so to spare members they are all groups of the rule's category that no other rule names, and to take members out
    those alone that the records name today. -#}
{%- set all_names = [] -%}
{%- for source in var('sources') -%}
{%- for rule in source.groups if not rule.split -%} {%- do all_names.append(text(rule.name)) -%} {%- endfor -%}
{%- endfor -%}
-- The groups that are not simply mirrored.
-- depends_on: {{ ref('map_records') }}
select
    {%- for part, key, value in [
        ('overwritten', 'mode', 'overwrite'), ('appended', 'mode', 'append'), ('untouched', 'existing', 'keep')
    ] %}
    {%- set names, prefixes = [], [] -%}
    {%- for source in var('sources') -%}
    {%- for rule in source.groups if rule[key] == value -%}
    {%- do (prefixes.append(text(rule.prefix)) if rule.split else names.append(text(rule.name))) -%}
    {%- endfor -%}
    {%- endfor %}
    list_sort(list_distinct(list_concat(
        cast([{{ names | join(', ') }}] as varchar[]),
        {% if not prefixes -%}
        cast([] as varchar[])
        {%- elif part == 'overwritten' -%}
        (
            select coalesce(list(distinct name), [])
            from (select unnest(overwritten_groups) as name from {{ ref('map_records') }} where eligibility = 'wanted')
        )
        {%- else -%}
        (
            select coalesce(list(distinct groups.key), [])
            from {{ source('extract', 'groups') }} as groups
            inner join {{ source('sync', 'settings') }} as settings using (connection, audience_id)
            where
                coalesce(groups.category || ': ', '') in ({{ prefixes | join(', ') }})
                and not list_contains(cast([{{ all_names | join(', ') }}] as varchar[]), groups.key)
        )
        {%- endif %}
    ))) as {{ part }},
    {%- endfor %}
