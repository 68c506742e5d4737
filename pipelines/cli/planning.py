"""`enlist plan`: what would happen, before it happens.

Belongs here: the command, and how a plan is shown. Does not: planning (the pipeline).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipelines.cli.options import HomeOption, JsonOption, SyncArgument
from pipelines.cli.output import Output, command, counted, escape
from pipelines.config import Home, find_root, load_home

if TYPE_CHECKING:
    from pipelines.sync.plans import Plan

FATES = {
    "applied": "[green]✓[/green] It was applied.",
    "superseded": "A newer plan took its place: it will not be pushed.",
    "expired": "It is stale: it will not be pushed.",
}
PLANNING = ("extract", "check", "stage", "map", "plan")


def plan(sync: SyncArgument, home: HomeOption = None, json: JsonOption = False) -> int:
    """Read both sides and say what a push would do: counts by op and reason, and whether it is safe.

    Nothing is sent. Exit code 3 when the plan breaks a safety rule that nobody accepted.
    """
    from pipelines.cli.running import Runner

    output = Output(is_json=json)
    loaded = load_home(find_root(home))
    loaded.sync(sync)
    with output.progress():
        Runner(loaded).run(sync, "members", stages=PLANNING)
    made = latest_plan(loaded, sync)
    show_plan(output, made)
    return output.finish(described(made), exit_code=3 if made.stopped_by else 0)


def latest_plan(home: Home, sync: str) -> "Plan":
    """The plan that was just made."""
    from pipelines.sync.plans import latest
    from pipelines.warehouse import Warehouse

    with Warehouse(home).open() as connection:
        found = latest(connection, sync)
    if found is None:
        raise AssertionError(f"planning {sync} left no plan")
    return found


def described(made: "Plan") -> dict[str, Any]:
    """A plan as the JSON result of a command, keyed as plan.plans."""
    return {
        **{
            name: getattr(made, name)
            for name in ("plan_id", "sync", "created_at", "status", "safe", "calls", "seconds")
        },
        **{name: getattr(made, name) for name in ("managed_count", "wanted_count", "stranger_count")},
        "changes": made.size,
        "creates": list(made.creates),
        "counts": list(made.counts),
        "holds": list(made.hold_counts),
        "broken_rules": [{"rule": rule.rule, "sentence": rule.sentence} for rule in made.broken_rules],
        "accepted": list(made.accepted),
    }


def show_plan(output: Output, made: "Plan", *, with_verdict: bool = True) -> None:
    """A plan for people: what and why; with its verdict also whether it is safe and what to type next."""
    if made.size == 0:
        output.say(f"[green]✓[/green] {made.sync}: zero changes, {counted(made.wanted_count, 'member')} wanted.")
    else:
        members = counted(made.wanted_count, "member")
        output.say(f"[bold]{made.sync}[/bold]: {counted(made.size, 'change')}, {members} wanted")
        output.table(made.counts, {"op": "op", "reason": "reason", "count": "changes"})
    for one in made.creates:
        output.say(f"{one['what'].capitalize()} {escape(one['name'])} is made first.")
    _show_holds(output, made.hold_counts)
    if made.stranger_count:
        output.say(f"Not ours and left alone: {counted(made.stranger_count, 'member')} of the audience.")
    if with_verdict and made.size:
        _show_verdict(output, made)


def _show_holds(output: Output, holds: Sequence[Mapping[str, Any]]) -> None:
    """Who is held back, by reason, in one line."""
    if holds:
        parts = ", ".join(f"{hold['count']:,} {hold['reason']}" for hold in holds)
        output.say(f"Held back: {parts}.")


def _show_verdict(output: Output, made: "Plan") -> None:
    if made.status in FATES:
        output.say(FATES[made.status])
        return
    output.say(f"It takes about {counted(made.calls, 'call')} and {_duration(made.seconds)}.")
    if made.stopped_by:
        for rule in made.stopped_by:
            output.say(f"[yellow]![/yellow] [bold]{rule.rule}[/bold] {escape(rule.sentence)}")
        flags = " ".join(f"--accept {rule.rule}" for rule in made.stopped_by if rule.acceptable)
        output.say(f"  Look: {command()} show {made.plan_id}")
        if all(rule.acceptable for rule in made.stopped_by):
            output.say(f"  Push: {_push(made)} {flags}")
    else:
        output.say(f"[green]✓[/green] Safe. Push it with: {_push(made)}")


def _push(made: "Plan") -> str:
    """What to type; an undo is named, so that a plan which a schedule makes meanwhile is never taken for it."""
    return f"{command()} push {made.sync}" + (f" --plan {made.plan_id}" if made.is_undo else "")


def _duration(seconds: float) -> str:
    return counted(round(seconds), "second") if seconds < 90 else counted(round(seconds / 60), "minute")
