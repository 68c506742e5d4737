"""What should go to the CRM: a sync's own write-back (H1, H2, H4, I8), and edits and events for clickers (I7).

Belongs here: drawing such a plan up, judging it, freezing it. Does not: the comparison (asked.sql,
clickers.sql, draft.sql), sending it (sending.py), files for people
(reports/worklist.py).

All of it is computed from the last extract, the ledger and the marts: nothing is contacted.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from importlib.resources import files as resources
from typing import Any

import duckdb

from pipelines import clock
from pipelines.config import Home, SyncConfig
from pipelines.config.connections import CrmConnection
from pipelines.config.problems import suggest
from pipelines.config.sync import Source
from pipelines.errors import ConfigError
from pipelines.landing import sql_name
from pipelines.sync.safety import Broken, Rule, allowance
from pipelines.warehouse import has_table, rows
from pipelines.write_back import plans
from pipelines.write_back.plans import CrmPlan, Kind, Way

HELD = "state in ('refused_before', 'changed_in_crm', 'handed_out')"
# What no plan of the sync ever sent before: a person has to see it first.
FIRST = """
select drafted.entity, drafted.kind, case when drafted.op = 'set' then drafted.field end as field, count(*) as count
from drafted
where drafted.state = 'planned' and drafted.way = 'write' and not exists (
    from ledger.write_backs as known
    where known.sync = $sync and known.kind = drafted.kind and known.entity = drafted.entity
    and (known.op <> 'set' or known.field = drafted.field) and known.outcome <> 'handed_out'
)
group by all order by all
"""
TOUCHED = """
select drafted.entity, drafted.kind, count(distinct drafted.contact_key) as touched, any_value(sizes.records) as records
from drafted
inner join (select entity, count(*) as records from sync_{sync}.map_records group by entity) as sizes using (entity)
where drafted.state = 'planned' and drafted.way = 'write' and drafted.kind in ('opt_outs', 'bounces')
group by all order by all
"""
ROWS = """
insert into plan.write_back_rows by name
select
    $plan_id as plan_id, $sync as sync, row_number() over (order by place) as seq, $plan_id || ':' || seq as change_id,
    kind, op, reason, entity, contact_key, owner, email_key, field, before, after, is_known, way, record_hash,
from drafted where state = 'planned'
"""
# A row whose text changed since is another one.
REDRAWN = """
select rows.*, drafted.state, coalesce(drafted.is_handed_out, false) as is_handed_out
from plan.write_back_rows as rows
left join drafted
    on rows.op = drafted.op and rows.entity = drafted.entity and rows.contact_key = drafted.contact_key
    and rows.field = drafted.field and rows.after = drafted.after
where rows.plan_id = $plan_id and rows.way = $way and not exists (
    from ledger.write_backs as known
    where known.change_id = rows.change_id and known.outcome in ('applied', 'unchanged', 'refused')
)
order by rows.seq
"""
NO_NOTES = """
select ''::text as entity, ''::text as contact_key, ''::text as current_entity, ''::text as current_contact_key,
    ''::text as connection, ''::text as campaign_id, ''::text as note
where false
"""


@dataclass(frozen=True)
class Clickers:
    """The records of one entity behind those who clicked a link: in all campaigns or in one, all records or some.

    Whichever of a record's addresses they clicked with, the record is found.
    """

    url: str
    entity: str
    campaign_id: str | None = None
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class NewEvent:
    """What is put into the calendar of each record's owner; `starts_at` is aware."""

    subject: str
    starts_at: datetime
    minutes: int = 15
    text: str = ""


def plan_write_back(connection: duckdb.DuckDBPyConnection, home: Home, sync: SyncConfig) -> CrmPlan:
    """Freeze what the sync's `write_back` asks for and the CRM does not have yet; older pending plans are superseded.

    To be called inside a transaction, with the ledger loaded. Raises `ConfigError` before the sync's first plan.
    """
    return _freeze(connection, home, sync, "write_back", {})


def plan_edit(
    connection: duckdb.DuckDBPyConnection, home: Home, sync: SyncConfig, clickers: Clickers, field: str, value: str
) -> CrmPlan:
    """Freeze the change of a field for the clickers of a link; see `plan_write_back`."""
    _check_link(connection, sync, clickers)
    return _freeze(connection, home, sync, "edit", {**asdict(clickers), "field": field, "value": value})


def plan_event(
    connection: duckdb.DuckDBPyConnection, home: Home, sync: SyncConfig, clickers: Clickers, event: NewEvent
) -> CrmPlan:
    """Freeze a calendar event for the clickers of a link; see `plan_write_back`."""
    _check_link(connection, sync, clickers)
    told = asdict(event) | {"starts_at": clock.text(event.starts_at)}
    same = json.dumps([clickers.url, clickers.campaign_id, event.subject, told["starts_at"]])
    marker = f"enlist {hashlib.sha256(same.encode()).hexdigest()[:12]}"
    return _freeze(connection, home, sync, "event", {**asdict(clickers), "event": told, "field": marker})


def draw(
    connection: duckdb.DuckDBPyConnection,
    home: Home,
    sync: SyncConfig,
    kind: Kind,
    about: Mapping[str, Any],
    *,
    again: bool = False,
) -> None:
    """Make the temporary table `drafted`: all that is asked, each row with its state (see draft.sql).

    `again`: what was handed out before counts as not handed out.
    """
    if not has_table(connection, f"sync_{sync.sync}", "map_records"):
        raise ConfigError(
            "it was never planned, so its records are not known yet.",
            where=sync.sync,
            do=f"Plan it first: enlist plan {sync.sync}",
        )
    if kind == "write_back":
        _ask_rules(connection, home, sync)
    else:
        _ask_clickers(connection, home, sync, kind, about)
    _look_up(connection, home, sync)
    connection.execute(f"create or replace temp table drafted as {_sql('draft')}", {"again": again})


def redraw(
    connection: duckdb.DuckDBPyConnection, home: Home, sync: SyncConfig, plan: CrmPlan, way: Way, *, again: bool = False
) -> list[dict[str, Any]]:
    """The plan's rows of that way which have no answer yet, with what `drafted` says of each by now.

    `state` is None where nobody asks for it any more. `again` as in `draw`.
    """
    draw(connection, home, sync, plan.kind, plan.about, again=again)
    return rows(connection, REDRAWN, {"plan_id": plan.plan_id, "way": way})


def waiting_by_hand(connection: duckdb.DuckDBPyConnection, home: Home, sync: SyncConfig) -> int:
    """How many rows the next work-list would have; to be called inside a transaction, with the ledger loaded."""
    draw(connection, home, sync, "write_back", {})
    query = "select count(*) from drafted where state = 'planned' and way = 'hand'"
    return int(connection.execute(query).fetchall()[0][0])


def freeze_draft(
    connection: duckdb.DuckDBPyConnection, home: Home, sync: SyncConfig, kind: Kind, about: Mapping[str, Any]
) -> CrmPlan:
    """Freeze the planned rows of `drafted` under a new id."""
    plan_id = f"{sync.sync}-crm-{clock.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    connection.execute(ROWS, {"plan_id": plan_id, "sync": sync.sync})
    if kind == "write_back":
        _supersede(connection, sync.sync)
        _renew_holds(connection, sync.sync)
    broken = _judge(connection, sync) if kind == "write_back" else ()
    counts = rows(
        connection,
        """
        select op, reason, entity, case when op = 'set' then field end as field, way, count(*) as count
        from plan.write_back_rows where plan_id = ? group by all order by all
        """,
        [plan_id],
    )
    held = rows(
        connection, f"select state as reason, count(*) as count from drafted where {HELD} group by all order by all"
    )
    moment = clock.naive(clock.now())
    record = {
        "plan_id": plan_id,
        "sync": sync.sync,
        "kind": kind,
        "about": json.dumps(dict(about), ensure_ascii=False),
        "created_at": moment,
        "config_hash": sync.config_hash(home.connections),
        "checksum": plans.checksum(connection, plan_id),
        "counts": json.dumps(counts, ensure_ascii=False),
        "hold_counts": json.dumps(held),
        "safe": not broken,
        "broken_rules": json.dumps([asdict(rule) for rule in broken], ensure_ascii=False),
        "accepted": "[]",
        "status": "pending" if counts else "applied",
        "status_at": moment,
    }
    columns, marks = ", ".join(record), ", ".join("?" for _ in record)
    connection.execute(f"insert into plan.write_backs ({columns}) values ({marks})", list(record.values()))
    return plans.get(connection, plan_id)


def _freeze(
    connection: duckdb.DuckDBPyConnection, home: Home, sync: SyncConfig, kind: Kind, about: Mapping[str, Any]
) -> CrmPlan:
    draw(connection, home, sync, kind, about)
    return freeze_draft(connection, home, sync, kind, about)


def way_of(home: Home, source: Source, op: str) -> Way:
    """How it gets there: `write` where Enlist can write such things to the CRM, else `hand`: by a person."""
    crm = home.connection(source.connection)
    return "write" if isinstance(crm, CrmConnection) and op in crm.writes else "hand"


def source_of(sync: SyncConfig, entity: str) -> Source:
    """The sync's entity of that name; `ConfigError` with the nearest one."""
    for source in sync.sources:
        if source.entity == entity:
            return source
    known = [source.entity for source in sync.sources]
    raise ConfigError(f"{sync.sync} has no entity named '{entity}'.", where="--entity", do=suggest(entity, known))


def _ask_rules(connection: duckdb.DuckDBPyConnection, home: Home, sync: SyncConfig) -> None:
    connection.execute("""
        create or replace temp table crm_rules (
            entity text, kind text, op text, field text, value text, way text
        )
    """)
    for entity, rule in sync.write_back.items():
        source = source_of(sync, entity)
        found: list[tuple[str, str, str | None, str | None]] = [
            (kind, "set", written.field, written.value)
            for kind, written in (("opt_outs", rule.opt_outs), ("bounces", rule.bounces))
            if written is not None
        ]
        found += [("notes", "note", None, None)] if rule.notes else []
        for kind, op, field, value in found:
            values = [entity, kind, op, field, value, way_of(home, source, op)]
            connection.execute("insert into crm_rules values (?, ?, ?, ?, ?, ?)", values)
    # Before the first statistics there is no such table.
    notes = "from marts.contact_notes" if has_table(connection, "marts", "contact_notes") else NO_NOTES
    connection.execute(f"create or replace temp view notes_told as {notes}")
    since = clock.naive(clock.now()) - timedelta(days=sync.stats.window_days)
    query = _sql("asked").replace("{sync}", sync.sync)
    connection.execute(f"create or replace temp table asked as {query}", {"moving_since": since})


def _ask_clickers(
    connection: duckdb.DuckDBPyConnection, home: Home, sync: SyncConfig, kind: Kind, about: Mapping[str, Any]
) -> None:
    op = "set" if kind == "edit" else "event"
    query = _sql("clickers").replace("{sync}", sync.sync)
    connection.execute(
        f"create or replace temp table asked as {query}",
        {
            **{"kind": kind, "op": op, "field": about["field"]},
            "after": about["value"] if kind == "edit" else json.dumps(about["event"], ensure_ascii=False),
            "way": way_of(home, source_of(sync, about["entity"]), op),
            **{name: about[name] for name in ("url", "campaign_id", "entity")},
            "entities": _same_records(home, sync, about["entity"]),
            "keys": list(about["keys"]),
        },
    )


def _same_records(home: Home, sync: SyncConfig, entity: str) -> list[str]:
    """The entity, and those of the sync that are the same records once more, for another address of theirs."""

    def place(source: Source) -> tuple[str, Any]:
        connection: Any = home.connection(source.connection)
        return source.connection, connection.entities[source.entity_name].model_dump(exclude={"columns"})

    wanted = place(source_of(sync, entity))
    return [source.entity for source in sync.sources if place(source) == wanted]


def _look_up(connection: duckdb.DuckDBPyConnection, home: Home, sync: SyncConfig) -> None:
    """What the last extract says of the records that are asked for: crm_records, and crm_values of fields it has."""
    connection.execute("""
        create or replace temp table crm_records (
            entity text, contact_key text, record_hash text, loaded_at timestamp
        );
        create or replace temp table crm_values (entity text, contact_key text, field text, value text)
    """)
    asked = rows(
        connection, "select entity, list(distinct field) filter (op = 'set') as fields from asked group by entity"
    )
    for row in asked:
        source = source_of(sync, str(row["entity"]))
        key = f"trim({sql_name(home.key_of(source))})"  # as the models map it
        chosen = f"from {source.relation} as record semi join asked on asked.entity = ? and asked.contact_key = {key}"
        connection.execute(
            f"""
            insert into crm_records
            select ?, {key}, md5(to_json(record)), (
                select max(loaded_at) from extract.loads where connection = ? and entity = ?
            ) {chosen}
            """,
            [source.entity, source.connection, source.entity_name, source.entity],
        )
        for field in _columns(connection, source, row["fields"] or ()):
            query = f"insert into crm_values select ?, {key}, ?, nullif(trim({sql_name(field)}), '') {chosen}"
            connection.execute(query, [source.entity, field, source.entity])


def _columns(connection: duckdb.DuckDBPyConnection, source: Source, fields: Any) -> Sequence[str]:
    """Those of the fields that are columns of the extract; of the others only the CRM knows what they hold."""
    schema, _, table = source.relation.partition(".")
    query = "select column_name from information_schema.columns where table_schema = ? and table_name = ?"
    known = {str(row["column_name"]).lower() for row in rows(connection, query, [schema, table])}
    return [field for field in fields if field.lower() in known]


def _check_link(connection: duckdb.DuckDBPyConnection, sync: SyncConfig, clickers: Clickers) -> None:
    """Raise `ConfigError` for an entity that the sync has not, or a link that nobody clicked in its audience."""
    source_of(sync, clickers.entity)
    if not has_table(connection, "marts", "link_clicks"):
        raise ConfigError("no campaign was read yet.", where=sync.sync, do=f"Read them first: enlist stats {sync.sync}")
    known = rows(
        connection,
        f"""
        select distinct clicks.url from marts.link_clicks as clicks
        inner join stats.campaigns as campaigns using (connection, campaign_id)
        semi join sync_{sync.sync}.settings as settings
            on campaigns.connection = settings.connection and campaigns.audience_id = settings.audience_id
        where clicks.campaign_id = coalesce(?, clicks.campaign_id)
        order by clicks.url
        """,
        [clickers.campaign_id],
    )
    urls = [str(row["url"]) for row in known]
    if clickers.url not in urls:
        raise ConfigError("nobody clicked this link.", where="--link", do=suggest(clickers.url, urls))


def _judge(connection: duckdb.DuckDBPyConnection, sync: SyncConfig) -> tuple[Broken, ...]:
    """The rules that the draft breaks; work for people breaks none, because a person looks at it anyway."""
    first = rows(connection, FIRST, {"sync": sync.sync})
    broken = []
    if first:
        parts = ", ".join(f"{_named(row)} ({row['count']:,})" for row in first)
        broken.append(Broken("first_run", f"It is the first time that this sync writes to the CRM: {parts}."))
    for row in rows(connection, TOUCHED.format(sync=sync.sync)):
        rule: Rule = "max_removals" if row["kind"] == "opt_outs" else "max_updates"
        touched, size = int(str(row["touched"])), int(str(row["records"]))
        allowed = allowance(getattr(sync.safety, rule), size, sync.safety.floor)
        if touched > allowed:
            noun = "opt-outs" if row["kind"] == "opt_outs" else "bounces"
            sentence = f"{touched:,} {noun} for {size:,} records of {row['entity']}; {allowed:,} are allowed."
            broken.append(Broken(rule, sentence))
    return tuple(broken)


def _named(row: Mapping[str, Any]) -> str:
    return f"{row['field']} of {row['entity']}" if row["field"] else f"{row['kind']} on {row['entity']}"


def _supersede(connection: duckdb.DuckDBPyConnection, sync: str) -> None:
    connection.execute(
        """
        update plan.write_backs set status = 'superseded', status_at = ?
        where sync = ? and kind = 'write_back' and status in ('pending', 'refused', 'applying', 'partly_applied')
        """,
        [clock.naive(clock.now()), sync],
    )


def _renew_holds(connection: duckdb.DuckDBPyConnection, sync: str) -> None:
    connection.execute("delete from plan.write_back_holds where sync = ?", [sync])
    connection.execute(
        f"""
        insert into plan.write_back_holds by name
        select ? as sync, kind, op, entity, contact_key, owner, field, before, after, state as reason,
            case state when 'refused_before' then code end as code,
            case state when 'refused_before' then detail end as detail,
            case state when 'refused_before' then remedy end as remedy,
        from drafted where {HELD}
        """,
        [sync],
    )


def _sql(name: str) -> str:
    return resources("pipelines.write_back").joinpath(f"{name}.sql").read_text(encoding="utf-8")
