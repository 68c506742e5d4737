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

{# A text without the signs around it that nobody sees: blanks, tabs, line breaks, zero width signs, as pipelines/blanks.py
   has it. DuckDB's trim with a set takes twenty times as long as the one without: it is kept for the few that need it. #}
{% macro trimmed(value) -%}
{%- set unseen = text(' \t\n\x0b\x0c\r\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u2060\ufeff\xad') -%}
case when {{ value }} >= '!' and {{ value }} < chr(127) and substring({{ value }}, -1) between '!' and '~' then {{ value }} when contains({{ unseen }}, left(trim({{ value }}), 1)) or contains({{ unseen }}, substring(trim({{ value }}), -1)) then trim({{ value }}, {{ unseen }}) else trim({{ value }}) end
{%- endmacro %}

{# The time that a text tells, null where it tells none. Without a year of four digits DuckDB takes 01-06-26 for a day in
   the year 1. #}
{% macro moment(value) -%}
case when regexp_matches({{ value }}, '^\d{4}-|^\d{4}/') then try_cast({{ value }} as timestamptz) end
{%- endmacro %}
