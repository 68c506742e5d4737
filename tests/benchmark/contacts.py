"""A home with so many synthetic contacts, as a sync finds it the day after its last push.

Belongs here: the home's files and all tables that stages 1 and 2 leave behind. Does not: what is measured over them.

Of N contacts in the audience 1% changed one field in the CRM, 0.5% are gone from it, and 0.5% of N are new there.
The tables `bare.crm` and `bare.audience` in a file beside the warehouse are the same two sides laid out for a bare
join: columns instead of JSON, and the hash of all fields stored.

Usage: contacts.py FOLDER N
"""

import sys
from datetime import timedelta
from pathlib import Path

import duckdb

from pipelines import clock
from pipelines.config import Home, load_home
from pipelines.providers import traits_of
from pipelines.quality import checking
from pipelines.sync import settings
from pipelines.warehouse import Warehouse

SYNC = "bench"
CHANGED, NEW, GONE = 100, 200, 200  # one of so many
FIELDS = (*(f"F{number:02}" for number in range(1, 19)), "BORN", "SCORE")
BARE = "bare.duckdb"
MEMORY = "4GB"
CONNECTIONS = """\
connections:
  crm: {kind: sql, url: "sqlite:///crm.db", entities: {people: {table: people, key: Id}}}
  chimp: {kind: mailchimp, url: "http://127.0.0.1:8765/mailchimp", api_key: 0123456789abcdef0123456789abcdef-us1}
"""
MAPPING = f"""\
sync: {SYNC}
to: {{connection: chimp, audience: People}}
from:
  - entity: crm.people
    owner: Keeper
    email: Email
    where: Mail = 'Ja'
    exclude: {{deceased: Died is not null}}
    opt_out: Stop = '1'
    fields:
{"".join(f"      {name}: {name}" + chr(10) for name in FIELDS)}\
    tags: [{{split: Kind, by: ';'}}]
duplicates: {{prefer: [newest], newest: ChangedAt}}
quality: {{max_null: {{F01: 20%, F02: 20%}}}}
"""


def home_in(folder: Path) -> Home:
    """The home of the benchmark, laid out in `folder` if it is not there yet."""
    (folder / "syncs").mkdir(parents=True, exist_ok=True)
    (folder / "connections.yaml").write_text(CONNECTIONS, encoding="utf-8")
    (folder / "syncs" / f"{SYNC}.yaml").write_text(MAPPING, encoding="utf-8")
    return load_home(folder, environ={}, check=False)


def expected(size: int) -> dict[tuple[str, str], int]:
    """How many changes the plan must have, by op and reason."""
    gone, new = size // GONE, size // NEW
    changed = size // CHANGED - gone // CHANGED
    return {
        ("add", "new"): new,
        ("tag", "new"): new,
        ("update", "changed"): changed,
        ("archive", "deleted_in_crm"): gone,
    }


def fill(home: Home, size: int) -> None:
    """All tables that stages 3 to 5 read, and the bare ones."""
    sync = home.sync(SYNC)
    with Warehouse(home).open() as database:
        traits = traits_of("chimp", home.connection("chimp"))
        now = clock.now()
        settings.write(database, sync, traits, account_id="account", audience_id="A1", extracted_at=now)
        database.execute(f"set memory_limit = '{MEMORY}'")
        database.execute(f"attach '{home.root / BARE}' as bare")
        _bare(database, size)
        _crm(database)
        _audience(database)
        _ledger(database, clock.naive(now - timedelta(days=1)))
        checking.judge_addresses(database, sync)


def _value(name: str, at: int) -> str:
    """SQL of a field's value from the contact's `id`, and of the first field from `version` too, 1 if it changed."""
    if at == 0:
        return "'Name ' || hash(id) % 5000 || repeat(' the second', version)"
    seed = f"hash(id * 100 + {at})"
    if name == "BORN":
        return f"strftime(date '1930-01-01' + cast({seed} % 25000 as integer), '%Y-%m-%d')"
    if name == "SCORE":
        return f"cast({seed} % 10000 as varchar)"
    texts = (f"'Name ' || {seed} % 5000", f"'Place of ' || {seed} % 700", f"substr(cast({seed} as varchar), 1, 12)")
    return texts[at % len(texts)]


def _bare(database: duckdb.DuckDBPyConnection, size: int) -> None:
    """Both sides as columns, each in an order of its own: the steps are primes."""
    values = ", ".join(f"{_value(name, at)} as {name}" for at, name in enumerate(FIELDS))
    stored = f"md5(concat_ws('|', {', '.join(FIELDS)})) as stored_hash"
    for table, first, count, step in (
        ("audience", 0, size, 7_368_787),
        ("crm", size // GONE, size - size // GONE + size // NEW, 5_754_853),
    ):
        is_changed = f"(id % {CHANGED} = 0 and id < {size})::int" if table == "crm" else "0"
        database.execute(f"""
            create table bare.{table} as
            with numbered as (select {first} + range * {step} % {count} as id from range({count})),
            people as (select id, {is_changed} as version from numbered),
            filled as (
                select id, 'person' || id || '@people' || id % 50 || '.example.com' as email, {values} from people
            )
            select *, {stored} from filled
        """)


def _crm(database: duckdb.DuckDBPyConnection) -> None:
    database.execute("create schema if not exists crm_crm")
    database.execute(f"""
        create table crm_crm.people as
        select
            'C' || id as Id, email as Email, 'Ja' as Mail, cast(null as varchar) as Died, '0' as Stop,
            'Keeper ' || id % 20 as Keeper, 'Klant' as Kind, '2026-01-01T00:00:00' as ChangedAt, {", ".join(FIELDS)}
        from bare.crm
    """)


def _audience(database: duckdb.DuckDBPyConnection) -> None:
    pairs = ", ".join(f"'{name}', {name}" for name in sorted(FIELDS))
    database.execute(f"""
        create table sync_{SYNC}.extract_members as
        select
            md5(email) as provider_id, email, 'subscribed' as status, cast(json_object({pairs}) as varchar) as fields,
            '["Klant"]' as tags, '[]' as groups, cast(null as varchar) as opt_out_reason,
            '2026-01-01T00:00:00+00:00' as joined_at, '2026-01-01T00:00:00+00:00' as changed_at,
        from bare.audience
    """)
    for name in FIELDS:
        kind = {"BORN": "date", "SCORE": "number"}.get(name, "text")
        limit = 255 if kind == "text" else None
        row = [name, name, name, kind, limit]
        database.execute("insert into extract.merge_fields values ('chimp', 'A1', ?, ?, ?, ?, false, ?, [])", row)


def _ledger(database: duckdb.DuckDBPyConnection, pushed_at: object) -> None:
    """The members as one push added and tagged them; the same columns as pipelines/ledger/members.sql makes."""
    people = f"sync_{SYNC}.extract_members as members inner join bare.audience as people using (email)"
    database.execute(
        f"""
        insert into ledger.members by name
        select
            '{SYNC}' as sync, 'chimp' as connection, 'A1' as audience_id, email as email_key, 'C' || id as contact_key,
            'crm.people' as entity, provider_id, $pushed_at as joined_at,
            '{{"fields":' || fields || ',"tags":["Klant"],"groups":[]}}' as sent, sent as kept, md5(sent) as sent_hash,
        from {people}
        """,
        {"pushed_at": pushed_at},
    )
    for op, before, after, kept in (
        ("add", "null", """'{"status":"subscribed","fields":' || fields || '}'""", """'{"fields":' || fields || '}'"""),
        ("tag", """'{"tags":[]}'""", """'{"tags":["Klant"]}'""", "null"),
    ):
        database.execute(
            f"""
            insert into ledger.pushes by name
            select
                'run-1' as run_id, id as seq, 'plan-1' as plan_id, 'plan-1:{op}:' || id as change_id, '{SYNC}' as sync,
                'chimp' as connection, 'A1' as audience_id, '{op}' as op, 'new' as reason, email, email as email_key,
                'C' || id as contact_key, 'crm.people' as entity, 'Keeper ' || id % 20 as owner, {before} as before,
                {after} as after, 'applied' as outcome, false as can_retry, 1 as attempts, provider_id, {kept} as kept,
                $pushed_at as happened_at
            from {people}
            """,
            {"pushed_at": pushed_at},
        )


if __name__ == "__main__":
    fill(home_in(Path(sys.argv[1])), int(sys.argv[2]))
