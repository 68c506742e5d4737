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
