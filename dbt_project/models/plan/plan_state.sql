-- The three sides of the plan beside each other: what the CRM wants, what we sent and they kept, what they have now.
with settings as (
    select * from {{ source('sync', 'settings') }}
),

-- An opt-out goes along when the person changes address; a bounce does not. The person is the record that had the
-- address then: another one may have it now.
objectors as (
    select
        pushes.entity,
        pushes.contact_key,
        suppressions.reason,
    from {{ ref('stage_suppressions') }} as suppressions
    cross join unnest(suppressions.objected_at) as objections (since)
    inner join {{ source('ledger', 'pushes') }} as pushes using (email_key)
    inner join settings using (sync, connection, audience_id)
    where pushes.outcome not in ('refused', 'left') and pushes.contact_key is not null
    qualify row_number() over (
        partition by suppressions.email_key, objections.since
        order by
            pushes.happened_at >= objections.since,
            abs(date_diff('second', pushes.happened_at, objections.since)),
            pushes.seq desc
    ) = 1
),

followed as (
    select
        entity,
        contact_key,
        min(reason) as reason,
    from objectors
    group by all
),

sides as (
    select
        coalesce(wanted.email_key, managed.email_key, members.email_key) as email_key,
        wanted.email_key is not null as is_wanted,
        wanted.email as wanted_email,
        coalesce(wanted.entity, managed.entity) as entity,
        coalesce(wanted.contact_key, managed.contact_key) as contact_key,
        wanted.owner,
        wanted.fields as wanted_fields,
        coalesce(wanted.tags, []) as wanted_tags,
        coalesce(wanted.groups, []) as wanted_groups,
        managed.email_key is not null as is_known,
        coalesce(managed.is_managed, false) as is_managed,
        managed.sent_fields,
        managed.kept_fields,
        coalesce(managed.sent_tags, []) as sent_tags,
        coalesce(managed.sent_groups, []) as sent_groups,
        managed.left_by,
        managed.left_at,
        managed.purge_after,
        coalesce(members.provider_id, managed.provider_id) as provider_id,
        members.email as member_email,
        members.status,
        members.fields as member_fields,
        coalesce(members.tags, []) as member_tags,
        coalesce(members.groups, []) as member_groups,
    from {{ ref('map_wanted') }} as wanted
    full outer join {{ ref('stage_managed') }} as managed on wanted.email_key = managed.email_key
    full outer join {{ ref('stage_members') }} as members
        on coalesce(wanted.email_key, managed.email_key) = members.email_key
),

suppressed as (
    select
        sides.*,
        coalesce(suppressions.reason, followed.reason) as suppressed_by,
        coalesce(suppressions.is_from_elsewhere, followed.reason is not null) as is_suppressed_elsewhere,
        suppressions.since as suppressed_since,
    from sides
    left join {{ ref('stage_suppressions') }} as suppressions on sides.email_key = suppressions.email_key
    left join followed
        on sides.is_wanted and sides.entity = followed.entity and sides.contact_key = followed.contact_key
)

select
    suppressed.*,
    coalesce(suppressed.status, 'archived') <> 'archived' as is_present,
    -- Why a member whom we manage is wanted no longer.
    case
        when suppressed.is_wanted then null
        when objections.email_key is not null then 'opt_out_in_crm'
        when records.contact_key is null then 'deleted_in_crm'
        when records.eligibility in ('wanted', 'bad_address', 'missing_address') then 'address_changed'
        else records.eligibility
    end as leaving_because,
    coalesce(suppressed.owner, records.owner) as any_owner,
from suppressed
left join {{ ref('map_records') }} as records
    on suppressed.entity = records.entity and suppressed.contact_key = records.contact_key and not suppressed.is_wanted
left join (
    select distinct email_key from {{ ref('map_records') }} where eligibility = 'opt_out_in_crm'
) as objections on suppressed.email_key = objections.email_key
