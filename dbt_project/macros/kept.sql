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
