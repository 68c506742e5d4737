"""Syncs that share an audience: whether another sync of the home keeps the one that was found.

Belongs here: telling it. Does not: other homes, which are stopped (ledger/claims.py); what the ledger makes of two
syncs' changes (ledger/consent.py).
"""

from collections.abc import Iterator

from pipelines.config import Home, SyncConfig
from pipelines.ledger import pins
from pipelines.sync.doctor.account import Found
from pipelines.sync.doctor.findings import Finding, listed


def sharing(home: Home, sync: SyncConfig, found: Found) -> Iterator[Finding]:
    """A finding when other syncs keep this audience too; one that is switched off keeps none."""
    others = sorted(
        name
        for name, other in home.syncs.items()
        if name != sync.sync and other.enabled and _keeps(home, other, sync, found)
    )
    if others:
        yield Finding(
            f"{listed(others)} {'keeps' if len(others) == 1 else 'keep'} the audience {found.audience.name} as well: "
            "to each sync the others' members are strangers, and whom one unsubscribes the others hold as opted_out.",
            "Put what they select into one sync, under `from`, or give each an audience of its own.",
            home.where(sync.sync, ("to", "audience")),
        )


def _keeps(home: Home, other: SyncConfig, sync: SyncConfig, found: Found) -> bool:
    """By its pin; before there is one, by what its file names."""
    pin = pins.pinned(home.ledger, other.sync)
    if pin is not None:
        return (pin["account_id"], pin["audience_id"]) == (found.account.account_id, found.audience.audience_id)
    names = (found.audience.name, found.audience.audience_id)
    return other.to.connection == sync.to.connection and other.to.audience in names
