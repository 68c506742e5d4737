"""The small home that test_marts.py looks at: what Python and the models before the push leave in a warehouse.

Belongs here: rows, made by hand so that every figure of the marts can be counted on one's fingers. And running
dbt on it. Does not: tests.
"""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from pipelines.quality import addresses

ROOT = Path(__file__).parents[2]
SYNCS = ("persons", "firms", "closing", "soci", "never_run")
A1 = {"connection": "chimp", "audience_id": "A1"}
A3 = {"connection": "chimp", "audience_id": "A3"}
L1 = {"connection": "mup", "audience_id": "L1"}
L2 = {"connection": "mup", "audience_id": "L2"}
TOLD_ELSEWHERE = ("hugo.new@b.example", "ivan@b.example")  # their pushes are among those of run r1
LANGUAGES = {
    "persons": ("en", "Europe/London"),
    "firms": ("nl", "Europe/Amsterdam"),
    "closing": ("da", "Europe/Copenhagen"),
    "soci": ("it", "Europe/Rome"),
    "never_run": ("sv", "Europe/Stockholm"),
}


def at(text: str) -> datetime:
    """'11-20 10:00' of the year in which all this happens, or a full date."""
    return datetime.fromisoformat(text if text[4:5] == "-" else f"2026-{text}")


def insert(connection: duckdb.DuckDBPyConnection, table: str, *rows: dict[str, Any]) -> None:
    for row in rows:
        names = ", ".join(row)
        marks = ", ".join("?" for _ in row)
        connection.execute(f"insert into {table} ({names}) values ({marks})", list(row.values()))


def read_audience(
    connection: duckdb.DuckDBPyConnection,
    sync: str,
    audience: dict[str, str],
    planned_at: str,
    *members: dict[str, Any],
) -> None:
    """What the reading of a sync leaves in the warehouse: its settings and the audience as the provider has it.

    The statistics read it too, without a plan: the stage is as an older plan left it, with nobody in it.
    """
    connection.execute(f"create schema if not exists sync_{sync}")
    connection.execute(f"""
        create or replace table sync_{sync}.settings (
            sync text, connection text, account_id text, audience_id text, planned_at timestamp, mode text
        );
        create or replace table sync_{sync}.extract_members (
            provider_id text, email text, status text, fields text, tags text, groups text, opt_out_reason text,
            joined_at text, changed_at text
        );
        create or replace table sync_{sync}.stage_members (email_key text, email text, status text, groups text[]);
        create or replace table sync_{sync}.stage_suppressions (
            email_key text, reason text, source text, since timestamp, is_from_elsewhere boolean
        )
    """)
    insert(connection, f"sync_{sync}.settings", {"sync": sync, **audience, "planned_at": at(planned_at)})
    insert(connection, f"sync_{sync}.extract_members", *members)
    addresses.judge_new(connection, f"select email as address from sync_{sync}.extract_members")


def member(
    name: str, status: str = "subscribed", joined: str | None = None, changed: str | None = None, groups: str = "[]"
) -> dict[str, Any]:
    return {
        "provider_id": name,
        "email": f"{name.title()}@b.example",
        "status": status,
        "tags": '["x"]',
        "groups": groups,
        "joined_at": joined and str(at(joined)),
        "changed_at": changed and str(at(changed)),
    }


def managed(name: str, key: str, sync: str = "persons", audience: dict[str, str] = A1, **more: Any) -> dict[str, Any]:
    row = {"sync": sync, **audience, "email_key": f"{name}@b.example", "entity": "crm.persons", "contact_key": key}
    return {**row, "joined_at": at("2026-01-01"), **more}


def push(run: str, seq: int, op: str, name: str, moment: str, **more: Any) -> dict[str, Any]:
    row = {"run_id": run, "seq": seq, "change_id": f"{run}{seq}", "sync": "persons", **A1, "op": op}
    about = {"email": f"{name}@b.example", "email_key": f"{name}@b.example", "happened_at": at(moment)}
    return {**row, **about, "outcome": "applied", **more}


def remembered(*members: dict[str, Any]) -> list[dict[str, Any]]:
    """What the ledger's pushes say of members whom `managed` made: how they came, and how they left."""
    found = []
    for seq, row in enumerate(members):
        about = {
            name: row[name] for name in ("sync", "connection", "audience_id", "email_key", "entity", "contact_key")
        }
        about |= {"run_id": "long ago", "seq": seq, "outcome": "applied"}
        found.append({**about, "op": "add", "happened_at": row["joined_at"]})
        if row.get("left_by") in ("archive", "unsubscribe"):
            found.append({**about, "op": row["left_by"], "happened_at": row["left_at"]})
    return found


def record(entity: str, key: str) -> dict[str, str]:
    return {"entity": entity, "contact_key": key}


def said_no(name: str, scope: str, since: str, released: str | None = None, **more: Any) -> dict[str, Any]:
    row = {"email_key": f"{name}@b.example", "scope": scope, **A1, "reason": "opted_out", "source": "provider"}
    return {**row, "since": at(since), "released_at": released and at(released), **more}


def consent(seq: int, name: str, event: str, moment: str, **more: Any) -> dict[str, Any]:
    row = {"seq": seq, "email_key": f"{name}@b.example", **A1, "event": event, "reason": "opted_out"}
    return {**row, "happened_at": at(moment), "recorded_at": at(moment), **more}


def campaign(campaign_id: str, sent: str, audience: dict[str, str] = A1, **more: Any) -> dict[str, Any]:
    zeros = dict.fromkeys(
        ("sent_count", "hard_bounces", "soft_bounces", "opens", "unique_opens", "clicks", "unique_clicks", "opt_outs"),
        0,
    )
    row = {**audience, "campaign_id": campaign_id, "name": campaign_id, "subject": f"Subject {campaign_id}"}
    return {**row, "sent_at": at(sent), **zeros, "complaints": 0, "read_at": at("11-20 08:00"), **more}


def send(campaign_id: str, name: str, times: int = 1, bounce: str | None = None) -> dict[str, Any]:
    row = {"connection": "chimp", "campaign_id": campaign_id, "email_key": f"{name}@b.example"}
    return {**row, "times_sent": times, "bounce": bounce}


def event(campaign_id: str, name: str, kind: str, moment: str, url: str | None = None, **more: Any) -> dict[str, Any]:
    row = {"connection": "chimp", "campaign_id": campaign_id, "email_key": f"{name}@b.example", "event": kind}
    return {**row, "happened_at": at(moment), "url": url, "is_machine": False, **more}


def first_day(connection: duckdb.DuckDBPyConnection) -> None:
    """20 November: the first run of everything."""
    connection.execute((ROOT / "pipelines" / "tables.sql").read_text(encoding="utf-8"))
    audience = {"state": "created", "subscribed_count": 7, "unsubscribed_count": 2, "bounced_count": 1}
    insert(
        connection,
        "extract.audiences",
        {**A1, "name": "News", **audience},
        {"connection": "chimp", "audience_id": "A2", "name": "Of others", **audience},
        {**A3, "name": "Closing", **audience, "last_seen_at": at("11-20 12:00")},
        {**L1, "name": "Soci", **audience},
    )
    read_audience(
        connection,
        "persons",
        A1,
        "11-20 10:00",
        member("anna", joined="01-10"),
        member("bert", joined="02-01"),
        member("carl", "unsubscribed", joined="01-01", changed="11-19 08:00", groups='["esclusi"]'),
        member("dora", "bounced", joined="03-01", changed="11-18"),
        member("erik", "archived", joined="2025-05-01", changed="10-01"),
        member("fred", joined="11-20 07:00"),
        member("gina", joined="04-01", groups='["esclusi", "x"]'),
        member("hugo", joined="04-02"),
        member("jane", joined="04-03"),
        member("paul", "pending"),
        member("tess", "transactional", joined="04-04"),
        member("vera", joined="04-05"),
    )
    read_audience(connection, "firms", A1, "11-20 09:00", member("anna", joined="01-10"), member("ghost"))
    read_audience(connection, "closing", A3, "11-20 10:00", member("otto", joined="05-05"))
    read_audience(connection, "soci", L1, "11-20 08:00")
    first_ledger(connection)
    first_suppressions(connection)
    insert(
        connection,
        "plan.plans",
        {"plan_id": "p1", "sync": "persons", **A1, "status": "applied", "status_at": at("11-20 10:40")},
        {"plan_id": "p4", "sync": "soci", **L1, "status": "applying", "status_at": at("11-20 08:10")},
    )
    freed = {"plan_id": "p1", "sync": "persons", "entity": "crm.persons", "released_at": at("11-20 10:00")}
    insert(
        connection,
        "plan.released",
        {**freed, "contact_key": "9", "reason": "bad_address", "became": "planned"},
        {**freed, "contact_key": "9", "reason": "unknown_consent", "became": "planned"},
        {**freed, "contact_key": "2", "reason": "duplicate", "became": "settled"},
        {**freed, "contact_key": "4", "reason": "bad_address", "became": "held"},
        {**freed, "contact_key": "5", "reason": "bad_address", "became": "gone"},
    )
    statistics(connection)


def first_ledger(connection: duckdb.DuckDBPyConnection) -> None:
    run = {"connection": "chimp", "audience_id": "A1", "sync": "persons", "planned": 7}
    insert(
        connection,
        "ledger.runs",
        {**run, "run_id": "r0", "started_at": at("11-19 10:00"), "ended_at": None},
        {
            **run,
            "run_id": "r1",
            "plan_id": "p1",
            "started_at": at("11-20 10:29"),
            "ended_at": at("11-20 10:31:30"),
            "calls": 6,
            "left_count": 2,
        },
        {"run_id": "r3", "sync": "closing", **A3, "started_at": at("11-20 10:05"), "planned": 1},
    )
    insert(
        connection,
        "ledger.pushes",
        push("r1", 1, "add", "ivan", "11-20 10:30", after='{"status":"subscribed","fields":{}}'),
        push("r1", 2, "archive", "jane", "11-20 10:31", after='{"status":"archived"}'),
        push(
            "r1",
            3,
            "rename",
            "hugo.new",
            "11-20 10:31",
            old_email_key="hugo@b.example",
            after='{"email":"x"}',
            **record("crm.persons", "8"),
        ),
        push("r1", 4, "update", "anna", "11-20 10:31", outcome="refused"),
        push("r1", 5, "update", "bert", "11-20 10:31", outcome="failed"),
        push("r1", 6, "update", "vera", "11-20 10:31", outcome="left"),
        push("r0", 1, "update", "vera", "11-19 10:31", outcome="sending"),
    )
    members = (
        managed("anna", "1"),
        {**managed("anna", "F9", sync="firms"), "entity": "crm.firms", "left_at": at("06-01"), "left_by": "archive"},
        managed("bert", "2"),
        managed("carl", "3"),
        managed("dora", "4"),
        managed("erik", "5", left_at=at("10-01"), left_by="archive"),
        managed("gina", "7"),
        managed("hugo.new", "8", joined_at=at("11-20 10:31")),
        managed("hugo", "8", left_at=at("11-20 10:31"), left_by="rename"),
        managed("ivan", "9", joined_at=at("11-20 10:30")),
        managed("jane", "10", left_at=at("11-20 10:31"), left_by="archive"),
        managed("lena", "12", joined_at=at("2025-02-02"), left_at=at("2025-06-06"), left_by="archive"),
        managed("vera", "14", left_at=at("07-01"), left_by="archive"),
        managed("otto", "20", sync="closing", audience=A3),
    )
    insert(connection, "ledger.members", *members)
    insert(
        connection, "ledger.pushes", *remembered(*(row for row in members if row["email_key"] not in TOLD_ELSEWHERE))
    )
    conversions(connection)


def of_l2(name: str, key: str, sync: str, entity: str, **more: Any) -> dict[str, Any]:
    return {**managed(name, key, sync=sync, audience=L2), "entity": entity, **more}


def conversions(connection: duckdb.DuckDBPyConnection) -> None:
    """What happened to members of L2, which several syncs mail and none has read yet.

    A lead became a contact on 12 November; rosa was parked from 2 to 12 November, sami is since the second in
    which M1 was sent, tina since the 20th; an address of the leads is a firm's since the 12th.
    """
    members = (
        of_l2("lead", "31", "soci", "crm.persons", joined_at=at("11-12")),
        of_l2("rosa", "41", "soci", "crm.persons", joined_at=at("11-01")),
        of_l2("frits", "F8", "firms", "crm.firms"),
        of_l2("olga", "61", "closing", "crm.people"),
        of_l2("sven", "51", "never_run", "crm.elever"),
        of_l2("desk", "F7", "firms", "crm.firms", joined_at=at("11-12")),
        of_l2("lars.new", "L9", "soci", "crm.leads", joined_at=at("11-12")),
    )
    insert(connection, "ledger.members", *members)
    insert(connection, "ledger.pushes", *remembered(*members))
    esclusi, nothing, soci = '{"groups":["esclusi"]}', '{"groups":[]}', '{"groups":["Soci"]}'

    def told(seq: int, op: str, name: str, moment: str, key: str, entity: str, **more: Any) -> dict[str, Any]:
        return push("r9", seq, op, name, moment, **{"sync": "soci", **L2, **record(entity, key), **more})

    persons, leads = "crm.persons", "crm.leads"
    insert(
        connection,
        "ledger.pushes",
        told(1, "add", "lead", "03-01", "L31", leads),
        told(2, "add", "desk", "03-01", "L9", leads),
        told(3, "join", "rosa", "11-01", "41", persons, reason="new", after=soci),
        told(4, "leave", "rosa", "11-02", "41", persons, reason="no_match", after=nothing),
        told(5, "join", "rosa", "11-02", "41", persons, reason="no_match", after=esclusi),
        told(6, "leave", "rosa", "11-12", "41", persons, reason="changed", after=nothing),
        told(7, "join", "rosa", "11-12", "41", persons, reason="changed", after=soci),
        told(8, "join", "sami", "11-10 23:30:00.400", "42", persons, reason="excluded:dead", after=esclusi),
        told(9, "join", "tina", "11-20", "43", persons, reason="no_match", after=esclusi),
        told(10, "archive", "desk", "11-11 12:00", "L9", leads),
    )


def first_suppressions(connection: duckdb.DuckDBPyConnection) -> None:
    insert(
        connection,
        "sync_persons.stage_suppressions",
        {"email_key": "carl@b.example", "reason": "opted_out", "is_from_elsewhere": False},
        {"email_key": "dora@b.example", "reason": "bounced", "is_from_elsewhere": False},
        {"email_key": "bert@b.example", "reason": "opted_out", "is_from_elsewhere": True},
    )
    insert(
        connection,
        "ledger.suppressions",
        said_no("s1", "audience", "01-01"),
        said_no("s2", "audience", "01-01", audience_id="A2"),
        said_no("s3", "account", "01-01", audience_id="A2"),
        said_no("s4", "account", "01-01", connection="mup"),
        said_no("s5", "home", "01-01", connection="mup"),
        said_no("s6", "audience", "01-01", released="11-10 09:00"),
        said_no("s7", "audience", "11-11"),
        said_no("s8", "audience", "01-01", released="05-01"),
        said_no("s8", "home", "02-01", released="11-12", reason="bounced"),
    )
    insert(
        connection,
        "ledger.consent_events",
        consent(1, "carl", "opt_out", "11-10 12:05", note="too many", sync="persons"),
        consent(2, "carl", "opt_out", "11-10 12:06", sync="firms"),
        consent(3, "carl", "bounce", "11-11", reason="bounced"),
        consent(4, "carl", "opt_out", "11-12"),
        consent(5, "zoe", "opt_out", "03-01"),
        consent(6, "zoe", "release", "04-01"),
        consent(7, "zoe", "opt_out", "11-15"),
        consent(8, "bert", "opt_out", "09-01"),
    )


def statistics(connection: duckdb.DuckDBPyConnection) -> None:
    spring: dict[str, Any] = {"subject": "Spring", "category": "News", "sent_count": 10, "hard_bounces": 1}
    spring |= {"soft_bounces": 1, "opens": 20, "unique_opens": 6, "proxy_excluded_opens": 12}
    spring |= {"proxy_excluded_unique_opens": 4, "clicks": 5, "unique_clicks": 3, "opt_outs": 1, "complaints": 1}
    insert(
        connection,
        "stats.campaigns",
        campaign("C1", "11-10 09:00", **spring),
        campaign("C2", "11-11", audience=L1),
        campaign("C3", "02-10", sent_count=1, unique_opens=2, unique_clicks=5, opens=3),
        *(campaign(f"D{n:02}", f"08-{n:02}") for n in range(1, 12)),
        campaign(
            "M1",
            "11-10 23:30",
            audience=L2,
            subject="{dd} & {n}",
            category="eventi, soci",
            sent_count=8,
            soft_bounces=1,
            unique_opens=2,
            unique_clicks=1,
        ),
        campaign("M2", "11-13", audience=L2, category="soci", sent_count=4, hard_bounces=1, unique_opens=3, opt_outs=1),
    )
    insert(
        connection,
        "stats.sends",
        send("C1", "anna", times=2),
        send("C1", "anna"),
        send("C1", "bert"),
        send("C1", "carl"),
        send("C1", "dora", bounce="soft"),
        send("C1", "dora", bounce="hard"),
        send("C1", "fred"),
        send("C1", "hugo"),
        *(
            {**send("M1", name), "connection": "mup"}
            for name in ("lead", "rosa", "sami", "tina", "desk", "sven", "stranger")
        ),
        {**send("M1", "frits", bounce="soft"), "connection": "mup"},
        {**send("M1", "olga", times=2), "connection": "mup"},
        *({**send("M2", name), "connection": "mup"} for name in ("lead", "rosa", "sami", "desk")),
        *(send(f"D{n:02}", name) for n in range(1, 12) for name in ("bert", "anna")),
    )
    first, second = "https://b.example/1", "https://b.example/2"
    insert(
        connection,
        "stats.events",
        event("C1", "anna", "open", "11-10 10:00"),
        event("C1", "anna", "open", "11-11 10:00"),
        event("C1", "anna", "open", "11-10 09:01", is_machine=True),
        event("C1", "anna", "click", "11-10 10:01", first),
        event("C1", "anna", "click", "11-11 10:01", first),
        event("C1", "anna", "click", "11-10 09:01", second, is_machine=True),
        event("C1", "bert", "open", "11-10 09:01", is_machine=True),
        event("C1", "carl", "open", "11-10 12:00"),
        event("C1", "carl", "opt_out", "11-10 12:04", detail="I get too many"),
        event("C1", "carl", "complaint", "11-10 12:05"),
        event("C1", "dora", "bounce", "11-10 09:00"),
        event("C1", "xena", "open", "11-10 13:00"),
        event("C1", "hugo.new", "open", "11-20 11:00"),
        *(
            {**event("M1", name, kind, "11-12", **more), "connection": "mup"}
            for name, kind, more in (
                ("olga", "open", {}),
                ("olga", "opt_out", {}),
                ("sven", "open", {"is_machine": True}),
                ("rosa", "open", {}),
                ("rosa", "open", {}),
                ("rosa", "click", {"url": first}),
                ("rosa", "click", {"url": second}),
            )
        ),
        event("C3", "zoe", "opt_out", "02-11"),
    )
    link = {"connection": "chimp", "campaign_id": "C1"}
    insert(
        connection,
        "stats.links",
        {**link, "link_id": "a", "url": first, "clicks": 3, "unique_clickers": 2},
        {**link, "link_id": "b", "url": first, "clicks": 1, "unique_clickers": 1},
        {**link, "link_id": "c", "url": second, "clicks": 1, "unique_clickers": 1},
        {"connection": "mup", "campaign_id": "C2", "link_id": "1", "url": first, "clicks": 0, "unique_clickers": 0},
    )
    insert(
        connection,
        "stats.link_clicks",
        {**link, "link_id": "a", "email_key": "anna@b.example", "clicks": 1},
        {**link, "link_id": "b", "email_key": "anna@b.example", "clicks": 1},
        {**link, "link_id": "c", "email_key": "anna@b.example", "clicks": 1},
        {**link, "link_id": "a", "email_key": "fred@b.example", "clicks": 2},
        {**link, "link_id": "c", "email_key": "hugo.new@b.example", "clicks": 1},
    )


def third_day(connection: duckdb.DuckDBPyConnection) -> None:
    """22 November: gina is gone, bert opted out, carl came back, an audience was deleted; firms was not read again.

    Gina and jane were sent a campaign the day before. The audience was read again, with the statistics, after the plan.
    """
    read_audience(
        connection,
        "persons",
        A1,
        "11-22 10:00",
        member("anna", joined="01-10"),
        member("bert", "unsubscribed", joined="02-01", changed="11-21 09:00"),
        member("carl", joined="01-01", changed="11-22 09:00"),
        member("dora", "bounced", joined="03-01", changed="11-22 09:30"),
        member("erik", "archived", joined="2025-05-01", changed="10-01"),
        member("fred", joined="11-20 07:00"),
        member("hugo.new", joined="04-02", changed="11-20 10:31"),
        member("ivan", joined="11-20 10:30", groups='["esclusi"]'),
        member("jane", "archived", joined="04-03", changed="11-20 10:31"),
        member("kate"),
        member("paul", joined="11-21 12:00"),
        member("tess", "transactional", joined="04-04"),
    )
    connection.execute("update extract.audiences set state = 'deleted' where audience_id = 'A3'")
    insert(connection, "stats.campaigns", campaign("C9", "11-21 09:00", sent_count=2))
    insert(connection, "stats.sends", send("C9", "gina"), send("C9", "jane"))
    insert(connection, "plan.plans", {"plan_id": "p9", "sync": "persons", **A1, "extracted_at": at("11-21")})
    insert(connection, "ledger.suppressions", said_no("bert", "audience", "11-21 09:00"))


def nothing_left(connection: duckdb.DuckDBPyConnection) -> None:
    """All sync files are gone, and nothing has been planned in this warehouse."""
    connection.execute("drop table quality.addresses")


def build(target: Path, *arguments: str, syncs: tuple[str, ...] = SYNCS) -> list[str]:
    """Run dbt on the marts in this process; returns what did not pass."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    notes = {sync: dict(zip(("language", "timezone"), LANGUAGES[sync], strict=True)) for sync in syncs}
    parking = {"persons": "esclusi"} if syncs else {}
    told = json.dumps({"syncs": syncs, "notes": notes, "parking": parking, "tagging": ["mup"]})
    command = ["build", "--select", "marts", "--vars", told, "--quiet"]
    project = str(ROOT / "dbt_project")
    places = ["--project-dir", project, "--profiles-dir", project]
    places += ["--target-path", str(target), "--log-path", str(target), "--log-level-file", "none"]
    try:
        outcome = dbtRunner().invoke([*command, *places, *arguments])
    finally:
        DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]
    assert outcome.exception is None, outcome.exception
    results: Any = outcome.result
    return [f"{result.node.name}: {result.message}" for result in results if result.status not in ("success", "pass")]
