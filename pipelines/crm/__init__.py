"""The CRMs: one module per kind of source; base.py says what a source and a writer are.

sql.py  file.py, formats.py  vtiger/  iteras/    the kinds
records.py   values as text, nested data as columns
reading.py   one entity, read with what goes wrong on the way; loading.py: into the warehouse
writing.py   what all writers share

Belongs here: choosing the module of a connection. Does not: anything that knows one kind.
"""

from pathlib import Path

from pipelines.config.connections import (
    CrmConnection,
    FileConnection,
    IterasConnection,
    SqlConnection,
    VtigerConnection,
)
from pipelines.config.home import LOCKS_FOLDER
from pipelines.crm.base import Source, Writer
from pipelines.errors import ConfigError


def open_source(name: str, connection: CrmConnection, home_root: Path) -> Source:
    """The source behind a connection called `name`; relative paths start at `home_root`. Nothing is contacted yet.

    Raises `ConfigError` for settings that can't be used.
    """
    match connection:
        case SqlConnection():
            # Each kind brings libraries of its own, which only its users should wait for.
            from pipelines.crm.sql import SqlSource

            return SqlSource(name, connection, home_root)
        case FileConnection():
            from pipelines.crm.file import FileSource

            return FileSource(name, connection, home_root)
        case VtigerConnection():
            from pipelines.crm.vtiger.reading import VtigerSource

            return VtigerSource(name, connection, home_root / LOCKS_FOLDER)
        case IterasConnection():
            from pipelines.crm.iteras.reading import IterasSource

            return IterasSource(name, connection, home_root / LOCKS_FOLDER)


def open_writer(name: str, connection: CrmConnection, home_root: Path) -> Writer:
    """What writes to the CRM behind a connection called `name`. Nothing is contacted yet.

    Raises `ConfigError` for a kind that is only read.
    """
    match connection:
        case VtigerConnection():
            from pipelines.crm.vtiger.writing import VtigerWriter

            return VtigerWriter(name, connection, home_root / LOCKS_FOLDER)
        case IterasConnection():
            from pipelines.crm.iteras.writing import IterasWriter

            return IterasWriter(name, connection, home_root / LOCKS_FOLDER)
        case _:
            raise ConfigError(
                f"Enlist does not write to connections of kind {connection.kind}.",
                where=f"connections.yaml, {name}",
                do="Enter it in the CRM by hand.",
            )
