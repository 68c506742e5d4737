"""Files as a CRM exports them, and all that one extract gives.

Belongs here: writing a file, reading it. Does not: tests.
"""

import datetime
from contextlib import closing
from pathlib import Path
from typing import Any

from draining import drained

from pipelines.config.connections import FileConnection, FileEntity
from pipelines.crm import open_source
from pipelines.crm.base import Rejected

Rows = list[list[str | None]]


class Read:
    """Everything that one extract gave."""

    def __init__(self, home: Path, entity: dict[str, Any], settle: float = 0) -> None:
        connection = FileConnection(
            kind="file",
            settle=datetime.timedelta(seconds=settle),
            entities={"soci": FileEntity(**({"key": "Id"} | entity))},
        )
        self.rows: Rows = []
        self.rejected: list[Rejected] = []
        self.columns: tuple[str, ...] = ()
        with closing(open_source("members", connection, home)) as source:
            pages, self.end = drained(source.extract("soci"))
        for page in pages:
            assert self.columns in ((), page.columns)
            self.columns = page.columns
            self.rows += [list(row) for row in page.rows]
            self.rejected += page.rejected


def written(home: Path, name: str, content: str | bytes, encoding: str = "utf-8") -> str:
    (home / name).parent.mkdir(parents=True, exist_ok=True)
    (home / name).write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return name


def csv(home: Path, content: str | bytes, **entity: Any) -> Read:
    return Read(home, {"path": written(home, "soci.csv", content)} | entity)
