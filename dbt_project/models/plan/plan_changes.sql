{#- What the provider judges of a row: an update that adopts somebody names their labels too, but does not send them. -#}
{%- set content = "case op when 'update' then json_extract(after, '$.fields')::varchar else after end" -%}

-- The draft of the plan, in the order in which it is pushed: leavers, renames, updates, adds, then labels.
with settings as (
    select * from {{ source('sync', 'settings') }}
),

members as (
    select * from {{ ref('plan_members') }} where decision not in ('stay', 'moves_away')
),

leavers as (
    select
        case decision when 'silence' then 'unsubscribe' when 'purge' then 'archive' when 'remove_stranger' then 'archive'
            else decision end as op,
        case decision
            when 'purge' then 'purge_due'
            when 'remove_stranger' then 'unmanaged'
            when 'silence' then if(is_managed and leaving_because <> 'unreadable_records', leaving_because, suppressed_by)
            else leaving_because
        end as reason,
        members.*,
        cast(json_object('status', status) as varchar) as before,
        cast(case
            when decision = 'unsubscribe' and settings.exit_then = 'archive'
                then json_object(
                    'status', 'unsubscribed',
                    'purge_after', strftime(settings.planned_at + to_days(settings.exit_after_days), '%Y-%m-%dT%H:%M:%S')
                )
            when decision in ('silence', 'unsubscribe') then json_object('status', 'unsubscribed')
            else json_object('status', 'archived')
        end as varchar) as after,
    from members
    cross join settings
    where decision in ('silence', 'unsubscribe', 'archive', 'purge', 'remove_stranger')
),

leaving_groups as (
    select
        'leave' as op,
        leaving_because as reason,
        members.*,
        cast(json_object('groups', groups_now) as varchar) as before,
        cast(json_object('groups', {{ pick('groups_now', 'groups_at_exit', present=false) }}) as varchar) as after,
    from members
    where decision = 'leave_groups' and len(groups_at_exit) > 0
),

evicted as (
    select
        'leave' as op,
        case when is_managed then coalesce(leaving_because, 'changed') else 'unmanaged' end as reason,
        members.*,
        cast(json_object('groups', groups_now) as varchar) as before,
        cast(json_object('groups', {{ pick('groups_now', 'groups_to_leave', present=false) }}) as varchar) as after,
    from members
    where decision = 'evict' and len(groups_to_leave) > 0
),

parked as (
    select
        'join' as op,
        leaving_because as reason,
        members.*,
        cast(json_object('groups', []) as varchar) as before,
        cast(json_object('groups', [settings.exit_group]) as varchar) as after,
    from members
    cross join settings
    where
        decision = 'leave_groups'
        and settings.exit_do = 'move_to'
        and not list_contains(now_groups, settings.exit_group)
),

renames as (
    select
        'rename' as op,
        'address_changed' as reason,
        members.*,
        cast(json_object('email', old_email, 'fields', json(now_fields)) as varchar) as before,
        cast(json_object(
            'email', wanted_email, 'fields', json(wanted_fields), 'tags', our_tags, 'groups', our_groups
        ) as varchar) as after,
    from members
    where decision = 'rename'
),

updates as (
    select
        'update' as op,
        case when decision = 'adopt' then 'new' else 'changed' end as reason,
        members.*,
        -- Wanted labels that somebody had already are ours from now on, as the fields are.
        cast(case when decision = 'adopt'
            then json_object('status', status, 'fields', json(now_fields), 'tags', tags_now, 'groups', groups_now)
            else json_object('status', status, 'fields', json(now_fields))
        end as varchar) as before,
        cast(case when decision = 'adopt'
            then json_object('fields', json(wanted_fields), 'tags', tags_now, 'groups', groups_now)
            else json_object('fields', json(wanted_fields))
        end as varchar) as after,
    from members
    where not is_untouched and (
        decision = 'adopt'
        or ((has_other_fields or is_handed_over) and is_managed and status <> 'archived' and decision in ('keep', 'hold', 'hold_bounced', 'hold_opted_out'))
    )
),

adds as (
    select
        'add' as op,
        case when is_known then 'returned' else 'new' end as reason,
        members.*,
        case when status is not null then cast(json_object('status', status) as varchar) end as before,
        cast(json_object(
            'status', case when settings.double_opt_in then 'pending' else 'subscribed' end, 'fields', json(wanted_fields)
        ) as varchar) as after,
    from members
    cross join settings
    where decision = 'add'
),

labelled as (
    select * from members where decision in ('add', 'adopt', 'keep', 'rename')
),

labels as (
    {% for label in [
        {'kind': 'groups', 'take': 'leave', 'give': 'join', 'taken': 'groups_to_leave', 'given': 'groups_to_join'},
        {'kind': 'tags', 'take': 'untag', 'give': 'tag', 'taken': 'tags_to_remove', 'given': 'tags_to_add'},
    ] -%}
    select
        {{ text(label.take) }} as op,
        case when decision = 'keep' then 'changed' when is_renamed then 'address_changed' when is_known then 'returned' else 'new' end as reason,
        labelled.*,
        cast(json_object({{ text(label.kind) }}, {{ label.kind }}_now) as varchar) as before,
        cast(json_object({{ text(label.kind) }}, {{ pick(label.kind ~ '_now', label.taken, present=false) }}) as varchar) as after,
    from labelled
    where len({{ label.taken }}) > 0
    union all
    select
        {{ text(label.give) }} as op,
        case when decision = 'keep' then 'changed' when is_renamed then 'address_changed' when is_known then 'returned' else 'new' end as reason,
        labelled.*,
        cast(json_object({{ text(label.kind) }}, {{ pick(label.kind ~ '_now', label.taken, present=false) }}) as varchar) as before,
        cast(json_object({{ text(label.kind) }}, list_sort(list_distinct(list_concat(
            {{ pick(label.kind ~ '_now', label.taken, present=false) }}, {{ label.given }}
        )))) as varchar) as after,
    from labelled
    where len({{ label.given }}) > 0
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

drafted as (
    select * from leavers
    union all by name select * from leaving_groups
    union all by name select * from evicted
    union all by name select * from parked
    union all by name select * from renames
    union all by name select * from updates
    union all by name select * from adds
    union all by name select * from labels
),

changes as (
    select *, {{ content }} as content from drafted
),

-- What the provider refused for good is not sent again until the row itself changes.
refused as (
    select pushes.op, pushes.email_key, {{ content }} as content, pushes.code, pushes.detail
    from {{ source('ledger', 'pushes') }} as pushes
    inner join settings using (sync, connection, audience_id)
    semi join (
        select op, email_key from {{ source('ledger', 'pushes') }} where outcome = 'refused' and not can_retry
    ) as ever_refused using (op, email_key)
    where pushes.op in ('add', 'update', 'rename', 'tag', 'join')
    qualify
        row_number() over (partition by pushes.op, pushes.email_key order by pushes.happened_at desc, pushes.seq desc) = 1
        and pushes.outcome = 'refused'
        and not pushes.can_retry
)

select
    changes.op,
    changes.reason,
    -- A member is addressed as the provider writes the address: it knows nobody by another spelling of it.
    coalesce(changes.member_email, changes.wanted_email, changes.email_key) as email,
    changes.email_key,
    changes.old_email_key,
    changes.contact_key,
    changes.entity,
    changes.any_owner as owner,
    changes.target_id as provider_id,
    changes.before,
    changes.after,
    refused.code as refused_code,
    refused.detail as refused_detail,
    -- Groups are left before anything else, but not by a member who must be renamed to have the address.
    list_position(
        ['unsubscribe', 'leave', 'archive', 'rename', 'update', 'add', 'leave renamed', 'join', 'untag', 'tag'],
        changes.op || case when changes.op = 'leave' and changes.old_email_key is not null then ' renamed' else '' end
    ) as step,
from changes
-- Labels wait with a member whom the provider does not take.
anti join (
    select changes.email_key
    from changes
    inner join refused using (op, email_key, content)
    where changes.op in ('add', 'rename')
) as not_taken
    on changes.email_key = not_taken.email_key and changes.op not in ('add', 'rename')
left join refused
    on changes.op = refused.op and changes.email_key = refused.email_key and changes.content = refused.content
