{# Models of stage, map and plan live in a schema of the sync's own: sync_NAME. All others where they say. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if custom_schema_name == 'sync' -%} sync_{{ var('sync') }} {%- else -%} {{ custom_schema_name or target.schema }} {%- endif -%}
{%- endmacro %}
