"""What every simulator keeps in the same way: its documents, its numbering, its clock, and the history of changes.

Belongs here: opening, numbering, time, requests and what they changed. Does not: the documents of one system and how
they are indexed (that system's own state.py).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from pipelines.sandbox.clock import Clock, stamp
from pipelines.sandbox.documents import Collection, Documents
from pipelines.sandbox.switches import BaseSwitches


class Counting(Protocol):
    """The document of the account, with the last number of each kind that it gave out."""

    counters: dict[str, int]


AccountT = TypeVar("AccountT", bound=Counting)
SwitchesT = TypeVar("SwitchesT", bound=BaseSwitches)


class SimulatorState(ABC, Generic[AccountT, SwitchesT]):
    """Everything that a simulator knows. Not thread-safe: its simulator serialises the calls."""

    _accounts: Collection[AccountT]

    def __init__(self, path: Path, clock: Clock, switches: SwitchesT) -> None:
        self._documents = Documents(path)
        self._clock = clock
        self._request = ("", "", "")
        self.switches = switches
        self._load()

    @abstractmethod
    def _load(self) -> None:
        """Opens every collection anew, `_accounts` among them."""

    @property
    def is_fresh(self) -> bool:
        """Whether nothing was seeded yet."""
        return not len(self._accounts)

    @property
    def account(self) -> AccountT:
        """The one account."""
        return next(iter(self._accounts))

    def save_account(self, account: AccountT) -> None:
        """Writes it down."""
        self._accounts.put(account)

    def number(self, kind: str, first: int = 1, step: int = 1) -> int:
        """The next number of its kind; the same sequence in every sandbox."""
        account = self.account
        account.counters[kind] = max(account.counters.get(kind, 0) + step, first)
        self.save_account(account)
        return account.counters[kind]

    def reach(self, kind: str, number: int) -> None:
        """The next number of this kind is above `number`."""
        account = self.account
        account.counters[kind] = max(account.counters.get(kind, 0), number)
        self.save_account(account)

    def now(self) -> datetime:
        """The moment, in UTC."""
        return self._clock()

    def epoch(self) -> float:
        """The moment in seconds since 1970."""
        return self.now().timestamp()

    @contextmanager
    def request(self, actor: str, method: str = "", route: str = "") -> Iterator[None]:
        """What changes inside is recorded as this request's doing, and written down at its end."""
        before, self._request = self._request, (actor, method, route)
        try:
            yield
        finally:
            self._request = before
            self._documents.commit()

    def remember(self, change: str, **what: Any) -> None:
        """Adds to the history what changed through the present request; neither addresses nor values are kept."""
        actor, method, route = self._request
        if actor != "seed":
            entry = {"at": stamp(self.now()), "actor": actor, **self._cause(method, route), "change": change, **what}
            self._documents.append_history(entry)

    def _cause(self, method: str, route: str) -> Mapping[str, str]:
        """How the history names the request of a change."""
        return {"method": method, "path": route}

    def history(self, after: int = 0, count: int = -1) -> list[dict[str, Any]]:
        """Entries with `seq` above `after`, oldest first; -1 means all of them."""
        return self._documents.history(after, count)

    def clear(self) -> None:
        """Forgets everything."""
        self._documents.clear()
        self._load()

    def close(self) -> None:
        """Lets the file go."""
        self._documents.close()
