"""A small world to plan in: a CRM, an audience, a ledger, and the models from stage to plan over them.

Belongs here: the world, and an audience that does what a plan says (the reference that the plan's meaning is held
against). Does not: tests, the models' SQL (plan_models.py), telling many stories in one world (plan_stories.py).

The ledger is real files; the warehouse is in memory. Time stands still but for `World.later`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from plan_models import COLUMNS, FIELDS, GROUPS, MERGE_FIELDS, ROOT, SCHEMA, compiled, home_of, synced

from pipelines import clock
from pipelines.ledger import consent, learning, load
from pipelines.ledger.journal import Journal
from pipelines.providers.base import Outcome, Status, Traits
from pipelines.providers.secrets import conceal_fields
from pipelines.quality import checking
from pipelines.sync import settings
from pipelines.sync.members import MEMBER_COLUMNS
from pipelines.warehouse import rows

START = datetime(2026, 11, 20, 10, tzinfo=UTC)
MAILCHIMP = Traits(
    default_exit="archive",
    removable=frozenset({"subscribed", "unsubscribed", "transactional"}),
    renamable=frozenset({"subscribed"}),
    batched=frozenset({"add", "update", "tag", "untag", "join", "leave", "unsubscribe"}),
    max_batch=500,
    max_fields=80,
    seconds_per_call=0.8,
)

Row = Mapping[str, Any]


@dataclass
class Person:
    """A member as the audience of this world holds it; `fields` in clear, as the provider has them."""

    email: str
    status: Status = "subscribed"
    fields: dict[str, str] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    provider_id: str = ""
    reason: str = ""
    changed_at: str = ""


@dataclass(frozen=True)
class Answer:
    """What becomes of a change. `reaches`: the provider does it. `outcome` None: no answer ever came, as in a crash."""

    outcome: Any = "applied"
    code: str | None = None
    can_retry: bool = False
    reaches: bool = True


@dataclass(frozen=True)
class Draft:
    """A plan: its rows in the order of the push, `before` and `after` read, and who is held. Names, not addresses."""

    changes: tuple[Row, ...]
    holds: tuple[Row, ...]

    @property
    def told(self) -> list[tuple[str, str, str]]:
        """(op, name, reason) of every change, in the order of the push."""
        return [(row["op"], row["name"], row["reason"]) for row in self.changes]

    @property
    def held(self) -> set[tuple[str | None, str]]:
        """(record, reason) of every hold."""
        return {(row["record"], row["reason"]) for row in self.holds}

    def row(self, op: str, name: str) -> Row:
        """The one row of that op about that member."""
        (found,) = [row for row in self.changes if (row["op"], row["name"]) == (op, name)]
        return found

    def hold(self, reason: str) -> Row:
        """The one hold with that reason."""
        (found,) = [row for row in self.holds if row["reason"] == reason]
        return found


def address(name: str) -> str:
    """The address of somebody in this world."""
    return name if "@" in name else f"{name}@b.example"


def name_of(email_key: str | None) -> str | None:
    """The other way round."""
    return email_key and email_key.removesuffix("@b.example")


def person(name: str, **columns: str | None) -> dict[str, str | None]:
    """A record of crm.persons who is wanted, unless `columns` say otherwise."""
    record = {"Id": name, "Email": address(name), "Flag": "Ja", "Minor": "Nee", "Stop": "0", "First": name.title()}
    return {**record, **columns}


def firm(name: str, **columns: str | None) -> dict[str, str | None]:
    """A record of crm.firms."""
    return {"Id": name, "Email": address(name), "Name": name.title(), **columns}


class World:
    """One sync with its CRM, its audience and its ledger; `policy` overrides keys of the sync file."""

    def __init__(self, patch: pytest.MonkeyPatch, ledger: Path, variant: str = "first", **policy: Any) -> None:
        self.home = home_of(variant)
        self.sync = synced(variant, **policy)
        self.models = compiled(variant)
        self.crm: dict[str, list[dict[str, str | None]]] = {"persons": [], "firms": []}
        self.audience: dict[str, Person] = {}
        self.answers: dict[tuple[str, str], Answer] = {}
        self.ledger = ledger
        self.traits = MAILCHIMP
        self._patch = patch
        self._runs = 0
        self._ids = 0
        self.now = START
        self.later()
        self.database = duckdb.connect(":memory:")
        self.database.execute((ROOT / "pipelines" / "tables.sql").read_text(encoding="utf-8"))

    def later(self, **passed: int) -> None:
        """Let time pass: `days=60`, say."""
        self.now += timedelta(**passed)
        self._patch.setenv(clock.VARIABLE, self.now.isoformat())

    def want(self, *records: dict[str, str | None], entity: str = "persons") -> None:
        """Put records into the CRM; a record with the key of another takes its place."""
        keys = {record["Id"] for record in records}
        self.crm[entity] = [record for record in self.crm[entity] if record["Id"] not in keys] + list(records)

    def drop(self, *keys: str) -> None:
        """Delete records of persons from the CRM."""
        self.crm["persons"] = [record for record in self.crm["persons"] if record["Id"] not in keys]

    def have(self, name: str, status: Status = "subscribed", **more: Any) -> Person:
        """Somebody whom the audience has, by whatever way."""
        fields = {**dict.fromkeys(FIELDS, ""), **more.pop("fields", {})}
        found = Person(address(name), status, fields, provider_id=self._new_id(), changed_at=self._moment(), **more)
        self.audience[address(name).lower()] = found
        return found

    def turn(self, name: str, status: Status, reason: str = "") -> None:
        """What a person or the provider does: opt out, bounce, be archived by hand ..."""
        found = self.audience[address(name)]
        found.status, found.reason, found.changed_at = status, reason, self._moment()

    def says(self, event: str, name: str, **more: Any) -> None:
        """A consent event in the ledger's file, of this audience unless `more` says otherwise."""
        row = {"email_key": address(name), "connection": "chimp", "audience_id": "A1", "entity": None, "sync": "people"}
        row |= {"scope": "account", "event": event, "reason": event, "source": "provider", "happened_at": None}
        consent.record(self.ledger, [{**row, "note": None, **more}])

    def members(self) -> dict[str, dict[str, Any]]:
        """ledger.members by email_key, as the files tell it now."""
        load.load(self.database, self.ledger)
        return {str(row["email_key"]): row for row in rows(self.database, "select * from ledger.members")}

    def plan(self) -> Draft:
        """Extract, judge, bring opt-outs home, stage, map and plan, as a run does."""
        self.extract()
        for name, sql in self.models.models.items():
            self.database.execute(f"create or replace table {SCHEMA}.{name} as {sql}")
        learning.from_records(self.database, self.ledger, self.sync)
        drafted = f"select * from {SCHEMA}.plan_changes where refused_code is null order by step, email_key"
        held = f"select distinct email_key, contact_key, entity, owner, reason, detail from {SCHEMA}.plan_holds"
        return Draft(
            tuple(
                {
                    **row,
                    "name": name_of(str(row["email_key"])),
                    "before": _read(row["before"]),
                    "after": _read(row["after"]),
                }
                for row in rows(self.database, drafted)
            ),
            tuple({**row, "record": row["contact_key"]} for row in rows(self.database, held)),
        )

    def extract(self) -> None:
        """All that Python writes before dbt starts."""
        self.later(minutes=1)
        database = self.database
        for entity, columns in COLUMNS.items():
            fill(database, f"crm_crm.{entity}", columns, self.crm[entity])
        settings.write(
            database, self.sync, self.traits, account_id="account", audience_id="A1", extracted_at=clock.now()
        )
        shown = [self._extracted(member) for member in self.audience.values()]
        fill(database, f"{SCHEMA}.extract_members", MEMBER_COLUMNS, shown)
        database.execute("delete from extract.merge_fields")
        for name, kind, size in MERGE_FIELDS:
            database.execute(
                "insert into extract.merge_fields values ('chimp', 'A1', ?, ?, ?, ?, false, ?, [])",
                [name, f"f-{name}", name.title(), kind, size],
            )
        database.execute("delete from extract.groups")
        for name in GROUPS:
            place = ["chimp", "A1", f"g-{name}", name, "Interests", f"Interests: {name}"]
            database.execute("insert into extract.groups values (?, ?, ?, ?, ?, ?)", place)
        checking.judge_addresses(database, self.sync)
        learning.from_audience(database, self.ledger, self.sync)

    def push(self, changes: Iterable[Row]) -> None:
        """Do what the rows say, in one run with its journal; `self.answers` hold what goes wrong with which."""
        self.later(minutes=1)
        self._runs += 1
        journal = Journal(self.ledger, f"run-{self._runs:04}", plan_id=f"plan-{self._runs}", sync="people")
        place = {"plan_id": f"plan-{self._runs}", "sync": "people", "connection": "chimp", "audience_id": "A1"}
        sent = [{**row, **place, "change_id": f"{self._runs}:{number}"} for number, row in enumerate(changes)]
        journal.sending(row for row in sent if not self._is_spared(row))
        outcomes, secrets = [], self._secrets()
        for row in sent:
            how = self.answers.get((row["op"], row["email_key"]), Answer())
            if self._is_spared(row):
                continue
            kept = self._apply(row, secrets) if how.reaches else None
            if how.outcome:
                kept = kept if how.outcome == "applied" else None
                outcomes.append(Outcome(row["change_id"], how.outcome, how.code, can_retry=how.can_retry, kept=kept))
        journal.outcomes(outcomes)
        journal.end(calls=1, left=0)
        self.answers.clear()
        self.later(minutes=1)

    def _is_spared(self, row: Row) -> bool:
        """Labels of somebody whom the provider did not take are not sent."""
        carriers = (self.answers.get((op, row["email_key"])) for op in ("add", "rename"))
        is_taken = all(how is None or (how.reaches and how.outcome == "applied") for how in carriers)
        return row["op"] in ("join", "leave", "tag", "untag") and not is_taken

    def broken_data_tests(self) -> list[str]:
        """What dbt would find after the last plan."""
        return [name for name, sql in self.models.data_tests.items() if self.database.execute(sql).fetchall()]

    def sync_once(self) -> Draft:
        """Plan and push; returns the plan."""
        draft = self.plan()
        self.push(draft.changes)
        return draft

    def _new_id(self) -> str:
        self._ids += 1
        return f"id-{self._ids}"

    def _moment(self) -> str:
        return clock.text(self.now)

    def _extracted(self, member: Person) -> dict[str, str | None]:
        return {
            **{"provider_id": member.provider_id, "email": member.email, "status": member.status},
            "fields": json.dumps(self._concealed(member.fields), ensure_ascii=False, separators=(",", ":")),
            "tags": json.dumps(member.tags),
            "groups": json.dumps(member.groups),
            **{"opt_out_reason": member.reason, "objection": "opted_out" if member.reason else None},
            **{"joined_at": None, "changed_at": member.changed_at},
        }

    def _concealed(self, fields: Mapping[str, str]) -> dict[str, str]:
        return dict(sorted(conceal_fields(fields, self.sync.secret_names).items()))

    def _apply(self, row: Row, secrets: Mapping[str, Mapping[str, str]]) -> dict[str, Any] | None:
        """What the provider does with one change, and what it says it holds then."""
        # As every provider, it knows nobody by another spelling of their address.
        key, before, after = row["email"].lower(), row["before"] or {}, row["after"]
        if (row["op"] == "add" and row["before"] is None) or row["op"] == "rename":
            assert key not in self.audience, f"{key} is there already"
            old = self.audience.pop(before["email"].lower()) if row["op"] == "rename" else Person("")
            old.provider_id = old.provider_id or self._new_id()
            self.audience[key] = replace(old, email=row["email"], fields={**dict.fromkeys(FIELDS, ""), **old.fields})
        member = self.audience[key]
        assert row["op"] == "rename" or member.status == before.get("status", member.status)
        assert row["op"] != "archive" or member.status in self.traits.removable
        assert row["op"] != "rename" or member.status in self.traits.renamable
        member.changed_at, member.status = self._moment(), after.get("status", member.status)
        if row["op"] in ("tag", "untag"):
            member.tags = labelled(member.tags, before["tags"], after["tags"])
        if row["op"] in ("join", "leave"):
            member.groups = labelled(member.groups, before["groups"], after["groups"])
        if "fields" not in after:
            return None
        for name, value in after["fields"].items():
            clear = secrets.get(row["email_key"], {})
            member.fields[name] = rewritten(name, clear.get(name, value) or "")
        return {"fields": self._concealed(member.fields)}

    def _secrets(self) -> dict[str, dict[str, str]]:
        found = rows(self.database, f"select email_key, secrets from {SCHEMA}.map_wanted")
        return {str(row["email_key"]): json.loads(str(row["secrets"])) for row in found}


def labelled(mine: Sequence[str], before: Sequence[str], after: Sequence[str]) -> list[str]:
    """Labels after a change whose `before` and `after` are ours alone; letters' case does not tell labels apart."""
    gone = {label.lower() for label in before} - {label.lower() for label in after}
    kept = [label for label in mine if label.lower() not in gone]
    return sorted(kept + [label for label in after if label.lower() not in {known.lower() for known in kept}])


def rewritten(name: str, value: str) -> str:
    """This provider writes every note in capitals, which nobody could know beforehand."""
    return value.upper() if name == "NOTE" else value


def fill(
    database: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str], records: Sequence[Mapping[str, str | None]]
) -> None:
    """Make the table anew, every column text, as landed files are."""
    shape = json.dumps([dict.fromkeys(columns, "VARCHAR")])
    names = ", ".join(f'"{column}"' for column in columns)
    database.execute(f"create schema if not exists {table.partition('.')[0]}")
    database.execute(
        f"create or replace table {table} as select {names} from (select unnest(from_json(?, ?), recursive := true))",
        [json.dumps(list(records)), shape],
    )


def _read(text: Any) -> Any:
    return None if text is None else json.loads(text)
