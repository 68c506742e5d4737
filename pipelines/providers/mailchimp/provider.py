"""Mailchimp as a `Provider`.

Belongs here: traits, the parts, and what Mailchimp does in its own way. Does not: methods that only hand on
(providers/composed.py).
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pipelines.http.client import Patience
from pipelines.providers.base import (
    Audience,
    Batch,
    Change,
    CountingProvider,
    DomainTotals,
    Group,
    MergeField,
    Tally,
    Traits,
)
from pipelines.providers.composed import ComposedProvider
from pipelines.providers.mailchimp.batching import cut
from pipelines.providers.mailchimp.campaigns import Statistics
from pipelines.providers.mailchimp.client import Client
from pipelines.providers.mailchimp.creating import Creating
from pipelines.providers.mailchimp.reading import Reading
from pipelines.providers.mailchimp.refusals import REFUSALS
from pipelines.providers.mailchimp.writing import Writing

if TYPE_CHECKING:
    from pipelines.config.connections import MailchimpConnection
    from pipelines.config.sync import NewAudience


class MailchimpProvider(ComposedProvider, CountingProvider):
    """One Mailchimp account. `patience` replaces the waiting that the connection sets, for tests and rehearsals."""

    traits: ClassVar[Traits] = Traits(
        corrects_totals=True,  # reports are kept for good
        # Not deletion: an address that was permanently deleted can never be added again by anybody but its owner.
        default_exit="archive",
        removable=frozenset({"subscribed", "unsubscribed", "transactional"}),
        renamable=frozenset({"subscribed"}),
        batched=frozenset({"add", "update", "tag", "untag", "join", "leave", "unsubscribe"}),
        max_batch=500,
        seconds_per_call=0.8,
        max_groups=60,  # over all categories
        max_field_name=10,
        max_fields=80,  # on Premium; 30 on other plans, where Mailchimp refuses to create more
        refusals=REFUSALS,
    )

    _reading: Reading
    _statistics: Statistics

    def __init__(
        self, name: str, connection: "MailchimpConnection", locks: Path, *, patience: Patience | None = None
    ) -> None:
        self._client = Client(name, connection, locks, patience=patience)
        self._reading = Reading(self._client)
        self._writing = Writing(self._client, self._reading, connection)
        self._creating = Creating(self._client, connection.audience_needs)
        self._statistics = Statistics(self._client)
        self._size = connection.batch_size
        self._update_singly = connection.update_without_status == "single"

    def merge_fields(self, audience_id: str) -> Sequence[MergeField]:
        """See `Provider`."""
        return self._reading.merge_fields(audience_id)

    def tally(self, audience_id: str) -> Tally:
        """See `Provider`."""
        return self._reading.tally(audience_id)

    def create_audience(self, name: str, data: "NewAudience") -> Audience:
        """See `Provider`."""
        return self._creating.audience(name, data)

    def create_merge_field(self, audience_id: str, name: str, label: str) -> MergeField:
        """See `Provider`."""
        return self._creating.merge_field(audience_id, name, label, self._reading.merge_fields(audience_id))

    def create_group(self, audience_id: str, category: str | None, name: str) -> Group:
        """See `Provider`; every group of Mailchimp has a category, which the configuration sees to."""
        group = self._creating.group(audience_id, category, name, self._reading.groups(audience_id))
        self._reading.groups(audience_id)  # changes that name the new group are sent by its id
        return group

    def batches(self, audience_id: str, changes: Iterable[Change]) -> Iterator[Batch]:
        """See `Provider`."""
        return cut(changes, size=self._size, update_singly=self._update_singly)

    def domains(self, campaign_id: str) -> Sequence[DomainTotals]:
        """See `Provider`: the five domains with most deliveries."""
        return self._statistics.domains(campaign_id)
