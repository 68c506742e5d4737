-- Do both sides agree? For our own members the ledger and the suppressions say where each should be; people who are
-- not ours are expected as they are found.
with audiences as (
    select connection, audience_id, sync from {{ ref('observed_audiences') }} where not is_deleted
),

statuses as (
    select unnest(['subscribed', 'unsubscribed', 'bounced', 'pending', 'archived', 'transactional']) as status
),

stage_suppressions as (
    {{ across_syncs('stage_suppressions', {
        'email_key': 'varchar', 'reason': 'varchar', 'is_from_elsewhere': 'boolean',
    }) }}
),

plans as (
    select connection, audience_id, max(extracted_at) as extracted_at from {{ source('plan', 'plans') }} group by all
),

-- The stage has them as the last plan saw them; the members may have been read again since, with the statistics.
later as (
    select
        audiences.connection,
        audiences.audience_id,
        told.email_key,
        arg_min(told.reason, told.since) as reason,
        bool_or(
            told.connection is distinct from audiences.connection
            or told.audience_id is distinct from audiences.audience_id
            or told.source in ('admin', 'crm', 'soft_bounces')
        ) as is_from_elsewhere,
    from {{ source('ledger', 'suppressions') }} as told
    inner join audiences
        on told.scope = 'home'
        or (
            told.connection = audiences.connection
            and (told.scope = 'account' or told.audience_id = audiences.audience_id)
        )
    inner join plans
        on audiences.connection = plans.connection
        and audiences.audience_id = plans.audience_id
        and told.since >= plans.extracted_at
    where told.released_at is null
    group by all
),

staged as (
    select audiences.connection, audiences.audience_id, stage_suppressions.*
    from stage_suppressions
    inner join audiences using (sync)
),

suppressions as (
    select connection, audience_id, email_key, reason, is_from_elsewhere from staged
    union all by name
    select * from later
    anti join staged using (connection, audience_id, email_key)
),

members as (
    select
        members.connection,
        members.audience_id,
        members.email_key,
        contacts.email_key is not null as is_ours,
        members.status as actual,
        case
            when contacts.email_key is null then members.status
            when contacts.is_managed and suppressions.reason is null
                -- With double opt-in a member whom we sent has to confirm first.
                then case when members.status = 'pending' then 'pending' else 'subscribed' end
            -- Who is to get no mail is where they should be, whichever way they went out.
            when members.status not in ('subscribed', 'pending', 'transactional') then members.status
            when contacts.left_by = 'archive' then 'archived'
            when contacts.left_by in ('delete', 'rename') then 'deleted'
            when suppressions.reason = 'bounced' and not suppressions.is_from_elsewhere then 'bounced'
            else 'unsubscribed'
        end as expected,
    from {{ ref('audience_members') }} as members
    inner join audiences using (connection, audience_id)
    left join {{ ref('member_contacts') }} as contacts using (connection, audience_id, email_key)
    left join suppressions using (connection, audience_id, email_key)
),

sides as (
    select connection, audience_id, expected as status, 1 as expected_count, 0 as actual_count, 0 as stranger_count
    from members
    union all
    select
        connection, audience_id, actual as status, 0 as expected_count, 1 as actual_count,
        cast(not is_ours as integer) as stranger_count
    from members
),

counts as (
    select
        audiences.connection,
        audiences.audience_id,
        statuses.status,
        coalesce(sum(sides.expected_count), 0) as expected_count,
        coalesce(sum(sides.actual_count), 0) as actual_count,
        coalesce(sum(sides.stranger_count), 0) as stranger_count,
    from audiences
    cross join statuses
    left join sides using (connection, audience_id, status)
    group by all
),

differing as (
    select connection, audience_id, expected, actual, count(*) as number
    from members
    where expected <> actual
    group by all
),

-- Each group that differs is named on both of its statuses: where it is missing, and where it turned up.
told as (
    select
        differing.connection,
        differing.audience_id,
        statuses.status,
        string_agg(
            differing.number || ' expected ' || replace(differing.expected, 'deleted', 'to be gone')
            || case when differing.number = 1 then ' is ' else ' are ' end
            || replace(differing.actual, 'deleted', 'gone'),
            ', ' order by differing.expected, differing.actual
        ) as story,
    from differing
    inner join statuses on statuses.status in (differing.expected, differing.actual)
    group by all
)

select
    counts.connection,
    counts.audience_id,
    counts.status,
    cast(counts.expected_count as bigint) as expected_count,
    cast(counts.actual_count as bigint) as actual_count,
    cast(counts.actual_count - counts.expected_count as bigint) as difference,
    coalesce('Differs: ' || told.story, 'Both sides agree') || case
        when counts.stranger_count = 0 then '.'
        when counts.stranger_count = 1 then '; 1 of them is not ours.'
        else '; ' || counts.stranger_count || ' of them are not ours.'
    end as explanation,
from counts
left join told using (connection, audience_id, status)
