-- The three sides of the plan beside each other: what the CRM wants, what we sent and they kept, what they have now.
-- Nearly nobody changes from one day to the next. So all that a side holds is first compared by its hash, and looked at
-- for those alone who are not settled by that. Nothing but this query ever sees the hashes.
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

-- An entity of which some records could not be read: nobody knows whose they are, so none of its records is known to
-- be gone. What other syncs read counts for them alone.
unreadable as (
    select
        entity,
        count(*) as unreadable_records,
    from (select connection || '.' || entity as entity from {{ source('extract', 'rejected') }}) as rejected
    where list_contains({{ strings(var('sources') | map(attribute='entity') | list) }}, entity)
    group by entity
),

-- Settled is who is wanted, ours, subscribed, and has just what the CRM wants. Hashes only, of the keys too: this join
-- is the one that sees everybody. To be taken for settled by mistake, two people would have to agree in three of them.
unsettled as (
    select coalesce(members.email_hash, wanted.email_hash, managed.email_hash) as email_hash
    from (
        select
            hash(email_key) as email_hash,
            hash(fields_hash, tags, groups) as content,
            hash(entity, contact_key) as record,
        from {{ ref('map_wanted') }}
    ) as wanted
    full outer join (
        select
            hash(email_key) as email_hash,
            hash(fields_hash, tags, groups) as content,
            status = 'subscribed' as is_subscribed,
        from {{ ref('stage_members') }}
    ) as members on wanted.email_hash = members.email_hash
    full outer join (
        select
            hash(email_key) as email_hash,
            hash(entity, contact_key) as record,
            is_managed,
        from {{ ref('stage_managed') }}
    ) as managed on coalesce(members.email_hash, wanted.email_hash) = managed.email_hash
    where not coalesce(
        members.is_subscribed
        and managed.is_managed
        and wanted.content = members.content
        and wanted.record = managed.record,
        false
    )
    union
    select hash(email_key) from {{ ref('stage_suppressions') }}
    union
    select hash(wanted.email_key) from {{ ref('map_wanted') }} as wanted semi join followed using (entity, contact_key)
),

wanted as (
    select * exclude (fields, secrets) from {{ ref('map_wanted') }}
    where hash(email_key) in (select email_hash from unsettled)
),

members as (
    select * from {{ ref('stage_members') }} where hash(email_key) in (select email_hash from unsettled)
),

managed as (
    select * from {{ ref('stage_managed') }} where hash(email_key) in (select email_hash from unsettled)
),

alike as (
    select
        coalesce(wanted.email_key, members.email_key) as email_key,
        wanted.email_key is not null as is_wanted,
        wanted.email as wanted_email,
        wanted.entity,
        wanted.contact_key,
        wanted.owner,
        members.email as member_email,
        members.provider_id,
        members.status,
        members.has_silent_twin,
        len(kinds.overwritten) > 0 and len({{
            pick(pick('members.groups', 'kinds.overwritten'), 'coalesce(wanted.groups, [])', present=false)
        }}) > 0 as is_intruder,
        wanted.fields_hash = members.fields_hash and wanted.tags = members.tags and wanted.groups = members.groups
            as is_alike,
        wanted.fields_hash as wanted_hash,
        members.fields_hash as members_hash,
        wanted.tags as wanted_tags,
        wanted.groups as wanted_groups,
        members.tags as now_tags,
        members.groups as now_groups,
        list_has_all(now_tags, wanted_tags) and list_has_all(now_groups, wanted_groups) as has_all_labels,
    from wanted
    full outer join members on wanted.email_key = members.email_key
    cross join {{ ref('map_groups') }} as kinds
),

-- What we sent is unpacked only where the CRM and the provider are not alike, most often for the provider's own doing.
sides as (
    select
        coalesce(alike.email_key, managed.email_key) as email_key,
        coalesce(alike.is_wanted, false) as is_wanted,
        alike.wanted_email,
        coalesce(alike.entity, managed.entity) as entity,
        coalesce(alike.contact_key, managed.contact_key) as contact_key,
        alike.owner,
        managed.email_key is not null as is_known,
        coalesce(managed.is_managed, false) as is_managed,
        coalesce(alike.is_wanted, false)
        and coalesce(managed.is_managed, false)
        and (alike.entity, alike.contact_key) is distinct from (managed.entity, managed.contact_key) as is_handed_over,
        managed.left_by,
        managed.left_at,
        managed.purge_after,
        coalesce(alike.provider_id, managed.provider_id) as provider_id,
        alike.member_email,
        alike.status,
        coalesce(alike.has_silent_twin, false) as has_silent_twin,
        coalesce(alike.is_intruder, false) as is_intruder,
        coalesce(alike.wanted_tags, []) as wanted_tags,
        coalesce(alike.wanted_groups, []) as wanted_groups,
        coalesce(alike.now_tags, []) as now_tags,
        coalesce(alike.now_groups, []) as now_groups,
        managed.sent,
        managed.kept,
        case when not alike.is_alike then {{ unpacked('managed.sent') }} end as was_sent,
        case when not alike.is_alike then {{ unpacked('managed.kept') }} end as was_kept,
        coalesce(alike.is_alike or (
            alike.wanted_hash in (alike.members_hash, hash(cast((was_sent).fields as varchar)))
            and alike.members_hash in (alike.wanted_hash, hash(cast((was_kept).fields as varchar)))
            and alike.has_all_labels
            and list_has_all(alike.wanted_tags, (was_sent).tags)
            and list_has_all(alike.wanted_groups, (was_sent).groups)
        ), false) as is_as_wanted,
    from managed
    full outer join alike on managed.email_key = alike.email_key
),

-- The CRM's record of members who are not wanted.
leavers as (
    select
        managed.email_key,
        records.contact_key,
        records.eligibility,
        records.owner,
    from managed
    anti join wanted using (email_key)
    inner join {{ ref('map_records') }} as records using (entity, contact_key)
),

suppressed as (
    select
        sides.* exclude (was_sent, was_kept),
        coalesce(suppressions.reason, followed.reason) as suppressed_by,
        -- A no that the audience has under another spelling of the address has to be told to it under this one.
        coalesce(
            suppressions.is_from_elsewhere or (suppressions.reason is not null and sides.has_silent_twin),
            followed.reason is not null
        ) as is_suppressed_elsewhere,
        coalesce(suppressions.is_blocked, false) as is_blocked,
        coalesce(suppressions.since, followed.since) as suppressed_since,
        suppressions.email_key is null and followed.reason is not null as is_suppressed_by_former_address,
    from sides
    left join {{ ref('stage_suppressions') }} as suppressions on sides.email_key = suppressions.email_key
    left join followed
        on sides.is_wanted and sides.entity = followed.entity and sides.contact_key = followed.contact_key
)

select
    suppressed.* exclude (is_as_wanted, has_silent_twin) replace (
        coalesce(suppressed.entity, objections.entity) as entity,
        coalesce(suppressed.contact_key, objections.contact_key) as contact_key
    ),
    coalesce(suppressed.status, 'archived') <> 'archived' as is_present,
    -- Why a member whom we manage is wanted no longer.
    case
        when suppressed.is_wanted then null
        when objections.email_key is not null then 'opt_out_in_crm'
        when leavers.contact_key is null and unreadable.entity is not null then 'unreadable_records'
        when leavers.contact_key is null then 'deleted_in_crm'
        when leavers.eligibility in ('wanted', 'bad_address', 'missing_address') then 'address_changed'
        else leavers.eligibility
    end as leaving_because,
    coalesce(suppressed.owner, leavers.owner, objections.owner) as any_owner,
    unreadable.unreadable_records,
from suppressed
left join leavers on suppressed.email_key = leavers.email_key
left join objections on suppressed.email_key = objections.email_key
left join unreadable on suppressed.entity = unreadable.entity
where not (
    suppressed.is_as_wanted
    and suppressed.is_managed
    and suppressed.status = 'subscribed'
    and suppressed.suppressed_by is null
    and not suppressed.is_intruder
    and not suppressed.is_handed_over
)
