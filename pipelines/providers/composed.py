"""A `Provider` put together from parts: one reads, one writes, one reads statistics.

Belongs here: handing each method to the part that does it. Does not: anything that one provider does in its own way
(such as mailup/provider.py), the interface itself (base.py).
"""

from abc import ABC
from collections.abc import Iterator, Sequence
from typing import Protocol

from pipelines.providers.base import (
    Account,
    Audience,
    Batch,
    Campaign,
    Event,
    Group,
    Link,
    LinkClick,
    Member,
    Outcome,
    Provider,
    Send,
)


class Client(Protocol):
    """The calls to one account."""

    @property
    def calls(self) -> int:
        """See `Provider.calls`."""

    def close(self) -> None:
        """See `Provider.close`."""


class Reading(Protocol):
    """The account, its audiences and who is in them; see `Provider`."""

    def account(self) -> Account:
        """See `Provider`."""

    def audiences(self) -> Sequence[Audience]:
        """See `Provider`."""

    def groups(self, audience_id: str) -> Sequence[Group]:
        """See `Provider`."""

    def members(self, audience_id: str, names: Sequence[str], since: str | None) -> Iterator[Sequence[Member]]:
        """See `Provider`."""


class Writing(Protocol):
    """Sending batches; see `Provider.send`."""

    def send(self, audience_id: str, batch: Batch) -> Sequence[Outcome]:
        """See `Provider`."""


class Statistics(Protocol):
    """What became of campaigns; see `Provider`."""

    def campaigns(self, audience_id: str, since: str | None) -> Iterator[Campaign]:
        """See `Provider`."""

    def sends(self, campaign_id: str) -> Iterator[Sequence[Send]]:
        """See `Provider`."""

    def events(self, campaign_id: str, since: str | None) -> Iterator[Sequence[Event]]:
        """See `Provider`."""

    def links(self, campaign_id: str) -> Sequence[Link]:
        """See `Provider`."""

    def link_clicks(self, campaign_id: str, link_id: str) -> Iterator[Sequence[LinkClick]]:
        """See `Provider`."""


class ComposedProvider(Provider, ABC):
    """The methods that only hand on. A provider's own class makes the parts, and has the methods that do more."""

    _client: Client
    _reading: Reading
    _writing: Writing
    _statistics: Statistics

    @property
    def calls(self) -> int:
        """See `Provider`."""
        return self._client.calls

    def account(self) -> Account:
        """See `Provider`."""
        return self._reading.account()

    def audiences(self) -> Sequence[Audience]:
        """See `Provider`."""
        return self._reading.audiences()

    def groups(self, audience_id: str) -> Sequence[Group]:
        """See `Provider`."""
        return self._reading.groups(audience_id)

    def members(
        self, audience_id: str, *, fields: Sequence[str], since: str | None = None
    ) -> Iterator[Sequence[Member]]:
        """See `Provider`."""
        return self._reading.members(audience_id, fields, since)

    def send(self, audience_id: str, batch: Batch) -> Sequence[Outcome]:
        """See `Provider`."""
        return self._writing.send(audience_id, batch)

    def campaigns(self, audience_id: str, *, since: str | None = None) -> Iterator[Campaign]:
        """See `Provider`."""
        return self._statistics.campaigns(audience_id, since)

    def sends(self, campaign_id: str) -> Iterator[Sequence[Send]]:
        """See `Provider`."""
        return self._statistics.sends(campaign_id)

    def events(self, campaign_id: str, *, since: str | None = None) -> Iterator[Sequence[Event]]:
        """See `Provider`."""
        return self._statistics.events(campaign_id, since)

    def links(self, campaign_id: str) -> Sequence[Link]:
        """See `Provider`."""
        return self._statistics.links(campaign_id)

    def link_clicks(self, campaign_id: str, link_id: str) -> Iterator[Sequence[LinkClick]]:
        """See `Provider`."""
        return self._statistics.link_clicks(campaign_id, link_id)

    def close(self) -> None:
        """See `Provider`."""
        self._client.close()
