{# What the provider will make of a value, so that comparing it with what came back finds no false change.
   `value` is text or null, `type` and `max_bytes` come from the field's own row in stage_fields. #}
{% macro kept(value, type, max_bytes) -%}
coalesce(
    case {{ type }}
        when 'date' then coalesce(
            strftime(
                try_strptime({{ value }}, ['%Y-%m-%d', '%Y-%m-%d %H:%M:%S', '%Y-%m-%dT%H:%M:%S', '%Y/%m/%d', '%d-%m-%Y', '%m/%d/%Y']),
                '%Y-%m-%d'
            ),
            {{ value }}
        )
        when 'number' then coalesce(
            regexp_replace(cast(try_cast({{ value }} as double) as varchar), '\.0$', ''),
            {{ value }}
        )
        else case
            when strlen({{ value }}) <= {{ max_bytes }} or {{ max_bytes }} is null then {{ value }}
            else left({{ value }}, list_last([n for n in range(0, {{ max_bytes }} + 1) if strlen(left({{ value }}, n)) <= {{ max_bytes }}]))
        end
    end,
    ''
)
{%- endmacro %}

{# The entries of `items` that `others` has too (or, with `present=false`, has not), whatever the case of the letters. #}
{% macro pick(items, others, present=true) -%}
list_filter({{ items }}, lambda entry: {{ '' if present else 'not ' }}list_contains(list_transform({{ others }}, lambda other: lower(other)), lower(entry)))
{%- endmacro %}

{# Whether two JSON texts of fields say the same of each field that a third one names. #}
{% macro has_same(fields, others, named) -%}
len(list_filter(
    json_keys({{ named }}),
    lambda name: json_extract_string({{ fields }}, '$."' || name || '"')
        is distinct from json_extract_string({{ others }}, '$."' || name || '"')
)) = 0
{%- endmacro %}
