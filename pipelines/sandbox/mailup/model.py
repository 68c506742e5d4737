"""The documents of the MailUp simulator, as they are kept; plain fields only, so that they are stored as JSON.

Belongs here: shapes. Does not: rules, and how a document looks in an answer. Unset text is "", moments are whole-second
stamps of sandbox/clock.py, `..._at` in ticks are seconds of MovableClock.ticks.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from pipelines.sandbox.people import Reactions

Json = dict[str, Any]
Status = Literal["Subscribed", "Pending", "Unsubscribed"]
Progress = Literal["waiting", "done", "failed"]
Fate = Literal["stall", "fail", "half"]


@dataclass
class Account:
    """The one account: who may come in, its numbering, its dynamic fields {id: description}."""

    username: str
    password: str
    client_id: str
    client_secret: str
    company: str
    uid: str
    fields: dict[str, str]
    counters: dict[str, int] = field(default_factory=dict)
    fates: list[Fate] = field(default_factory=list)


@dataclass
class Token:
    """A pair of tokens; `expires_at` in seconds since 1970, `seconds` its life. An empty `refresh` was used up."""

    access: str
    refresh: str
    expires_at: float
    seconds: int
    revoked: bool = False


@dataclass
class MailList:
    """A list; nobody may use it before `usable_at` (ticks). `settings` is what it was created with."""

    id: int
    guid: str
    name: str
    description: str
    company: str
    settings: Json = field(default_factory=dict)
    usable_at: float = 0


@dataclass
class Group:
    """A group of one list."""

    id: int
    list_id: int
    name: str
    notes: str = ""
    deletable: bool = True


@dataclass
class Recipient:
    """One person of the account's address book; values by the id of the dynamic field."""

    id: int
    email: str
    name: str = ""
    mobile_prefix: str = ""
    mobile_number: str = ""
    values: dict[str, str] = field(default_factory=dict)
    groups: list[int] = field(default_factory=list)


@dataclass
class Subscription:
    """Where one recipient stands with one list, e-mail channel; the codes are -1 when there is none."""

    list_id: int
    recipient_id: int
    status: Status
    optin_at: str = ""
    optin_requested_at: str = ""
    optin_ip: str = ""
    optout_at: str = ""
    optout_type: int = -1
    optout_subtype: int = -1
    optout_message_id: int = -1


@dataclass
class Objection:
    """A person said no to a list with their own hand; it outlives the recipient, and only the person takes it back."""

    list_id: int
    address_hash: str
    at: str


@dataclass
class Import:
    """An import; it takes effect at `due_at` (ticks) and shows as completed at `told_at`. `rows` until then."""

    id: int
    list_id: int
    group_id: int
    route: str
    options: Json
    rows: list[Any]
    started: str
    due_at: float
    told_at: float
    progress: Progress = "waiting"
    fate: Fate | Literal[""] = ""
    stopped: str = ""
    sending_id: int = 0
    counts: dict[str, int] = field(default_factory=dict)


@dataclass
class Tag:
    """A message tag of a list."""

    id: int
    list_id: int
    name: str
    enabled: bool = True


@dataclass
class Message:
    """An e-mail message (kind "sms": a text message, which only the back stage makes)."""

    id: int
    list_id: int
    subject: str
    content: str
    created: str
    notes: str = ""
    details: Json = field(default_factory=dict)
    tags: list[int] = field(default_factory=list)
    kind: Literal["email", "sms"] = "email"
    archived: bool = False


@dataclass
class Sending:
    """One sending of a message: `recipients` once it was sent, else whom it waits for (`chosen`)."""

    id: int
    message_id: int
    list_id: int
    queue: Literal["Immediate", "Deferred", "Undefined", ""]
    sender_name: str
    sender_email: str
    chosen: list[int]
    is_confirmation: bool = False
    date: str = ""
    started: str = ""
    ended: str = ""
    recipients: int = 0
    kilobytes: int = 0


@dataclass
class Delivery(Reactions):
    """One recipient of one message over all its sendings, each a moment in `sent`, with everything that follows.

    The link_id of a click is the address itself.
    """

    message_id: int
    recipient_id: int
    list_id: int
    email: str
    sent: list[str] = field(default_factory=list)
