"""All documents of the Iteras simulator, and the history of what changed them.

Belongs here: finding, saving, numbering, time. Does not: any rule of the API.
"""

from collections.abc import Mapping
from datetime import date, datetime
from zoneinfo import ZoneInfo

from pipelines.sandbox.clock import stamp
from pipelines.sandbox.documents import Collection
from pipelines.sandbox.iteras.model import Account, Customer, CustomField
from pipelines.sandbox.iteras.switches import Switches
from pipelines.sandbox.state import SimulatorState


class State(SimulatorState[Account, Switches]):
    """Everything that the simulator knows."""

    def _load(self) -> None:
        documents = self._documents
        self._accounts = Collection(documents, "account", Account, lambda found: found.api_key)
        self.customers: Collection[Customer] = Collection(documents, "customers", Customer, lambda found: found.id)
        self.fields: Collection[CustomField] = Collection(documents, "fields", CustomField, lambda found: found.name)

    def local_time(self) -> datetime:
        """The moment in the account's time zone."""
        return self.now().astimezone(ZoneInfo(self.switches.zone))

    def today(self) -> date:
        """The day in the account's time zone."""
        return self.local_time().date()

    def stamp(self) -> str:
        """The moment as the API writes it: local, whole seconds, without a zone."""
        return self.local_time().replace(microsecond=0, tzinfo=None).isoformat()

    def save(self, customer: Customer) -> Customer:
        """Writes a new or changed customer down."""
        customer.changed_at = stamp(self.now())
        return self.customers.put(customer)

    def _cause(self, method: str, route: str) -> Mapping[str, str]:
        return {"path": route}
