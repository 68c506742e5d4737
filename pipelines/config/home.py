"""A home: the folder with everything one user owns, and what its two kinds of YAML say.

Belongs here: where things are in a home, look-ups by name. Does not: reading YAML (loading.py), creating folders or
files (whoever writes them).
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

from pipelines.config.connections import Connection, SqlConnection
from pipelines.config.document import Document, KeyPath
from pipelines.config.problems import suggest
from pipelines.config.sync import Source, SyncConfig
from pipelines.errors import ConfigError
from pipelines.paths import SAMPLE_HOME

CONNECTIONS_FILE = "connections.yaml"
LOCKS_FOLDER = ".locks"


@dataclass(frozen=True)
class Home:
    """A loaded home. `root` is absolute; `documents` keeps the lines of each sync's file for later messages."""

    root: Path
    connections: Mapping[str, Connection]
    syncs: Mapping[str, SyncConfig]
    documents: Mapping[str, Document] = field(default_factory=lambda: MappingProxyType({}), repr=False, compare=False)

    @property
    def warehouse(self) -> Path:
        """The pipeline's database."""
        return self.root / "warehouse.duckdb"

    @property
    def analytics(self) -> Path:
        """The published database that analysts open."""
        return self.root / "analytics.duckdb"

    @property
    def ledger(self) -> Path:
        """Append-only files: the memory that survives."""
        return self.root / "ledger"

    @property
    def history(self) -> Path:
        """Statistics as files, so that they survive the warehouse."""
        return self.root / "history"

    @property
    def landing(self) -> Path:
        """What came from outside, before it is loaded."""
        return self.root / "landing"

    @property
    def reports(self) -> Path:
        """Workbooks and pages for people."""
        return self.root / "reports"

    @property
    def sandbox(self) -> Path:
        """State of the simulators."""
        return self.root / "sandbox"

    @property
    def logs(self) -> Path:
        """Log files."""
        return self.root / "logs"

    @property
    def dagster_home(self) -> Path:
        """Dagster's storage."""
        return self.root / "dagster_home"

    @property
    def locks(self) -> Path:
        """Files that running processes hold a lock on."""
        return self.root / LOCKS_FOLDER

    def sync(self, name: str) -> SyncConfig:
        """The sync of that name; ConfigError with the nearest name."""
        if name not in self.syncs:
            self._unknown("sync", name, self.syncs)
        return self.syncs[name]

    def connection(self, name: str) -> Connection:
        """The connection of that name; ConfigError with the nearest name."""
        if name not in self.connections:
            self._unknown("connection", name, self.connections)
        return self.connections[name]

    def key_of(self, source: Source) -> str:
        """The column that identifies the records of a sync's entity."""
        connection: Any = self.connection(source.connection)
        return str(connection.entities[source.entity_name].key)

    def config_hash(self, sync: SyncConfig) -> str:
        """The sync's hash with the connections that it uses."""
        return sync.config_hash(self.connections)

    def resolve(self, path: str) -> Path:
        """The absolute path of what a YAML file names, which is relative to the home."""
        return self.root / path

    def sql_url(self, connection: SqlConnection) -> str:
        """The SQLAlchemy URL, secret included, with a relative SQLite path made absolute."""
        url = connection.url.get_secret_value()
        head, separator, rest = url.partition(":///")
        path, question, options = rest.partition("?")
        if not separator or head.partition("+")[0] != "sqlite" or path in ("", ":memory:") or path.startswith("file:"):
            return url
        return f"{head}:///{self.resolve(path)}{question}{options}"

    def is_loopback(self) -> bool:
        """Whether no connection of the home can reach another machine."""
        return all(connection.is_loopback() for connection in self.connections.values())

    def source_columns(self, entity: str) -> tuple[str, ...] | None:
        """Columns of CONNECTION.ENTITY at its last extract; None before the first one."""
        connection, _, name = entity.partition(".")
        path = self.landing / "crm" / connection / f"{name}.columns.json"
        try:
            columns = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            columns = None
        if not isinstance(columns, list) or not all(isinstance(column, str) for column in columns):
            raise ConfigError(
                "this file of column names is damaged.",
                where=str(path.relative_to(self.root)),
                do="Delete it; the next extract writes it again.",
            )
        return tuple(columns)

    def where(self, sync: str, path: KeyPath = ()) -> str:
        """The place of a sync's key, as errors name it: syncs/x.yaml:12."""
        document = self.documents.get(sync)
        return document.where(path) if document else f"syncs/{sync}.yaml"

    def _unknown(self, kind: str, name: str, known: Mapping[str, object]) -> NoReturn:
        raise ConfigError(
            f"there is no {kind} named '{name}'.",
            where=str(self.root),
            do=suggest(name, sorted(known)) or "None exist yet.",
        )


def find_root(option: Path | None = None, *, environ: Mapping[str, str] | None = None) -> Path:
    """The home's folder, absolute: `option` (--home), else ENLIST_HOME, else the repository's data/.

    Raises ConfigError unless it is a folder with a connections.yaml.
    """
    named = (os.environ if environ is None else environ).get("ENLIST_HOME")
    root = (option or (Path(named) if named else SAMPLE_HOME)).expanduser().resolve()
    do = "Name another home with --home or ENLIST_HOME, or make one as README.md says under 'Connect a real account'."
    if not root.is_dir():
        raise ConfigError("this home does not exist.", where=str(root), do=do)
    if not (root / CONNECTIONS_FILE).is_file():
        raise ConfigError(f"this folder is no home: it has no {CONNECTIONS_FILE}.", where=str(root), do=do)
    return root
