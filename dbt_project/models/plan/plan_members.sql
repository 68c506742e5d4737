-- What is to happen to each member, and why; plan_changes spells it out as ops.
with settings as (
    select * from {{ source('sync', 'settings') }}
),

moved as (
    select
        state.*,
        renames.old_email_key,
        renames.old_email,
        coalesce(renames.old_email_key, state.email_key) as now_key,
        coalesce(renames.provider_id, state.provider_id) as target_id,
        renames.email_key is not null as is_renamed,
        moves_away.old_email_key is not null as is_moving_away,
    from {{ ref('plan_state') }} as state
    left join {{ ref('plan_renames') }} as renames on state.email_key = renames.email_key
    left join {{ ref('plan_renames') }} as moves_away on state.email_key = moves_away.old_email_key
),

-- How an unsubscribed or archived member left: by our own hand, or by another's.
decisions as (
    select
        moved.*,
        case
            when is_moving_away then 'moves_away'
            when is_wanted then case
                when suppressed_by is not null and status in ('subscribed', 'pending') and is_suppressed_elsewhere
                    then 'silence'
                when suppressed_by is not null and status = 'subscribed' and is_managed then 'keep'
                when suppressed_by is not null then 'hold'
                when is_renamed then 'rename'
                when status is null then 'add'
                when status = 'archived' and left_by = 'archive' then 'add'
                when status = 'archived' then 'hold_archived'
                when status = 'unsubscribed' and left_by = 'unsubscribe' then 'add'
                when status = 'unsubscribed' then 'hold_opted_out'
                when status = 'bounced' then 'hold_bounced'
                when status = 'transactional' then 'hold_unknown'
                when is_managed then 'keep'
                else 'adopt'
            end
            -- Taking `then` out of the sync stops every clock. A block stops one: who stays unsubscribed there can't be
            -- imported by somebody else.
            when settings.exit_then = 'archive' and purge_after <= settings.planned_at and not is_blocked
                and status = 'unsubscribed' and left_by = 'unsubscribe' then 'purge'
            -- Who said no is silenced, also where a policy would leave them subscribed.
            when is_managed and status in ('subscribed', 'pending') and (
                leaving_because = 'opt_out_in_crm'
                or is_suppressed_elsewhere and (
                    settings.mode = 'append'
                    or settings.exit_do not in ('archive', 'unsubscribe')
                    or leaving_because = 'unreadable_records'
                )
            ) then 'silence'
            -- The house's own order holds for strangers too, and for those whom the provider would not remove.
            when (is_blocked or suppressed_by = 'erased')
                and (status = 'pending' or status = 'subscribed' and not is_managed) then 'silence'
            when is_managed and settings.mode = 'mirror' and is_present then case
                when leaving_because = 'opt_out_in_crm' then 'stay'
                when settings.exit_do = 'keep' then 'stay'
                when settings.exit_do = 'unsubscribe' and status = 'unsubscribed' then 'stay'
                when leaving_because = 'unreadable_records' then 'hold_unreadable'
                when settings.exit_do = 'unsubscribe' and status = 'subscribed' then 'unsubscribe'
                when settings.exit_do = 'archive' and list_contains(settings.removable, status) then 'archive'
                when settings.exit_do in ('leave_groups', 'move_to') then 'leave_groups'
                else 'hold_not_removable'
            end
            -- Whom we unsubscribed is no stranger: they wait for their clock, or stay as their policy says.
            when settings.unmanaged = 'remove' and not is_managed and list_contains(settings.removable, status)
                and not (status = 'unsubscribed' and left_by is not distinct from 'unsubscribe')
                then 'remove_stranger'
            when not is_managed and status in ('subscribed', 'pending')
                and (leaving_because = 'opt_out_in_crm' or is_suppressed_elsewhere) then 'hold_objector'
            else 'stay'
        end as decision,
    from moved
    cross join settings
),

-- Strangers to a group that is overwritten leave it (E14), whether they are ours or not.
decided as (
    select * replace (
        case
            when not (decision = 'stay' and is_intruder and is_present) then decision
            when is_managed and leaving_because = 'unreadable_records' then 'hold_unreadable'
            else 'evict'
        end as decision
    )
    from decisions
    where decision <> 'moves_away' and (decision <> 'stay' or is_intruder)
),

-- The fields of each side, read for those alone to whom something may happen.
wanted as (
    select email_key, fields from {{ ref('map_wanted') }} semi join decided using (email_key)
),

members as (
    select provider_id, fields from {{ source('sync', 'extract_members') }}
    where provider_id in (
        select provider_id from {{ ref('plan_state') }} as now semi join decided on now.email_key = decided.now_key
    )
),

-- A member who moves brings along what the old address has.
joined as (
    select
        decided.* exclude (sent, kept, now_tags, now_groups),
        wanted.fields as wanted_fields,
        now.sent,
        now.kept,
        members.fields as now_fields,
        now.now_tags,
        now.now_groups,
    from decided
    left join wanted on decided.email_key = wanted.email_key
    left join {{ ref('plan_state') }} as now on decided.now_key = now.email_key
    left join members on now.provider_id = members.provider_id and now.status is not null
),

unpacked as (
    select
        joined.* exclude (sent, kept, told),
        cast(told.fields as varchar) as sent_fields,
        cast(json_extract(kept, '$.fields') as varchar) as kept_fields,
        coalesce(told.tags, []) as our_tags,
        coalesce(told.groups, []) as our_groups,
    from (select *, {{ unpacked('sent') }} as told from joined) as joined
)

select
    unpacked.*,
    -- Only tags and groups that we sent ourselves are ever taken away, but for groups that are overwritten (E14, E15).
    {{ pick('wanted_tags', 'now_tags', present=false) }} as tags_to_add,
    {{ pick(pick('our_tags', 'now_tags'), 'wanted_tags', present=false) }} as tags_to_remove,
    {{ pick('wanted_groups', 'now_groups', present=false) }} as groups_to_join,
    list_sort(list_distinct(list_concat(
        {{ pick(pick(pick('our_groups', 'now_groups'), 'wanted_groups', present=false), 'kinds.appended', present=false) }},
        {{ pick(pick('now_groups', 'kinds.overwritten'), 'wanted_groups', present=false) }}
    ))) as groups_to_leave,
    list_sort(list_distinct({{ pick('now_tags', 'list_concat(our_tags, wanted_tags)') }})) as tags_now,
    list_sort(list_distinct({{ pick('now_groups', 'list_concat(our_groups, wanted_groups, kinds.overwritten)') }})) as groups_now,
    case when settings.exit_do in ('leave_groups', 'move_to') and decision in ('leave_groups', 'hold_unreadable')
        then {{ pick('groups_now', 'list_append(kinds.appended, settings.exit_group)', present=false) }}
    end as groups_at_exit,
    -- Members who are in such a group already keep the fields that they have.
    len({{ pick(pick('wanted_groups', 'now_groups'), 'kinds.untouched') }}) > 0 as is_untouched,
    -- They kept something else than what we sent: that is not sent again for as long as both sides leave it so.
    case
        when wanted_fields is null or now_fields is null or wanted_fields = now_fields then false
        when case when wanted_fields = sent_fields then {{ has_same('now_fields', 'kept_fields', 'wanted_fields') }} end
            then false
        else not {{ has_same('now_fields', 'wanted_fields', 'wanted_fields') }}
    end as has_other_fields,
from unpacked
cross join {{ ref('map_groups') }} as kinds
cross join settings
