{# A generic test: every row's `columns`, where none is null, are found in the table `to`. #}
{% test refers_to(model, columns, to) %}
select distinct {{ columns | join(', ') }}
from {{ model }} as child
where
    {% for column in columns %}child.{{ column }} is not null and {% endfor %}
    not exists (
        from {{ to }} as parent
        where {% for column in columns %}parent.{{ column }} = child.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
    )
{% endtest %}
