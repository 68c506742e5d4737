-- The members of undo.sql spelled out as ops, shaped like plan_changes and in the order of its steps.
with leavers as (
    select
        decision as op,
        undoing.*,
        cast(json_object('status', status) as varchar) as before,
        cast(json_object('status', case decision when 'archive' then 'archived' else 'unsubscribed' end) as varchar) as after,
    from undoing
    where decision in ('archive', 'unsubscribe')
),

renames as (
    select
        'rename' as op,
        undoing.*,
        cast(json_object('email', member_email, 'fields', fields_now) as varchar) as before,
        cast(json_object(
            'email', old_email, 'fields', fields_restored, 'tags', our_tags, 'groups', our_groups
        ) as varchar) as after,
    from undoing
    where decision = 'rename'
),

updates as (
    select
        'update' as op,
        undoing.*,
        cast(json_object('status', status, 'fields', fields_now) as varchar) as before,
        cast(json_object('fields', fields_restored) as varchar) as after,
    from undoing
    where decision not in ('rename', 'add') and is_there and len(names_to_restore) > 0
),

adds as (
    select
        'add' as op,
        undoing.*,
        cast(json_object('status', status) as varchar) as before,
        cast(json_object('status', status_before, 'fields', fields_now) as varchar) as after,
    from undoing
    where decision = 'add'
),

labels as (
    select 'leave' as op, undoing.*,
        cast(json_object('groups', our_groups) as varchar) as before,
        cast(json_object('groups', pick(our_groups, groups_to_leave, false)) as varchar) as after,
    from undoing where is_there and len(groups_to_leave) > 0
    union all by name
    select 'join' as op, undoing.*,
        cast(json_object('groups', pick(our_groups, groups_to_leave, false)) as varchar) as before,
        cast(json_object('groups', list_sort(list_concat(
            pick(our_groups, groups_to_leave, false), groups_to_join
        ))) as varchar) as after,
    from undoing where is_there and len(groups_to_join) > 0
    union all by name
    select 'untag' as op, undoing.*,
        cast(json_object('tags', our_tags) as varchar) as before,
        cast(json_object('tags', pick(our_tags, tags_to_remove, false)) as varchar) as after,
    from undoing where is_there and len(tags_to_remove) > 0
    union all by name
    select 'tag' as op, undoing.*,
        cast(json_object('tags', pick(our_tags, tags_to_remove, false)) as varchar) as before,
        cast(json_object('tags', list_sort(list_concat(
            pick(our_tags, tags_to_remove, false), tags_to_add
        ))) as varchar) as after,
    from undoing where is_there and len(tags_to_add) > 0
),

changes as (
    select * from leavers
    union all by name select * from renames
    union all by name select * from updates
    union all by name select * from adds
    union all by name select * from labels
)

select
    op,
    'undo' as reason,
    target_email as email,
    target_key as email_key,
    case when is_renamed then email_key end as old_email_key,
    record_key as contact_key,
    record_entity as entity,
    any_owner as owner,
    provider_id,
    before,
    after,
    list_position(
        ['unsubscribe', 'leave', 'archive', 'rename', 'update', 'add', 'leave renamed', 'join', 'untag', 'tag'],
        op || case when op = 'leave' and is_renamed then ' renamed' else '' end
    ) as step,
from changes
