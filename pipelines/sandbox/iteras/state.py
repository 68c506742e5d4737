"""All documents of the Iteras simulator, and the history of what changed them.

Belongs here: finding, saving, numbering, time. Does not: any rule of the API.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pipelines.sandbox.clock import Clock, stamp
from pipelines.sandbox.documents import Collection, Documents
from pipelines.sandbox.iteras.model import Account, Customer, CustomField, Json
from pipelines.sandbox.iteras.switches import Switches


class State:
    """Everything that the simulator knows. Not thread-safe: its simulator serialises the calls."""

    def __init__(self, path: Path, clock: Clock, switches: Switches) -> None:
        self._documents = Documents(path)
        self._clock = clock
        self._request = ("", "")
        self.switches = switches
        self._load()

    def _load(self) -> None:
        documents = self._documents
        self._accounts: Collection[Account] = Collection(documents, "account", Account, lambda found: found.api_key)
        self.customers: Collection[Customer] = Collection(documents, "customers", Customer, lambda found: found.id)
        self.fields: Collection[CustomField] = Collection(documents, "fields", CustomField, lambda found: found.name)

    @property
    def is_fresh(self) -> bool:
        """Whether nothing was seeded yet."""
        return not len(self._accounts)

    @property
    def account(self) -> Account:
        """The one account."""
        return next(iter(self._accounts))

    def save_account(self, account: Account) -> None:
        """Writes it down."""
        self._accounts.put(account)

    def number(self, kind: str, first: int) -> int:
        """The next number of its kind; the same sequence in every sandbox."""
        account = self.account
        account.counters[kind] = max(account.counters.get(kind, 0) + 1, first)
        self.save_account(account)
        return account.counters[kind]

    def reach(self, kind: str, number: int) -> None:
        """The next number of this kind is above `number`."""
        account = self.account
        account.counters[kind] = max(account.counters.get(kind, 0), number)
        self.save_account(account)

    def epoch(self) -> float:
        """The moment in seconds since 1970."""
        return self._clock().timestamp()

    def local_time(self) -> datetime:
        """The moment in the account's time zone."""
        return self._clock().astimezone(ZoneInfo(self.switches.zone))

    def today(self) -> date:
        """The day in the account's time zone."""
        return self.local_time().date()

    def stamp(self) -> str:
        """The moment as the API writes it: local, whole seconds, without a zone."""
        return self.local_time().replace(microsecond=0, tzinfo=None).isoformat()

    def save(self, customer: Customer) -> Customer:
        """Writes a new or changed customer down."""
        customer.changed_at = stamp(self._clock())
        return self.customers.put(customer)

    @contextmanager
    def request(self, actor: str, route: str = "") -> Iterator[None]:
        """What changes inside is recorded as this request's doing, and written down at its end."""
        self._request = (actor, route)
        try:
            yield
        finally:
            self._documents.commit()

    def remember(self, change: str, **what: Any) -> None:
        """Adds to the history: what changed through the present request. Names of fields only, never their values."""
        actor, route = self._request
        if actor != "seed":
            entry = {"at": stamp(self._clock()), "actor": actor, "path": route, "change": change, **what}
            self._documents.append_history(entry)

    def history(self, after: int = 0, count: int = -1) -> list[Json]:
        """Entries with `seq` above `after`, oldest first."""
        return self._documents.history(after, count)

    def clear(self) -> None:
        """Forgets everything."""
        self._documents.clear()
        self._load()

    def close(self) -> None:
        """Lets the file go."""
        self._documents.close()
