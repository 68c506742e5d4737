-- What is asked, held against what the CRM said last (crm_records, crm_values) and what was written before.
-- state is planned, or why nothing is sent: there, written (by us, before), changed_in_crm, handed_out, refused_before.
with history as (
    select *, (happened_at, run_id, seq) as place, outcome in ('applied', 'unchanged', 'handed_out') as is_settled
    from ledger.write_backs
),

-- The same value for the same field, or any text of the same note or event.
settled as (
    select
        entity,
        contact_key,
        op,
        field,
        case when op = 'set' then after end as value,
        max(happened_at) as settled_at,
        arg_max(outcome, place) as outcome,
        arg_max(after, place) as text,
    from history
    where is_settled and not ($again and outcome = 'handed_out')
    group by all
),

-- A CRM may write a value in its own way, 1000.00000000 for 1000: as it stood there when it was written and found right.
spelled as (
    select entity, field, after, list(distinct trim(json(kept) ->> field)) as spellings
    from history
    where op = 'set' and outcome in ('applied', 'unchanged')
    group by all
),

refused as (
    select entity, contact_key, op, field, after, record_hash, code, detail, remedy
    from history
    qualify row_number() over (partition by entity, contact_key, op, field order by place desc) = 1
        and outcome = 'refused' and not can_retry
),

compared as (
    select
        asked.* exclude (reason),
        case asked.op when 'note' then case when settled.text is null then 'new' else 'changed' end else asked.reason end
            as reason,
        case asked.op when 'set' then crm.value else settled.text end as before,
        crm.contact_key is not null as is_known,
        records.record_hash,
        coalesce(
            settled.outcome = 'handed_out' and (asked.op <> 'note' or settled.text = asked.after), false
        ) as is_handed_out,
        refused.code,
        refused.detail,
        refused.remedy,
        case
            when asked.op = 'set' and crm.contact_key is not null and (
                coalesce(crm.value, '') = asked.after or list_contains(spelled.spellings, coalesce(crm.value, ''))
            ) then 'there'
            -- Somebody took it back by hand: that is theirs to say, until the person says no once more.
            when asked.op = 'set' and settled.settled_at >= asked.since then case
                when settled.outcome = 'handed_out' then 'handed_out'
                when crm.contact_key is not null and records.loaded_at > settled.settled_at then 'changed_in_crm'
                else 'written'
            end
            when asked.op = 'note' and (settled.text = asked.after or (settled.text is not null and not asked.may_change))
                then 'written'
            when asked.op = 'event' and settled.text is not null then 'written'
            when refused.after = asked.after and refused.record_hash is not distinct from records.record_hash
                then 'refused_before'
            else 'planned'
        end as state,
    from asked
    left join crm_records as records
        on asked.entity = records.entity and asked.contact_key = records.contact_key
    left join crm_values as crm
        on asked.entity = crm.entity and asked.contact_key = crm.contact_key and asked.field = crm.field
    left join settled
        on asked.entity = settled.entity
        and asked.contact_key = settled.contact_key
        and asked.op = settled.op
        and asked.field = settled.field
        and (asked.op <> 'set' or asked.after = settled.value)
    left join spelled
        on asked.op = 'set'
        and asked.entity = spelled.entity
        and asked.field = spelled.field
        and asked.after = spelled.after
    left join refused
        on asked.entity = refused.entity
        and asked.contact_key = refused.contact_key
        and asked.op = refused.op
        and asked.field = refused.field
)

-- Those who said no come first, so that a run that breaks off has done the most important part.
select
    *,
    row_number() over (
        order by list_position(['opt_outs', 'bounces', 'notes'], kind), entity, field, contact_key
    ) as place,
from compared
