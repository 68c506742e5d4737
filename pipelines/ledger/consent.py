"""Consent events: who said no, how we know, and who released it again.

Belongs here: writing events down, and finding those in an audience that the ledger does not know yet.
Does not: what a suppression means for the plan (dbt's stage_suppressions), the tables (load.py).

An `unsubscribe` that our own journal shows we sent is not the person's opt-out; anything that we can't prove to be
ours is. Most restrictive wins: nothing here lifts anything, only `release` with a name and a reason does.
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

# What the audience shows now and the ledger does not know yet.
NEWS = """
with settings as (select * from sync_{sync}.settings),
seen as (
    select
        addresses.email_key,
        members.objection is not null as is_their_own,
        case members.status when 'bounced' then 'bounced' else coalesce(members.objection, 'opted_out') end as reason,
        nullif(members.opt_out_reason, '') as note,
        try_cast(members.changed_at as timestamp) as happened_at,
    from sync_{sync}.extract_members as members
    inner join quality.addresses as addresses on members.email = addresses.address
    where members.status in ('unsubscribed', 'bounced')
),
-- An update of ours changes a member who is out already: that is no act of theirs.
touched as (
    select pushes.email_key, max(pushes.happened_at) + interval 5 minutes as until,
    from ledger.pushes as pushes
    inner join settings using (connection, audience_id)
    where pushes.op = 'update'
        and pushes.outcome in ('applied', 'sending', 'failed')
        and json_extract_string(pushes.before, '$.status') in ('unsubscribed', 'bounced')
    group by pushes.email_key
)
select
    seen.email_key,
    settings.connection,
    settings.audience_id,
    managed.entity,
    settings.sync,
    {scope} as scope,
    case seen.reason
        when 'bounced' then 'bounce'
        when 'complained' then 'complaint'
        when 'erased' then 'erase'
        else 'opt_out'
    end as event,
    seen.reason,
    'provider' as source,
    seen.happened_at,
    seen.note,
from seen
cross join settings
left join ledger.members as managed
    on managed.sync = settings.sync
    and managed.audience_id = settings.audience_id
    and managed.email_key = seen.email_key
-- What changed long after our own unsubscribe was answered is somebody else's doing: people come back and leave again.
-- So is an unsubscribe that the provider knows to be the person's own.
where not (
    seen.reason = 'opted_out'
    and managed.left_by is not distinct from 'unsubscribe'
    and not seen.is_their_own
    and not coalesce(seen.happened_at > managed.left_at + interval 1 hour, false)
)
and not exists (
    from ledger.suppressions as known
    left join touched on known.email_key = touched.email_key
    where known.email_key = seen.email_key
    and known.connection = settings.connection
    and known.audience_id = settings.audience_id
    and known.reason = seen.reason
    and known.source <> 'crm'
    and (
        known.released_at is null
        or coalesce(seen.happened_at <= greatest(known.released_at, touched.until), true)
    )
)
"""


def path_of(ledger: Path) -> Path:
    """The file of consent events."""
    return ledger / "consent.ndjson"


def news(connection: duckdb.DuckDBPyConnection, sync: SyncConfig) -> list[dict[str, Any]]:
    """Opt-outs and bounces in the audience as extracted that the ledger does not hold: events ready to `record`."""
    return rows(connection, NEWS.format(sync=sync.sync, scope=scope_of(sync)))


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
