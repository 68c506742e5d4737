-- ledger.members from ledger.pushes: the last word on every member that a sync ever touched.
-- A change that was sent without an answer, or with none that could be used, counts as done: the next plan starts from
-- what the provider really has. Only a new member that failed is most often known not to be there.
-- Whom we archived and add again stays archived by our own hand until an answer says that they are back: else they
-- would be taken for somebody else's doing, and held.
-- But nobody has left, and no label is gone, before an answer says so: else a leaver whom a crash left behind would
-- be a stranger to the next plan, and stay.
with pushes as (
    select *, (happened_at, run_id, seq) as place
    from ledger.pushes
    where outcome in ('applied', 'sending') or (
        outcome = 'failed'
        and (op <> 'add' or json_extract_string(before, '$.status') is not distinct from 'archived')
    )
),
-- A rename is two events: the new address begins with all that the old one had, and the old one ends.
events as (
    select *, null as ended_by from pushes
    union all by name
    select * replace (old_email_key as email_key, null as after, null as kept), 'rename' as ended_by
    from pushes where op = 'rename' and old_email_key is not null
),
told as (
    select
        *,
        case
            when ended_by is not null then ended_by
            when op in ('archive', 'unsubscribe', 'delete') then op
            when op = 'add' and outcome <> 'applied' and json_extract_string(before, '$.status') = 'archived' then 'archive'
            -- An undo of a purge brings somebody back as they were: unsubscribed by us.
            when op = 'add' and json_extract_string(after, '$.status') = 'unsubscribed' then 'unsubscribe'
            -- An update tells nothing of somebody who is out already; that it was our own doing must not be forgotten.
            when op = 'update' and json_extract_string(before, '$.status') = 'unsubscribed' then null
            when op in ('add', 'rename', 'update') then 'here'
        end as presence,
        json_extract(after, '$.fields') as fields,
        coalesce(json_extract(kept, '$.fields'), json_extract(after, '$.fields')) as kept_fields,
        json_extract(case when outcome <> 'applied' and op in ('untag', 'leave') then before else after end, '$.tags') as tags,
        json_extract(case when outcome <> 'applied' and op in ('untag', 'leave') then before else after end, '$.groups') as groups,
    from events
),
folded as (
    select
        sync,
        email_key,
        arg_max(connection, place) as connection,
        arg_max(audience_id, place) as audience_id,
        arg_max(contact_key, place) as contact_key,
        arg_max(entity, place) as entity,
        arg_max(provider_id, place) filter (provider_id is not null) as provider_id,
        arg_max(fields, place) filter (fields is not null) as sent_fields,
        arg_max(kept_fields, place) filter (fields is not null) as kept_fields,
        coalesce(arg_max(tags, place) filter (tags is not null), '[]') as tags,
        coalesce(arg_max(groups, place) filter (groups is not null), '[]') as groups,
        arg_max(presence, place) filter (presence is not null) as presence,
        arg_max(outcome, place) filter (presence is not null) as last_outcome,
        max(happened_at) filter (presence <> 'here') as last_left_at,
        min(happened_at) filter (presence = 'here') as first_here_at,
        max(happened_at) filter (op in ('add', 'rename') and ended_by is null) as last_here_at,
        -- The last leaving counts, also when it started no clock: an older one must not go on.
        arg_max_null(json_extract_string(after, '$.purge_after'), place) filter (presence is not null) as purge_after,
    from told
    group by sync, email_key
)
select
    sync,
    connection,
    audience_id,
    email_key,
    contact_key,
    entity,
    provider_id,
    cast(json_object('fields', sent_fields, 'tags', tags, 'groups', groups) as varchar) as sent,
    cast(json_object('fields', kept_fields, 'tags', tags, 'groups', groups) as varchar) as kept,
    md5(cast(json_object('fields', sent_fields, 'tags', tags, 'groups', groups) as varchar)) as sent_hash,
    case when presence <> 'here' then presence end as left_by,
    coalesce(last_here_at, first_here_at) as joined_at,
    case when presence <> 'here' and last_outcome = 'applied' then last_left_at end as left_at,
    case when presence = 'unsubscribe' then try_cast(purge_after as timestamp) end as purge_after,
from folded
where presence is not null
