"""A warehouse in memory with one sync whose records, objections, notes and clicks are made by hand.

Belongs here: that world. Does not: facts about write-back (test_write_back.py).
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from pipelines.config import Home, SyncConfig, load_home
from pipelines.write_back import drafting, plans
from pipelines.write_back.plans import CrmPlan

TABLES = (Path(__file__).parents[2] / "pipelines" / "tables.sql").read_text(encoding="utf-8")
CONNECTIONS = """
connections:
  vt:
    kind: vtiger
    url: http://127.0.0.1:1/vtiger
    username: admin
    access_key: key
    entities: {leads: {module: Leads}, contacts: {module: Contacts}, contacts_2: {module: Contacts, columns: [email]}}
  lists: {kind: file, entities: {people: {path: people.csv, key: Nr}}}
  chimp: {kind: mailchimp, api_key: 0123456789abcdef0123456789abcdef-us1}
"""
SYNC = """
sync: people
to: {connection: chimp, audience: People}
from:
  - {entity: vt.leads, email: email, opt_out: emailoptout = '1', consent_scope: audience}
  - {entity: vt.contacts, email: email, opt_out: emailoptout = '1'}
  - {entity: vt.contacts_2, email: secondaryemail, opt_out: emailoptout = '1'}
  - {entity: lists.people, email: Mail, opt_out: Nej = 'Ja'}
safety: {max_removals: 10%, max_updates: 10%, floor: 5}
write_back:
  vt.leads: {opt_outs: {field: emailoptout, value: "1"}, bounces: {field: Bounced, value: "yes"}, notes: true}
  vt.contacts: {opt_outs: {field: emailoptout, value: "1"}}
  lists.people: {opt_outs: {field: Nej, value: Ja}, notes: true}
"""
NOW = "2026-11-22T08:00:00+00:00"
AUDIENCE = {"connection": "chimp", "audience_id": "A1"}
CRM = {
    "vt.leads": ("crm_vt.leads", "id", ("email", "emailoptout")),
    "vt.contacts": ("crm_vt.contacts", "id", ("email", "emailoptout")),
    "vt.contacts_2": ("crm_vt.contacts_2", "id", ("email", "emailoptout")),
    "lists.people": ("crm_lists.people", "Nr", ("Mail", "Nej")),
}


def at(text: str) -> datetime:
    """'11-20 10:00' of the year in which all this happens."""
    return datetime.fromisoformat(f"2026-{text}")


class World:
    """The warehouse and the home of the sync `people`."""

    def __init__(self, root: Path, sync: str = SYNC) -> None:
        (root / "syncs").mkdir(parents=True, exist_ok=True)
        (root / "connections.yaml").write_text(CONNECTIONS, encoding="utf-8")
        (root / "syncs" / "people.yaml").write_text(sync, encoding="utf-8")
        self.home: Home = load_home(root, environ={}, check=False)
        self.sync: SyncConfig = self.home.sync("people")
        self.database = duckdb.connect()
        self.database.execute(TABLES)
        self._make_tables()

    def _make_tables(self) -> None:
        self.database.execute("""
            create schema sync_people; create schema crm_vt; create schema crm_lists; create schema marts;
            create table sync_people.settings as
            select 'chimp' as connection, 'A1' as audience_id, true as block_hard_bounces, 5 as soft_bounces;
            create table sync_people.map_records (
                entity text, contact_key text, owner text, email_key text, email text
            );
            create table marts.contact_notes (
                entity text, contact_key text, current_entity text, current_contact_key text, connection text,
                campaign_id text, sent_at timestamp, note text
            );
            create table marts.link_clicks (
                connection text, campaign_id text, url text, email_key text, entity text, contact_key text,
                current_entity text, current_contact_key text
            )
        """)
        for relation, key, columns in CRM.values():
            named = ", ".join(f"{column} text" for column in (key, *columns))
            self.database.execute(f"create table {relation} ({named})")
        for connection, entity in (name.split(".") for name in CRM):
            self.insert("extract.loads", connection=connection, entity=entity, row_count=1, loaded_at=at("11-20 06:00"))

    def insert(self, table: str, **row: Any) -> None:
        marks = ", ".join("?" for _ in row)
        self.database.execute(f"insert into {table} ({', '.join(row)}) values ({marks})", list(row.values()))

    def record(self, entity: str, key: str, flag: str | None = None, name: str | None = None) -> None:
        """A record of the CRM as the last extract has it; its address is name@p.example."""
        relation, _, _ = CRM[entity]
        email = f"{name or key}@p.example"
        self.database.execute(f"insert into {relation} values (?, ?, ?)", [key, email, flag])
        owner = f"Keeper of {key}"
        self.insert(
            "sync_people.map_records", entity=entity, contact_key=key, owner=owner, email_key=email, email=email
        )

    def edit(self, entity: str, key: str, flag: str | None, loaded: str) -> None:
        """Somebody changes the flag in the CRM, and it is read again."""
        relation, id_column, columns = CRM[entity]
        self.database.execute(f"update {relation} set {columns[1]} = ? where {id_column} = ?", [flag, key])
        self.database.execute("update extract.loads set loaded_at = ?", [at(loaded)])

    def objection(self, entity: str, key: str, since: str = "11-20 05:00", **more: Any) -> None:
        """A no of whoever has the record's address, and the record that it belongs to."""
        email = self._email(entity, key)
        row = {"email_key": email, "scope": "account", **AUDIENCE, "reason": "opted_out", "source": "provider"}
        self.insert("ledger.suppressions", **row | {"since": at(since)} | more)
        if row["reason"] == "opted_out":
            self.insert("ledger.objectors", email_key=email, since=at(since), entity=entity, contact_key=key)

    def bounce(self, entity: str, key: str, source: str = "provider", since: str = "11-20 05:00") -> None:
        row = {"email_key": self._email(entity, key), "scope": "account", **AUDIENCE, "reason": "bounced"}
        self.insert("ledger.suppressions", **row, source=source, since=at(since))

    def release(self, entity: str, key: str) -> None:
        self.database.execute(
            "update ledger.suppressions set released_at = ? where email_key = ?",
            [at("11-20 12:00"), self._email(entity, key)],
        )

    def note(self, entity: str, key: str, text: str, sent: str = "11-19 08:00", campaign: str = "c1") -> None:
        """A contact's note as the marts have it now, and its campaign."""
        self.database.execute(
            "delete from marts.contact_notes where contact_key = ? and campaign_id = ?", [key, campaign]
        )
        self.insert(
            "marts.contact_notes", entity=entity, contact_key=key, current_entity=entity, current_contact_key=key,
            connection="chimp", campaign_id=campaign, sent_at=at(sent), note=text,
        )  # fmt: skip
        known = self.database.execute("select count(*) from stats.campaigns where campaign_id = ?", [campaign])
        if not known.fetchall()[0][0]:
            self.insert("stats.campaigns", **AUDIENCE, campaign_id=campaign, sent_at=at(sent))

    def click(self, entity: str, key: str, url: str, campaign: str = "c1") -> None:
        self.insert(
            "marts.link_clicks", connection="chimp", campaign_id=campaign, url=url, entity=entity, contact_key=key,
            email_key=self._email(entity, key), current_entity=entity, current_contact_key=key,
        )  # fmt: skip

    def convert(self, entity: str, key: str, to_entity: str, to_key: str) -> None:
        """The CRM makes another record of one: the old one is gone, and the marts know which stands for it."""
        self.record(to_entity, to_key, name=self._email(entity, key).partition("@")[0])
        gone = [entity, key]
        self.database.execute("delete from sync_people.map_records where entity = ? and contact_key = ?", gone)
        for table in ("contact_notes", "link_clicks"):
            self.database.execute(
                f"""
                update marts.{table} set current_entity = ?, current_contact_key = ?
                where entity = ? and contact_key = ?
                """,
                [to_entity, to_key, *gone],
            )

    def plan(self) -> CrmPlan:
        return drafting.plan_write_back(self.database, self.home, self.sync)

    def rows(self, plan: CrmPlan) -> list[dict[str, Any]]:
        return plans.rows_of(self.database, plan.plan_id)

    def planned(self) -> set[tuple[Any, ...]]:
        """(entity, key, field or marker, before, after, reason) of what a new plan would do."""
        names = ("entity", "contact_key", "field", "before", "after", "reason")
        return {tuple(row[name] for name in names) for row in self.rows(self.plan())}

    def holds(self) -> set[tuple[str, str]]:
        """(key, reason) of what the last plan holds."""
        return {(row["contact_key"], row["reason"]) for row in plans.holds_of(self.database, "people")}

    def done(self, plan: CrmPlan, outcome: str = "applied", when: str = "11-20 07:00", **more: Any) -> None:
        """What a run would leave in the ledger: all rows of the plan with one outcome."""
        for row in self.rows(plan):
            told: Mapping[str, Any] = {
                name: row[name]
                for name in (
                    *("plan_id", "change_id", "sync", "kind", "op", "reason", "entity", "contact_key", "owner"),
                    *("email_key", "field", "before", "after", "record_hash"),
                )
            }
            extra = {"run_id": f"r{when}", "seq": row["seq"], "outcome": outcome, "can_retry": False}
            self.insert("ledger.write_backs", **told, **extra | {"happened_at": at(when)} | more)

    def _email(self, entity: str, key: str) -> str:
        query = "select email_key from sync_people.map_records where entity = ? and contact_key = ?"
        return str(self.database.execute(query, [entity, key]).fetchall()[0][0])
