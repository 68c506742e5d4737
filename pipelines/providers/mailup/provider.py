"""MailUp as a `Provider`.

Belongs here: the parts, and what MailUp does in its own way. Does not: methods that only hand on
(providers/composed.py), traits (batching.py).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pipelines.http.client import Patience
from pipelines.providers.base import Audience, Batch, Change, Group, Member, MergeField, Traits
from pipelines.providers.composed import ComposedProvider
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


class MailupProvider(ComposedProvider):
    """One MailUp account. `patience` replaces the waiting that the connection sets, for tests and rehearsals."""

    traits: ClassVar[Traits] = TRAITS

    _reading: Reading
    _writing: Writing

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

    def merge_fields(self, audience_id: str) -> Sequence[MergeField]:
        """See `Provider`; the same for all audiences of an account, each under all its names."""
        self._reading.require(audience_id)
        return self._fields.merge_fields()

    def name_fields(self, audience_id: str, ids: Mapping[str, str]) -> None:
        """See `Provider`."""
        self._fields.name(ids)

    def some_members(
        self, audience_id: str, ids: Collection[str], *, fields: Sequence[str]
    ) -> Iterator[Sequence[Member]] | None:
        """See `Provider`."""
        return self._reading.some(audience_id, ids, fields)

    def objections(self, audience_id: str) -> Collection[str]:
        """See `Provider`; MailUp's consent is one for each address, unless the connection says otherwise (B5)."""
        return frozenset().union(*self._reading.refusers(audience_id))

    def create_audience(self, name: str, data: "NewAudience") -> Audience:
        """See `Provider`."""
        return self._creating.audience(name, data, self._reading.list_names)

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
