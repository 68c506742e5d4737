"""Undo: a plan that puts back what a run changed, as far as the provider lets it, and what can't come back.

Belongs here: finding the run, freezing such a plan, the reasons why something stays. Does not: the comparison
(undo.sql, undo_changes.sql), judging and sending the plan (freeze.py, push.py: it is a plan as every other).

Nobody who said no since is subscribed again, and what somebody else changed since is not touched.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files as resources
from typing import Any

import duckdb

from pipelines.config import Home, SyncConfig
from pipelines.config.problems import suggest
from pipelines.errors import ConfigError
from pipelines.providers.base import Traits
from pipelines.sync.freeze import freeze_rows
from pipelines.sync.plans import Plan
from pipelines.warehouse import rows

# Why something does not come back, in the words of undo.sql.
OBSTACLES: Mapping[str, str] = {
    "said_no": "said no since, or the CRM or somebody of the house says no for them: nobody is subscribed again",
    "opted_out": "opted out at the provider since: they stay as they are",
    "bounced": "bounced since: the provider can't archive them",
    "was_out": "got no mail before the run either: they stay archived",
    "gone": "not in the audience any more: they were deleted at the provider",
    "archived": "archived since: whatever else the run changed of them stays",
    "deleted": "deleted for good: the provider takes the address back from nobody but the person",
    "moved": "somebody or a later run changed their status since",
    "taken": "the old address is in the audience again",
    "not_renamable": "the provider changes no address of a member with that status",
    "not_removable": "the provider can't remove a member with that status",
    "not_restorable": "the provider gives nobody the status that they had",
    "fields_moved": "fields that somebody or a later run changed since stay as they are",
    "secret": "secret fields: only their hash is kept",
    "adopted": "stay ours: that they were strangers before can't be brought back",
}
MACROS = (
    """
    create or replace temp macro pick(items, others, is_in) as list_filter(items, lambda entry: is_in = list_contains(
        list_transform(others, lambda other: lower(other)), lower(entry)
    ))
    """,
    """create or replace temp macro value_of(document, name) as
    coalesce(json_extract_string(document, '$."' || name || '"'), '')""",
)
KEPT = """
with kept as (
    select email_key, obstacle as code from undoing where obstacle is not null
    union all
    select email_key, 'fields_moved' from undoing where is_there and len(names_moved) > 0
    union all
    select email_key, 'secret' from undoing where is_there and len(secret_names) > 0
    union all
    select email_key, 'adopted' from undoing where is_there and was_adopted
)
select code, target_email as email, undoing.email_key, record_entity as entity, record_key as contact_key,
    any_owner as owner,
from kept
inner join undoing using (email_key)
order by code, undoing.email_key
"""


@dataclass(frozen=True)
class Undoing:
    """The plan that takes a run back, None where nothing is left to take back, and who or what does not come back.

    `kept` are rows of code (see OBSTACLES), email, entity, contact_key and owner.
    """

    plan: Plan | None
    kept: tuple[Mapping[str, Any], ...]

    @property
    def counts(self) -> list[dict[str, Any]]:
        """What does not come back by reason: {code, count, because}, in the order of OBSTACLES."""
        codes = [str(row["code"]) for row in self.kept]
        return [
            {"code": code, "count": codes.count(code), "because": because}
            for code, because in OBSTACLES.items()
            if code in codes
        ]


def find_run(connection: duckdb.DuckDBPyConnection, run_id: str) -> dict[str, Any]:
    """The push run with this id, or whose id begins so: its row in ledger.runs."""
    found = rows(
        connection, "select * from ledger.runs where starts_with(run_id, ?) order by started_at desc", [run_id]
    )
    exact = [run for run in found if run["run_id"] == run_id]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if found:
        some = ", ".join(str(run["run_id"])[: len(run_id) + 4] for run in found[:5])
        raise ConfigError(f"{len(found)} runs begin with it.", where=run_id, do=f"Give more of the id: {some}.")
    known = [str(run["run_id"]) for run in rows(connection, "select run_id from ledger.runs order by started_at desc")]
    near = suggest(run_id, known)
    do = near if near.startswith("Did") else "`enlist plans` shows the runs that sent something."
    raise ConfigError("no such run sent anything.", where=run_id, do=do)


def undo(connection: duckdb.DuckDBPyConnection, home: Home, sync: SyncConfig, traits: Traits, run_id: str) -> Undoing:
    """Freeze a pending plan with reason `undo` that takes the run back; older pending plans are superseded.

    To be called inside a transaction, after the audience was read and dbt built stage to plan.
    """
    for macro in MACROS:
        connection.execute(macro)
    query = _sql("undo").replace("{sync}", sync.sync)
    connection.execute(
        f"create or replace temp table undoing as {query}", {"run_id": run_id, "secrets": sorted(sync.secret_names)}
    )
    connection.execute(f"create or replace temp table undo_changes as {_sql('undo_changes')}")
    kept = rows(connection, KEPT)
    is_empty = connection.execute("select count(*) from undo_changes").fetchall()[0][0] == 0
    plan = None if is_empty else freeze_rows(connection, home, sync, traits, "undo_changes")
    return Undoing(plan, tuple(kept))


def _sql(name: str) -> str:
    return resources("pipelines.sync").joinpath(f"{name}.sql").read_text(encoding="utf-8")
