"""The documents of the Mailchimp simulator, as they are kept; plain fields only, so that they are stored as JSON.

Belongs here: shapes. Does not: rules, and how a document looks in an answer. Unset text is "", never None.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from pipelines.sandbox.people import Reactions

Json = dict[str, Any]
Lock = Literal["", "unsubscribe", "bounce", "abuse"]
Progress = Literal["pending", "preprocessing", "started", "finalizing", "finished"]


@dataclass
class Account:
    """The one account: its keys, its numbering, the last send."""

    account_id: str
    login_id: str
    account_name: str
    email: str
    member_since: str
    role: str = "owner"
    api_keys: list[str] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)


@dataclass
class Audience:
    """An audience ("list" in the API)."""

    id: str
    web_id: int
    name: str
    date_created: str
    settings: Json
    last_sent: str = ""


@dataclass
class Member:
    """One member. Merge values by merge_id, since a tag can be renamed; tags as {segment_id: date added}."""

    contact_id: str
    web_id: int
    list_id: str
    email_address: str
    status: str
    email_type: str = "html"
    merge_values: Json = field(default_factory=dict)
    interests: dict[str, bool] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    unsubscribe_reason: str = ""
    lock: Lock = ""
    status_changed: str = ""
    ip_signup: str = ""
    timestamp_signup: str = ""
    ip_opt: str = ""
    timestamp_opt: str = ""
    last_changed: str = ""
    language: str = ""
    vip: bool = False
    latitude: float = 0
    longitude: float = 0
    source: str = "API - Generic"


@dataclass
class MergeField:
    """A merge field of an audience."""

    list_id: str
    merge_id: int
    tag: str
    name: str
    type: str
    required: bool = False
    default_value: str = ""
    public: bool = False
    display_order: int = 0
    options: Json = field(default_factory=dict)
    help_text: str = ""


@dataclass
class Category:
    """An interest category: the heading above some groups."""

    id: str
    list_id: str
    title: str
    type: str
    display_order: int = 0


@dataclass
class Interest:
    """One group of a category."""

    id: str
    category_id: str
    list_id: str
    name: str
    display_order: int = 0


@dataclass
class Segment:
    """A static segment, which is a tag."""

    id: int
    list_id: str
    name: str
    created_at: str
    updated_at: str


@dataclass
class Folder:
    """A campaign folder."""

    id: str
    name: str


@dataclass
class Campaign:
    """A campaign; `links` is {link_id: url} of its content once sent."""

    id: str
    web_id: int
    type: str
    create_time: str
    list_id: str
    segment_id: int
    settings: Json
    tracking: Json
    status: str = "save"
    send_time: str = ""
    list_name: str = ""
    html: str = ""
    plain_text: str = ""
    links: dict[str, str] = field(default_factory=dict)


@dataclass
class Delivery(Reactions):
    """One recipient of one campaign with everything that follows; `erased` once the member was permanently deleted."""

    campaign_id: str
    contact_id: str
    list_id: str
    email_address: str
    complaint_id: int = 0
    erased: bool = False


@dataclass
class Mark:
    """A note on an address of an audience: "forgotten" for ever, or "throttled" until a moment."""

    list_id: str
    address_hash: str
    kind: Literal["forgotten", "throttled"]
    until: str = ""


@dataclass
class Batch:
    """A batch request and how far it is; `turn_at` in seconds since 1970: it does not begin before.

    `total` is known once the operations are cut into pages, and 0 until then.
    """

    id: str
    submitted_at: str
    turn_at: float
    ip: str
    status: Progress = "pending"
    total: int = 0
    finished: int = 0
    errored: int = 0
    completed_at: str = ""


@dataclass
class Operation:
    """One call of a batch at its place in the order, and its answer once it was performed."""

    batch_id: str
    place: int
    method: str
    path: str
    query: dict[str, str]
    body: str
    operation_id: str
    status_code: int = 0
    response: str = ""
