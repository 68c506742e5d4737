"""What a command says: tables for people, one JSON object for programs, progress on the error stream.

Belongs here: drawing and masking. Does not: computing what is drawn.
"""

import json
import logging
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from pipelines import progress
from pipelines.errors import EnlistError

ADDRESS = re.compile(r"[^\s\"'<>,;:{}\[\]()]+@[^\s\"'<>,;:{}\[\]()]+")
NO_TERMINAL = 140
STAGES = {
    "extract": "extracting",
    "check": "checking",
    "stage to plan": "mapping and planning",
    "plan": "freezing the plan",
    "push": "pushing",
    "stats": "reading statistics",
    "write-back": "writing to the CRM",
    "marts": "building marts",
    "publish": "publishing",
}


class Output:
    """One command's output; `is_json` mutes everything but the final object."""

    def __init__(self, *, is_json: bool, reveal: bool = False) -> None:
        self.is_json = is_json
        self.reveal = reveal
        self._console = _console(quiet=is_json)
        self._errors = _console(quiet=is_json, stderr=True)

    def say(self, line: str = "") -> None:
        """A line for people; Rich's markup is understood."""
        self._console.print(line)

    def table(self, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> None:
        """Rows as a table; `columns` maps keys to headings. Numbers stand right."""
        table = Table(header_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for key, heading in columns.items():
            is_number = bool(rows) and all(isinstance(row.get(key), int | float) for row in rows)
            table.add_column(heading, justify="right" if is_number else "left", overflow="fold")
        for row in rows:
            table.add_row(*(self.shown(row.get(key)) for key in columns))
        self._console.print(table)

    def shown(self, value: Any) -> str:
        """A value as people read it, addresses masked."""
        if value is None:
            return "-"
        if isinstance(value, datetime):
            return f"{value:%Y-%m-%d %H:%M}"
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, int):
            return f"{value:,}"
        text = self.masked(str(value))
        return text.replace("[", "\\[")

    def masked(self, text: str) -> str:
        """The text with every address in it masked, unless --reveal."""
        return text if self.reveal else ADDRESS.sub(lambda found: mask(found.group()), text)

    def finish(self, result: Any, *, exit_code: int = 0) -> int:
        """The JSON object of a command that ended as it should; returns its exit code."""
        if self.is_json:
            self._write({"ok": exit_code == 0, "exit_code": exit_code, "result": self._plain(result), "error": None})
        return exit_code

    def fail(self, error: EnlistError, result: Any = None) -> int:
        """One sentence on the error stream, or the JSON object of an error; returns the exit code.

        `result` is what was done before it, where that is worth telling.
        """
        what, where, do = (self.masked(part) for part in (error.what, error.where, error.do))
        if self.is_json:
            problem = {"what": what, "where": where, "do": do}
            self._write({"ok": False, "exit_code": error.exit_code, "result": self._plain(result), "error": problem})
        else:
            place = f"[bold]{escape(where)}:[/bold] " if where else ""
            self._errors.print(f"[red]✗[/red] {place}{escape(what)}")
            if do:
                self._errors.print(f"  [dim]→[/dim] {escape(do)}")
        return error.exit_code

    @contextmanager
    def progress(self) -> Iterator[None]:
        """Show the progress of the pipeline while the block runs."""
        columns = (
            *(SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn()),
            *(TimeElapsedColumn(), TimeRemainingColumn()),
        )
        if self.is_json or not self._errors.is_terminal:
            yield
            return
        with Progress(*columns, console=self._errors, transient=True) as bar, progress.shown_by(_Bar(bar)):
            yield

    @contextmanager
    def warnings(self) -> Iterator[None]:
        """Show what the pipeline warns of while the block runs, a line each; logs that Dagster keeps get it as well."""
        handler = _Lines(self)
        logger = logging.getLogger("pipelines")
        logger.addHandler(handler)
        try:
            yield
        finally:
            logger.removeHandler(handler)

    def warn(self, line: str) -> None:
        """A line of plain text for people, on the error stream."""
        self._errors.print(f"[yellow]![/yellow] {escape(self.masked(line))}")

    def _plain(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {str(key): self._plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._plain(item) for item in value]
        if isinstance(value, datetime | date):
            return value.isoformat()
        return self.masked(value) if isinstance(value, str) else value

    def _write(self, document: Mapping[str, Any]) -> None:
        sys.stdout.write(json.dumps(document, ensure_ascii=False, default=str) + "\n")


class _Lines(logging.Handler):
    """Hands on warnings, which Python would else write as they are where nobody takes them."""

    def __init__(self, output: Output) -> None:
        super().__init__(logging.WARNING)
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        self._output.warn(record.getMessage())


class _Bar:
    """Shows stages and counts as one line of a Rich progress bar."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("starting", total=None)
        self._where = ""

    def stage(self, sync: str, stage: str) -> None:
        self._where = f"{sync}: {STAGES.get(stage, stage)}"
        self._bar.reset(self._task, total=None, description=self._where)

    def advance(self, what: str, done: int, total: int | None) -> None:
        self._bar.update(self._task, completed=done, total=total, description=f"{self._where}, {what}")


def _console(*, quiet: bool, stderr: bool = False) -> Console:
    """A console as wide as the terminal; a pipe or a log has no width, so it gets one that tables fit in."""
    console = Console(quiet=quiet, stderr=stderr, highlight=False)
    return console if console.is_terminal else Console(quiet=quiet, stderr=stderr, highlight=False, width=NO_TERMINAL)


def mask(address: str) -> str:
    """An address that its owner would recognise and nobody else: jan@bakker.example is j…@b….example."""
    local, _, domain = address.rpartition("@")
    name, dot, top = domain.rpartition(".")
    return f"{local[:1]}…@{name[:1]}…{dot}{top}" if dot else f"{local[:1]}…@{domain[:1]}…"


def command() -> str:
    """How to type `enlist` here: its path where it is not on the PATH, as in a fresh clone."""
    ours = Path(sys.executable).with_name("enlist")
    found = shutil.which("enlist")
    if found and Path(found).resolve() == ours.resolve():
        return "enlist"
    return str(ours.relative_to(Path.cwd())) if ours.is_relative_to(Path.cwd()) else str(ours)


def escape(text: str) -> str:
    """Text that Rich takes literally."""
    return text.replace("[", "\\[")
