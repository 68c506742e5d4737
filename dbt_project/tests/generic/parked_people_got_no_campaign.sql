{# A test of campaigns: nobody who was parked when one was sent was sent it (Z10). #}
{% test parked_people_got_no_campaign(model) %}
select connection, campaign_id, parked_sent_count
from {{ model }}
where parked_sent_count > 0
{% endtest %}
