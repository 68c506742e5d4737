-- An address is mailed once. The order in which records win is the sync's own (duplicates.prefer).
with shared as (
    select
        email_key,
        count(*) as records,
    from {{ ref('map_records') }}
    where eligibility = 'wanted'
    group by email_key
    having count(*) > 1
)

select
    entity,
    contact_key,
    owner,
    email_key,
    row_number() over same_address as rank,
    first(entity) over same_address as winner_entity,
    first(contact_key) over same_address as winner_contact_key,
    first(owner) over same_address as winner_owner,
    shared.records,
from {{ ref('map_records') }}
inner join shared using (email_key)
where eligibility = 'wanted'
window same_address as (
    partition by email_key
    order by
        {%- for rule in var('prefer') %}
        {%- if rule == 'newest' %}
        {{ moment('newest') }} desc nulls last,
        try_cast(newest as double) desc nulls last,
        newest desc nulls last,
        {%- else %}
        entity_order,
        {%- endif %}
        {%- endfor %}
        contact_key,
        entity
    rows between unbounded preceding and current row
)
