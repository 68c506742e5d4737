with
-- Nothing that the CRM said is taken back by a record that is gone: only such objections are asked of the ledger, those
-- of records that are there speak for themselves.
records as (
    {% for source in var('sources') -%}
    select {{ text(source.entity) }} as entity, {{ trimmed(name_of(source.key)) }} as contact_key from {{ source.relation }}
    {{ 'union all ' if not loop.last }}
    {%- else -%}
    select '' as entity, '' as contact_key where false
    {%- endfor %}
),

outlived as (
    select email_key, sync, since
    from {{ source('ledger', 'objections') }}
    anti join records using (entity, contact_key)
    where ended_at is null and sync = {{ text(var('sync')) }}
),

in_force as (
    select suppressions.*
    from {{ source('ledger', 'suppressions') }} as suppressions
    left join outlived using (email_key, sync, since)
    where suppressions.released_at is null and (suppressions.source <> 'crm' or outlived.email_key is not null)
),

-- Of several reasons the gravest is kept: it decides what may lift it.
ledger as (
    select
        suppressions.email_key,
        suppressions.reason,
        suppressions.source,
        suppressions.since,
        -- One that the audience itself can't know is enough: then it has to be told.
        bool_or(
            suppressions.connection is distinct from settings.connection
            or suppressions.audience_id is distinct from settings.audience_id
            or suppressions.source in ('admin', 'crm', 'soft_bounces')
        ) over (partition by suppressions.email_key) as is_from_elsewhere,
        list(suppressions.since) filter (suppressions.reason <> 'bounced') over (
            partition by suppressions.email_key
        ) as objected_at,
        bool_or(suppressions.reason = 'blocked') over (partition by suppressions.email_key) as is_blocked,
    from in_force as suppressions
    cross join {{ source('sync', 'settings') }} as settings
    where
        (
            suppressions.scope = 'home'
            or (suppressions.connection = settings.connection and suppressions.scope = 'account')
            or (suppressions.connection = settings.connection and suppressions.audience_id = settings.audience_id)
        )
        and not (suppressions.reason = 'opted_out' and suppressions.source <> 'crm' and settings.opt_outs = 'crm_wins')
        and not (suppressions.source = 'soft_bounces' and settings.soft_bounces is null)
        and not (
            suppressions.reason = 'bounced'
            and suppressions.source <> 'soft_bounces'
            and not settings.block_hard_bounces
        )
    qualify row_number() over (
        partition by suppressions.email_key
        order by
            list_position(['erased', 'complained', 'blocked', 'opted_out', 'bounced'], suppressions.reason),
            suppressions.since,
            suppressions.source,
            suppressions.audience_id
    ) = 1
),

-- A no in an audience that no sync of ours keeps is in no ledger: it lasts as long as the provider says so, and only
-- keeps away those who are not there yet.
elsewhere as (
    select distinct addresses.email_key
    from {{ source('extract', 'objections') }} as objections
    inner join {{ source('sync', 'settings') }} as settings on objections.sync = settings.sync
    inner join {{ source('quality', 'addresses') }} as addresses on objections.email = addresses.address
    anti join {{ ref('stage_members') }} as members on addresses.email_key = members.email_key
    anti join ledger on addresses.email_key = ledger.email_key
    where addresses.email_key is not null
)

select * from ledger
union all
select
    email_key,
    'opted_out' as reason,
    'other_audience' as source,
    cast(null as timestamp) as since,
    false as is_from_elsewhere,
    cast([] as timestamp[]) as objected_at,
    false as is_blocked,
from elsewhere
