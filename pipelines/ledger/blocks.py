"""Blocks and releases by hand: who may not be mailed because a person of the house says so, and what is lifted again.

Belongs here: the events that an administrator writes, and which reasons they may lift. Does not: what audiences show
(consent.py), what a suppression does to the plan (dbt's stage_suppressions), words for people (cli/consenting.py).

Only an administrator releases (H5, H6), by name and with a reason. A block and a bounce are the house's own to lift;
a person's own no must be named; nothing lifts an erasure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import duckdb

from pipelines.ledger import consent
from pipelines.warehouse import rows

Scope = Literal["audience", "account", "home"]

LIFTED = ("blocked", "bounced")
LIFTED_BY_NAME = ("opted_out", "complained")

Suppression = Mapping[str, Any]


@dataclass(frozen=True)
class Reach:
    """How far a block reaches; connection and audience are None for the whole home."""

    scope: Scope = "home"
    connection: str | None = None
    audience_id: str | None = None

    def is_within(self, known: Suppression) -> bool:
        """Whether a suppression that exists reaches at least as far."""
        if known["scope"] == "home":
            return True
        if known["scope"] == "account":
            return self.scope != "home" and known["connection"] == self.connection
        place = (known["connection"], known["audience_id"])
        return self.scope == "audience" and place == (self.connection, self.audience_id)


@dataclass(frozen=True)
class Release:
    """What an administrator's release lifts of what is in force, and what it leaves."""

    lifted: tuple[Suppression, ...]
    left: tuple[Suppression, ...]


def in_force(connection: duckdb.DuckDBPyConnection, email_key: str) -> list[dict[str, Any]]:
    """The suppressions of an address that nobody released, the gravest first."""
    return rows(
        connection,
        """
        select reason, scope, connection, audience_id, source, since, note
        from ledger.suppressions
        where email_key = ? and released_at is null
        order by list_position(['erased', 'complained', 'blocked', 'opted_out', 'bounced'], reason), since
        """,
        [email_key],
    )


def block(ledger: Path, email_key: str, reach: Reach, *, note: str, by: str) -> None:
    """Write down that the address is not to be mailed."""
    event = {**_event(email_key, "block", "blocked", note), "scope": reach.scope}
    consent.record(ledger, [event | {"connection": reach.connection, "audience_id": reach.audience_id}], by=by)


def weigh(known: Iterable[Suppression], also: Sequence[str] = ()) -> Release:
    """What may be lifted; `also` names reasons of LIFTED_BY_NAME."""
    may_go, all_known = {*LIFTED, *also}, tuple(known)
    return Release(
        tuple(one for one in all_known if one["reason"] in may_go),
        tuple(one for one in all_known if one["reason"] not in may_go),
    )


def release(ledger: Path, email_key: str, reasons: Iterable[str], *, note: str, by: str) -> None:
    """Write down that these reasons hold no longer; what comes later counts again."""
    consent.record(ledger, (_event(email_key, "release", reason, note) for reason in dict.fromkeys(reasons)), by=by)


def _event(email_key: str, event: str, reason: str, note: str) -> dict[str, Any]:
    return {
        **{"email_key": email_key, "connection": None, "audience_id": None, "entity": None, "sync": None},
        **{"scope": "home", "event": event, "reason": reason, "source": "admin", "happened_at": None, "note": note},
    }
