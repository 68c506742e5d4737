"""Claims: which home of this machine an audience belongs to, so that a copied home never sends beside its original.

Belongs here: remembering and comparing. Does not: which audience a sync means (pins.py), two runs of one home
(pipelines/locks.py). Homes on two machines can't know of each other.
"""

import json
import logging
from hashlib import md5
from pathlib import Path

from platformdirs import user_state_path

from pipelines import clock, locks
from pipelines.errors import ConfigError
from pipelines.ledger import files, pins

log = logging.getLogger(__name__)


def claim(root: Path, sync: str, kind: str, account_id: str, audience_id: str) -> None:
    """Claim an audience for the home `root`; raises `ConfigError` when another home still has it.

    A home has it no longer when it is gone, or when its sync file is. A claim that can't be read is somebody's.
    """
    folder = user_state_path("enlist") / "audiences"
    name = md5(f"{kind} {account_id} {audience_id}".encode(), usedforsecurity=False).hexdigest()
    path = folder / f"{name}.json"
    try:
        with locks.held(folder / ".lock", wait=10, busy="Another home is claiming its audience."):
            _raise_if_claimed(path, root.resolve(), sync, audience_id)
            _write(path, {"home": str(root.resolve()), "sync": sync, "at": clock.text(clock.now())})
    except OSError as error:
        log.warning("%s: it can't be noticed when another home sends too: %s", sync, error.strerror)


def _raise_if_claimed(path: Path, root: Path, sync: str, audience_id: str) -> None:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        home, other = Path(known["home"]), str(known["sync"])
    except FileNotFoundError:
        return
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            "it is damaged: whether another home sends to this audience can't be known.",
            where=str(path),
            do="Delete it if no other home on this machine has this audience.",
        ) from error
    if home == root or not (home / "syncs" / f"{other}.yaml").exists():
        return
    try:
        pinned = pins.pinned(home / "ledger", other)
    except ConfigError as error:
        raise ConfigError(error.what, where=str(home / error.where), do=error.do) from error
    if pinned and pinned["audience_id"] == audience_id:
        raise ConfigError(
            f"the audience {pinned['name']} belongs to another home, {home}: both would undo each other's changes.",
            where=f"syncs/{sync}.yaml",
            do=f"Go on from one of the two alone: remove syncs/{other}.yaml there, or this home.",
        )


def _write(path: Path, record: dict[str, str]) -> None:
    """Whole or not at all: half a claim would stop all homes."""
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(record), encoding="utf-8")
    files.settle(draft, path)
