"""What one person's story is gathered with: a query for each kind of thing that is known.

Belongs here: SQL over the warehouse's tables; {sync} is the name of a sync, where it has tables of its own. Does not:
asking, and putting together (explaining.py), what went to the CRM (crm_story.py).
"""

from pipelines.sync.person import IS_MEANT

PLACE = """
with settings as (select * from sync_{sync}.settings),
asked as (select $email_key as email_key)
select
    $sync as sync, settings.connection, settings.audience_id,
    -- What we did since the audience was read is not in what was read.
    case when ledger.members.left_at > settings.extracted_at
        then case left_by when 'archive' then 'archived' when 'unsubscribe' then 'unsubscribed' end
        when ledger.members.left_at is null and ledger.members.joined_at > settings.extracted_at then 'subscribed'
        else present.status
    end as status,
    ledger.members.left_by,
from asked
cross join settings
left join sync_{sync}.stage_members as present using (email_key)
left join ledger.members on ledger.members.sync = settings.sync
    and ledger.members.audience_id = settings.audience_id and ledger.members.email_key = asked.email_key
where present.email_key is not null or ledger.members.email_key is not null
"""
SUPPRESSIONS = """
select email_key, reason, scope, connection, audience_id, source, since, released_at, released_by, note
from ledger.suppressions where list_contains($email_keys, email_key) order by since, reason
"""
CONSENT = """
select email_key, happened_at, event, reason, scope, connection, audience_id, source, recorded_at, recorded_by, note
from ledger.consent_events where list_contains($email_keys, email_key) order by happened_at, seq
"""
PLANS = """
select plan_id, changes.sync, created_at, status, op, reason, email_key, before, after
from plan.changes as changes inner join plan.plans using (plan_id)
where list_contains($email_keys, email_key) or list_contains($email_keys, old_email_key)
order by created_at, plan_id, seq
"""
PUSHES = """
select
    happened_at, run_id, plan_id, sync, op, reason, email_key, old_email_key, outcome, code, detail, remedy, can_retry,
    attempts, before, after,
from ledger.pushes
where list_contains($email_keys, email_key) or list_contains($email_keys, old_email_key)
order by happened_at, run_id, seq
"""
CAMPAIGNS = """
select
    sends.email_key, connection, campaign_id, campaigns.name, campaigns.sent_at, times_sent, delivered, sends.opens,
    sends.clicks, first_opened_at, last_opened_at, first_clicked_at, last_clicked_at, bounce, opted_out, complained,
from marts.sends as sends inner join marts.campaigns as campaigns using (connection, campaign_id)
where list_contains($email_keys, sends.email_key) order by campaigns.sent_at
"""
LINKS = """
select clicked.email_key, connection, campaign_id, campaigns.name, url, clicked.clicks, first_clicked_at,
from marts.link_clicks as clicked inner join marts.campaigns as campaigns using (connection, campaign_id)
where list_contains($email_keys, clicked.email_key) order by first_clicked_at
"""
RECORDS = f"""
select entity, contact_key, owner, address as email, email_key, eligibility, verdict, detail, suggestion,
from sync_{{sync}}.map_records as records
where {IS_MEANT}
order by entity_order, contact_key
"""
WINNERS = f"""
select entity, contact_key, winner_entity, winner_contact_key, winner_owner
from sync_{{sync}}.map_duplicates where rank > 1 and {IS_MEANT}
"""
WANTED = """
select email_key, fields, tags, groups from sync_{sync}.map_wanted where list_contains($email_keys, email_key)
"""
PRESENT = """
select
    members.email_key, provider_id, members.status, extracted.fields, members.tags, members.groups,
    members.opt_out_reason, members.joined_at, members.changed_at,
from sync_{sync}.stage_members as members
inner join sync_{sync}.extract_members as extracted using (provider_id)
where list_contains($email_keys, members.email_key)
"""
MEMBERS = """
select connection, audience_id, email_key, entity, contact_key, provider_id, sent, kept, left_by, joined_at, left_at,
    purge_after,
from ledger.members where sync = $sync and list_contains($email_keys, email_key)
"""
HOLDS = f"""
select email_key, entity, contact_key, reason, detail, first_seen_at, last_seen_at
from plan.holds where sync = $sync and {IS_MEANT} order by first_seen_at, reason
"""
