"""MailUp as a `Provider`.

Belongs here: handing each method to the module that does it. Does not: anything else (traits: batching.py).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pipelines.providers.base import (
    Account,
    Audience,
    Batch,
    Campaign,
    Change,
    Event,
    Group,
    Link,
    LinkClick,
    Member,
    MergeField,
    Outcome,
    Provider,
    Send,
    Traits,
)
from pipelines.providers.http import Patience
from pipelines.providers.mailup.batching import TRAITS, cut
from pipelines.providers.mailup.client import Client
from pipelines.providers.mailup.creating import Creating
from pipelines.providers.mailup.fields import Fields
from pipelines.providers.mailup.messages import Statistics
from pipelines.providers.mailup.reading import Reading
from pipelines.providers.mailup.writing import Writing

if TYPE_CHECKING:
    from pipelines.config.connections import MailupConnection
    from pipelines.config.sync import NewAudience


class MailupProvider(Provider):
    """One MailUp account. `patience` replaces the waiting that the connection sets, for tests and rehearsals."""

    traits: ClassVar[Traits] = TRAITS

    def __init__(
        self, name: str, connection: "MailupConnection", locks: Path, *, patience: Patience | None = None
    ) -> None:
        self._client = Client(name, connection, locks, patience=patience)
        self._fields = Fields(self._client)
        self._reading = Reading(self._client, self._fields, connection)
        self._writing = Writing(self._client, self._reading, self._fields, connection)
        self._creating = Creating(self._client)
        self._statistics = Statistics(self._client, self._reading, deliveries_of=connection.deliveries_of)
        self._size = connection.import_chunk

    @property
    def calls(self) -> int:
        """Requests sent so far, log-ins and repeated ones counted each time."""
        return self._client.calls

    def account(self) -> Account:
        """See `Provider`."""
        return self._reading.account()

    def audiences(self) -> Sequence[Audience]:
        """See `Provider`."""
        return self._reading.audiences()

    def merge_fields(self, audience_id: str) -> Sequence[MergeField]:
        """See `Provider`; the same for all audiences of an account, each under all its names."""
        self._reading.require(audience_id)
        return self._fields.merge_fields()

    def name_fields(self, audience_id: str, ids: Mapping[str, str]) -> None:
        """See `Provider`."""
        self._fields.name(ids)

    def groups(self, audience_id: str) -> Sequence[Group]:
        """See `Provider`."""
        return self._reading.groups(audience_id)

    def members(
        self, audience_id: str, *, fields: Sequence[str], since: str | None = None
    ) -> Iterator[Sequence[Member]]:
        """See `Provider`; with `since` those whose consent changed, for MailUp keeps no time of other changes."""
        return self._reading.members(audience_id, fields, since)

    def some_members(
        self, audience_id: str, ids: Collection[str], *, fields: Sequence[str]
    ) -> Iterator[Sequence[Member]] | None:
        """See `Provider`."""
        return self._reading.some(audience_id, ids, fields)

    def create_audience(self, name: str, data: "NewAudience") -> Audience:
        """See `Provider`."""
        return self._creating.audience(name, data)

    def create_merge_field(self, audience_id: str, name: str, label: str) -> MergeField:
        """See `Provider`; `ConfigError` where it is missing, for MailUp's fields can only be renamed in its console."""
        return self._creating.merge_field(name, self.merge_fields(audience_id))

    def create_group(self, audience_id: str, category: str | None, name: str) -> Group:
        """See `Provider`; groups of MailUp have no category, which the configuration sees to."""
        group = self._creating.group(audience_id, name, lambda: self._reading.groups(audience_id))
        self._reading.groups(audience_id)  # changes that name the new group are sent by its id
        return group

    def batches(self, audience_id: str, changes: Iterable[Change]) -> Iterator[Batch]:
        """See `Provider`; where many leave a group, its size is asked for."""
        return cut(
            changes,
            size=self._size,
            empties=lambda key, leavers: self._writing.may_empty(audience_id, key, leavers),
        )

    def send(self, audience_id: str, batch: Batch) -> Sequence[Outcome]:
        """See `Provider`."""
        return self._writing.send(audience_id, batch)

    def campaigns(self, audience_id: str, *, since: str | None = None) -> Iterator[Campaign]:
        """See `Provider`; what MailUp has forgotten is left out."""
        return self._statistics.campaigns(audience_id, since)

    def sends(self, campaign_id: str) -> Iterator[Sequence[Send]]:
        """See `Provider`."""
        return self._statistics.sends(campaign_id)

    def events(self, campaign_id: str, *, since: str | None = None) -> Iterator[Sequence[Event]]:
        """See `Provider`; with `since` also all those that have no time, which is most."""
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
