-- The records behind those who clicked a link in the campaigns of a sync's audience, of one entity (I7), each once: those
-- that got the mail, or the ones that stand for them today, where the CRM merged or converted them. $entities are the
-- same records once for each of their addresses: whichever of them clicked, it is one record.
with records as (
    select entity, contact_key, owner, email_key from sync_{sync}.map_records
),

clickers as (
    select coalesce(own.contact_key, clicks.current_contact_key) as contact_key
    from marts.link_clicks as clicks
    inner join stats.campaigns as campaigns using (connection, campaign_id)
    inner join sync_{sync}.settings as settings
        on campaigns.connection = settings.connection and campaigns.audience_id = settings.audience_id
    left join records as own on clicks.entity = own.entity and clicks.contact_key = own.contact_key
    where
        clicks.url = $url
        and clicks.campaign_id = coalesce($campaign_id, clicks.campaign_id)
        and list_contains($entities::varchar[], coalesce(own.entity, clicks.current_entity))
)

select
    $kind as kind,
    $op as op,
    'clicked' as reason,
    records.entity,
    records.contact_key,
    records.owner,
    records.email_key,
    $field as field,
    $after as after,
    null as since,
    false as may_change,
    $way as way,
from records
semi join clickers using (contact_key)
where
    records.entity = $entity
    and (len($keys::varchar[]) = 0 or list_contains($keys::varchar[], records.contact_key))
