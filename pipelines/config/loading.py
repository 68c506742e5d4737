"""Loads a home: connections.yaml, .env and all files of syncs/.

Belongs here: the order in which files are read and checked. Does not: keys (connections.py, sync.py), messages
(problems.py), SQL (expressions.py).
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import ValidationError

from pipelines import clock
from pipelines.config.connections import Connection, ConnectionsFile
from pipelines.config.document import Document, read_document
from pipelines.config.environment import read_dotenv, substitute
from pipelines.config.home import CONNECTIONS_FILE, Home, find_root
from pipelines.config.problems import Problem, problems_of, raise_problems
from pipelines.config.references import check_references
from pipelines.config.sync import SyncConfig
from pipelines.config.values import NAME_PATTERN, Strict
from pipelines.errors import ConfigError

Model = TypeVar("Model", bound=Strict)


def load_home(root: Path | None = None, *, environ: Mapping[str, str] | None = None, check: bool = True) -> Home:
    """Read and check a home; ConfigError with file, line and what to do for the first file that is wrong.

    `root` is what --home says; `environ` stands in for the process environment. With `check` false the SQL of the
    syncs is not looked at, which saves loading DuckDB.
    """
    environ = os.environ if environ is None else environ
    folder = find_root(root, environ=environ)
    connections = _load_connections(folder, environ)
    syncs: dict[str, SyncConfig] = {}
    documents: dict[str, Document] = {}
    for path in _sync_files(folder):
        document = read_document(path, f"syncs/{path.name}")
        syncs[path.stem] = _load_sync(document, path.stem, connections)
        documents[path.stem] = document
    home = Home(folder, MappingProxyType(connections), MappingProxyType(syncs), MappingProxyType(documents))
    _refuse_rehearsed_time(home, environ)
    if check and syncs:
        from pipelines.config.expressions import check_at_load  # DuckDB takes 0.2 s to import

        for sync in syncs.values():
            check_at_load(home, sync)
    return home


def _refuse_rehearsed_time(home: Home, environ: Mapping[str, str]) -> None:
    """A made-up clock would purge real members, or let real plans grow old."""
    if environ.get(clock.VARIABLE) and not home.is_loopback():
        raise ConfigError(
            "this home can reach real accounts, and a rehearsal must not.",
            where=clock.VARIABLE,
            do="Unset it, or use a home whose URLs are all on 127.0.0.1.",
        )


def _load_connections(folder: Path, environ: Mapping[str, str]) -> dict[str, Connection]:
    document = read_document(folder / CONNECTIONS_FILE, CONNECTIONS_FILE)
    data, problems = substitute(document, {**read_dotenv(folder / ".env"), **environ})
    raise_problems(document.name, problems)
    return dict(_validated(ConnectionsFile, data, document).connections)


def _load_sync(document: Document, name: str, connections: Mapping[str, Connection]) -> SyncConfig:
    sync = _validated(SyncConfig, document.data, document)
    problems = check_references(sync, connections, document)
    if sync.sync != name:
        what = f"`sync` is '{sync.sync}', but the file is named '{name}'."
        problems.append(Problem(document.line(("sync",)), what, "Rename one of them: they must be equal."))
    raise_problems(document.name, problems)
    return sync


def _validated(model: type[Model], data: Any, document: Document) -> Model:
    problems: list[Problem] = []
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problems = problems_of(error, document)
    raise_problems(document.name, problems)
    raise ConfigError("this file can't be used.", where=document.name, do="Compare it with the samples in data/.")


def _sync_files(folder: Path) -> list[Path]:
    """The files of syncs/ in the order of their names; editors' hidden files are not syncs."""
    files = [path for path in sorted((folder / "syncs").glob("[!.]*")) if path.suffix in (".yaml", ".yml")]
    for path in files:
        where = f"syncs/{path.name}"
        if path.suffix == ".yml":
            raise ConfigError("this file would be passed over: sync files end in .yaml.", where=where, do="Rename it.")
        if not re.fullmatch(NAME_PATTERN, path.stem):
            what = "a sync has a name of lower-case letters, digits and _, beginning with a letter."
            raise ConfigError(what, where=where, do="Rename the file, and its key sync.")
    return files
