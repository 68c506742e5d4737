-- What a sync asks to write to its CRM, whether it stands there already or not: a row for each record and field or note.
-- An objection belongs to the records that had the address when it was first seen, and follows them to another one;
-- whoever takes the address over later is somebody else. A bounce belongs to whoever has the address now.
with settings as (
    select * from sync_{sync}.settings
),

records as (
    select entity, contact_key, owner, email_key from sync_{sync}.map_records
),

-- As far as each no reaches: this audience, the account or the home (H2).
suppressions as (
    select suppressions.*, settings.block_hard_bounces, settings.soft_bounces
    from ledger.suppressions as suppressions
    cross join settings
    where
        suppressions.released_at is null
        and (
            suppressions.scope = 'home'
            or (suppressions.connection = settings.connection and suppressions.scope = 'account')
            or (
                suppressions.connection = settings.connection
                and suppressions.audience_id = settings.audience_id
            )
        )
),

told as (
    select
        'opt_outs' as kind,
        objectors.entity,
        objectors.contact_key,
        suppressions.reason,
        suppressions.since,
    from suppressions
    inner join ledger.objectors as objectors using (email_key, since)
    where suppressions.reason in ('opted_out', 'complained', 'erased') and suppressions.source not in ('admin', 'crm')
    union all
    select
        'bounces' as kind,
        records.entity,
        records.contact_key,
        suppressions.reason,
        suppressions.since,
    from suppressions
    inner join records using (email_key)
    where
        suppressions.reason = 'bounced'
        and case
            when suppressions.source = 'soft_bounces' then suppressions.soft_bounces is not null
            else suppressions.block_hard_bounces
        end
),

-- One field of one record once, for the gravest reason; it counts as told when the last of them was.
sets as (
    select
        rules.kind,
        'set' as op,
        told.reason,
        records.entity,
        records.contact_key,
        records.owner,
        records.email_key,
        rules.field,
        rules.value as after,
        max(told.since) over (partition by records.entity, records.contact_key, rules.field) as since,
        true as may_change,
        rules.way,
    from told
    inner join crm_rules as rules using (kind, entity)
    inner join records using (entity, contact_key)
    qualify row_number() over (
        partition by records.entity, records.contact_key, rules.field
        order by list_position(['erased', 'complained', 'opted_out', 'bounced'], told.reason), told.since
    ) = 1
),

-- On the record that got the mail, or on the one that stands for it today, where the CRM merged or converted it.
noted as (
    select
        coalesce(own.entity, told.current_entity) as entity,
        coalesce(own.contact_key, told.current_contact_key) as contact_key,
        told.connection,
        told.campaign_id,
        told.note,
    from notes_told as told
    left join records as own on told.entity = own.entity and told.contact_key = own.contact_key
    qualify row_number() over (
        partition by
            coalesce(own.entity, told.current_entity),
            coalesce(own.contact_key, told.current_contact_key),
            told.connection,
            told.campaign_id
        order by own.entity is null, told.contact_key
    ) = 1
),

-- A note goes on changing as long as its campaign is read.
notes as (
    select
        rules.kind,
        'note' as op,
        null as reason,
        notes.entity,
        notes.contact_key,
        records.owner,
        records.email_key,
        'enlist ' || notes.connection || ' ' || notes.campaign_id as field,
        notes.note as after,
        null as since,
        campaigns.sent_at >= $moving_since as may_change,
        rules.way,
    from noted as notes
    inner join crm_rules as rules on notes.entity = rules.entity and rules.kind = 'notes'
    inner join stats.campaigns as campaigns using (connection, campaign_id)
    inner join settings
        on campaigns.connection = settings.connection and campaigns.audience_id = settings.audience_id
    inner join records on notes.entity = records.entity and notes.contact_key = records.contact_key
)

select * from sets
union all by name
select * from notes
