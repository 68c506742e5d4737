"""Rows of a plan: as a table, in a few words each, as a file.

Belongs here: drawing changes. Does not: reading them (sync/plans.py), whole plans (planning.py).
"""

import csv as csv_module
import json as json_module
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.cli.output import Output
from pipelines.errors import ConfigError
from pipelines.reports.formulas import harmless


def show_rows(output: Output, rows: Sequence[Mapping[str, Any]], most: int = 50) -> None:
    """The first rows as a table."""
    shown = [{**row, "change": difference(row)} for row in rows[:most]]
    columns = {
        "op": "op",
        "reason": "reason",
        "email": "address",
        "entity": "entity",
        "contact_key": "key",
        "owner": "owner",
        "change": "before → after",
    }
    output.table(shown, columns)
    if len(rows) > most:
        output.say(f"... and {len(rows) - most:,} more. All of them: --csv FILE, or --op and --reason to choose.")


def difference(row: Mapping[str, Any]) -> str:
    """What a row changes, in a few words: only the parts that differ."""
    found = parsed(row)
    before, after = found["before"] or {}, found["after"] or {}
    parts = []
    for name in ("tags", "groups") if row["op"] != "rename" else ():
        was, now = before.get(name, []), after.get(name, [])
        parts += [f"+{label}" for label in now if label not in was] if name in after else []
        parts += [f"-{label}" for label in was if label not in now] if name in after else []
    fields = after.get("fields", {})
    was_fields = before.get("fields", {})
    for name, value in fields.items():
        was = was_fields.get(name, "")
        if value != was:
            parts.append(
                f"{name}: {was or '(empty)'} → {value or '(empty)'}" if before.get("fields") else f"{name}: {value}"
            )
    for name in ("status", "email"):
        if name in after and before.get(name) != after[name]:
            parts.append(f"{before[name]} → {after[name]}" if before.get(name) else str(after[name]))
    return ", ".join(parts) or "the same values, to be ours from now on"


def parsed(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with `before` and `after` read, where they are still text."""
    texts = {name: row[name] for name in ("before", "after") if isinstance(row[name], str)}
    return {**row, **{name: json_module.loads(text) for name, text in texts.items()}}


def write_csv(output: Output, path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the rows to a file, masked as on the screen; `ConfigError` where that can't be done."""
    names = ("change_id", "op", "reason", "email", "entity", "contact_key", "owner", "before", "after")
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv_module.writer(file)
            writer.writerow(names)
            writer.writerows([_cell(output, row[name]) for name in names] for row in rows)
    except OSError as error:
        do = "Name a file in a folder where you may write."
        raise ConfigError(f"it can't be written ({error.strerror}).", where=str(path), do=do) from error


def _cell(output: Output, value: Any) -> str:
    """Text that no spreadsheet takes for a formula."""
    return harmless(output.masked("" if value is None else str(value)))
