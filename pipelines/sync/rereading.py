"""What an audience says around a push, told by email_key: who changed since a moment, or everybody.

Belongs here: asking the provider, and whose member it is. Does not: what a change means for rows that are still to be
sent (stale.py), or for rows that were sent (readback.py).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from pipelines.config import SyncConfig
from pipelines.providers.base import Member, Provider
from pipelines.providers.secrets import conceal
from pipelines.quality import addresses
from pipelines.sync.stale import provider_time


class Rereading:
    """Reads one audience again; `planned` are the rows of plan.changes whose members are of interest."""

    def __init__(
        self, provider: Provider, audience_id: str, sync: SyncConfig, planned: Iterable[Mapping[str, Any]]
    ) -> None:
        self._provider = provider
        self._audience_id = audience_id
        self._sync = sync
        self._keys: dict[str, str] = {}
        for row in planned:
            self._keys[str(row["email"]).lower()] = row["email_key"]
            self._keys.update((key, key) for key in (row["email_key"], row["old_email_key"]) if key)

    def changed_since(self, moment: datetime) -> Iterator[tuple[str, Member]]:
        """Those of the plan who changed since `moment` (UTC, naive) or shortly before, secret fields concealed."""
        return self._read(provider_time(moment))

    def everybody(self) -> Iterator[tuple[str, Member]]:
        """All of the plan who are in the audience, secret fields concealed."""
        return self._read(None)

    def some(self, ids: Collection[str]) -> Iterator[tuple[str, Member]] | None:
        """Those with these ids; None where the provider had to read everybody to tell."""
        pages = self._provider.some_members(self._audience_id, ids, fields=self._sync.field_names)
        return None if pages is None else self._told(pages)

    def _read(self, since: str | None) -> Iterator[tuple[str, Member]]:
        return self._told(self._provider.members(self._audience_id, fields=self._sync.field_names, since=since))

    def _told(self, pages: Iterable[Sequence[Member]]) -> Iterator[tuple[str, Member]]:
        for page in pages:
            for member in page:
                if key := self._key(member.email):
                    yield key, conceal(member, self._sync.secret_names)

    def _key(self, address: str) -> str | None:
        known = self._keys.get(address.lower())
        # Only beyond ASCII are there two ways to write an address; judging one is slow.
        return addresses.judge(address).email_key if known is None and not address.isascii() else known
