"""dbt, run inside this process: the manifest, and building models into the home's warehouse.

Belongs here: calling dbt and telling what became of each node. Does not: models (dbt_project/), Dagster (defs/).

In this process a build costs 2 s where a process of its own costs 6 s, most of it start-up (measured), which
counts as part of a run. dbt keeps DuckDB open when it is done, so it is made to let go.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pipelines.config import Home
from pipelines.errors import ConfigError, EnlistError
from pipelines.paths import DBT_PROJECT
from pipelines.warehouse import Warehouse, memory_limit

CRM_REMEDY = "The rows are in the CRM: two records with one key, or a key that is empty."
CHECK_REMEDY = "Run stage 2 (check) again, then the stages after it: `enlist plan` does both."
DATA_REMEDY = "If an expression of the sync file fits some records only, mend it; else please report it."
START_REMEDY = "Install Enlist anew; if that does not help, please report it."
DEFECT_REMEDY = "Nothing was sent or published because of it; it is a defect of Enlist, please report it."


@dataclass(frozen=True)
class Node:
    """What became of a model or test: `status` is success, pass, warn, fail, error or skipped."""

    unique_id: str
    name: str
    kind: str
    status: str
    seconds: float
    failures: int
    message: str

    @property
    def is_good(self) -> bool:
        """Whether the run may go on as far as this node is concerned."""
        return self.status in ("success", "pass", "warn")


def manifest(home: Home) -> Mapping[str, Any]:
    """The project's manifest, parsed anew only when a file of the project changed."""
    path = home.logs / "dbt" / "manifest.json"
    newest = max(file.stat().st_mtime for file in _project_files())
    if not path.exists() or path.stat().st_mtime < newest:
        _invoke(home, "manifest", ["parse"], Path(":memory:"), {})
        path.unlink(missing_ok=True)
        (home.logs / "dbt" / "manifest" / "manifest.json").replace(path)
        os.utime(path)
    return _read(path, path.stat().st_mtime_ns)


def build(
    home: Home, warehouse: Warehouse, name: str, select: Sequence[str], variables: Mapping[str, Any]
) -> list[Node]:
    """Build and test the selected models; `name` keeps one partial parse for each set of variables.

    Raises nothing for a model or test that fails: see `raise_for`.
    """
    with warehouse.reserved() as path:
        # Nobody reads the manifest that a build writes, twice, at half a second each.
        return _invoke(home, name, ["build", "--no-write-json", "--select", *select], path, variables)


def document(home: Home, warehouse: Warehouse, variables: Mapping[str, Any]) -> Path:
    """Write dbt's own page on every model, column and test, as one file that stands alone."""
    with warehouse.reserved() as path:
        _invoke(home, "docs", ["docs", "generate", "--static"], path if path.exists() else Path(":memory:"), variables)
    made = home.logs / "dbt" / "docs" / "static_index.html"
    page = home.reports / "dbt.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    return made.replace(page)


def raise_for(nodes: Sequence[Node], where: str) -> None:
    """Raise one `ConfigError` for the first node that went wrong; skipped ones are only its consequence."""
    for node in nodes:
        if node.kind == "test" and node.status == "fail":
            raise ConfigError(
                f"the check {node.name} found {node.failures} rows that break it.", where=where, do=_remedy(node.name)
            )
        if node.status == "error":
            what = f"{node.name} can't be computed: {_sentence(node.message)}"
            raise ConfigError(what, where=where, do=DATA_REMEDY)


def _remedy(test: str) -> str:
    if test.startswith("judged_"):
        return CHECK_REMEDY
    # map_records holds the CRM's own keys; all other checks guard what Enlist computed.
    return CRM_REMEDY if "map_records" in test else DEFECT_REMEDY


def _invoke(
    home: Home, name: str, arguments: Sequence[str], database: Path, variables: Mapping[str, Any]
) -> list[Node]:
    from dbt.cli.main import dbtRunner

    target = home.logs / "dbt" / name
    common = {
        "--project-dir": DBT_PROJECT,
        "--profiles-dir": DBT_PROJECT,
        "--target-path": target,
        "--log-path": target,
        "--vars": json.dumps(variables),
    }
    flags = ["--no-send-anonymous-usage-stats", "--log-level", "none", "--log-level-file", "warn"]
    with _environment(database), _let_go():
        outcome = dbtRunner().invoke([*arguments, *flags, *(str(part) for pair in common.items() for part in pair)])
    if outcome.exception is not None and not isinstance(outcome.exception, Exception):
        raise outcome.exception  # Ctrl-C, which Dagster turns into an error of its own
    if outcome.exception is not None:
        raise EnlistError(
            f"dbt could not start: {_sentence(str(outcome.exception))}",
            where=f"dbt_project ({name})",
            do=START_REMEDY,
        ) from outcome.exception
    return [_node(result) for result in getattr(outcome.result, "results", [])]


def _node(result: Any) -> Node:
    return Node(
        unique_id=result.node.unique_id,
        name=result.node.name,
        kind=str(result.node.resource_type),
        status=str(result.status),
        seconds=result.execution_time,
        failures=result.failures or 0,
        message=result.message or "",
    )


@contextmanager
def _environment(database: Path) -> Iterator[None]:
    told = {"ENLIST_WAREHOUSE": str(database), "ENLIST_MEMORY": memory_limit()}
    before = {name: os.environ.get(name) for name in told}
    os.environ |= told
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _let_go() -> Iterator[None]:
    try:
        yield
    finally:
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager

        DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]


def _project_files() -> Iterator[Path]:
    yield DBT_PROJECT / "dbt_project.yml"
    for folder in ("models", "macros", "tests"):
        yield from (file for file in (DBT_PROJECT / folder).rglob("*") if file.is_file())


@cache
def _read(path: Path, changed: int) -> Mapping[str, Any]:
    """`changed` is the file's time stamp: another one is another entry of the cache."""
    parsed: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return parsed


def _sentence(message: str) -> str:
    """The line of a message of dbt or DuckDB that says what is wrong."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    telling = [line for line in lines if "Error" in line and not line.startswith(("Runtime Error", "Database Error"))]
    return (telling or lines or ["it gave no reason"])[0]
