"""A home with one of the sample syncs, its CRM filled, and a sandbox whose clock can be moved along with the home's.

Belongs here: making it, its days, what its plans say. Does not: the samples (sandbox/samples/), facts (the tests).
"""

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal import PUSHING, REPO, Document, Rehearsal, running

from pipelines import clock
from pipelines.errors import EnlistError
from pipelines.sandbox.samples.preparing import fill_iteras, fill_mailup, fill_vtiger, write_exports
from pipelines.sandbox.server import PORT, Sandbox

BY = "anna"
DAY = 24 * 3600


@dataclass(frozen=True)
class Day:
    """What one run did: its error, the changes it planned, and who was held."""

    error: EnlistError | None
    plan: Document
    changes: list[Document]
    holds: dict[str, set[str]]

    def told(self, email: str) -> set[tuple[str, str]]:
        """Ops and reasons of the changes for one address."""
        return {(row["op"], row["reason"]) for row in self.changes if row["email_key"] == email.lower()}


class Sample(Rehearsal):
    """A home that has one sample sync and nothing else."""

    def __init__(self, root: Path, sandbox: Sandbox, sync: str) -> None:
        super().__init__(root, sandbox)
        self.sync = sync
        self._days = 0

    def rewrite(self, file: str, old: str, new: str) -> None:
        super().rewrite(file, old, new)
        self._runner = None  # it has the home as it was

    def later(self, days: int) -> None:
        """Some days pass, here and at the provider."""
        self._days += days
        self.sandbox.clock.advance(days * DAY)

    def day(self, *accept: str) -> Day:
        """One run of the sync, as its schedule makes it; somebody looked and accepts what is named."""
        from pipelines.cli.running import Runner

        error = None
        with running():
            if self._days:
                os.environ[clock.VARIABLE] = clock.text(self.sandbox.clock())
            self._runner = self._runner or Runner(self.home())
            try:
                self._runner.run(self.sync, "members", stages=PUSHING, push={"by": BY, "accept": list(accept)})
            except EnlistError as caught:
                error = caught
        plans = self.query("select * from plan.plans where sync = ? order by created_at desc limit 1", [self.sync])
        plan = plans[0] if plans else {}
        return Day(error, plan, self.changes() if plan else [], self.holds())

    def command(self, *arguments: str) -> Document:
        """One command line with --json: its document, exit code included."""
        return self.enlist(*arguments, "--json").document

    def plan(self) -> Any:
        from pipelines.sync.plans import latest
        from pipelines.warehouse import Warehouse

        with Warehouse(self.home()).open() as connection:
            return latest(connection, self.sync)

    def holds(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for row in self.query("select email_key, reason from plan.holds where sync = ?", [self.sync]):
            found.setdefault(row["email_key"], set()).add(row["reason"])
        return found

    def recipients(self, list_id: int) -> dict[str, Document]:
        """Everybody in a list of MailUp's, by address in lower case."""
        return {person["email"].lower(): person for person in self.sandbox.mailup.recipients(list_id)}

    def texts(self) -> str:
        """Everything that the ledger says, as one text."""
        files = (path for path in (self.root / "ledger").rglob("*") if path.is_file())
        return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in files)


@contextlib.contextmanager
def sampling(root: Path, sync: str, rewrites: Mapping[str, str] | None = None) -> Iterator[Sample]:
    """The repository's own sync in a home of its own, on a sandbox at a free port.

    `rewrites` are texts of the sync or of connections.yaml and what stands there instead.
    """
    for file in ("connections.yaml", f"syncs/{sync}.yaml", "dagster_home/dagster.yaml"):
        target = root / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPO / "data" / file, target)
    with Sandbox(root / "sandbox", port=0) as sandbox:
        sample = Sample(root, sandbox, sync)
        sample.rewrite("connections.yaml", f"http://127.0.0.1:{PORT}", sandbox.url)
        for old, new in (rewrites or {}).items():
            in_sync = old in (root / f"syncs/{sync}.yaml").read_text(encoding="utf-8")
            sample.rewrite(f"syncs/{sync}.yaml" if in_sync else "connections.yaml", old, new)
        match sync.partition("_")[0]:
            case "iteras":
                fill_iteras(sandbox.url, sandbox.clock().date(), people=120)
            case "vtiger":
                fill_vtiger(sandbox.url, people=160)
            case _:
                write_exports(root)
        if sync.endswith("mailup"):
            # Neither side waits: how both keep MailUp's limits is told elsewhere.
            sandbox.mailup.turn(calls_per_second=0, import_seconds=0)
            sample.rewrite("connections.yaml", "import_poll: 1s", "import_poll: 1s\n    rate_per_second: null")
            fill_mailup(sandbox.url)
        yield sample
