{# A generic test: none of the columns is ever below `low` or above `high`; null passes. #}
{% test is_between(model, columns, low, high) %}
select {{ columns | join(', ') }}
from {{ model }}
where {% for column in columns %}{{ column }} not between {{ low }} and {{ high }}{{ ' or ' if not loop.last }}{% endfor %}
{% endtest %}
