{# A text from YAML as an SQL literal. #}
{% macro text(value) -%} '{{ (value | string).replace("'", "''") }}' {%- endmacro %}

{# A column named in YAML as an SQL identifier. #}
{% macro name_of(column) -%} "{{ column.replace('"', '""') }}" {%- endmacro %}

{# An expression from YAML; the line breaks keep a comment at its end from swallowing what follows. #}
{% macro expression(text) -%}
(
{{ text }}
)
{%- endmacro %}

{# A list of texts as an SQL literal. #}
{% macro strings(values) -%}
cast([{% for value in values %}{{ text(value) }}{{ ', ' if not loop.last }}{% endfor %}] as varchar[])
{%- endmacro %}
