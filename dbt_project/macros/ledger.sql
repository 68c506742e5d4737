{# What `sent` or `kept` of a member in the ledger holds: fields as JSON, tags and groups as lists. #}
{% macro unpacked(text) -%}
from_json({{ text }}, '{"fields": "JSON", "tags": ["VARCHAR"], "groups": ["VARCHAR"]}')
{%- endmacro %}
