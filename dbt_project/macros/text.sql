{# A text from YAML as an SQL literal. #}
{% macro text(value) -%} '{{ (value | string).replace("'", "''") }}' {%- endmacro %}

{# A column named in YAML as an SQL identifier. #}
{% macro name_of(column) -%} "{{ column.replace('"', '""') }}" {%- endmacro %}
