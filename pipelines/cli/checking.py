"""`enlist check`: whether the home, the accounts and the mappings will do, before anything is planned.

Belongs here: the command, and showing findings. Does not: finding them (sync/doctor.py).
"""

from pipelines.cli.options import AnySyncArgument, HomeOption, JsonOption
from pipelines.cli.output import Output, escape
from pipelines.config import find_root, load_home


def check(sync: AnySyncArgument = None, home: HomeOption = None, json: JsonOption = False) -> int:
    """Try the configuration, the credentials and rights, the mapping, and look at what is in the account already.

    Exit code 1 when something was found that somebody should look at; nothing is changed.
    """
    from pipelines.sync.doctor import examine

    output = Output(is_json=json)
    loaded = load_home(find_root(home))
    chosen = [loaded.sync(sync)] if sync else list(loaded.syncs.values())
    findings, notes = [], []
    for one in chosen:
        found = examine(loaded, one)
        findings += [{"sync": one.sync, "finding": finding.what, "do": finding.do} for finding in found.findings]
        notes += [{"sync": one.sync, "note": note} for note in found.notes]
        output.say(f"[bold]{one.sync}[/bold]")
        for note in found.notes:
            output.say(f"  [green]✓[/green] {escape(note)}")
        for finding in found.findings:
            output.say(f"  [yellow]![/yellow] {escape(finding.what)}")
            output.say(f"    [dim]→[/dim] {escape(finding.do)}")
    return output.finish({"findings": findings, "notes": notes}, exit_code=1 if findings else 0)
