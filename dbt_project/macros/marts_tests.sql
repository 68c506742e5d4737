{# A generic test: none of the columns is ever null. One query for a whole table, because each test costs a start. #}
{% test never_null(model, columns) %}
select *
from {{ model }}
where {% for column in columns %}{{ column }} is null{{ ' or ' if not loop.last }}{% endfor %}
{% endtest %}

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

{# A generic test: none of the columns is ever below `low` or above `high`; null passes. #}
{% test is_between(model, columns, low, high) %}
select {{ columns | join(', ') }}
from {{ model }}
where {% for column in columns %}{{ column }} not between {{ low }} and {{ high }}{{ ' or ' if not loop.last }}{% endfor %}
{% endtest %}

{# A test of campaigns: nobody who was parked when one was sent was sent it (Z10). #}
{% test parked_people_got_no_campaign(model) %}
select connection, campaign_id, parked_sent_count
from {{ model }}
where parked_sent_count > 0
{% endtest %}
