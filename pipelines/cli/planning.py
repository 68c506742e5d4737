"""`enlist plan`: what would happen, before it happens.

Belongs here: the command, and how a plan is shown. Does not: planning (the pipeline).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipelines.cli.options import HomeOption, JsonOption, SyncArgument
from pipelines.cli.output import Output, command, escape
from pipelines.config import Home, find_root, load_home
from pipelines.words import counted

if TYPE_CHECKING:
    from pipelines.sync.plans import Plan

FATES = {
    "applied": "[green]✓[/green] It was applied.",
    "superseded": "A newer plan took its place: it will not be pushed.",
    "expired": "It is stale: it will not be pushed. Make a new one: {again}",
}
STANDINGS = {
    "ours": "managed by this sync already",
    "adopted": "the CRM wants them: ours from now on",
    "held": "the CRM wants them, but they are out: held",
    "not_wanted": "in the CRM, but not wanted: left alone",
    "not_in_crm": "not in the CRM: left alone",
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
        **{name: getattr(made, name) for name in ("managed_count", "wanted_count", "stranger_count", "parked_count")},
        "groups": list(made.groups),
        "standing": list(made.standing),
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
    _show_creates(output, made.creates)
    if made.groups:
        columns = {"members": "members now", "joining": "joining", "leaving": "leaving"}
        output.table(made.groups, {"group": "group", **columns})
    _show_holds(output, made.hold_counts)
    if any(rule.rule == "first_run" for rule in made.broken_rules):
        _show_standing(output, made.standing)
    elif made.stranger_count:
        output.say(f"Not ours and left alone: {counted(made.stranger_count, 'member')} of the audience.")
    if made.parked_count:
        output.say(
            f"Parked: {counted(made.parked_count, 'member')}, still subscribed at the provider; "
            "leave their group out of every campaign."
        )
    if with_verdict and made.size:
        _show_verdict(output, made)


def _show_creates(output: Output, creates: Sequence[Mapping[str, str]]) -> None:
    """What the push makes at the provider before it sends anything."""
    for what in dict.fromkeys(one["what"] for one in creates):
        names = [
            f"{one['category']}: {one['name']}" if one.get("category") else one["name"]
            for one in creates
            if one["what"] == what
        ]
        output.say(f"Made first: {counted(len(names), what)} ({escape(', '.join(names))}).")


def _show_standing(output: Output, standing: Sequence[Mapping[str, Any]]) -> None:
    """Who is in the audience before the first push, and what becomes of them (A6)."""
    if not standing:
        output.say("The audience is empty.")
        return
    output.say("Already in the audience:")
    told = [{**row, "fate": STANDINGS[row["standing"]]} for row in standing]
    output.table(told, {"status": "status", "members": "members", "fate": "what the sync makes of them"})


def _show_holds(output: Output, holds: Sequence[Mapping[str, Any]]) -> None:
    """Who is held back, by reason, in one line."""
    if holds:
        parts = ", ".join(f"{hold['count']:,} {hold['reason']}" for hold in holds)
        output.say(f"Held back: {parts}.")


def _show_verdict(output: Output, made: "Plan") -> None:
    if made.status in FATES:
        output.say(FATES[made.status].format(again=again(made)))
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


def again(made: "Plan") -> str:
    """What to type for a new plan in the place of one that expired."""
    return f"{command()} undo RUN" if made.is_undo else f"{command()} plan {made.sync}"


def _push(made: "Plan") -> str:
    """What to type; an undo is named, so that a plan which a schedule makes meanwhile is never taken for it."""
    return f"{command()} push {made.sync}" + (f" --plan {made.plan_id}" if made.is_undo else "")


def _duration(seconds: float) -> str:
    return counted(round(seconds), "second") if seconds < 90 else counted(round(seconds / 60), "minute")
