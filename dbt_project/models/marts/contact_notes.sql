-- One line for the contact's history in the CRM (I8), in the language of the sync that the contact belongs to: what was
-- sent, and what became of it. A note whose sync is gone (A11) stays in the words it had.
{% set columns = {
    'entity': 'varchar', 'contact_key': 'varchar', 'connection': 'varchar', 'campaign_id': 'varchar',
    'language': 'varchar', 'note': 'varchar',
} -%}
with words as (
    {{ notes_words() }}
),

-- The clerks who read an entity's notes: their language, and their time zone, by which a day is a day.
syncs as (
    select
        cast(null as varchar) as sync,
        cast(null as varchar) as language,
        cast(null as varchar) as timezone,
    where false
    {% for sync, note in var('notes', {}).items() -%}
    union all
    select {{ text(sync) }} as sync, {{ text(note.language) }} as language, {{ text(note.timezone) }} as timezone
    {% endfor %}
),

readers as (
    select connection, audience_id, entity, language, timezone
    from (select distinct connection, audience_id, entity, sync from {{ source('ledger', 'pushes') }})
    inner join syncs using (sync)
    qualify row_number() over (partition by connection, audience_id, entity order by sync) = 1
),

-- What a campaign is called to the clerks of an entity. The name comes last: whatever stands in it is no placeholder.
letters as materialized (
    select
        campaigns.connection,
        campaigns.campaign_id,
        entities.entity,
        campaigns.sent_at,
        coalesce(campaigns.subject, campaigns.name, campaigns.campaign_id) as name,
        readers.language is not null as has_reader,
        words.*,
        campaigns.sent_at at time zone 'UTC' at time zone coalesce(readers.timezone, 'UTC') as local_time,
        case when local_time is null then sent_some_day else {{ dated('local_time', 'sent_once') }} end as opening_once,
        case when local_time is null then sent_some_day else {{ dated('local_time', 'sent_often') }} end as opening_often,
        replace(opening_once, '{name}', coalesce(campaigns.subject, campaigns.name, campaigns.campaign_id)) as opening,
        row_number() over () as letter_no,
    from {{ source('stats', 'campaigns') }} as campaigns
    cross join (select distinct entity from {{ ref('sends') }} where entity is not null) as entities
    left join readers
        on campaigns.connection = readers.connection
        and campaigns.audience_id = readers.audience_id
        and entities.entity = readers.entity
    inner join words on words.language = coalesce(readers.language, 'en')
),

before as (
    select told.*
    from (
        {{ rows_before(columns) }}
    ) as told
    semi join (select * from letters where not has_reader) as letters using (connection, campaign_id, entity)
),

records as materialized (
    select entity, contact_key, row_number() over () as record_no
    from (select distinct entity, contact_key from {{ ref('sends') }} where contact_key is not null)
),

-- As in sends, numbers stand for texts while millions of rows are added up.
sends as (
    select
        letters.letter_no,
        records.record_no,
        any_value(told.current_entity) as current_entity,
        any_value(told.current_contact_key) as current_contact_key,
        max(told.times_sent) as times_sent,
        sum(told.opens) as opens,
        sum(told.machine_opens) as machine_opens,
        sum(told.clicks) as clicks,
        case when not bool_or(told.delivered) then min(told.bounce) end as bounce,
        bool_or(told.opted_out) as opted_out,
        bool_or(told.complained) as complained,
    from {{ ref('sends') }} as told
    inner join records using (entity, contact_key)
    inner join letters using (connection, campaign_id, entity)
    group by letters.letter_no, records.record_no
),

clicked_links as (
    select letters.letter_no, records.record_no, count(distinct told.url) as links
    from {{ ref('link_clicks') }} as told
    inner join records using (entity, contact_key)
    inner join letters using (connection, campaign_id, entity)
    group by all
),

phrased as (
    select
        letter_no,
        record_no,
        sends.current_entity,
        sends.current_contact_key,
        case
            when sends.times_sent = 1 then letters.opening
            else replace(
                replace(letters.opening_often, '{n}', cast(sends.times_sent as varchar)), '{name}', letters.name
            )
        end as opening,
        case
            when sends.bounce = 'hard' then letters.bounced_hard
            when sends.bounce = 'soft' then letters.bounced_soft
            when sends.opens > 0 then {{ numbered('sends.opens', 'letters.opened_once', 'letters.opened_often') }}
            when sends.clicks > 0 then null
            when sends.machine_opens > 0 then letters.opened_by_machine
            else letters.not_opened
        end as opened,
        case
            when sends.clicks > 0
                then {{ numbered('coalesce(clicked_links.links, 1)', 'letters.clicked_one', 'letters.clicked_many') }}
        end as clicked,
        case when sends.opted_out then letters.opted_out end as opted_out,
        case when sends.complained then letters.complained end as complained,
    from sends
    inner join letters using (letter_no)
    left join clicked_links using (letter_no, record_no)
)

select
    records.entity,
    records.contact_key,
    phrased.current_entity,
    phrased.current_contact_key,
    letters.connection,
    letters.campaign_id,
    letters.sent_at,
    coalesce(before.language, letters.language) as language,
    coalesce(
        before.note,
        phrased.opening || ': '
        || concat_ws(', ', phrased.opened, phrased.clicked, phrased.opted_out, phrased.complained) || '.'
    ) as note,
from phrased
inner join records using (record_no)
inner join letters using (letter_no)
left join before
    on records.entity = before.entity
    and records.contact_key = before.contact_key
    and letters.connection = before.connection
    and letters.campaign_id = before.campaign_id
