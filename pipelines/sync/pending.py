"""Rules that the sync file can say and this version can't keep yet: said plainly instead of silently not done.

Belongs here: that list; it shrinks. Does not: rules that can never be kept (config/references.py).
"""

from collections.abc import Iterator

from pipelines.config import Home, SyncConfig
from pipelines.config.document import KeyPath
from pipelines.errors import ConfigError


def refuse_pending(home: Home, sync: SyncConfig) -> None:
    """Raise `ConfigError` at the line of the first rule that would not be kept."""
    for path, what in _pending(sync):
        raise ConfigError(
            f"{what} is not available yet in this version.",
            where=home.where(sync.sync, path),
            do="Leave it out for now.",
        )


def _pending(sync: SyncConfig) -> Iterator[tuple[KeyPath, str]]:
    if sync.write_back:
        yield ("write_back",), "Writing back to the CRM"
