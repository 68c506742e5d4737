-- What takes a run back, beside what can't be taken back and why. One row per member whom the run touched.
-- `decision` is what becomes of the member, `obstacle` why nothing does: see undoing.py for both.
-- Compared is what the audience has now with what the run left there: what moved since is not ours to take back.
with settings as (
    select * from sync_{sync}.settings
),

pushes as (
    select
        pushes.*,
        coalesce(json_extract(kept, '$.fields'), json_extract(after, '$.fields')) as kept_fields,
        coalesce(from_json(json_extract(before, '$.tags'), '["VARCHAR"]'), []) as tags_before,
        coalesce(from_json(json_extract(after, '$.tags'), '["VARCHAR"]'), []) as tags_after,
        coalesce(from_json(json_extract(before, '$.groups'), '["VARCHAR"]'), []) as groups_before,
        coalesce(from_json(json_extract(after, '$.groups'), '["VARCHAR"]'), []) as groups_after,
    from ledger.pushes as pushes
    inner join settings using (sync, connection, audience_id)
    -- What had no answer may have arrived: the comparison tells.
    where run_id = $run_id and outcome in ('applied', 'sending', 'failed')
),

touched as (
    select
        email_key,
        any_value(email) as email,
        any_value(entity) as entity,
        any_value(contact_key) as contact_key,
        any_value(owner) as owner,
        any_value(op) filter (op in ('add', 'rename', 'unsubscribe', 'archive', 'delete')) as moved_by,
        any_value(reason) filter (op in ('add', 'rename', 'unsubscribe', 'archive', 'delete')) as moved_because,
        any_value(outcome) filter (op in ('add', 'rename', 'unsubscribe', 'archive', 'delete')) as moved_outcome,
        any_value(json_extract_string(before, '$.status')) filter (op in ('add', 'unsubscribe', 'archive')) as status_before,
        any_value(old_email_key) filter (op = 'rename') as old_email_key,
        any_value(json_extract_string(before, '$.email')) filter (op = 'rename') as old_email,
        any_value(json_extract(before, '$.fields')) filter (op in ('update', 'rename')) as fields_before,
        any_value(json_extract(after, '$.fields')) filter (op in ('update', 'rename')) as fields_after,
        any_value(kept_fields) filter (op in ('update', 'rename')) as fields_kept,
        coalesce(bool_or(op = 'update' and reason = 'new'), false) as was_adopted,
        coalesce(flatten(list(pick(tags_after, tags_before, false)) filter (op = 'tag')), []) as tags_given,
        coalesce(flatten(list(pick(tags_before, tags_after, false)) filter (op = 'untag')), []) as tags_taken,
        coalesce(flatten(list(pick(groups_after, groups_before, false)) filter (op = 'join')), []) as groups_given,
        coalesce(flatten(list(pick(groups_before, groups_after, false)) filter (op = 'leave')), []) as groups_taken,
    from pushes
    group by email_key
),

-- Whoever said no keeps their no: under this address, under another one, in the CRM, and whatever the sync's policy is.
reaching as (
    select email_key, since
    from ledger.suppressions as known
    cross join settings
    where known.released_at is null and known.reason <> 'bounced' and (
        known.scope = 'home'
        or (known.connection = settings.connection and known.scope = 'account')
        or (known.connection = settings.connection and known.audience_id = settings.audience_id)
    )
),

objecting as (
    select email_key from reaching
    union
    select email_key from sync_{sync}.stage_suppressions
    union
    select email_key from sync_{sync}.map_records where eligibility = 'opt_out_in_crm'
),

objectors as (
    select entity, contact_key from ledger.objectors inner join reaching using (email_key, since)
    union
    select entity, contact_key from sync_{sync}.map_records where eligibility = 'opt_out_in_crm'
),

faced as (
    select
        touched.*,
        coalesce(wanted.entity, now.entity, touched.entity) as record_entity,
        coalesce(wanted.contact_key, now.contact_key, touched.contact_key) as record_key,
        coalesce(wanted.owner, now.any_owner, touched.owner) as any_owner,
        members.status,
        managed.left_by,
        coalesce(members.provider_id, managed.provider_id) as provider_id,
        members.email as member_email,
        extracted.fields as member_fields,
        coalesce(members.tags, []) as now_tags,
        coalesce(members.groups, []) as now_groups,
        coalesce(managed.sent_tags, []) as sent_tags,
        coalesce(managed.sent_groups, []) as sent_groups,
        occupant.status as occupied_by,
        touched.email_key in (select email_key from objecting)
        or coalesce(touched.old_email_key in (select email_key from objecting), false)
        or exists (
            from objectors
            where objectors.entity = touched.entity and objectors.contact_key = touched.contact_key
        ) as has_said_no,
    from touched
    left join sync_{sync}.map_wanted as wanted using (email_key)
    left join sync_{sync}.plan_state as now on touched.email_key = now.email_key
    left join sync_{sync}.stage_members as members on touched.email_key = members.email_key
    left join sync_{sync}.extract_members as extracted on members.provider_id = extracted.provider_id
    left join sync_{sync}.stage_managed as managed on touched.email_key = managed.email_key
    left join sync_{sync}.stage_members as occupant on touched.old_email_key = occupant.email_key
),

decided as (
    select
        faced.*,
        coalesce(moved_outcome <> 'applied', false) as is_uncertain,
        case
            when moved_by is null and status is null then 'gone'
            when moved_by is null and status = 'archived' then 'archived'
            when moved_by is null then 'stay'
            when moved_by = 'delete' then 'deleted'
            when status is null then 'gone'
            when moved_by = 'rename' then case
                when occupied_by is not null then 'taken'
                when has_said_no then 'said_no'
                when not list_contains(settings.renamable, status) then 'not_renamable'
                else 'rename'
            end
            when status is not distinct from status_before then 'already'
            when moved_by = 'add' then case
                when status = 'archived' then 'already'
                when status = 'unsubscribed' then 'opted_out'
                when status = 'bounced' then 'bounced'
                when status_before = 'unsubscribed' and status = 'subscribed' then 'unsubscribe'
                when list_contains(settings.removable, status) then 'archive'
                else 'not_removable'
            end
            when left_by is distinct from moved_by then 'moved'
            when status <> case moved_by when 'archive' then 'archived' else 'unsubscribed' end then 'moved'
            when status_before in ('subscribed', 'pending') and has_said_no then 'said_no'
            when status_before in ('subscribed', 'pending') then 'add'
            -- They waited, unsubscribed by us, for the purge.
            when status_before = 'unsubscribed' and moved_because = 'purge_due' then 'add'
            when status_before = 'unsubscribed' then 'was_out'
            else 'not_restorable'
        end as decision,
        list_filter(
            coalesce(json_keys(fields_before), []),
            lambda name: value_of(fields_before, name) <> value_of(fields_after, name)
        ) as changed_names,
    from faced
    cross join settings
),

compared as (
    select
        decided.*,
        decision not in ('gone', 'archived', 'deleted', 'archive') and status <> 'archived' as is_there,
        list_filter(changed_names, lambda name: list_contains($secrets, name)) as secret_names,
        list_filter(changed_names, lambda name: not list_contains($secrets, name) and (
            value_of(member_fields, name) = value_of(fields_kept, name)
            or value_of(member_fields, name) = value_of(fields_after, name)
        )) as names_to_restore,
        list_filter(changed_names, lambda name: not list_contains($secrets, name)
            and value_of(member_fields, name) <> value_of(fields_kept, name)
            and value_of(member_fields, name) <> value_of(fields_after, name)
            and value_of(member_fields, name) <> value_of(fields_before, name)
        ) as names_moved,
        pick(tags_given, now_tags, true) as tags_to_remove,
        pick(tags_taken, now_tags, false) as tags_to_add,
        pick(groups_given, now_groups, true) as groups_to_leave,
        pick(groups_taken, now_groups, false) as groups_to_join,
    from decided
)

select
    compared.*,
    decision = 'rename' as is_renamed,
    case when decision = 'rename' then old_email_key else email_key end as target_key,
    coalesce(case when decision = 'rename' then old_email end, member_email, email) as target_email,
    list_sort(pick(now_tags, list_concat(sent_tags, tags_given), true)) as our_tags,
    list_sort(pick(now_groups, list_concat(sent_groups, groups_given), true)) as our_groups,
    -- Secret fields are hashes here: they are left out, and stay as they are.
    to_json(map_from_entries(list_transform(
        list_filter(json_keys(member_fields), lambda name: not list_contains($secrets, name)),
        lambda name: struct_pack(key := name, value := value_of(member_fields, name))
    ))) as fields_now,
    to_json(map_from_entries(list_transform(
        list_filter(json_keys(member_fields), lambda name: not list_contains($secrets, name)),
        lambda name: struct_pack(key := name, value := case
            when list_contains(names_to_restore, name) then value_of(fields_before, name)
            else value_of(member_fields, name)
        end)
    ))) as fields_restored,
    case
        when is_uncertain and decision in ('gone', 'moved', 'taken', 'not_renamable') then null
        when decision in (
            'gone', 'archived', 'deleted', 'taken', 'said_no', 'not_renamable', 'opted_out', 'bounced', 'not_removable',
            'moved', 'was_out', 'not_restorable'
        ) then decision
    end as obstacle,
from compared
