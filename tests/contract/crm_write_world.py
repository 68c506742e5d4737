"""A sync whose CRM is a simulator: records extracted for real, objections in the ledger, notes and clicks by hand.

Belongs here: the home, its records, writing to the CRM as a run does. Does not: people and faults (the tests), planning
of the audience (dbt: the records are mapped here with one query).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipelines import clock
from pipelines.config import Home, SyncConfig, load_home
from pipelines.crm.loading import load_entity
from pipelines.ledger import consent, load, objectors
from pipelines.warehouse import Warehouse, rows
from pipelines.write_back.drafting import plan_write_back
from pipelines.write_back.plans import CrmPlan, get
from pipelines.write_back.sending import Request, Result, WriteBack

AUDIENCE = {"connection": "chimp", "audience_id": "A1"}
URL = "https://firm.example/prices"
FIRST = Request(accept=("first_run",), by="anna")


@dataclass
class CrmWorld:
    """One entity of one CRM. `columns` are those of its key, address and owner."""

    root: Path
    crm: Mapping[str, Any]
    entity: str
    write_back: Mapping[str, Any]
    columns: tuple[str, str, str]

    def __post_init__(self) -> None:
        (self.root / "syncs").mkdir(parents=True)
        chimp = {"kind": "mailchimp", "url": "http://127.0.0.1:1", "api_key": "0123456789abcdef0123456789abcdef-us1"}
        connections = {"connections": {"crm": dict(self.crm), "chimp": chimp}}
        sync = {
            "sync": "people",
            "to": {"connection": "chimp", "audience": "People"},
            "from": [{"entity": f"crm.{self.entity}", "email": self.columns[1], "opt_out": False}],
            "write_back": {f"crm.{self.entity}": dict(self.write_back)},
        }
        (self.root / "connections.yaml").write_text(yaml.safe_dump(connections), encoding="utf-8")
        (self.root / "syncs" / "people.yaml").write_text(yaml.safe_dump(sync), encoding="utf-8")
        with self.warehouse.open() as database:
            database.execute("""
                create schema sync_people; create schema marts;
                create table sync_people.settings as
                select 'chimp' as connection, 'A1' as audience_id, true as block_hard_bounces, 5 as soft_bounces;
                create table marts.contact_notes (
                    entity text, contact_key text, current_entity text, current_contact_key text, connection text,
                    campaign_id text, sent_at timestamp, note text
                );
                create table marts.link_clicks (
                    connection text, campaign_id text, url text, email_key text, entity text, contact_key text,
                    current_entity text, current_contact_key text
                )
            """)

    @property
    def home(self) -> Home:
        return load_home(self.root, environ={}, check=False)

    @property
    def sync(self) -> SyncConfig:
        return self.home.sync("people")

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(self.home)

    def extract(self) -> None:
        """The CRM is read, and its records mapped."""
        load_entity(self.home, self.warehouse, "crm", self.entity, "extract")
        key, email, owner = self.columns
        with self.warehouse.open() as database:
            database.execute(f"""
                create or replace table sync_people.map_records as
                select 'crm.{self.entity}' as entity, trim("{key}") as contact_key, "{owner}" as owner,
                    lower("{email}") as email_key, "{email}" as email, "{email}" as address, 'wanted' as eligibility,
                    'ok' as verdict, null as detail, null as suggestion, 0 as entity_order
                from crm_crm.{self.entity}
            """)

    def says_no(self, *emails: str, reason: str = "opted_out") -> None:
        """People opt out, or bounce, at the provider, and it comes home."""
        event = {"opted_out": "opt_out", "bounced": "bounce"}[reason]
        about = {**AUDIENCE, "entity": None, "sync": "people", "scope": "account", "source": "provider", "note": None}
        told = {**about, "event": event, "reason": reason, "happened_at": None}
        consent.record(self.home.ledger, [{**told, "email_key": email} for email in emails])
        with self.warehouse.transaction() as database:
            load.load(database, self.home.ledger)
            objectors.record(self.home.ledger, objectors.news(database, self.sync))

    def sent(self, key: str, text: str) -> None:
        """A campaign reached somebody, who clicked: the note of it, and the click, as the marts have them."""
        entity = f"crm.{self.entity}"
        record = {"entity": entity, "contact_key": key, "current_entity": entity, "current_contact_key": key}
        about = {**record, "connection": "chimp", "campaign_id": "c1"}
        with self.warehouse.open() as database:
            database.execute("delete from marts.contact_notes where contact_key = ?", [key])
            database.execute("delete from stats.campaigns")
            now = clock.naive(clock.now())
            _insert(database, "stats.campaigns", **AUDIENCE, campaign_id="c1", sent_at=now)
            _insert(database, "marts.contact_notes", **about, sent_at=now, note=text)
            _insert(database, "marts.link_clicks", **about, url=URL)

    def plan(self) -> CrmPlan:
        with self.warehouse.transaction() as database:
            load.load(database, self.home.ledger)
            return plan_write_back(database, self.home, self.sync)

    def run(self, run_id: str, request: Request = FIRST) -> Result:
        """Write what is asked for, as a run of the pipeline does."""
        return WriteBack(self.home, self.sync, self.warehouse, run_id, request).run()

    def status(self, plan: CrmPlan) -> str:
        with self.warehouse.open() as database:
            return get(database, plan.plan_id).status

    def told(self) -> set[tuple[str, ...]]:
        """(op, outcome, code) of all that the ledger has."""
        with self.warehouse.transaction() as database:
            load.load(database, self.home.ledger)
            found = rows(database, "select op, outcome, coalesce(code, '') as code from ledger.write_backs")
        return {tuple(str(value) for value in row.values()) for row in found}


def _insert(database: Any, table: str, **row: Any) -> None:
    marks = ", ".join("?" for _ in row)
    database.execute(f"insert into {table} ({', '.join(row)}) values ({marks})", list(row.values()))


def write_home(root: Path, run_id: str) -> int:
    """One run of a home's write-back, for a process of its own."""
    home = load_home(root, environ={}, check=False)
    WriteBack(home, home.sync("people"), Warehouse(home), run_id, FIRST).run()
    return 0
