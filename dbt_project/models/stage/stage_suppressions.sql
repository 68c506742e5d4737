with
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
            or suppressions.source in ('admin', 'soft_bounces')
        ) over (partition by suppressions.email_key) as is_from_elsewhere,
        list(suppressions.since) filter (suppressions.reason <> 'bounced') over (
            partition by suppressions.email_key
        ) as objected_at,
        bool_or(suppressions.reason = 'blocked') over (partition by suppressions.email_key) as is_blocked,
    from {{ source('ledger', 'suppressions') }} as suppressions
    cross join {{ source('sync', 'settings') }} as settings
    where
        suppressions.released_at is null
        and (
            suppressions.scope = 'home'
            or (suppressions.connection = settings.connection and suppressions.scope = 'account')
            or (suppressions.connection = settings.connection and suppressions.audience_id = settings.audience_id)
        )
        and not (suppressions.reason = 'opted_out' and settings.opt_outs = 'crm_wins')
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
