-- What is already there (A6): who is in the audience before anything is sent, and what each is to the sync.
with members as (
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
    from {{ ref('plan_state') }} as members
    left join (
        select distinct email_key from {{ ref('map_records') }} semi join {{ ref('plan_state') }} using (email_key)
    ) as records on members.email_key = records.email_key
    where members.status is not null
    union all
    -- Who is settled has no row in plan_state.
    select members.status, 'ours' as standing
    from {{ ref('stage_members') }} as members
    anti join {{ ref('plan_state') }} using (email_key)
)

select status, standing, count(*) as members
from members
group by all
