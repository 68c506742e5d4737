-- Everybody who is held back, once for each reason that a person could do something about.
with members as (
    select * from {{ ref('plan_members') }}
    -- Who has left all groups has nothing more to leave.
    where decision <> 'hold_unreadable' or coalesce(len(groups_at_exit) > 0, true)
),

held_members as (
    select
        email_key,
        contact_key,
        entity,
        any_owner as owner,
        case decision
            when 'hold_archived' then 'archived_elsewhere'
            when 'hold_opted_out' then 'opted_out'
            when 'hold_objector' then coalesce(suppressed_by, 'opted_out')
            when 'hold_unreadable' then 'unreadable_records'
            when 'hold_bounced' then 'bounced'
            when 'hold_unknown' then 'unknown_consent'
            when 'hold_not_removable' then 'not_removable'
            else suppressed_by
        end as reason,
        case
            when decision = 'hold_not_removable' then 'the provider removes nobody whose status is ' || status
            when decision = 'hold_unreadable'
                then entity || ' has records that could not be read (' || unreadable_records || '): this may be one of them'
            when decision = 'hold_objector'
                then case when leaving_because = 'opt_out_in_crm' then 'the CRM holds an objection'
                    else 'held since ' || strftime(suppressed_since, '%Y-%m-%d') end
                || ', but the audience has the address as ' || status || ' and it is not ours'
            when is_suppressed_by_former_address
                then 'under a former address, since ' || strftime(suppressed_since, '%Y-%m-%d')
            when suppressed_since is not null then 'since ' || strftime(suppressed_since, '%Y-%m-%d')
            when status is not null then 'the audience has the address as ' || status
            when decision = 'hold' then 'in another audience of the account'
        end as detail,
    from members
    where decision in (
        'hold', 'silence', 'hold_archived', 'hold_opted_out', 'hold_bounced', 'hold_unknown', 'hold_not_removable',
        'hold_objector', 'hold_unreadable'
    ) and (is_wanted or decision in ('hold_not_removable', 'hold_objector', 'hold_unreadable'))
),

held_records as (
    select
        email_key,
        contact_key,
        entity,
        owner,
        case eligibility when 'excluded:unknown' then 'unknown_consent' else eligibility end as reason,
        detail,
    from {{ ref('map_records') }}
    where eligibility in ('missing_address', 'bad_address', 'excluded:unknown')
),

duplicates as (
    select
        email_key,
        contact_key,
        entity,
        owner,
        'duplicate' as reason,
        'the address belongs to ' || winner_entity || ' ' || winner_contact_key || coalesce(' of ' || winner_owner, '') as detail,
    from {{ ref('map_duplicates') }}
    where rank > 1
),

-- Whoever shares an address with somebody who objects in the CRM gets no mail there either.
shared as (
    select
        records.email_key,
        records.contact_key,
        records.entity,
        records.owner,
        'shared_address' as reason,
        objectors.entity || ' ' || objectors.contact_key || coalesce(' of ' || objectors.owner, '')
        || ' objects at the same address' as detail,
    from {{ ref('map_records') }} as records
    inner join {{ ref('map_records') }} as objectors
        on records.email_key = objectors.email_key and objectors.eligibility = 'opt_out_in_crm'
    anti join (select * from {{ ref('map_duplicates') }} where rank > 1) as losers
        on records.entity = losers.entity and records.contact_key = losers.contact_key
    where records.eligibility = 'wanted'
    qualify row_number() over (
        partition by records.email_key order by objectors.entity_order, objectors.contact_key
    ) = 1
),

refused as (
    select
        email_key,
        contact_key,
        entity,
        owner,
        'refused_before' as reason,
        refused_code || coalesce(': ' || refused_detail, '') as detail,
    from {{ ref('plan_changes') }}
    where refused_code is not null
)

select * from held_members
union all
select * from held_records
union all
select * from duplicates
union all
select * from shared
union all
select * from refused
