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
from pipelines.ledger import pins

log = logging.getLogger(__name__)


def claim(root: Path, sync: str, kind: str, account_id: str, audience_id: str) -> None:
    """Claim an audience for the home `root`; raises `ConfigError` when another home still has it.

    A home has it no longer when it is gone, or when its sync file is.
    """
    folder = user_state_path("enlist") / "audiences"
    name = md5(f"{kind} {account_id} {audience_id}".encode(), usedforsecurity=False).hexdigest()
    path = folder / f"{name}.json"
    try:
        with locks.held(folder / ".lock", wait=10, busy="Another home is claiming its audience."):
            _raise_if_claimed(path, root.resolve(), sync, audience_id)
            # No reader is there meanwhile; what a kill cut off says nothing, and this home had it anyway.
            record = {"home": str(root.resolve()), "sync": sync, "at": clock.text(clock.now())}
            path.write_text(json.dumps(record), encoding="utf-8")
    except OSError as error:
        log.warning("%s: it can't be noticed when another home sends too: %s", sync, error.strerror)


def _raise_if_claimed(path: Path, root: Path, sync: str, audience_id: str) -> None:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        home, other = Path(known["home"]), str(known["sync"])
    except (FileNotFoundError, ValueError, KeyError):
        return
    if home == root or not (home / "syncs" / f"{other}.yaml").exists():
        return
    pinned = pins.pinned(home / "ledger", other)
    if pinned and pinned["audience_id"] == audience_id:
        raise ConfigError(
            f"the audience {pinned['name']} belongs to another home, {home}: both would undo each other's changes.",
            where=f"syncs/{sync}.yaml",
            do=f"Go on from one of the two alone: remove syncs/{other}.yaml there, or this home.",
        )
