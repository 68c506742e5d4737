-- What is already there (A6): who is in the audience before anything is sent, and what each is to the sync.
with members as (
    select * from {{ ref('plan_state') }} where status is not null
),

adopted as (
    select email_key from {{ ref('plan_members') }} where decision = 'adopt'
),

strangers_in_crm as (
    select distinct records.email_key
    from {{ ref('map_records') }} as records
    semi join (select email_key from members where not is_managed and not is_wanted) as strangers using (email_key)
)

select
    members.status,
    case
        when members.is_managed then 'ours'
        when adopted.email_key is not null then 'adopted'
        when members.is_wanted then 'held'
        when strangers_in_crm.email_key is not null then 'not_wanted'
        else 'not_in_crm'
    end as standing,
    count(*) as members,
from members
left join adopted using (email_key)
left join strangers_in_crm using (email_key)
group by all
