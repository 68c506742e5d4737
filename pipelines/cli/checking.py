"""`enlist check`: whether the home, the accounts and the mappings will do, before anything is planned.

Belongs here: the command, and showing findings. Does not: finding them (sync/doctor/).
"""

from typing import TYPE_CHECKING

from pipelines.cli.options import AnySyncArgument, HomeOption, JsonOption
from pipelines.cli.output import Output, escape
from pipelines.config import find_root, load_home

if TYPE_CHECKING:
    from pipelines.sync.doctor import Finding


def check(sync: AnySyncArgument = None, home: HomeOption = None, json: JsonOption = False) -> int:
    """Try the configuration, the credentials and rights, the mapping, and look at what is in the account already.

    Findings (!) are for somebody to mend, and make exit code 1. What is marked i can't be undone, or is easily
    regretted: know it before the first push. Nothing is changed.
    """
    from pipelines.sync.doctor import examine

    output = Output(is_json=json)
    loaded = load_home(find_root(home))
    chosen = [loaded.sync(sync)] if sync else list(loaded.syncs.values())
    told: dict[str, list[dict[str, object]]] = {"findings": [], "warnings": [], "notes": []}
    for one in chosen:
        found = examine(loaded, one)
        told["findings"] += [_row(one.sync, "finding", finding) for finding in found.findings]
        told["warnings"] += [_row(one.sync, "warning", warning) for warning in found.warnings]
        told["notes"] += [{"sync": one.sync, "note": note} for note in found.notes]
        output.say(f"[bold]{one.sync}[/bold]")
        for note in found.notes:
            output.say(f"  [green]✓[/green] {escape(note)}")
        for warning in found.warnings:
            _say(output, "[cyan]i[/cyan]", warning)
        for finding in found.findings:
            _say(output, "[yellow]![/yellow]", finding)
    return output.finish(told, exit_code=1 if told["findings"] else 0)


def _row(sync: str, name: str, finding: "Finding") -> dict[str, object]:
    return {
        "sync": sync,
        name: finding.what,
        "do": finding.do,
        "where": finding.where or None,
        "records": finding.records,
        "examples": list(finding.examples),
    }


def _say(output: Output, mark: str, finding: "Finding") -> None:
    place = f" [dim]({escape(finding.where)})[/dim]" if finding.where else ""
    output.say(f"  {mark} {escape(finding.what)}{place}")
    if finding.examples:
        more = (finding.records or 0) > len(finding.examples)
        output.say(f"    [dim]such as {escape(', '.join(finding.examples))}{' ...' if more else ''}[/dim]")
    output.say(f"    [dim]→[/dim] {escape(finding.do)}")
