"""Pins: the account and audience that a sync's name or id was resolved to, for good.

Belongs here: remembering and comparing. Does not: asking the provider (sync/audience.py does).
A renamed audience keeps its pin; another audience or account under the old name stops the sync.
"""

from pathlib import Path

from pipelines import clock
from pipelines.errors import ConfigError
from pipelines.ledger import files


def path_of(ledger: Path) -> Path:
    """The file of pins."""
    return ledger / "audiences.ndjson"


def pinned(ledger: Path, sync: str) -> dict[str, str] | None:
    """The pin of a sync as {connection, account_id, audience_id, name}, or None before its first extract."""
    found = None
    for record in files.read(path_of(ledger), needs=("sync", "connection", "account_id", "audience_id", "name")):
        if record["sync"] == sync:
            found = record
    return found


def pin(ledger: Path, sync: str, connection: str, account_id: str, audience_id: str, name: str) -> None:
    """Remember where the sync goes; raises `ConfigError` when it went elsewhere before."""
    before = pinned(ledger, sync)
    if before is None:
        files.append(
            path_of(ledger),
            [
                {
                    "format": files.FORMAT,
                    "sync": sync,
                    "connection": connection,
                    "account_id": account_id,
                    "audience_id": audience_id,
                    "name": name,
                    "at": clock.text(clock.now()),
                }
            ],
        )
        return
    for what, now in (("account_id", account_id), ("audience_id", audience_id)):
        if before[what] != now:
            raise ConfigError(
                f"the sync belongs to {what.removesuffix('_id')} {before[what]}, but now finds {now}.",
                where=f"syncs/{sync}.yaml",
                do="Point it back, or give the new audience a sync of its own name.",
            )
