-- The tables that Python writes and dbt reads: everything that is not built by a dbt model.
-- Times are UTC. JSON is text. What only the ledger's files can restore is loaded from them, never kept here alone.

create schema if not exists extract;
create schema if not exists quality;
create schema if not exists ledger;
create schema if not exists plan;
create schema if not exists stats;

-- one row per load of a CRM entity
create table if not exists extract.loads (
    connection text, entity text, row_count bigint, loaded_at timestamp, run_id text
);
-- one row per record of a CRM's last extract that could not be loaded, and why; record is its values as JSON
create table if not exists extract.rejected (
    connection text, entity text, place text, reason text, record text, run_id text
);
-- one row per audience that an account ever had
create table if not exists extract.audiences (
    connection text, audience_id text, account_id text, name text, created_at timestamp, double_opt_in boolean,
    subscribed_count bigint, unsubscribed_count bigint, bounced_count bigint,
    state text, first_seen_at timestamp, last_seen_at timestamp,
    primary key (connection, audience_id)
);
-- one row per sync whose members were read: what was asked for, when, and when everybody was read last
create table if not exists extract.member_reads (
    sync text primary key, basis text, read_at timestamp, whole_at timestamp
);
-- one row per merge field of an audience
create table if not exists extract.merge_fields (
    connection text, audience_id text, name text, field_id text, label text, type text, required boolean,
    max_bytes bigint, choices text[]
);
-- one row per group of an audience
create table if not exists extract.groups (
    connection text, audience_id text, group_id text, name text, category text, key text
);

-- one row per address that a sync may not add: it said no in another audience of the account, as the provider has it now
create table if not exists extract.objections (sync text, email text);

-- one row per expectation of each suite in its latest run; share is the failing part
create table if not exists quality.expectations (
    sync text, name text, observed double, minimum double, maximum double, passed boolean, sentence text,
    judged_at timestamp
);
alter table quality.expectations add column if not exists suite text;
alter table quality.expectations add column if not exists share double;
-- one row per figure that suites are judged by, in every run of a sync
create table if not exists quality.measures (sync text, metric text, observed double, judged_at timestamp);
-- one row per CRM record that can't be mailed, or should be looked at
create table if not exists quality.bad_emails (
    sync text, entity text, contact_key text, owner text, email text, verdict text, rule text, detail text,
    suggestion text
);

-- one row per plan, verdict and rule: how many records that the sync asks for had it; rule is null for one right as written
create table if not exists quality.history (
    plan_id text, sync text, planned_at timestamp, verdict text, rule text, records bigint
);

-- one row per push run, from the first line of its journal
create table if not exists ledger.runs (
    run_id text primary key, plan_id text, sync text, connection text, audience_id text, source_rows text,
    started_at timestamp, ended_at timestamp, calls bigint, planned bigint, left_count bigint, accepted text,
    fields text
);
alter table ledger.runs add column if not exists is_part boolean;
-- one row per change sent
create table if not exists ledger.pushes (
    run_id text, seq bigint, plan_id text, change_id text, sync text, connection text, audience_id text, op text,
    reason text, email text, email_key text, old_email_key text, contact_key text, entity text, owner text,
    before text, after text, outcome text, code text, detail text, remedy text, can_retry boolean, attempts bigint,
    provider_id text, kept text, happened_at timestamp
);
-- one row per file of the ledger that is loaded, with the size it had then
create table if not exists ledger.files (path text primary key, bytes bigint);
-- one row per member whom a sync manages or managed
create table if not exists ledger.members (
    sync text, connection text, audience_id text, email_key text, contact_key text, entity text, provider_id text,
    sent text, kept text, sent_hash text, left_by text, joined_at timestamp, left_at timestamp, purge_after timestamp
);
-- one row per consent event
create table if not exists ledger.consent_events (
    seq bigint, email_key text, connection text, audience_id text, entity text, sync text, scope text, event text,
    reason text, source text, happened_at timestamp, recorded_at timestamp, recorded_by text, note text
);
-- one row per address, scope and reason, in force (released_at is null) or released
create table if not exists ledger.suppressions (
    email_key text, scope text, connection text, audience_id text, entity text, sync text, reason text, source text,
    since timestamp, released_at timestamp, released_by text, note text
);

-- one row per objection and CRM record that had its address: whom the objection follows to another address
create table if not exists ledger.objectors (
    email_key text, since timestamp, entity text, contact_key text, recorded_at timestamp
);

-- one row per CRM record and address of it that objects in the CRM, in force (ended_at is null) or taken back
create table if not exists ledger.objections (
    sync text, connection text, audience_id text, entity text, contact_key text, email_key text, since timestamp,
    ended_at timestamp
);

-- one row per plan
create table if not exists plan.plans (
    plan_id text primary key, sync text, created_at timestamp, config_hash text, fields_hash text, checksum text,
    connection text, account_id text, audience_id text, extracted_at timestamp, counts text, hold_counts text,
    managed_count bigint, wanted_count bigint, stranger_count bigint, source_rows text, calls bigint, seconds double,
    safe boolean, broken_rules text, accepted text, status text, status_at timestamp
);
alter table plan.plans add column if not exists creates text;
alter table plan.plans add column if not exists standing text;
alter table plan.plans add column if not exists parked_count bigint;
alter table plan.plans add column if not exists groups text;
-- one row per member and op in a frozen plan
create table if not exists plan.changes (
    plan_id text, sync text, seq bigint, change_id text, op text, reason text, email text, email_key text,
    old_email_key text, contact_key text, entity text, owner text, provider_id text, before text, after text
);
-- one row per member held now
create table if not exists plan.holds (
    sync text, email_key text, contact_key text, entity text, owner text, reason text, detail text,
    first_seen_at timestamp, last_seen_at timestamp
);
-- one row per hold that a plan no longer had, and what became of the record or member then
create table if not exists plan.released (
    plan_id text, sync text, email_key text, contact_key text, entity text, owner text, reason text, detail text,
    first_seen_at timestamp, released_at timestamp, became text
);

-- campaign statistics as they came, one row per campaign
create table if not exists stats.campaigns (
    connection text, campaign_id text, audience_id text, name text, subject text, category text, sent_at timestamp,
    sent_count bigint, hard_bounces bigint, soft_bounces bigint, opens bigint, unique_opens bigint,
    proxy_excluded_opens bigint, proxy_excluded_unique_opens bigint, clicks bigint, unique_clicks bigint,
    opt_outs bigint, complaints bigint, read_at timestamp,
    primary key (connection, campaign_id)
);
alter table stats.campaigns add column if not exists is_half_forgotten boolean;
create table if not exists stats.sends (
    connection text, campaign_id text, email_key text, email text, provider_id text, times_sent bigint, bounce text
);
create table if not exists stats.events (
    connection text, campaign_id text, email_key text, email text, provider_id text, event text,
    happened_at timestamp, url text, is_machine boolean, detail text
);
create table if not exists stats.links (
    connection text, campaign_id text, link_id text, url text, clicks bigint, unique_clickers bigint
);
create table if not exists stats.link_clicks (
    connection text, campaign_id text, link_id text, email_key text, email text, provider_id text, clicks bigint
);
-- one row per campaign and mail domain that the provider itself reports on
create table if not exists stats.domains (
    connection text, campaign_id text, domain text, sent_count bigint, delivered_count bigint, bounces bigint,
    unique_opens bigint, unique_clicks bigint, opt_outs bigint
);
-- one row per campaign whose details were read: when, with which totals, and how far those were from its events
create table if not exists stats.reads (connection text, campaign_id text, read_at timestamp);
alter table stats.reads add column if not exists totals text;
alter table stats.reads add column if not exists gap text;

-- one row per plan of what goes to the CRM: a sync's own write-back, or an edit or event for the clickers of a link
create table if not exists plan.write_backs (
    plan_id text primary key, sync text, kind text, about text, created_at timestamp, config_hash text, checksum text,
    counts text, hold_counts text, safe boolean, broken_rules text, accepted text, status text, status_at timestamp
);
-- one row per record and field, note or event of such a plan; way is write, or hand where the CRM can't be written to
create table if not exists plan.write_back_rows (
    plan_id text, sync text, seq bigint, change_id text, kind text, op text, reason text, entity text, contact_key text,
    owner text, email_key text, field text, before text, after text, is_known boolean, way text, record_hash text
);
-- one row per record and field, note or event that the sync asks for and that is held back, and why
create table if not exists plan.write_back_holds (
    sync text, kind text, op text, entity text, contact_key text, owner text, field text, before text, after text,
    reason text, code text, detail text, remedy text
);
-- one row per record and field, note or event that was sent to the CRM or handed out as work for a person
create table if not exists ledger.write_backs (
    run_id text, seq bigint, plan_id text, change_id text, sync text, kind text, op text, reason text, entity text,
    contact_key text, owner text, email_key text, field text, before text, after text, record_hash text, outcome text,
    code text, detail text, remedy text, can_retry boolean, found text, kept text, happened_at timestamp
);
-- one row per audience of which a pull has read all campaigns that it ever was sent; from then on the window counts
create table if not exists stats.histories (
    connection text, audience_id text, read_at timestamp, primary key (connection, audience_id)
);
