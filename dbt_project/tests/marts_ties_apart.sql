-- Of each address of an audience one record holds at any moment: the next tie begins where the last one ends.
with told as (
    select
        connection,
        audience_id,
        email_key,
        since,
        until,
        lag(until) over (partition by connection, audience_id, email_key order by since) as until_before,
    from {{ ref('contact_ties') }}
)

select * from told
where until <= since or (until_before is not null and until_before <> since)
