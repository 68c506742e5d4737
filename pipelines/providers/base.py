"""What an e-mail provider is to the rest of Enlist: neutral words in, neutral words out.

Belongs here: the `Provider` interface and the value objects that cross it. Does not: HTTP (pipelines/http), anything
that knows one provider (its own folder), any decision about who gets mail (the plan), Dagster.

Status words are ours, the same for every provider: subscribed, unsubscribed, bounced (Mailchimp: cleaned), pending,
archived, transactional (known to the provider, but never asked to get mailings). All times are UTC, ISO 8601 text
("2026-11-21T20:00:00+00:00"), None where the provider has none. Field values are text; an empty value is "".
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    from pipelines.config.sync import NewAudience

Status = Literal["subscribed", "unsubscribed", "bounced", "pending", "archived", "transactional"]
Objection = Literal["opted_out", "complained", "erased"]
Op = Literal["add", "update", "rename", "tag", "untag", "join", "leave", "unsubscribe", "archive", "delete"]


@dataclass(frozen=True, slots=True)
class Account:
    """The account that the credentials open. `problems` are sentences on rights that are missing (A5)."""

    account_id: str
    name: str
    role: str
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Audience:
    """One audience of the account, with the provider's own counts."""

    audience_id: str
    name: str
    created_at: str | None
    double_opt_in: bool
    subscribed_count: int
    unsubscribed_count: int
    bounced_count: int


@dataclass(frozen=True, slots=True)
class MergeField:
    """A field of the audience and what the provider lets it hold.

    `type` is one of text, number, date, birthday, phone, zip, address, url, choice. `max_bytes` is None where there
    is no limit; `choices` is empty unless the type is choice. `phone_format` is the one form that a phone number must
    have (US), "" where any will do.
    """

    name: str
    field_id: str
    label: str
    type: str
    required: bool
    max_bytes: int | None = None
    choices: tuple[str, ...] = ()
    phone_format: Literal["", "US"] = ""


@dataclass(frozen=True, slots=True)
class Group:
    """A group of the audience; `key` is how plans and members name it: 'Category: Name', or just the name."""

    group_id: str
    name: str
    category: str | None = None

    @property
    def key(self) -> str:
        """How plans and members name the group."""
        return f"{self.category}: {self.name}" if self.category else self.name


@dataclass(frozen=True, slots=True)
class Member:
    """One person in the audience as the provider has it now.

    `objection` is what an unsubscribed person did, where the provider says that it was their own doing; None where it
    says nothing, or that an administrator or the API did it. `contact_id` is what stays when the address changes,
    where `provider_id` does not; else None.
    """

    provider_id: str
    email: str
    status: Status
    fields: Mapping[str, str]
    tags: tuple[str, ...]
    groups: tuple[str, ...]
    opt_out_reason: str | None
    joined_at: str | None
    changed_at: str | None
    objection: Objection | None = None
    contact_id: str | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """How many members the provider counts at this moment: by status, and by tag (lower case) among the subscribed."""

    statuses: Mapping[Status, int]
    tags: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Change:
    """One row of a frozen plan; what `before` and `after` hold depends on `op`.

    add          before None, or {"status": "archived" | "unsubscribed"} for somebody who returns;
                 after {"status": "subscribed" | "pending", "fields": {NAME: text}}
    update       before {"status": now, "fields": {NAME: text}}, after {"fields": {NAME: text}}: every field that the
                 sync names; the status never changes
    rename       before {"email": old}, after {"email": new, "fields": {...}}
    tag, untag   before and after {"tags": [...]}: our tags only, sorted; what differs is what is sent
    join, leave  the same with "groups"
    unsubscribe  before {"status": now}, after {"status": "unsubscribed"}
    archive      before {"status": now}, after {"status": "archived"}

    `provider_id` is the provider's own id where the member exists. For a rename `email` is the new address.
    """

    change_id: str
    op: Op
    email: str
    email_key: str
    provider_id: str | None
    before: Mapping[str, Any] | None
    after: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """Changes that travel together: one call, or a few that belong together. `calls` is how many are expected.

    `op` is the op of all of them, but for those that travel along (see `Traits`).
    """

    op: Op
    changes: tuple[Change, ...]
    calls: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one change.

    `outcome` is applied, refused (the provider said no to this row) or failed (no usable answer). `code` is stable
    and ours (see `Provider.refusals`), `detail` the provider's own words, `can_retry` whether the same row may pass
    later. `kept` is what the provider says it holds now ({"fields": {...}}), None where it did not say. `is_seen`: the
    member was read after the change and shows it, so that nobody has to look again.
    """

    change_id: str
    outcome: Literal["applied", "refused", "failed"]
    code: str | None = None
    detail: str | None = None
    remedy: str | None = None
    can_retry: bool = False
    provider_id: str | None = None
    kept: Mapping[str, Any] | None = None
    is_seen: bool = False


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign with the provider's own totals (`unique_opens` as the provider counts, proxies included)."""

    campaign_id: str
    audience_id: str
    name: str
    subject: str
    category: str | None
    sent_at: str | None
    sent_count: int
    hard_bounces: int
    soft_bounces: int
    opens: int
    unique_opens: int
    proxy_excluded_opens: int | None
    proxy_excluded_unique_opens: int | None
    clicks: int
    unique_clicks: int
    opt_outs: int
    complaints: int


@dataclass(frozen=True, slots=True)
class Send:
    """One campaign to one person, all sendings added up. `bounce` is hard, soft or None."""

    campaign_id: str
    email: str
    provider_id: str
    times_sent: int
    bounce: Literal["hard", "soft"] | None


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that one person did, or that happened to the mail. `url` only for clicks.

    `happened_at` is None where the provider only counts.
    """

    campaign_id: str
    email: str
    provider_id: str
    event: Literal["open", "click", "bounce", "opt_out", "complaint"]
    happened_at: str | None
    url: str | None = None
    is_machine: bool = False
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """One link of one campaign with the provider's totals."""

    campaign_id: str
    link_id: str
    url: str
    clicks: int
    unique_clickers: int


@dataclass(frozen=True, slots=True)
class LinkClick:
    """How often one person clicked one link of one campaign."""

    campaign_id: str
    link_id: str
    email: str
    provider_id: str
    clicks: int


@dataclass(frozen=True, slots=True)
class DomainTotals:
    """One mail domain among the recipients of one campaign as the provider counts it; opens and clicks count people."""

    campaign_id: str
    domain: str
    sent_count: int
    delivered_count: int
    bounces: int
    unique_opens: int
    unique_clicks: int
    opt_outs: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a refusal code means to a person: the remedy, and whether the same row may pass later."""

    remedy: str
    can_retry: bool = False


@dataclass(frozen=True, slots=True)
class Traits:
    """What the provider can and can't do, for the plan and for `check`.

    `removable` are the statuses that `archive` works on, `renamable` those of members whose address can change.
    `batched` are the ops that travel `max_batch` to a call; the others cost a call each. `seconds_per_call` is what
    a call usually takes, for the minutes that a plan predicts. What batches cost beyond that: up to `few` changes of an
    op go one by one all the same, a batch takes `calls_per_batch`, and after the batches of an op the members are read
    back `read_back_page` to a call. `by_label` are the ops whose batches are of one tag or group each. `along` are
    pairs of ops: of members who are added as subscribed, changes of the second may travel in batches of the first.
    `max_groups` is how many an audience may have, `max_value_length` the UTF-16 units after which any value is cut.
    `makes_fields`: merge fields can be made through the API; `max_field_name` is how many of A-Z, 0-9 and _ their
    names may have, None where any name will do. `corrects_totals`: a campaign's totals that shrink are
    put right, where other providers have forgotten some of what happened.
    """

    default_exit: Literal["archive", "leave_groups"]
    removable: frozenset[Status]
    renamable: frozenset[Status]
    batched: frozenset[Op]
    max_batch: int
    max_fields: int
    seconds_per_call: float
    refusals: Mapping[str, Refusal] = field(default_factory=dict)
    few: Mapping[Op, int] = field(default_factory=dict)
    calls_per_batch: int = 1
    read_back_page: int | None = None
    by_label: frozenset[Op] = frozenset({"tag", "untag"})
    along: Mapping[Op, Op] = field(default_factory=dict)
    max_groups: int | None = None
    max_value_length: int | None = None
    makes_fields: bool = True
    max_field_name: int | None = None
    corrects_totals: bool = False

    def calls_for(self, op: Op, count: int, *, members: int = 0) -> int:
        """How many calls `count` changes of an op (and label) usually take in an audience of so many members."""
        if op not in self.batched or count <= self.few.get(op, 0):
            return count
        return self.calls_of_batches(count, members=members)

    def calls_of_batches(self, count: int, *, members: int) -> int:
        """How many calls it takes to send so many changes in batches, and to read back so many members after them."""
        read_back = -(-members // self.read_back_page) if self.read_back_page else 0
        return -(-count // self.max_batch) * self.calls_per_batch + read_back


class Provider(ABC):
    """One account at an e-mail provider.

    Every method may raise `PermanentError` (the call as such is refused: wrong key, unknown audience) or
    `TransientError` (no usable answer after all retries). A row that the provider does not like is never an
    exception but an `Outcome`. Methods that read yield pages as they come, so that memory stays bounded.
    """

    traits: ClassVar[Traits]

    @property
    @abstractmethod
    def calls(self) -> int:
        """How many calls were made so far, retries included."""

    @abstractmethod
    def account(self) -> Account:
        """Whose account this is and what its user may do."""

    @abstractmethod
    def audiences(self) -> Sequence[Audience]:
        """All audiences of the account."""

    @abstractmethod
    def merge_fields(self, audience_id: str) -> Sequence[MergeField]:
        """All fields, the address itself not among them."""

    def name_fields(self, audience_id: str, ids: Mapping[str, str]) -> None:  # noqa: B027 (most have fixed names)
        """The fields that a sync names, each with the id it had when it was first resolved, "" where it never was.

        For providers whose fields are known by a label that anybody may change (D13): the id decides, whatever its
        label says now, and `merge_fields` has each of them under the sync's name. To be called before anything that
        names fields.
        """

    @abstractmethod
    def groups(self, audience_id: str) -> Sequence[Group]:
        """All groups of all categories."""

    @abstractmethod
    def members(
        self, audience_id: str, *, fields: Sequence[str], since: str | None = None
    ) -> Iterator[Sequence[Member]]:
        """Pages of members in every status, archived ones too, with only the named fields.

        With `since` (UTC ISO text) only those that changed at or after it. Nobody is yielded twice.
        """

    def some_members(
        self, audience_id: str, ids: Collection[str], *, fields: Sequence[str]
    ) -> Iterator[Sequence[Member]] | None:
        """Pages of the members with these ids; None where that takes more calls than reading all of them."""
        return None

    def objections(self, audience_id: str) -> Collection[str]:
        """Addresses that said no in other audiences of the account, where that forbids adding them to this one."""
        return ()

    @abstractmethod
    def create_audience(self, name: str, data: "NewAudience") -> Audience:
        """Make an audience from `to.create` of a sync (A1); `ConfigError` where that lacks what is demanded."""

    @abstractmethod
    def create_merge_field(self, audience_id: str, name: str, label: str) -> MergeField:
        """Make a text field that is never required; one that is there already is returned as it is."""

    @abstractmethod
    def create_group(self, audience_id: str, category: str | None, name: str) -> Group:
        """Make a group and, where the provider has them, its category; one that is there is returned as it is."""

    @abstractmethod
    def batches(self, audience_id: str, changes: Iterable[Change]) -> Iterator[Batch]:
        """Cut changes of one op into the fewest batches; sends nothing.

        Behind them there may be changes of the op that travels along, of the same people. Those that can't are left
        out, and are cut with others of their op later.
        """

    @abstractmethod
    def send(self, audience_id: str, batch: Batch) -> Sequence[Outcome]:
        """Send one batch; exactly one outcome per change, in the same order."""

    @abstractmethod
    def campaigns(self, audience_id: str, *, since: str | None = None) -> Iterator[Campaign]:
        """Sent campaigns of the audience, newest last; with `since` those sent at or after it."""

    @abstractmethod
    def sends(self, campaign_id: str) -> Iterator[Sequence[Send]]:
        """Pages of recipients."""

    @abstractmethod
    def events(self, campaign_id: str, *, since: str | None = None) -> Iterator[Sequence[Event]]:
        """Pages of opens, clicks, bounces, opt-outs (reason in `detail`) and complaints."""

    @abstractmethod
    def links(self, campaign_id: str) -> Sequence[Link]:
        """The campaign's links."""

    @abstractmethod
    def link_clicks(self, campaign_id: str, link_id: str) -> Iterator[Sequence[LinkClick]]:
        """Pages of the people who clicked one link."""

    def domains(self, campaign_id: str) -> Sequence[DomainTotals]:
        """The provider's own numbers by mail domain, perhaps of the largest only; empty where it has none."""
        return ()

    @abstractmethod
    def close(self) -> None:
        """Let go of connections."""


class CountingProvider(Provider):
    """A provider that can read all who changed since a moment, whatever changed, and count who must be there then."""

    @abstractmethod
    def tally(self, audience_id: str) -> Tally:
        """What a read of changes is held against."""
