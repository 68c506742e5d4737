{# A generic test: stage 2 judged every address in the column. Models join only addresses of which there is something to
   say, and so take one that was never judged for one that is right. #}
{% test judged(model, column_name) %}
select distinct {{ column_name }}
from {{ model }} as asked
anti join {{ source('quality', 'addresses') }} as addresses on asked.{{ column_name }} = addresses.address
where {{ column_name }} is not null
{% endtest %}
