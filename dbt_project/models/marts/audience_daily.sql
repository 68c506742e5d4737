-- Growth per day. The days up to the last run are kept as they were seen then; that day and those after it are
-- counted anew from the members' dates, because the run saw only a part of its own day.
{% set statuses = ['subscribed', 'unsubscribed', 'bounced', 'pending', 'archived'] -%}
{% set columns = {
    'connection': 'varchar', 'audience_id': 'varchar', 'day': 'date', 'subscribed_count': 'bigint',
    'unsubscribed_count': 'bigint', 'bounced_count': 'bigint', 'pending_count': 'bigint', 'archived_count': 'bigint',
    'parked_count': 'bigint', 'joined': 'bigint', 'left_count': 'bigint', 'net': 'bigint',
    'members_at_start': 'bigint', 'churn_rate': 'double',
} -%}
with before as (
    {{ rows_before(columns) }}
),

members as (
    select
        connection,
        audience_id,
        status,
        -- Who has not confirmed, or was never asked to get mailings, has joined nothing.
        status not in ('pending', 'transactional') as has_joined,
        cast(joined_at as date) as joined_on,
        cast(left_at as date) as left_on,
    from {{ ref('audience_members') }}
),

changes as (
    select connection, audience_id, joined_on as day, 1 as joined, 0 as left_count
    from members where joined_on is not null and has_joined
    union all
    select connection, audience_id, left_on as day, 0 as joined, 1 as left_count
    from members where left_on is not null and has_joined
),

changes_by_day as (
    select connection, audience_id, day, sum(joined) as joined, sum(left_count) as left_count
    from changes
    group by all
),

counted as (
    select
        connection,
        audience_id,
        {% for status in statuses -%}
        count(*) filter (status = '{{ status }}') as {{ status }}_count,
        {% endfor -%}
        count(*) filter (joined_on is null and has_joined) as undated_count,
    from members
    group by all
),

parked as (
    select connection, audience_id, count(*) as parked_count
    from {{ ref('parked_members') }}
    where until is null
    group by all
),

audiences as (
    select
        observed.connection,
        observed.audience_id,
        cast(observed.known_until as date) as last_day,
        {% for status in statuses -%}
        coalesce(counted.{{ status }}_count, 0) as {{ status }}_count,
        {% endfor -%}
        coalesce(parked.parked_count, 0) as parked_count,
        coalesce(counted.undated_count, 0) as undated_count,
    from {{ ref('observed_audiences') }} as observed
    left join counted using (connection, audience_id)
    left join parked using (connection, audience_id)
    where observed.sync is not null or counted.audience_id is not null
),

-- Ten years back at most: some accounts hold dates that nobody meant.
first_days as (
    select
        audiences.connection,
        audiences.audience_id,
        greatest(
            audiences.last_day - 3650, least(audiences.last_day, min(changes_by_day.day))
        ) as first_day,
    from audiences
    left join changes_by_day using (connection, audience_id)
    group by audiences.connection, audiences.audience_id, audiences.last_day
),

resumed as (
    select connection, audience_id, max(day) as resume_day from before group by all
),

older as (
    select connection, audience_id, sum(changes_by_day.joined - changes_by_day.left_count) as members_before
    from changes_by_day
    inner join first_days using (connection, audience_id)
    where changes_by_day.day < first_days.first_day
    group by all
),

spine as (
    select
        audiences.connection,
        audiences.audience_id,
        cast(unnest(generate_series(first_days.first_day, audiences.last_day, interval 1 day)) as date) as day,
    from audiences
    inner join first_days using (connection, audience_id)
),

days as (
    select
        spine.connection,
        spine.audience_id,
        spine.day,
        coalesce(changes_by_day.joined, 0) as joined,
        coalesce(changes_by_day.left_count, 0) as left_count,
        coalesce(sum(changes_by_day.joined - changes_by_day.left_count) over (
            partition by spine.connection, spine.audience_id order by spine.day
            rows between unbounded preceding and 1 preceding
        ), 0) as members_gained,
    from spine
    left join changes_by_day using (connection, audience_id, day)
),

measured as (
    select
        days.connection,
        days.audience_id,
        days.day,
        {% for status in statuses -%}
        case when days.day = audiences.last_day then audiences.{{ status }}_count else before.{{ status }}_count end
            as {{ status }}_count,
        {% endfor -%}
        case when days.day = audiences.last_day then audiences.parked_count else before.parked_count end
            as parked_count,
        days.joined,
        days.left_count,
        audiences.undated_count + coalesce(older.members_before, 0) + days.members_gained as members_at_start,
    from days
    inner join audiences using (connection, audience_id)
    left join older using (connection, audience_id)
    left join resumed using (connection, audience_id)
    left join before using (connection, audience_id, day)
    where resumed.resume_day is null or days.day >= resumed.resume_day
),

all_days as (
    select
        *,
        joined - left_count as net,
        {{ rate('left_count', 'members_at_start') }} as churn_rate,
    from measured
    union all by name
    select * from before
    anti join measured using (connection, audience_id, day)
)

select
    connection,
    audience_id,
    day,
    {% for status in statuses -%}
    {{ status }}_count,
    {% endfor -%}
    parked_count,
    cast(joined as bigint) as joined,
    cast(left_count as bigint) as left_count,
    cast(net as bigint) as net,
    cast(members_at_start as bigint) as members_at_start,
    churn_rate,
from all_days
