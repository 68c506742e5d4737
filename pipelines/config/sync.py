"""The models of syncs/NAME.yaml: every rule of one sync, with its default.

Belongs here: keys, defaults, short and long forms, rules inside one file's branch. Does not: names that must exist
elsewhere (references.py), SQL (expressions.py), what the rules do (dbt's map and plan).

Attributes are named as the YAML keys; only `from`, a Python word, is `sources`.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from pipelines.config.connections import ConnectionBase
from pipelines.config.values import (
    AddressWarning,
    CronLine,
    EntityName,
    Expression,
    Growth,
    Limit,
    LimitRule,
    Name,
    Percent,
    Strict,
    Text,
    TimeZone,
    wrong_key,
)

Scope = Literal["audience", "account", "home"]


class NewAudience(Strict):
    """What a provider wants to know to create the audience (A1)."""

    company: Text = Field(description="Organisation that sends, named in the footer.")
    sender_name: Text = Field(description="Name that mail comes from.")
    sender_email: Text = Field(description="Address that mail comes from.")
    address: str = Field(default="", description="Street and number of the organisation (Mailchimp wants it).")
    zip: str = Field(default="", description="Its postcode.")
    city: str = Field(default="", description="Its city (Mailchimp wants it).")
    country: str = Field(
        default="", pattern="^([A-Z]{2})?$", description="Its country, two letters (Mailchimp wants it)."
    )
    language: str = Field(default="en", min_length=2, description="Language of the audience's own pages and mails.")
    permission_reminder: str = Field(default="", description="Why people get this mail (Mailchimp wants it).")


class To(Strict):
    """The audience that is kept."""

    connection: Name = Field(description="A provider account of connections.yaml.")
    audience: Text = Field(description="Name or id of the audience at the provider; pinned once it is resolved.")
    unmanaged: Literal["leave", "remove"] = Field(
        default="leave", description="People in the audience who are not ours: leave (never touched), or remove."
    )
    create: NewAudience | None = Field(
        default=None, description="null: the audience must exist; otherwise the data needed to create it."
    )
    create_fields: bool = Field(
        default=False, description="false: a missing merge field, group or category is a finding; true: it is created."
    )


class FieldRule(Strict):
    """How one merge field is filled."""

    sql: Expression = Field(description="DuckDB SQL over the entity's columns.")
    secret: bool = Field(default=False, description="Only a hash of the value is stored or shown (D4).")
    empty: Literal["keep", "clear"] = Field(
        default="clear", description="When the CRM has no value: clear what the provider has, or keep it."
    )


def _field_rule(value: Any) -> Any:
    return {"sql": value} if isinstance(value, str) else value


class TagSplit(Strict):
    """A tag for every value of a column that holds several."""

    split: Expression = Field(description="DuckDB SQL that gives the values as one text.")
    by: Text = Field(description="What separates the values.")


class TagRule(Strict):
    """One tag for those who match."""

    name: Text = Field(description="The tag.")
    when: Expression | None = Field(default=None, description="Predicate; left out: everybody.")


class _GroupSettings(Strict):
    category: Text | None = Field(default=None, description="Category that holds the groups (Mailchimp only).")
    mode: Literal["mirror", "overwrite", "append"] = Field(
        default="mirror",
        description="mirror: members we manage join and leave; overwrite: the group holds exactly our selection, "
        "strangers leave it; append: nobody leaves.",
    )
    existing: Literal["update", "keep"] = Field(
        default="update", description="Whether the fields of members already there are refreshed."
    )


class GroupSplit(_GroupSettings):
    """A group for every value of a column that holds several."""

    split: Expression = Field(description="DuckDB SQL that gives the values as one text.")
    by: Text = Field(description="What separates the values.")


class GroupRule(_GroupSettings):
    """One group for those who match."""

    name: Text = Field(description="The group.")
    when: Expression | None = Field(default=None, description="Predicate; left out: everybody.")


def _form(value: Any) -> str:
    """Which of the two forms a tag or group is written in."""
    has_split = "split" in value if isinstance(value, Mapping) else isinstance(value, TagSplit | GroupSplit)
    return "{split, by}" if has_split else "{name, when}"


AnyTag = Annotated[
    Annotated[TagSplit, Tag("{split, by}")] | Annotated[TagRule, Tag("{name, when}")], Discriminator(_form)
]
AnyGroup = Annotated[
    Annotated[GroupSplit, Tag("{split, by}")] | Annotated[GroupRule, Tag("{name, when}")], Discriminator(_form)
]


def _email(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _opt_out(value: Any) -> Any:
    if value is False or (isinstance(value, str) and value.lower() == "false"):
        return False
    if not isinstance(value, str) or not value:
        raise ValueError("must be a predicate, or false when the CRM holds no objections")
    return value


class Source(Strict):
    """One entity of a CRM: who of it is wanted, and with which values."""

    entity: EntityName = Field(description="CONNECTION.ENTITY of connections.yaml.")
    owner: Expression | None = Field(
        default=None, description="SQL that names the record for people; shown in reports."
    )
    email: Annotated[
        tuple[Text, ...], BeforeValidator(_email, json_schema_input_type=Text | list[Text]), Field(min_length=1)
    ] = Field(description="Column, or columns of which the first one filled in counts.")
    where: Expression | None = Field(
        default=None,
        description="Predicate: who is wanted; null: everybody. A record where it gives null is not wanted.",
    )
    exclude: Mapping[Name, Expression] = Field(
        default={}, description="Reasons and predicates: who is left out. Null counts as excluded, as `unknown`."
    )
    opt_out: Annotated[
        Expression | Literal[False],
        BeforeValidator(_opt_out, json_schema_input_type=Text | Literal[False]),
    ] = Field(description="Predicate: who objected; false: the CRM holds no objections. It must be written.")
    fields: Mapping[
        Text, Annotated[FieldRule, BeforeValidator(_field_rule, json_schema_input_type=Text | FieldRule)]
    ] = Field(default={}, description="Merge fields and the SQL that fills them; on MailUp by label or '#3'.")
    tags: tuple[AnyTag, ...] = Field(default=(), description="Tags, in either form.")
    groups: tuple[AnyGroup, ...] = Field(default=(), description="Groups, in either form.")
    consent_scope: Scope | None = Field(default=None, description="Overrides consent.scope for this entity (H2).")

    @property
    def connection(self) -> str:
        """The connection part of `entity`."""
        return self.entity.partition(".")[0]

    @property
    def entity_name(self) -> str:
        """The part of `entity` after its connection."""
        return self.entity.partition(".")[2]

    @property
    def relation(self) -> str:
        """The warehouse table that the entity's records are loaded into."""
        return f"crm_{self.connection}.{self.entity_name}"


class OnExit(Strict):
    """What happens to a member we manage who is no longer wanted."""

    do: Literal["archive", "unsubscribe", "leave_groups", "move_to", "keep"] | None = Field(
        default=None, description="null: archive on Mailchimp, leave_groups on MailUp."
    )
    group: Text | None = Field(
        default=None, description="Where move_to moves members; on Mailchimp as 'Category: Group'."
    )
    then: Literal["archive"] | None = Field(
        default=None, description="What follows an unsubscribe after after_days (F6)."
    )
    after_days: int | None = Field(default=None, ge=1, description="Days until `then`.")

    @model_validator(mode="after")
    def _complete(self) -> "OnExit":
        if self.do == "move_to" and self.group is None:
            raise wrong_key("do", "is move_to, which needs group as well")
        if self.group is not None and self.do != "move_to":
            raise wrong_key("group", "only goes with do: move_to")
        if (self.then is None) != (self.after_days is None):
            raise wrong_key("then" if self.then else "after_days", "needs then and after_days together")
        if self.then and self.do != "unsubscribe":
            raise wrong_key("then", "needs do: unsubscribe, which starts the clock")
        return self


class Consent(Strict):
    """What a person's word, and a bounce, count for."""

    opt_outs: Literal["sticky", "crm_wins"] = Field(
        default="sticky",
        description="sticky: an opt-out at the provider stays; crm_wins: the CRM may lift it, but never a complaint, "
        "an erasure or a block.",
    )
    scope: Scope = Field(default="account", description="How far an opt-out reaches.")
    hard_bounces: Literal["block", "ignore"] = Field(
        default="block", description="block: no mail until somebody lifts it; ignore: the provider's own handling only."
    )
    soft_bounces: int | None = Field(
        default=5, ge=1, description="Soft bounces in a row that block an address; 1: any; null: never."
    )
    double_opt_in: bool = Field(default=False, description="Whether new members are asked to confirm first.")


class Duplicates(Strict):
    """Which record speaks for an address that several share."""

    prefer: tuple[Literal["first_entity", "newest"], ...] = Field(
        default=("first_entity", "newest"), description="Tie-breaks in order; the last one is always the lowest key."
    )
    newest: Expression | None = Field(
        default=None, description="SQL that gives a record's time of change, over the columns of every entity."
    )
    merge: tuple[Literal["tags", "groups"], ...] = Field(
        default=(), description="What the losing records add to the winner's."
    )

    @model_validator(mode="after")
    def _newest_known(self) -> "Duplicates":
        if "prefer" in self.model_fields_set and "newest" in self.prefer and self.newest is None:
            raise wrong_key("prefer", "names newest, which needs the key newest as well")
        return self


class Safety(Strict):
    """How much a plan may change before a person has to look."""

    max_removals: LimitRule = Field(
        default=Limit(percent=0.05, number=500),
        description="Members whom an exit or an opt-out takes away, of the managed members present.",
        json_schema_extra={"default": ["5%", 500]},
    )
    max_updates: LimitRule = Field(
        default=Limit(percent=0.3),
        description="Members touched by anything but adds and removals.",
        json_schema_extra={"default": "30%"},
    )
    max_adds: LimitRule = Field(
        default=Limit(percent=0.3), description="Members added.", json_schema_extra={"default": "30%"}
    )
    floor: int = Field(default=25, ge=0, description="Up to this many changes never break a percentage.")
    min_source_rows: int = Field(default=1, ge=1, description="Fewest records that a CRM entity must give.")
    max_source_drop: LimitRule = Field(
        default=Limit(percent=0.2),
        description="Records fewer than at the last good extract.",
        json_schema_extra={"default": "20%"},
    )


class Quality(Strict):
    """How bad the CRM's data may be."""

    max_bad_addresses: Percent = Field(
        default=0.1,
        description="Wrong and missing addresses, of the records wanted.",
        json_schema_extra={"default": "10%"},
    )
    warnings: tuple[AddressWarning, ...] = Field(
        default=get_args(AddressWarning), description="What is told of addresses that are mailed all the same."
    )
    max_null: Mapping[Text, Percent] = Field(default={}, description="For merge fields: the share that may be empty.")
    max_null_growth: Percent = Field(
        default=0.25,
        description="How much emptier than usual a field that max_null does not name may be, in points of percent.",
        json_schema_extra={"default": "25%"},
    )
    allowed: Mapping[Text, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(
        default={}, description="For merge fields: the values that may be; a field without a value is no matter."
    )
    max_growth: Growth = Field(
        default=1.0,
        description="How many more records of an entity, people wanted and strangers in the audience than usual may "
        "be; 100% is twice as many.",
        json_schema_extra={"default": "100%"},
    )
    max_drop: Percent = Field(
        default=0.5,
        description="How many fewer people than usual may be wanted where nobody leaves.",
        json_schema_extra={"default": "50%"},
    )
    max_rejected: Percent = Field(
        default=0.05,
        description="Records of an entity that could not be loaded.",
        json_schema_extra={"default": "5%"},
    )
    max_lost: Percent = Field(
        default=0.2,
        description="Members that we keep and that are in the audience no more.",
        json_schema_extra={"default": "20%"},
    )


class WriteBackValue(Strict):
    """One field of the CRM and what is written to it."""

    field: Text = Field(description="Field or column of the record.")
    value: str = Field(description="What is written.")


class WriteBack(Strict):
    """What goes back to the records of one entity."""

    opt_outs: WriteBackValue | None = Field(default=None, description="Written when a person opts out at the provider.")
    bounces: WriteBackValue | None = Field(default=None, description="Written when an address is blocked by bounces.")
    notes: bool = Field(default=False, description="A note for each campaign that the contact got (I8).")


class Stats(Strict):
    """Campaign statistics."""

    window_days: int = Field(default=90, ge=1, description="Campaigns sent within these days are read again.")
    dormant_after: int = Field(
        default=10, ge=1, description="Campaigns without an open or click that make a contact dormant."
    )
    notes_language: Literal["en", "da", "nl", "sv", "it"] = Field(
        default="en", description="Language of contact notes."
    )


class Schedule(Strict):
    """When the sync runs; a line that is null runs on demand only."""

    timezone: TimeZone = Field(default="UTC", description="Time zone of the three lines.")
    audiences: CronLine | None = Field(default=None, description="Cron line: audiences and campaign headers.")
    members: CronLine | None = Field(default=None, description="Cron line: the sync itself.")
    stats: CronLine | None = Field(default=None, description="Cron line: sends, statistics and write-back.")


class SyncConfig(Strict):
    """One sync, as its file says it."""

    sync: Name = Field(description="Name of the sync; equals the file name.")
    enabled: bool = Field(default=True, description="false: schedules skip it; commands still work (A7).")
    to: To = Field(description="Provider account and audience.")
    sources: tuple[Source, ...] = Field(alias="from", min_length=1, description="The entities, first one first.")
    mode: Literal["mirror", "append"] = Field(
        default="mirror", description="mirror: those no longer wanted leave; append: add and update only."
    )
    on_exit: OnExit = Field(default=OnExit(), description="What happens to members no longer wanted.")
    consent: Consent = Field(default=Consent(), description="What opt-outs and bounces count for.")
    duplicates: Duplicates = Field(default=Duplicates(), description="Which record speaks for a shared address.")
    safety: Safety = Field(default=Safety(), description="How much may change without a person looking.")
    quality: Quality = Field(default=Quality(), description="How many bad addresses and empty fields may be.")
    write_back: Mapping[EntityName, WriteBack] = Field(default={}, description="What is written to the CRM, by entity.")
    stats: Stats = Field(default=Stats(), description="Which campaign statistics are read, and contact notes.")
    schedule: Schedule = Field(default=Schedule(), description="Three cron lines.")

    @property
    def field_names(self) -> tuple[str, ...]:
        """All merge fields that the sync names, sorted."""
        return tuple(sorted({name for source in self.sources for name in source.fields}))

    @property
    def secret_names(self) -> frozenset[str]:
        """Those whose values may only be stored as a hash (D4)."""
        return frozenset(name for source in self.sources for name, rule in source.fields.items() if rule.secret)

    def config_hash(self, connections: Mapping[str, ConnectionBase]) -> str:
        """Sha256 over the sync and the connections it uses, their secrets left out.

        It changes with everything that a plan may depend on; comments, order and secrets do not change it.
        """
        used = sorted({self.to.connection, *(source.connection for source in self.sources)})
        parts = {
            "sync": self.model_dump(mode="json", by_alias=True),
            "connections": {name: connections[name].public_parts() for name in used},
        }
        canonical = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()
