-- Everybody who is or was in an audience: as last read, with what was pushed since, on top of what earlier runs saw.
{% set columns = {
    'connection': 'varchar', 'audience_id': 'varchar', 'email': 'varchar', 'email_key': 'varchar', 'status': 'varchar',
    'entity': 'varchar', 'contact_key': 'varchar', 'managed': 'boolean', 'tags': 'varchar[]', 'groups': 'varchar[]',
    'joined_at': 'timestamp', 'left_at': 'timestamp', 'last_seen_at': 'timestamp',
} -%}
with audiences as (
    select * from {{ ref('observed_audiences') }}
),

contacts as (
    select * from {{ ref('member_contacts') }}
),

done as (
    select connection, audience_id, email, email_key, old_email_key, op, after, seq, happened_at
    from {{ source('ledger', 'pushes') }}
    where outcome in ('applied', 'sending') and op in ('add', 'rename', 'unsubscribe', 'archive', 'delete')
),

renamed as (
    select connection, audience_id, old_email_key, email, email_key, happened_at
    from done
    where op = 'rename' and old_email_key is not null
    qualify row_number() over (partition by connection, audience_id, old_email_key order by happened_at desc, seq desc) = 1
),

before as (
    {{ rows_before(columns) }}
),

-- Somebody whose address changed since we last saw them is still the same member.
moved as (
    select
        before.* replace (
            coalesce(renamed.email_key, before.email_key) as email_key,
            coalesce(renamed.email, before.email) as email
        ),
        renamed.email_key is not null as has_moved,
    from before
    left join renamed
        on before.connection = renamed.connection
        and before.audience_id = renamed.audience_id
        and before.email_key = renamed.old_email_key
        and before.last_seen_at <= renamed.happened_at
),

previous as (
    select * from moved
    qualify row_number() over (partition by connection, audience_id, email_key order by has_moved, last_seen_at desc) = 1
),

known_audiences as (
    select distinct connection, audience_id from before
),

extracted as (
    select
        audiences.connection,
        audiences.audience_id,
        coalesce(renamed.email_key, members.email_key) as email_key,
        coalesce(renamed.email, members.email) as email,
        members.status,
        members.tags,
        members.groups,
        members.joined_at,
        members.changed_at,
        audiences.observed_at as seen_at,
    from {{ ref('read_members') }} as members
    inner join audiences on members.sync = audiences.sync and not audiences.is_deleted
    left join renamed
        on audiences.connection = renamed.connection
        and audiences.audience_id = renamed.audience_id
        and members.email_key = renamed.old_email_key
        and audiences.observed_at <= renamed.happened_at
    qualify row_number() over (
        partition by audiences.connection, audiences.audience_id, coalesce(renamed.email_key, members.email_key)
        order by
            renamed.email_key nulls first, members.status = 'archived', members.status = 'subscribed' desc,
            members.provider_id
    ) = 1
),

pushed as (
    select
        done.connection,
        done.audience_id,
        done.email_key,
        done.email,
        case done.op
            when 'add' then coalesce(json_extract_string(done.after, '$.status'), 'subscribed')
            when 'unsubscribe' then 'unsubscribed'
            when 'archive' then 'archived'
            when 'delete' then 'deleted'
        end as status,
        case when done.op = 'add' then done.happened_at end as joined_at,
        done.happened_at,
    from done
    inner join audiences
        on done.connection = audiences.connection
        and done.audience_id = audiences.audience_id
        and done.happened_at >= audiences.observed_at
        and not audiences.is_deleted
    where done.op <> 'rename'
    qualify row_number() over (
        partition by done.connection, done.audience_id, done.email_key order by done.happened_at desc, done.seq desc
    ) = 1
),

present as (
    select
        connection,
        audience_id,
        email_key,
        coalesce(extracted.email, pushed.email) as email,
        coalesce(pushed.status, extracted.status) as status,
        extracted.tags,
        extracted.groups,
        coalesce(extracted.joined_at, pushed.joined_at) as joined_at,
        coalesce(pushed.happened_at, extracted.changed_at) as changed_at,
        greatest(extracted.seen_at, pushed.happened_at) as seen_at,
    from extracted
    full outer join pushed using (connection, audience_id, email_key)
    where coalesce(pushed.status, extracted.status) <> 'deleted'
),

-- The ledger alone remembers who left, once the warehouse was deleted and is rebuilt.
remembered as (
    select contacts.connection, contacts.audience_id, contacts.email_key
    from contacts
    inner join audiences using (connection, audience_id)
    where contacts.left_by is distinct from 'rename'
),

keys as (
    select connection, audience_id, email_key from present
    union
    select connection, audience_id, email_key from previous
    union
    select connection, audience_id, email_key from remembered
),

combined as (
    select
        keys.connection,
        keys.audience_id,
        keys.email_key,
        coalesce(present.email, previous.email) as email,
        case
            when present.email_key is not null then present.status
            when audiences.audience_id is null then previous.status
            else 'deleted'
        end as status,
        previous.status as status_before,
        contacts.entity,
        contacts.contact_key,
        coalesce(contacts.is_managed, false) as managed,
        coalesce(present.tags, previous.tags, []) as tags,
        coalesce(present.groups, previous.groups, []) as groups,
        present.joined_at as joined_at_now,
        present.changed_at,
        previous.joined_at as joined_at_before,
        previous.left_at as left_at_before,
        previous.last_seen_at as last_seen_before,
        previous.email_key is not null as is_known,
        known_audiences.audience_id is not null as is_known_audience,
        audiences.observed_at,
        contacts.joined_at as joined_at_in_ledger,
        contacts.left_at as left_at_in_ledger,
        present.email_key is not null as is_present,
        coalesce(present.seen_at, previous.last_seen_at) as last_seen_at,
    from keys
    left join present using (connection, audience_id, email_key)
    left join previous using (connection, audience_id, email_key)
    left join contacts using (connection, audience_id, email_key)
    left join audiences using (connection, audience_id)
    left join known_audiences using (connection, audience_id)
),

judged as (
    select
        *,
        status in ('subscribed', 'pending', 'transactional') as is_reachable,
        -- When they came back; those who only seemed to be gone have no newer date to show.
        coalesce(
            greatest(joined_at_now, case when status_before <> 'deleted' then changed_at end),
            case when status_before <> 'deleted' then observed_at end
        ) as returned_at,
    from combined
),

dated as (
    select
        *,
        case
            when status = 'pending' then null
            when is_reachable and left_at_before < returned_at then returned_at
            else coalesce(
                joined_at_before,
                joined_at_now,
                case
                    when not is_present then joined_at_in_ledger
                    when is_known_audience and (not is_known or status_before = 'pending') then observed_at
                end
            )
        end as joined_at,
        case
            when observed_at is null then left_at_before
            when is_reachable then null
            when is_present then coalesce(left_at_before, changed_at, observed_at)
            else coalesce(
                left_at_before,
                -- Unless they were seen again after we took them out.
                case when coalesce(last_seen_before <= left_at_in_ledger, true) then left_at_in_ledger end,
                observed_at
            )
        end as left_at,
    from judged
)

select
    connection,
    audience_id,
    email,
    email_key,
    status,
    entity,
    contact_key,
    managed,
    tags,
    groups,
    joined_at,
    left_at,
    last_seen_at,
from dated
