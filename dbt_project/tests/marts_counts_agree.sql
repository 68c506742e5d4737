-- What reconciliation finds in an audience is what audiences counts there.
with counted as (
    unpivot (
        select
            connection,
            audience_id,
            subscribed_count as subscribed,
            unsubscribed_count as unsubscribed,
            bounced_count as bounced,
            pending_count as pending,
            archived_count as archived,
        from {{ ref('audiences') }}
    )
    on subscribed, unsubscribed, bounced, pending, archived
    into name status value number
)

select *
from {{ ref('reconciliation') }} as reconciliation
inner join counted using (connection, audience_id, status)
where reconciliation.actual_count <> counted.number
