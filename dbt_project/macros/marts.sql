{# One table of every sync's own schema, with a column `sync` in front; `columns` maps names to types.
   Left out are syncs that have no such table yet, or, with `beside`, not that other one either. Without any sync
   the answer is empty and typed. #}
{% macro across_syncs(table, columns, beside=none) -%}
select
    cast(null as varchar) as sync,
    {{ typed_nulls(columns) }}
where false
{% for sync in (var('syncs') if execute else []) -%}
{% set relation = relation_of_sync(sync, table) -%}
{% if relation and (beside is none or relation_of_sync(sync, beside)) -%}
union all
select
    {{ text(sync) }} as sync,
    {% for column in columns -%}
    {{ column }},
    {% endfor %}
from {{ relation }}
{% endif -%}
{% endfor -%}
{%- endmacro %}

{% macro relation_of_sync(sync, table) -%}
{{ return(adapter.get_relation(database=target.database, schema='sync_' ~ sync, identifier=table)) }}
{%- endmacro %}

{# The rows that this very table had before the run, so that a model can keep its own history: empty at first.
   Columns that an older version of the table lacks are null. A model that reads itself is materialised as a whole
   table: neither an empty day nor --full-refresh can then lose or keep a row that the query did not mean to. #}
{% macro rows_before(columns) -%}
{% set relation = load_relation(this) if execute else none -%}
select
    {{ columns | join(',\n    ') }},
from (
    select
        {{ typed_nulls(columns) }}
    where false
    {% if relation -%}
    union all by name
    select * from {{ relation }}
    {% endif %}
)
{%- endmacro %}

{# Columns of a source that may not be there yet: then none, typed. #}
{% macro where_there(relation, columns) -%}
{% if execute and load_relation(relation) -%}
select {{ columns | join(', ') }} from {{ relation }}
{%- else -%}
select {{ typed_nulls(columns) }} where false
{%- endif %}
{%- endmacro %}

{% macro typed_nulls(columns) -%}
{% for column, type in columns.items() -%}
cast(null as {{ type }}) as {{ column }},
{% endfor -%}
{%- endmacro %}

{# A ratio from 0 to 1: null where there is nothing to divide by, 1 where the provider's totals contradict each other
   (a soft bounce that opened the mail later). #}
{% macro rate(part, whole) -%}
case when {{ whole }} > 0 and {{ part }} is not null then least({{ part }} / {{ whole }}, 1.0) end
{%- endmacro %}

{# The words for a number, `one` for 1 and else `many`: columns, the latter with {n} in it. #}
{% macro numbered(number, one, many) -%}
case when {{ number }} = 1 then {{ one }} else replace({{ many }}, '{n}', cast({{ number }} as varchar)) end
{%- endmacro %}

{# Whole hours from one time to a later one; 0 where that one is earlier, because clocks differ. #}
{% macro hours_between(before, after) -%}
greatest(date_diff('second', {{ before }}, {{ after }}), 0) // 3600
{%- endmacro %}

{# A time of ours beside the providers' times, which are to the second: what we did just before a campaign was sent is
   not to look as if it came after it. #}
{% macro to_the_second(moment) -%}
date_trunc('second', {{ moment }})
{%- endmacro %}

{# The CRM record that `person.email_key` stood for when a row of `campaigns` was sent, as `ties`, and the one that
   stands for it today, as `successors`. #}
{% macro records_of(person) -%}
left join {{ ref('contact_ties') }} as ties
    on campaigns.connection = ties.connection
    and campaigns.audience_id = ties.audience_id
    and {{ person }}.email_key = ties.email_key
    and campaigns.sent_at >= ties.since
    and campaigns.sent_at < ties.until
left join {{ ref('contact_successors') }} as successors
    on ties.connection = successors.connection
    and ties.audience_id = successors.audience_id
    and ties.entity = successors.entity
    and ties.contact_key = successors.contact_key
{%- endmacro %}
