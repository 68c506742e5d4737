"""What a CRM is to the rest of Enlist: named entities whose records are read as text, and which may be written back to.

Belongs here: the `Source` and `Writer` interfaces and the value objects that cross them. Does not: any one kind of CRM
(its own module), turning values into text (records.py), mapping, addresses.

Every value is text or None. Columns keep the CRM's own names. Nothing here says who gets mail.
"""

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

Row = Sequence[str | None]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that can't be loaded: where it stands, why, and its values as they came. It may hold personal data."""

    place: str
    reason: str
    values: Row


@dataclass(frozen=True, slots=True)
class Page:
    """Some records of an entity: the same columns in every page, every value text or None, a key in every row."""

    columns: tuple[str, ...]
    rows: Sequence[Row]
    rejected: Sequence[Rejected] = ()


@dataclass(frozen=True, slots=True)
class End:
    """What a source says when the last record was read.

    `state` is what the next extract may start from, None where there is no such thing. `notes` are sentences for a
    person on what looks odd in the data, without any person's data in them.
    """

    state: str | None = None
    notes: tuple[str, ...] = ()


# Pages until the last record, then the end. A source that breaks off raises instead of ending.
Extract = Generator[Page, None, End]


class Source(ABC):
    """One CRM connection.

    Reading raises `PermanentError`, `TransientError`, `EmptySource` or `ConfigError`, and only ends when every record
    was read. `full_read_every` says how long after reading everything changes alone are enough; None: never.
    """

    full_read_every: timedelta | None = None

    @abstractmethod
    def key(self, entity: str) -> str:
        """The column with the entity's stable ids; `ConfigError` for an entity that is not configured."""

    @abstractmethod
    def extract(self, entity: str, since: str | None = None) -> Extract:
        """The records of the entity in pages; at least one page, also when there are no records.

        With `since`, the state of an earlier end, those that were added or changed from then on, perhaps some more.
        """

    def ids(self, entity: str) -> Iterator[str]:
        """All current keys of the entity, for the deletion sweep; raises when they can't be complete.

        By reading the entity to its end, where the CRM has no shorter way.
        """
        key = self.key(entity)
        for page in self.extract(entity):
            at = page.columns.index(key)
            for row in page.rows:
                yield str(row[at])

    @abstractmethod
    def close(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Columns of one record, and the values that they should have.

    `expected` is what somebody saw there when they asked for it; where it is something else by now, nothing is sent.
    """

    entity: str
    key: str
    values: Mapping[str, str]
    expected: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Note:
    """A note on one record. `marker` is a short text of ours that tells it from all others, such as a campaign's id.

    The marker becomes part of the note; a note with the same marker on the same record is brought up to `text`.
    """

    entity: str
    key: str
    marker: str
    text: str


@dataclass(frozen=True, slots=True)
class CalendarEvent:
    """Something in the calendar of a record's owner; `marker` as in `Note`. `starts_at` is aware.

    `held` says that it happened; otherwise it is planned.
    """

    entity: str
    key: str
    marker: str
    subject: str
    starts_at: datetime
    minutes: int = 5
    held: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one edit, note or event.

    applied: written, read back and found right; unchanged: it was so already, nothing was sent; refused: the CRM said
    no, or keeps something else; failed: no usable answer. `found` is what was there before, `kept` what is there now,
    both of the named columns only. `detail` is the CRM's own words and may hold personal data.
    """

    outcome: Literal["applied", "unchanged", "refused", "failed"]
    code: str | None = None
    detail: str | None = None
    remedy: str | None = None
    can_retry: bool = False
    found: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)


class Writer(ABC):
    """The little that is ever written to a CRM: fields of records that exist, notes, events (H1, I7, I8).

    All of it is safe to repeat: what is there already is not sent again, because a write that changes nothing would
    still count as a change in the CRM. Outcomes come one for each item, in their order, while the work goes on, and
    no item comes twice in one call. What makes all further work senseless (a wrong key, an unknown entity or column)
    is raised; a CRM that is away gives `failed` again and again, and the caller stops asking.
    """

    @abstractmethod
    def check(self, entity: str, values: Mapping[str, str]) -> Sequence[str]:
        """Sentences on why these columns and values could not be written to any record; nothing is sent."""

    @abstractmethod
    def edit(self, edits: Iterable[Edit]) -> Iterator[Written]:
        """Change what differs, read it back, compare."""

    @abstractmethod
    def note(self, notes: Iterable[Note]) -> Iterator[Written]:
        """Put the notes on their records; raises `ConfigError` where the CRM has none."""

    @abstractmethod
    def plan_event(self, events: Iterable[CalendarEvent]) -> Iterator[Written]:
        """Put the events into the calendar; raises `ConfigError` where the CRM has none."""

    @abstractmethod
    def close(self) -> None:
        """Let go of connections."""
