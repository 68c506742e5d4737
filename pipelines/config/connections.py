"""The models of connections.yaml: one per kind of CRM and provider.

Belongs here: keys, their defaults and what one connection can be asked about itself. Does not: opening a connection
(crm/, providers/), reading YAML (loading.py), rules between files (references.py).

Secrets are `SecretStr`: never in a repr, a message or a hash. Limits that a contract leaves open are keys with careful
defaults, so that an account that behaves differently needs no new release.
"""

import codecs
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from pipelines.config.values import Duration, Name, Strict, Text, TimeZone, Url, is_loopback, wrong_key

Secret = Annotated[SecretStr, Field(min_length=1)]
RatePerSecond = Annotated[float, Field(gt=0)]


class ConnectionBase(Strict, ABC):
    """What every connection answers about itself."""

    is_provider: ClassVar[bool] = False

    @abstractmethod
    def is_loopback(self) -> bool:
        """Whether nothing of it can reach another machine."""

    def public_parts(self) -> dict[str, Any]:
        """JSON-ready settings with every secret masked, for the configuration hash."""
        return self.model_dump(mode="json")


class HttpSettings(ConnectionBase):
    """Limits of a connection that talks HTTP."""

    rate_per_second: RatePerSecond | None = Field(
        default=None, description="Most calls in a second, over all processes; null: no limit of our own (A12)."
    )
    connect_timeout: float = Field(default=10, gt=0, description="Seconds to wait for a connection.")
    read_timeout: float = Field(default=130, gt=0, description="Seconds to wait for an answer.")
    max_attempts: int = Field(default=6, ge=1, le=20, description="How often a call is tried before it has failed.")


class CrmSettings(ConnectionBase):
    """What every CRM connection has."""

    # What can be written to such a CRM: "set" fields, "note", "event". The rest is handed out as work for a person.
    writes: ClassVar[frozenset[str]] = frozenset()

    max_age: Duration | None = Field(
        default=None, description="Reuse the last extract while it is younger, such as 6h."
    )


class SqlEntity(Strict):
    """One table or one query of a database."""

    table: Text | None = Field(default=None, description="Table or view, with its schema where needed.")
    query: Text | None = Field(default=None, description="One SELECT, instead of a table.")
    key: Text = Field(description="Column with the stable record id.")

    @model_validator(mode="after")
    def _one_of_table_and_query(self) -> "SqlEntity":
        if (self.table is None) == (self.query is None):
            raise ValueError("needs either table or query, not both")
        if self.query is not None and not re.match(r"\s*(--[^\n]*\n\s*)*(select|with)\b", self.query, re.IGNORECASE):
            raise wrong_key("query", "must be one SELECT")
        return self


class SqlConnection(CrmSettings):
    """Any database that SQLAlchemy opens."""

    kind: Literal["sql"] = Field(description="A database, read with SQLAlchemy.")
    url: Secret = Field(description="SQLAlchemy URL; a relative SQLite path starts at the home.")
    fetch_size: int = Field(default=10_000, ge=1, description="Rows fetched at a time.")
    entities: Mapping[Name, SqlEntity] = Field(min_length=1, description="What is read, by the name that syncs use.")

    def is_loopback(self) -> bool:
        """SQLite without a host, or a server on this machine."""
        url = self.url.get_secret_value()
        if urlsplit(url).scheme.partition("+")[0] == "sqlite":
            return not urlsplit(url).netloc
        return is_loopback(url)

    def public_parts(self) -> dict[str, Any]:
        """With the URL, but without its password and its options, which may hold one."""
        parts = urlsplit(self.url.get_secret_value())
        address = f"{parts.scheme}://{parts.username or ''}@{parts.netloc.rpartition('@')[2]}{parts.path}"
        return {**super().public_parts(), "url": address}


def _encoding(value: str) -> str:
    try:
        codecs.lookup(value)
    except LookupError:
        raise ValueError("must be an encoding that Python knows, such as utf-8, cp1252 or iso-8859-15") from None
    return value


FileFormat = Literal["csv", "xlsx", "json", "ndjson", "parquet"]


class FileEntity(Strict):
    """One file, or several alike, read as text."""

    path: Text = Field(description="Path or glob; relative to the home.")
    key: Text = Field(description="Column with the stable record id.")
    take: Literal["all", "newest"] = Field(
        default="all", description="Of several files: all of them, or the one that was changed last."
    )
    format: FileFormat | None = Field(
        default=None, description="csv, xlsx, json, ndjson or parquet; null: by the ending."
    )
    sheet: Text | None = Field(default=None, description="Sheet of a workbook; null: the first one.")
    header_row: int = Field(default=1, ge=1, description="Row with the column names (csv, xlsx).")
    encoding: Annotated[str, AfterValidator(_encoding)] = Field(
        default="utf-8", description="Encoding of text files; a byte order mark is taken off. cp1252 is not latin-1."
    )
    delimiter: str = Field(default=",", min_length=1, max_length=1, description="Between the values of a csv line.")
    quote: str = Field(default='"', min_length=1, max_length=1, description="Around csv values that hold a delimiter.")
    records_path: Text | None = Field(
        default=None,
        description="Keys down to the list of records in a json file, such as result.items; null: the root.",
    )


class FileConnection(CrmSettings):
    """Files that a CRM exports."""

    kind: Literal["file"] = Field(description="Files: csv, xlsx, json, ndjson, parquet.")
    settle: Duration = Field(
        default=timedelta(seconds=2),
        description="A file that was changed less than this ago is looked at twice, and not read while it changes.",
        json_schema_extra={"default": "2s"},
    )
    entities: Mapping[Name, FileEntity] = Field(min_length=1, description="What is read, by the name that syncs use.")

    def is_loopback(self) -> bool:
        """Files are here."""
        return True


class VtigerEntity(Strict):
    """One module of Vtiger; the key is always its id."""

    key: ClassVar[str] = "id"

    module: Text = Field(description="Name of the module, such as Leads, Contacts or Accounts.")
    columns: tuple[Text, ...] | None = Field(
        default=None, description="Fields to read, by name (cf_851) or label; null: all that the module describes."
    )


class VtigerConnection(CrmSettings, HttpSettings):
    """Vtiger CRM, by webservice.php or the Cloud's REST API."""

    writes: ClassVar[frozenset[str]] = frozenset({"set", "note", "event"})

    kind: Literal["vtiger"] = Field(description="Vtiger CRM.")
    url: Url = Field(description="Root of the installation; the paths are ours.")
    username: Text = Field(description="Integration user: its role sees everything, its time zone is UTC.")
    access_key: Secret = Field(description="The user's access key from My Preferences; not the password.")
    transport: Literal["webservice", "restapi"] = Field(
        default="webservice", description="webservice: open source 7 and 8; restapi: Vtiger Cloud."
    )
    sessions: int = Field(
        default=1, ge=1, le=10, description="Sessions used side by side; one runs one call at a time."
    )
    page_size: int = Field(
        default=100, ge=1, le=100, description="Records a query asks for; the server gives at most 100."
    )
    max_calls: int | None = Field(
        default=None, ge=1, description="Most calls of one extract (editions limit calls a day); null: no limit."
    )
    overlap: Duration = Field(
        default=timedelta(minutes=10),
        description="How far a pull of changes reaches back again.",
        json_schema_extra={"default": "10m"},
    )
    full_read_every: Duration | None = Field(
        default=timedelta(hours=24),
        description="Read all records when the last full read is older, else those who changed; null: always all.",
        json_schema_extra={"default": "24h"},
    )
    timezone: TimeZone = Field(default="UTC", description="Zone of modifiedtime: the integration user's.")
    entities: Mapping[Name, VtigerEntity] = Field(min_length=1, description="What is read, by the name that syncs use.")

    def is_loopback(self) -> bool:
        """Whether the CRM is on this machine."""
        return is_loopback(self.url)


class IterasEntity(Strict):
    """The customers of Iteras."""

    key: Text = Field(default="id", description="Key with the stable customer number.")


class IterasConnection(CrmSettings, HttpSettings):
    """Iteras, subscriptions and memberships. What its vendor does not document is a key here."""

    writes: ClassVar[frozenset[str]] = frozenset({"set"})

    kind: Literal["iteras"] = Field(description="Iteras.")
    url: Url = Field(default="https://app.iteras.dk", description="Root of the host; the paths are ours.")
    api_key: Secret = Field(description="Key from the account settings; sent as a header, never in a URL.")
    fields: tuple[Text, ...] = Field(
        default=(
            "data",
            "active_subscriptions",
            "subscriptions",
            "subscriptions.current_period",
            "subscriptions.begin",
            "subscriptions.cancelled",
            "subscriptions.stop_requested",
        ),
        min_length=1,
        description="What is asked for. Invoices are refused: personal, financial, and of no use here.",
    )
    records_path: Text | None = Field(default=None, description="Keys down to the list of customers; null: the root.")
    paging: Literal["none", "page", "offset", "cursor"] = Field(
        default="none", description="How the server pages; a page that repeats customers ends the run."
    )
    page_param: Text | None = Field(default=None, description="Query parameter with the page, offset or cursor.")
    page_size_param: Text | None = Field(default=None, description="Query parameter with the page size.")
    page_size: int = Field(default=500, ge=1, description="Customers a page asks for.")
    first_page: int = Field(default=1, ge=0, description="Number of the first page.")
    cursor_path: Text | None = Field(default=None, description="Keys down to the next cursor in an answer.")
    since_param: Text | None = Field(default=None, description="Query parameter for changes since; null: full loads.")
    full_read_every: Duration | None = Field(
        default=timedelta(hours=24),
        description="With since_param: read all customers when the last full read is older; null: always all.",
        json_schema_extra={"default": "24h"},
    )
    since_format: Text = Field(default="%Y-%m-%dT%H:%M:%S", description="How that time is written (strftime).")
    timezone: TimeZone = Field(default="Europe/Copenhagen", description="Zone of times without one.")
    max_age: Duration | None = Field(
        default=timedelta(hours=6),
        description="Reuse the last extract while it is younger: the vendor asks not to read the whole list often.",
        json_schema_extra={"default": "6h"},
    )
    entities: Mapping[Name, IterasEntity] = Field(
        default={"customers": IterasEntity()}, min_length=1, description="What is read, by the name that syncs use."
    )

    @model_validator(mode="after")
    def _usable(self) -> "IterasConnection":
        if any(field.split(".")[0] == "invoices" for field in self.fields):
            raise wrong_key("fields", "asks for invoices, which no audience needs")
        if self.paging != "none" and self.page_param is None:
            raise wrong_key("paging", f"is {self.paging}, which needs page_param as well")
        if self.paging == "cursor" and self.cursor_path is None:
            raise wrong_key("paging", "is cursor, which needs cursor_path as well")
        return self

    def is_loopback(self) -> bool:
        """Whether the CRM is on this machine."""
        return is_loopback(self.url)


class ProviderSettings(HttpSettings):
    """What the rules between files ask about a provider."""

    is_provider: ClassVar[bool] = True
    title: ClassVar[str]
    has_tags: ClassVar[bool]
    has_categories: ClassVar[bool]
    has_campaign_tags: ClassVar[bool]
    can_archive: ClassVar[bool]
    can_resubscribe: ClassVar[bool]  # whom we unsubscribed ourselves; never anybody else
    audience_needs: ClassVar[tuple[str, ...]]  # keys of to.create beside those that are always required

    full_read_every: Duration | None = Field(
        default=timedelta(hours=24),
        description="Read all members when the last full read is older, else only those who changed; null: always all.",
        json_schema_extra={"default": "24h"},
    )

    @property
    @abstractmethod
    def root_url(self) -> str:
        """Root of the host that is really called."""

    def is_loopback(self) -> bool:
        """Whether calls stay on this machine."""
        return is_loopback(self.root_url)

    @model_validator(mode="after")
    def _no_secret_in_the_clear(self) -> "ProviderSettings":
        if self.root_url.startswith("http:") and not is_loopback(self.root_url):
            raise wrong_key("url", "starts with http, so that the key would travel in the clear; write https")
        return self


class MailchimpConnection(ProviderSettings):
    """A Mailchimp account."""

    title: ClassVar[str] = "Mailchimp"
    has_tags: ClassVar[bool] = True
    has_categories: ClassVar[bool] = True
    has_campaign_tags: ClassVar[bool] = False
    can_archive: ClassVar[bool] = True
    can_resubscribe: ClassVar[bool] = True
    audience_needs: ClassVar[tuple[str, ...]] = ("address", "city", "country", "permission_reminder")

    kind: Literal["mailchimp"] = Field(description="A Mailchimp account.")
    api_key: Secret = Field(description="API key of an administrator; its end, such as -us1, names the data centre.")
    url: Url | None = Field(default=None, description="Root of the host; null: the data centre named by the key.")
    connections: int = Field(default=10, ge=1, le=10, description="Calls at the same time; Mailchimp allows 10 a user.")
    page_size: int = Field(default=1000, ge=1, le=1000, description="Members a page asks for.")
    batch_size: int = Field(default=500, ge=1, le=500, description="Members sent in one call.")
    skip_merge_validation: bool = Field(
        default=False, description="Let members in whose required merge fields are empty."
    )
    update_without_status: Literal["batch", "single"] = Field(
        default="batch",
        description="How members are updated with their status left alone: 500 a call (works, but is not documented), "
        "or one call each.",
    )

    @model_validator(mode="after")
    def _data_centre_known(self) -> "MailchimpConnection":
        if self.url is None and not _DATA_CENTRE.search(self.api_key.get_secret_value()):
            raise wrong_key("api_key", "does not end in a data centre, such as -us1; correct it, or add url")
        return self

    @property
    def root_url(self) -> str:
        """The url, or the data centre's host."""
        if self.url is not None:
            return self.url
        centre = _DATA_CENTRE.search(self.api_key.get_secret_value())
        return f"https://{centre[1]}.api.mailchimp.com" if centre else ""


_DATA_CENTRE = re.compile(r"-([a-z]{2,4}[0-9]{1,3})$")


class MailupConnection(ProviderSettings):
    """A MailUp account (console)."""

    title: ClassVar[str] = "MailUp"
    has_tags: ClassVar[bool] = False
    has_categories: ClassVar[bool] = False
    has_campaign_tags: ClassVar[bool] = True
    can_archive: ClassVar[bool] = False
    can_resubscribe: ClassVar[bool] = False
    audience_needs: ClassVar[tuple[str, ...]] = ()

    kind: Literal["mailup"] = Field(description="A MailUp account.")
    username: Text = Field(description="Console user, such as m12345; an administrator (A5).")
    password: Secret = Field(description="Password of that user.")
    client_id: Text = Field(description="Id of the API application.")
    client_secret: Secret = Field(description="Secret of the API application.")
    url: Url = Field(default="https://services.mailup.com", description="Root of the host; the paths are ours.")
    rate_per_second: RatePerSecond | None = Field(
        default=4,
        description="Most calls in a second to each of MailUp's methods, over all processes; MailUp allows 5.",
    )
    connections: int = Field(default=4, ge=1, le=10, description="Calls at the same time.")
    page_size: int = Field(default=100, ge=1, description="Items a page asks for; MailUp documents no maximum.")
    import_chunk: int = Field(default=1000, ge=1, le=5000, description="Recipients of one import.")
    import_poll: Duration = Field(
        default=timedelta(seconds=3),
        description="Wait between looks at a running import.",
        json_schema_extra={"default": "3s"},
    )
    import_timeout: Duration = Field(
        default=timedelta(hours=1),
        description="Give up on an import after this time.",
        json_schema_extra={"default": "1h"},
    )
    imports_at_a_time: int = Field(
        default=1, ge=1, le=10, description="Imports under way at once; MailUp's older API refuses a second one."
    )
    order_members_by: Text | None = Field(
        default="idRecipient",
        description="Property that members are sorted by, so that new ones are read back first; null: MailUp's order.",
    )
    other_lists: Literal["refuse", "ignore"] = Field(
        default="refuse",
        description="People who are unsubscribed in another list of the account: refuse to add them (MailUp's consent "
        "is one for each address), or leave it to consent.scope of the sync.",
    )
    timezone: TimeZone = Field(
        default="UTC", description="Zone of times that MailUp gives without one, such as those of opt-outs."
    )
    deliveries_of: int = Field(
        default=2000,
        ge=0,
        description="For messages that went out several times, to different people: ask person by person how often, "
        "for up to so many people; beyond that each counts once.",
    )

    @property
    def root_url(self) -> str:
        """The url."""
        return self.url


CrmConnection = SqlConnection | FileConnection | VtigerConnection | IterasConnection
ProviderConnection = MailchimpConnection | MailupConnection
Connection = Annotated[CrmConnection | ProviderConnection, Field(discriminator="kind")]


class ConnectionsFile(Strict):
    """connections.yaml as a whole."""

    connections: Mapping[Name, Connection] = Field(
        description="CRMs and provider accounts, by the name that syncs use."
    )
