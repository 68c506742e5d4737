"""Consent events: who said no, how we know, and who released it again.

Belongs here: writing events down, and finding those in an audience that the ledger does not know yet.
Does not: what a suppression means for the plan (dbt's stage_suppressions), how far what is known reaches (reach.py),
the tables (load.py).

An `unsubscribe` that our own journals show we sent is not the person's opt-out; anything that we can't prove to be
ours is. Most restrictive wins: nothing here lifts anything, only `release` with a name and a reason does.

All that an audience shows of somebody who is out is when they last changed, and a change of ours moves that as well.
So what changed at the time of such a change is taken for ours, but where the provider knows of an act of the person
by its own words, or by a campaign. A journal tells by an update whether they were out, and by a label that comes with
being wanted that they were in. By other labels it does not: a wordless no within minutes of one can't be told apart
when they had come back without any sign of it since they left. The audience itself still holds them back then.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb

from pipelines import clock
from pipelines.config import SyncConfig
from pipelines.landing import sql_text
from pipelines.ledger import files
from pipelines.warehouse import rows

# The event that makes an address held back for a reason, as SQL.
EVENT = """
case {reason}
    when 'bounced' then 'bounce'
    when 'complained' then 'complaint'
    when 'erased' then 'erase'
    else 'opt_out'
end
"""
# The member whom the sync has or had at an address, beside its `settings`; `scope_of` asks for the record's entity.
MANAGED = """
left join ledger.members as managed
    on managed.sync = settings.sync
    and managed.audience_id = settings.audience_id
    and managed.email_key = {email_key}
"""
# What the audience shows now and the ledger does not know yet. The audience has one state for all syncs that keep it.
NEWS = """
with settings as (select * from sync_{sync}.settings),
seen as (
    select
        addresses.email_key,
        members.objection is not null as is_their_own,
        case members.status when 'bounced' then 'bounced' else coalesce(members.objection, 'opted_out') end as reason,
        nullif(members.opt_out_reason, '') as note,
        try_cast(members.changed_at as timestamp) as changed_at,
    from sync_{sync}.extract_members as members
    inner join quality.addresses as addresses on members.email = addresses.address
    where members.status in ('unsubscribed', 'bounced')
),
pushes as (
    select
        pushes.email_key,
        pushes.happened_at,
        case
            when pushes.op = 'unsubscribe' then 'out'
            -- An undo of a purge brings somebody back as they were.
            when json_extract_string(pushes.after, '$.status') = 'unsubscribed' then 'out'
            when pushes.op = 'update' and json_extract_string(pushes.before, '$.status') in ('unsubscribed', 'bounced')
                then 'update'
            when pushes.op in ('join', 'leave', 'tag', 'untag')
                and pushes.reason not in ('new', 'returned', 'changed', 'address_changed') then 'label'
            else 'in'
        end as does,
    from ledger.pushes as pushes
    inner join settings using (connection, audience_id)
    semi join seen on pushes.email_key = seen.email_key
    where pushes.outcome in ('applied', 'sending', 'failed')
),
done as (
    select
        email_key,
        max(happened_at) filter (does = 'out') as out_at,
        max(happened_at) filter (does = 'in') as in_at, -- or gone: in any case no longer out by our unsubscribe
        max(happened_at) filter (does = 'update') as updated_at,
        max(happened_at) filter (does = 'label') as labelled_at,
    from pushes
    group by email_key
),
said as (
    select events.email_key, 'opted_out' as reason, max(events.happened_at) as said_at,
    from stats.events as events
    inner join stats.campaigns as campaigns using (connection, campaign_id)
    inner join settings on campaigns.connection = settings.connection and campaigns.audience_id = settings.audience_id
    where events.event = 'opt_out'
    group by events.email_key
),
known as (
    select
        suppressions.email_key,
        suppressions.reason,
        bool_or(suppressions.released_at is null) as holds,
        max(suppressions.since) as since,
        max(suppressions.released_at) as released_at,
    from ledger.suppressions as suppressions
    inner join settings using (connection, audience_id)
    where suppressions.source <> 'crm'
    group by suppressions.email_key, suppressions.reason
),
judged as (
    select
        seen.*,
        said.said_at,
        done.out_at,
        done.in_at > done.out_at and coalesce(done.in_at <= seen.changed_at + interval 5 minutes, true) as came_back,
        greatest(
            done.updated_at,
            case when not coalesce(done.in_at > greatest(done.out_at, known.since), false) then done.labelled_at end
        ) + interval 5 minutes as touched_until,
        known.holds,
        known.released_at,
    from seen
    left join done on seen.email_key = done.email_key
    left join said on seen.email_key = said.email_key and seen.reason = said.reason
    left join known on seen.email_key = known.email_key and seen.reason = known.reason
)
select
    judged.email_key,
    settings.connection,
    settings.audience_id,
    managed.entity,
    settings.sync,
    {scope} as scope,
    {event} as event,
    judged.reason,
    'provider' as source,
    greatest(judged.changed_at, judged.said_at) as happened_at,
    judged.note,
from judged
cross join settings
{managed}
-- What changed long after our own unsubscribe is somebody else's doing: people come back and leave again.
where not (
    judged.reason = 'opted_out'
    and not judged.is_their_own
    and judged.out_at is not null
    and not coalesce(judged.came_back, false)
    and not coalesce(judged.changed_at > greatest(judged.out_at + interval 1 hour, judged.touched_until), false)
    and not coalesce(judged.said_at > judged.out_at + interval 5 minutes, false)
)
and case
    when judged.holds then false
    when judged.released_at is not null then coalesce(
        judged.changed_at > greatest(judged.released_at, judged.touched_until) or judged.said_at > judged.released_at,
        false
    )
    else true
end
"""


def path_of(ledger: Path) -> Path:
    """The file of consent events."""
    return ledger / "consent.ndjson"


def news(connection: duckdb.DuckDBPyConnection, sync: SyncConfig) -> list[dict[str, Any]]:
    """Opt-outs and bounces in the audience as extracted that the ledger does not hold: events ready to `record`."""
    event, managed = EVENT.format(reason="judged.reason"), MANAGED.format(email_key="judged.email_key")
    return rows(connection, NEWS.format(sync=sync.sync, scope=scope_of(sync), event=event, managed=managed))


def scope_of(sync: SyncConfig) -> str:
    """How far an opt-out reaches, as SQL over `settings` and the member that was `managed` (H2)."""
    scopes = [
        f"when {sql_text(source.entity)} then {sql_text(source.consent_scope)}"
        for source in sync.sources
        if source.consent_scope
    ]
    return f"case managed.entity {' '.join(scopes)} else settings.scope end" if scopes else "settings.scope"


def record(ledger: Path, events: Iterable[Mapping[str, Any]], *, by: str = "sync") -> None:
    """Write events down for good; `happened_at` may be None where the provider has no time."""
    moment = clock.text(clock.now())
    files.append(
        path_of(ledger),
        (
            {
                **event,
                "format": files.FORMAT,
                "happened_at": str(event["happened_at"] or moment),
                "recorded_at": moment,
                "recorded_by": by,
            }
            for event in events
        ),
    )
