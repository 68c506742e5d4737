"""`enlist undo`: a plan that takes back what a run changed.

Belongs here: the command, and saying what can't come back. Does not: finding out (sync/undoing.py), sending the plan
(`enlist push`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines import locks
from pipelines.cli.options import HomeOption, JsonOption, RevealOption
from pipelines.cli.output import Output, command, escape
from pipelines.cli.planning import described, show_plan
from pipelines.config import Home, SyncConfig, find_root, load_home
from pipelines.errors import ConfigError
from pipelines.words import counted

if TYPE_CHECKING:
    from pipelines.sync.undoing import Undoing

READING = ("extract", "check", "stage", "map", "plan")
# The CRM is not read again: it may be what is broken. Its last extract says who objects.
LEFT_OUT = ("suite", "frozen")
MOST = 20


def undo(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN", help="Id of a push, or its beginning, as `enlist plans` shows it.", show_default=False
        ),
    ],
    reveal: RevealOption = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> int:
    """Make a plan that restores what a push changed, and say what can't come back. Nothing is sent yet.

    Exit code 3 when the plan breaks a safety rule that nobody accepted.
    """
    output = Output(is_json=json, reveal=reveal)
    loaded = load_home(find_root(home))
    found = _find(loaded, run)
    sync = _sync_of(loaded, found)
    _read_again(loaded, sync, output)
    undone = _undo(loaded, sync, str(found["run_id"]))
    counts = undone.counts
    output.say(f"Run {found['run_id']} of {sync.sync}, {output.shown(found['started_at'])} UTC")
    if undone.plan is None:
        output.say("[green]✓[/green] Nothing is left of it that could be taken back.")
    else:
        show_plan(output, undone.plan)
    _show_kept(output, undone, counts)
    if undone.plan is not None:
        output.say("[yellow]![/yellow] The next plan changes it back again, unless the CRM or the sync file is mended.")
    result = {
        **{"run_id": found["run_id"], "sync": sync.sync, "plan": described(undone.plan) if undone.plan else None},
        **{"kept_counts": counts, "kept": list(undone.kept)},
    }
    return output.finish(result, exit_code=3 if undone.plan and undone.plan.stopped_by else 0)


def _find(home: Home, run: str) -> dict[str, Any]:
    from pipelines.ledger import load
    from pipelines.sync.undoing import find_run

    with load.opened(home) as connection:
        return find_run(connection, run)


def _sync_of(home: Home, found: dict[str, Any]) -> SyncConfig:
    name = str(found["sync"])
    if name not in home.syncs:
        raise ConfigError(
            f"the run belongs to the sync {name}, which this home has no more.",
            where=f"syncs/{name}.yaml",
            do="Put its file back first: undo goes where the sync goes.",
        )
    return home.sync(name)


def _read_again(home: Home, sync: SyncConfig, output: Output) -> None:
    """Read the audience as it is now, and draw the sides up to what the plan compares."""
    from pipelines.cli.running import Runner

    def chosen(path: Sequence[str]) -> bool:
        return path[0] == sync.sync and path[-1] not in LEFT_OUT

    with output.progress():
        Runner(home).run(sync.sync, "members", stages=READING, chosen=chosen)


def _undo(home: Home, sync: SyncConfig, run_id: str) -> "Undoing":
    from pipelines.ledger import load
    from pipelines.providers import traits_of
    from pipelines.sync.undoing import undo as make
    from pipelines.warehouse import Warehouse

    traits = traits_of(sync.to.connection, home.connection(sync.to.connection))
    with locks.run_of(home.locks, sync.sync), Warehouse(home).transaction() as connection:
        load.load(connection, home.ledger)
        return make(connection, home, sync, traits, run_id)


def _show_kept(output: Output, undone: "Undoing", counts: Sequence[dict[str, Any]]) -> None:
    if not counts:
        return
    output.say()
    output.say(f"[bold]What can't come back[/bold]: {counted(len(undone.kept), 'member')}")
    for row in counts:
        output.say(f"  {row['count']:,} {escape(row['code'])}: {escape(row['because'])}.")
    shown = [row for row in undone.kept if row["code"] != "adopted"][:MOST]
    if shown:
        columns = {"code": "why", "email": "address", "entity": "entity", "contact_key": "key", "owner": "owner"}
        output.table(shown, columns)
    if len(undone.kept) > len(shown):
        output.say(f"All of them: {command()} undo RUN --json")
