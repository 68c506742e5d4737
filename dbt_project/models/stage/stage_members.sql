with source as (
    select * from {{ source('sync', 'extract_members') }}
),

renamed as (
    select
        addresses.email_key,
        source.email,
        source.provider_id,
        source.status,
        cast(json(source.fields) as varchar) as fields,
        list_sort(from_json(source.tags, '["VARCHAR"]')) as tags,
        list_sort(from_json(source.groups, '["VARCHAR"]')) as groups,
        nullif(source.opt_out_reason, '') as opt_out_reason,
        try_cast(source.joined_at as timestamp) as joined_at,
        try_cast(source.changed_at as timestamp) as changed_at,
    from source
    inner join {{ source('quality', 'addresses') }} as addresses on source.email = addresses.address
)

select * from renamed
qualify row_number() over (
    partition by email_key
    order by status = 'archived', status = 'subscribed' desc, provider_id
) = 1
