-- The three sides of the plan beside each other: what the CRM wants, what we sent and they kept, what they have now.
with
-- An opt-out goes along when the person changes address; a bounce does not. The person is the record that had the
-- address then: another one may have it now.
followed as (
    select
        objectors.entity,
        objectors.contact_key,
        min(suppressions.reason) as reason,
        min(objectors.since) as since,
    from {{ ref('stage_suppressions') }} as suppressions
    inner join {{ source('ledger', 'objectors') }} as objectors
        on suppressions.email_key = objectors.email_key
        and list_contains(suppressions.objected_at, objectors.since)
    group by all
),

objections as (
    select
        email_key,
        arg_min(entity, (entity_order, contact_key)) as entity,
        arg_min(contact_key, (entity_order, contact_key)) as contact_key,
        arg_min(owner, (entity_order, contact_key)) as owner,
    from {{ ref('map_records') }}
    where eligibility = 'opt_out_in_crm' and email_key is not null
    group by email_key
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
        wanted.email_key is not null
        and coalesce(managed.is_managed, false)
        and (wanted.entity, wanted.contact_key) is distinct from (managed.entity, managed.contact_key) as is_handed_over,
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
        coalesce(suppressions.is_blocked, false) as is_blocked,
        coalesce(suppressions.since, followed.since) as suppressed_since,
        suppressions.email_key is null and followed.reason is not null as is_suppressed_by_former_address,
    from sides
    left join {{ ref('stage_suppressions') }} as suppressions on sides.email_key = suppressions.email_key
    left join followed
        on sides.is_wanted and sides.entity = followed.entity and sides.contact_key = followed.contact_key
)

select
    suppressed.* replace (
        coalesce(suppressed.entity, objections.entity) as entity,
        coalesce(suppressed.contact_key, objections.contact_key) as contact_key
    ),
    coalesce(suppressed.status, 'archived') <> 'archived' as is_present,
    -- Why a member whom we manage is wanted no longer.
    case
        when suppressed.is_wanted then null
        when objections.email_key is not null then 'opt_out_in_crm'
        when records.contact_key is null then 'deleted_in_crm'
        when records.eligibility in ('wanted', 'bad_address', 'missing_address') then 'address_changed'
        else records.eligibility
    end as leaving_because,
    coalesce(suppressed.owner, records.owner, objections.owner) as any_owner,
from suppressed
left join {{ ref('map_records') }} as records
    on suppressed.entity = records.entity and suppressed.contact_key = records.contact_key and not suppressed.is_wanted
left join objections on suppressed.email_key = objections.email_key
