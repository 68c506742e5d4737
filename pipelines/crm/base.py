"""What a CRM is to the rest of Enlist: named entities whose records are read as text.

Belongs here: the `Source` interface. Does not: any one kind of source (its own module), mapping, addresses.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """Some records of an entity: the same columns in every page, every value text or None."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[str | None]]


class Source(ABC):
    """One CRM connection. Reading raises `PermanentError`, `TransientError` or `ConfigError`, never less."""

    @abstractmethod
    def extract(self, entity: str) -> Iterator[Page]:
        """All records of the entity in pages; at least one page, also when there are no records."""

    @abstractmethod
    def ids(self, entity: str) -> Iterator[str]:
        """All current keys of the entity, for the deletion sweep; raises when they can't be complete."""

    @abstractmethod
    def close(self) -> None:
        """Let go of connections."""
