-- ledger.suppressions from ledger.consent_events and ledger.objections: each reason not to mail an address, until
-- somebody releases it, or the CRM's record takes it back.
with events as (
    select *, case event
        when 'opt_out' then 'opted_out'
        when 'bounce' then 'bounced'
        when 'complaint' then 'complained'
        when 'block' then 'blocked'
        when 'erase' then 'erased'
    end as suppresses
    from ledger.consent_events
),
releases as (
    select * from events where event = 'release'
)
select
    events.email_key,
    events.scope,
    events.connection,
    events.audience_id,
    events.entity,
    events.sync,
    events.suppresses as reason,
    events.source,
    coalesce(events.happened_at, events.recorded_at) as since,
    min(releases.recorded_at) as released_at,
    arg_min(releases.recorded_by, releases.seq) as released_by,
    coalesce(arg_min(releases.note, releases.seq), any_value(events.note)) as note,
from events
left join releases
    on releases.email_key = events.email_key
    and releases.recorded_at >= events.recorded_at
    and releases.seq > events.seq
    -- A release names what it lifts; one that names nothing lifts all but an erasure, which nothing lifts.
    and releases.reason in ('release', events.suppresses)
    and events.suppresses <> 'erased'
where events.suppresses is not null
group by
    events.seq, events.email_key, events.scope, events.connection, events.audience_id, events.entity, events.sync,
    events.suppresses, events.source, coalesce(events.happened_at, events.recorded_at)
union all by name
select
    objections.email_key,
    'audience' as scope,
    objections.connection,
    objections.audience_id,
    objections.entity,
    objections.sync,
    'opted_out' as reason,
    'crm' as source,
    objections.since,
    least(objections.ended_at, min(releases.recorded_at)) as released_at,
    case
        when objections.ended_at <= coalesce(min(releases.recorded_at), objections.ended_at) then 'crm'
        else arg_min(releases.recorded_by, releases.seq)
    end as released_by,
    arg_min(releases.note, releases.seq) as note,
from ledger.objections as objections
left join releases
    on releases.email_key = objections.email_key
    and releases.recorded_at >= objections.since
    and releases.reason in ('release', 'opted_out')
group by
    objections.email_key, objections.connection, objections.audience_id, objections.entity, objections.contact_key,
    objections.sync, objections.since, objections.ended_at
