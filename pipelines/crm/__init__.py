"""The CRMs: one module per kind of source; base.py says what a source is.

Belongs here: choosing the module of a connection. Does not: anything that knows one kind.
"""

from pathlib import Path

from pipelines.config.connections import CrmConnection, SqlConnection
from pipelines.crm.base import Source
from pipelines.errors import ConfigError


def open_source(name: str, connection: CrmConnection, home_root: Path) -> Source:
    """The source behind a connection called `name`; relative paths start at `home_root`. Nothing is contacted yet.

    Raises `ConfigError` for a kind that this version can't read, or settings that can't be used.
    """
    match connection:
        case SqlConnection():
            # Each kind brings libraries of its own, which only its users should wait for.
            from pipelines.crm.sql import SqlSource

            return SqlSource(name, connection, home_root)
        case _:
            raise ConfigError(
                f"Connections of kind {connection.kind} are not available yet in this version.",
                where=f"connections.yaml, {name}",
                do="Load the data into a database and read it with kind: sql.",
            )
