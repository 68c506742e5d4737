-- Every audience that an account has or had, synced by us or not.
with audiences as (
    select connection, audience_id, name, state, subscribed_count, unsubscribed_count, bounced_count
    from {{ source('extract', 'audiences') }}
),

members as (
    select
        connection,
        audience_id,
        count(*) filter (status = 'subscribed') as subscribed_count,
        count(*) filter (status = 'unsubscribed') as unsubscribed_count,
        count(*) filter (status = 'bounced') as bounced_count,
        count(*) filter (status = 'pending') as pending_count,
        count(*) filter (status = 'archived') as archived_count,
    from {{ ref('audience_members') }}
    group by all
),

-- An audience that a sync read and found empty has nobody, whatever the provider's own totals said before.
read_by_us as (
    select connection, audience_id from {{ ref('observed_audiences') }} where sync is not null
    union
    select connection, audience_id from {{ ref('audience_members') }}
),

managed as (
    select connection, audience_id, count(*) as managed_count
    from {{ ref('member_contacts') }}
    where is_managed
    group by all
),

-- A run of one sync begins only after the last one ended or died: only its latest run can be under way.
latest_runs as (
    select connection, audience_id, ended_at from {{ source('ledger', 'runs') }}
    qualify row_number() over (partition by sync order by started_at desc, run_id desc) = 1
),

under_way as (
    select connection, audience_id from latest_runs where ended_at is null
    union
    select connection, audience_id from {{ source('plan', 'plans') }} where status = 'applying'
),

finished as (
    select connection, audience_id, ended_at as finished_at from {{ source('ledger', 'runs') }}
    union all
    select connection, audience_id, status_at as finished_at
    from {{ source('plan', 'plans') }} where status in ('applied', 'partly_applied')
),

last_syncs as (
    select connection, audience_id, max(finished_at) as last_sync_at from finished group by all
),

-- An audience that the account no longer lists, of which only members or campaigns remain. Before the account was
-- listed at all nothing is said of its being deleted.
mentioned as (
    select connection, audience_id from {{ ref('audience_members') }}
    union
    select connection, audience_id from {{ source('stats', 'campaigns') }} where audience_id is not null
),

registered as (
    select * from audiences
    union all by name
    select
        connection,
        audience_id,
        case when connection in (select audiences.connection from audiences) then 'deleted' else 'created' end as state,
    from mentioned
    anti join audiences using (connection, audience_id)
)

select
    registered.connection,
    registered.audience_id,
    registered.name,
    registered.state,
    under_way.audience_id is not null as sync_in_progress,
    {% for status in ['subscribed', 'unsubscribed', 'bounced', 'pending', 'archived'] -%}
    case
        when registered.state = 'deleted' then 0
        when read_by_us.audience_id is not null then coalesce(members.{{ status }}_count, 0)
        {% if status not in ['pending', 'archived'] -%}
        else registered.{{ status }}_count
        {%- endif %}
    end as {{ status }}_count,
    {% endfor -%}
    coalesce(managed.managed_count, 0) as managed_count,
    last_syncs.last_sync_at,
from registered
left join members using (connection, audience_id)
left join read_by_us using (connection, audience_id)
left join managed using (connection, audience_id)
left join under_way using (connection, audience_id)
left join last_syncs using (connection, audience_id)
