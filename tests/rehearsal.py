"""A home to rehearse in: its own folder, its own sandbox, the real pipeline run in this process.

Belongs here: making such a home, running it, and seeing what a step did at the provider. Does not: people and stories
(end_to_end/), facts (the tests).

Nothing is imitated but the outside world: the CRM is a real SQLite file, the provider a real server on loopback.
"""

import contextlib
import io
import json
import os
import shutil
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from pipelines.config import Home, load_home
from pipelines.errors import EnlistError
from pipelines.sandbox.mailchimp.simulator import Mailchimp
from pipelines.sandbox.samples.auditcase import write_auditcase
from pipelines.sandbox.server import PORT, Sandbox

REPO = Path(__file__).resolve().parents[1]
SYNC = "auditcase_mailchimp"
PLANNING = ("extract", "check", "stage", "map", "plan")
PUSHING = (*PLANNING, "push")
VARIABLES = ("ENLIST_HOME", "ENLIST_NOW", "ENLIST_WAREHOUSE", "DAGSTER_HOME")

Document = dict[str, Any]


@dataclass(frozen=True)
class Done:
    """How a command ended: its exit code and both streams."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Document:
        """The one JSON object on stdout; anything beside it is an error."""
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found


@dataclass(frozen=True)
class Step:
    """What one step of a story did: its result or error, and the provider afterwards."""

    result: Any
    error: EnlistError | None
    members: Mapping[str, Document]
    calls: Mapping[str, int]
    history: Sequence[Document]

    @property
    def writes(self) -> dict[str, int]:
        """Calls that could change something, by verb and route."""
        return {call: count for call, count in self.calls.items() if not call.startswith("GET ")}

    def statuses(self) -> Counter[str]:
        """How many members have which status."""
        return Counter(member["status"] for member in self.members.values())


class Rehearsal:
    """A home and the sandbox that its connections name."""

    def __init__(self, root: Path, sandbox: Sandbox) -> None:
        self.root = root
        self.sandbox = sandbox
        self._runner: Any = None

    @property
    def crm(self) -> Path:
        return self.root / "crm" / "auditcase.db"

    @property
    def mailchimp(self) -> Mailchimp:
        return self.sandbox.mailchimp

    @property
    def list_id(self) -> str:
        return self.mailchimp.list_id

    def home(self) -> Home:
        return load_home(self.root, environ={}, check=False)

    def run(
        self, stages: Sequence[str] | None = None, push: Mapping[str, Any] | None = None, line: Any = "members"
    ) -> str:
        """Run the sync's job, or only some stages of it, as the commands do; returns the run id."""
        from pipelines.cli.running import Runner

        with running():
            self._runner = self._runner or Runner(self.home())
            run_id: str = self._runner.run(SYNC, line, stages=stages, push=push)
            return run_id

    def enlist(self, *arguments: str, stdin: str = "") -> Done:
        """Run one command line in this process, on this home unless the arguments name another."""
        from pipelines.cli.app import main

        home = [] if "--home" in arguments else ["--home", str(self.root)]
        out, err = io.StringIO(), io.StringIO()
        with (
            running(),
            mock.patch.object(sys, "argv", ["enlist", *arguments, *home]),
            mock.patch.object(sys, "stdin", io.StringIO(stdin)),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code: Any = None
            try:
                main()
            except SystemExit as left:
                code = left.code
        return Done(code, out.getvalue(), err.getvalue())

    def step(self, act: Callable[[], Any]) -> Step:
        """Do something and record what it did at the provider."""
        before: Counter[str] = Counter(self.mailchimp.stats()["calls"])
        seq = self.seq()
        result, error = None, None
        try:
            result = act()
        except EnlistError as caught:
            error = caught
        calls: Counter[str] = Counter(self.mailchimp.stats()["calls"])
        calls.subtract(before)
        return Step(result, error, self.members(), +calls, self.mailchimp.history(after=seq))

    def seq(self) -> int:
        """The number of the last change at the provider."""
        return max((entry["seq"] for entry in self.mailchimp.history()), default=0)

    def members(self) -> dict[str, Document]:
        """All members as the provider has them now, by address in lower case, without links."""
        return {member["email_address"].lower(): member for member in self.mailchimp.members(self.list_id)}

    def member(self, email: str) -> Document | None:
        return self.members().get(email.lower())

    def act(self, email: str, act: str, **options: Any) -> None:
        """Let a person or a marketer do something at the provider by hand."""
        self.mailchimp.act(self.list_id, email, act, **options)

    def query(self, sql: str, parameters: object = None) -> list[Document]:
        """Rows of the warehouse."""
        from pipelines.warehouse import Warehouse, rows

        with Warehouse(self.home()).open() as connection:
            return rows(connection, sql, parameters)

    def plan(self) -> Any:
        """The sync's newest plan."""
        from pipelines.sync.plans import latest
        from pipelines.warehouse import Warehouse

        with Warehouse(self.home()).open() as connection:
            return latest(connection, SYNC)

    def changes(self) -> list[Document]:
        """The rows of the newest plan, before and after read."""
        rows = self.query("select * from plan.changes where plan_id = ? order by seq", [self.plan().plan_id])
        read = {"before", "after"}
        return [
            {key: json.loads(value) if key in read and value else value for key, value in row.items()} for row in rows
        ]

    def holds(self) -> dict[str, set[str]]:
        """Who is held now: reasons by email_key."""
        found: dict[str, set[str]] = {}
        for row in self.query("select email_key, reason from plan.holds where sync = ?", [SYNC]):
            found.setdefault(row["email_key"], set()).add(row["reason"])
        return found

    def outcomes(self, plan_id: str) -> dict[str, set[str]]:
        """What became of a plan's changes in the end: email_keys by outcome."""
        found: dict[str, set[str]] = {}
        query = """
            select email_key, outcome from ledger.pushes where plan_id = ?
            qualify row_number() over (partition by change_id order by happened_at desc, run_id, seq desc) = 1
        """
        for row in self.query(query, [plan_id]):
            found.setdefault(row["outcome"], set()).add(row["email_key"])
        return found

    def tree(self) -> dict[str, tuple[int, int]]:
        """Every file that counts, with size and time: what a refused command must leave as it was."""
        passing = (".locks", "dagster_home", "logs", "sandbox")
        files = (path for path in self.root.rglob("*") if path.is_file())
        return {
            str(path.relative_to(self.root)): (path.stat().st_size, path.stat().st_mtime_ns)
            for path in files
            if path.relative_to(self.root).parts[0] not in passing
        }

    def places_of(self, *texts: str) -> set[str]:
        """Files and tables of the home that hold one of these texts; not what its owner or a simulator wrote."""
        written = {self.root / "connections.yaml", *(self.root / "sandbox").rglob("*")}
        files = [path for path in self.root.rglob("*") if path.is_file() and path not in written]
        assert len(files) > 20
        found = {
            str(path.relative_to(self.root))
            for path in files
            if any(text.encode() in path.read_bytes() for text in texts)
        }
        tables = self.query("select schema_name || '.' || table_name as name from duckdb_tables()")
        assert len(tables) > 20
        asked = " union all ".join(
            f"select '{row['name']}' as name from {row['name']} as line where list_bool_or(list_transform($texts, "
            "lambda text: contains(line::text, text)))"
            for row in tables
        )
        return found | {
            row["name"] for row in self.query(f"select distinct name from ({asked})", {"texts": list(texts)})
        }

    def copy(self, root: Path) -> "Rehearsal":
        """Another home that is as this one is now, on the same sandbox; its runs begin anew."""
        shutil.copytree(self.root, root, ignore=shutil.ignore_patterns("sandbox", ".locks", "dagster_home"))
        (root / "dagster_home").mkdir()
        shutil.copy(self.root / "dagster_home" / "dagster.yaml", root / "dagster_home")
        return Rehearsal(root, self.sandbox)

    def rewrite(self, file: str, old: str, new: str) -> None:
        """Change a file of the home; the old text must be there."""
        path = self.root / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")


def make_home(root: Path, people: int) -> Path:
    """The repository's own samples in another folder, with a sample CRM of that many people."""
    for file in ("connections.yaml", "syncs/auditcase_mailchimp.yaml", "dagster_home/dagster.yaml"):
        target = root / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPO / "data" / file, target)
    write_auditcase(root / "crm" / "auditcase.db", people=people)
    return root


@contextlib.contextmanager
def rehearsing(root: Path, people: int = 300) -> Iterator[Rehearsal]:
    """A home with a sandbox on a free port; small batches, so that a push has borders."""
    make_home(root, people)
    with Sandbox(root / "sandbox", port=0) as sandbox:
        rehearsal = Rehearsal(root, sandbox)
        rehearsal.rewrite("connections.yaml", f"http://127.0.0.1:{PORT}", sandbox.url)
        rehearsal.rewrite("connections.yaml", "-us1\n", "-us1\n    batch_size: 60\n")
        yield rehearsal


@contextlib.contextmanager
def environment() -> Iterator[None]:
    """The environment as a stranger has it, and as it was afterwards: running sets variables for what it starts."""
    before = dict(os.environ)
    for name in VARIABLES:
        os.environ.pop(name, None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def running() -> Iterator[None]:
    """That environment, and nothing said of two habits of dbt's, where every warning is an error."""
    with environment(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "sqlglotrs is deprecated", DeprecationWarning)
        warnings.filterwarnings("ignore", r"unclosed file .*dbt\.log", ResourceWarning)
        yield
