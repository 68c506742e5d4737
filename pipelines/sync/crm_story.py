"""What went to the CRM for one person: fields, notes and events of their records, and what the CRM answered.

Belongs here: gathering it, and leaving out what secret fields are made of. Does not: the rest of the story
(explaining.py), drawing it (cli/explaining.py), what should go there (write_back/drafting.py).
"""

from collections.abc import Iterable, Mapping
from typing import Any

import duckdb

from pipelines.config import Home
from pipelines.sync import rules
from pipelines.sync.person import HIDDEN, IS_MEANT, IS_RECORD, Person
from pipelines.warehouse import rows

WRITTEN = f"""
select
    happened_at, run_id, plan_id, sync, kind, op, reason, entity, contact_key, owner, email_key, field, before, after,
    outcome, code, detail, remedy, can_retry,
from ledger.write_backs where {IS_MEANT} order by happened_at, run_id, seq
"""
PLANNED = f"""
select
    plan_id, found.sync, created_at, status, found.kind, op, reason, entity, contact_key, owner, email_key, field,
    before, after, way,
from plan.write_back_rows as found
inner join plan.write_backs as plans using (plan_id)
where status in ('pending', 'applying', 'partly_applied', 'refused') and {IS_MEANT}
    and not exists (from ledger.write_backs as known where known.change_id = found.change_id)
order by created_at, plan_id, seq
"""
HELD = f"""
select sync, kind, op, entity, contact_key, owner, field, before, after, reason, code, detail, remedy
from plan.write_back_holds where {IS_RECORD} order by sync, entity, contact_key, field
"""
TOLD = ("before", "after", "detail")  # what may hold a value of the field


def of(connection: duckdb.DuckDBPyConnection, home: Home, person: Person) -> dict[str, list[dict[str, Any]]]:
    """write_back_plans (what waits), write_backs (what was written or refused) and write_back_holds of a person."""
    asked = person.parameters
    found = {
        "write_back_plans": rows(connection, PLANNED, asked),
        "write_backs": rows(connection, WRITTEN, asked),
        "write_back_holds": rows(connection, HELD, {"records": asked["records"]}),
    }
    return {name: rows_without_secrets(home, some) for name, some in found.items()}


def rows_without_secrets(home: Home, found: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows; the values of fields that a secret is made of only named, and of all fields where the sync is gone."""
    return [
        {**row, **{name: HIDDEN for name in TOLD if row[name]}} if _is_secret(home, row) else dict(row) for row in found
    ]


def _is_secret(home: Home, row: Mapping[str, Any]) -> bool:
    if row["op"] != "set":
        return False
    made_of = [
        rule.sql
        for sync in home.syncs.values()
        for source in sync.sources
        if source.entity == row["entity"]
        for rule in source.fields.values()
        if rule.secret
    ]
    return row["sync"] not in home.syncs or any(rules.names(sql, row["field"]) for sql in made_of)
