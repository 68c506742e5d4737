-- What is already there (A6): who is in the audience before anything is sent, and what each is to the sync.
select
    members.status,
    case
        when members.is_managed then 'ours'
        when members.is_wanted and members.suppressed_by is null and members.status in ('subscribed', 'pending')
            then 'adopted'
        when members.is_wanted then 'held'
        when records.email_key is not null then 'not_wanted'
        else 'not_in_crm'
    end as standing,
    count(*) as members,
from {{ ref('plan_state') }} as members
left join (
    select distinct email_key from {{ ref('map_records') }} where email_key is not null
) as records on members.email_key = records.email_key
where members.status is not null
group by all
