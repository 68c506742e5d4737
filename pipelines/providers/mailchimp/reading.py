"""What Mailchimp has now: account, audiences, merge fields, groups, members.

Belongs here: GET calls and their documents as our value objects. Does not: statistics (campaigns.py), changes.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from pipelines.http.client import RefusedError
from pipelines.providers.base import Account, Audience, Group, Member, MergeField, Status, Tally
from pipelines.providers.mailchimp.client import Client
from pipelines.providers.mailchimp.paging import MAX_COUNT, Listing, count, read, trim
from pipelines.providers.mailchimp.values import STATUSES, just_before, status, to_text, utc

FULL_ROLES = frozenset({"owner", "admin", "administrator"})
BY_ADMIN = "N/A (Unsubscribed by admin)"  # what Mailchimp writes when the API did it: nobody gave a reason
TEXT_BYTES = 255  # Mailchimp cuts text there, in bytes, not characters
TYPES = {"radio": "choice", "dropdown": "choice", "imageurl": "url"}

# Whether a listing without a filter really holds everybody is only partly confirmed: what each of these filters counts
# is compared with what was seen, and read where it is more.
PERHAPS_HIDDEN = ("archived", "unsubscribed", "cleaned", "pending", "transactional")

MEMBER_FIELDS = (
    "id", "contact_id", "email_address", "status", "unsubscribe_reason", "merge_fields", "interests",
    "timestamp_signup", "timestamp_opt", "last_changed", "tags_count", "tags",
)  # fmt: skip


def audience_path(audience_id: str) -> str:
    """Where an audience is; Mailchimp calls it a list."""
    return f"/lists/{quote(audience_id, safe='')}"


def member_path(audience_id: str, provider_id: str) -> str:
    """Where a member is."""
    return f"{audience_path(audience_id)}/members/{quote(provider_id, safe='')}"


class Reading:
    """Reads one account. Groups are read once per audience, and again when an unknown one turns up."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._group_keys: dict[str, dict[str, str]] = {}
        self._group_ids: dict[str, dict[str, str]] = {}

    def account(self) -> Account:
        """Whose account this is; a role below administrator is a problem (A5)."""
        body = self._client.get("/", {"fields": "account_id,account_name,role"})
        role = str(body.get("role") or "")
        problems = () if role.lower() in FULL_ROLES else (_too_small(role),)
        return Account(str(body["account_id"]), str(body["account_name"]), role, problems)

    def audiences(self) -> list[Audience]:
        """All audiences of the account; their counts are up to five minutes old."""
        names = ("id", "name", "date_created", "double_optin", "stats.member_count", "stats.unsubscribe_count")
        fields = trim("lists", (*names, "stats.cleaned_count"))
        pages = read(self._client, Listing("/lists", "lists", _id, {"fields": fields}, strict=True))
        return [audience(item) for page in pages for item in page]

    def merge_fields(self, audience_id: str) -> list[MergeField]:
        """All fields, EMAIL not among them (Mailchimp does not list it)."""
        fields = trim("merge_fields", ("merge_id", "tag", "name", "type", "required", "options"))
        listing = Listing(
            f"{audience_path(audience_id)}/merge-fields",
            "merge_fields",
            lambda item: str(item["merge_id"]),
            {"fields": fields},
            strict=True,
        )
        return [merge_field(item) for page in read(self._client, listing) for item in page]

    def groups(self, audience_id: str) -> list[Group]:
        """All interests of all interest categories."""
        root = f"{audience_path(audience_id)}/interest-categories"
        query = {"fields": trim("categories", ("id", "title"))}
        pages = read(self._client, Listing(root, "categories", _id, query, strict=True))
        groups = [group for page in pages for category in page for group in self._interests(root, category)]
        self._group_ids[audience_id] = {group.key: group.group_id for group in groups}
        self._group_keys[audience_id] = {group.group_id: group.key for group in groups}
        return groups

    def members(self, audience_id: str, names: Sequence[str], since: str | None) -> Iterator[Sequence[Member]]:
        """Pages of members in every status, nobody twice; see `Provider.members`."""
        wanted = tuple(name for name in MEMBER_FIELDS if names or name != "merge_fields")
        query: dict[str, str | int] = {
            # The time of opting in is the only order that keeps its place while people are changed: new ones come last.
            "sort_field": "timestamp_opt",
            "sort_dir": "ASC",
            "fields": trim("members", wanted),
        }
        if since:
            query["since_last_changed"] = just_before(since)
        seen: dict[str, Status] = {}
        for listing in self._member_listings(audience_id, query, seen):
            for page in read(self._client, listing):
                fresh = [item for item in page if _person(item) not in seen]
                seen.update((_person(item), status(str(item["status"]))) for item in fresh)
                members = [self.as_member(audience_id, item, names) for item in fresh]
                if recent := [member for member in members if _is_recent(member, since)]:
                    yield recent

    def tally(self, audience_id: str) -> Tally:
        """What Mailchimp counts now. The stats of an audience would be one call, but up to five minutes old."""
        root = audience_path(audience_id)
        listings = [Listing(f"{root}/members", "members", _person, {"status": word}) for word in STATUSES]
        totals = self._client.in_order(lambda listing: count(self._client, listing), listings)
        statuses = dict(zip(STATUSES.values(), totals, strict=True))
        # A tag is a static segment; its member_count is that of active subscribers.
        query = {"type": "static", "fields": trim("segments", ("id", "name", "member_count"))}
        pages = read(self._client, Listing(f"{root}/segments", "segments", _id, query, strict=True))
        tags = {str(item["name"]).lower(): int(item["member_count"]) for page in pages for item in page}
        return Tally(statuses, tags)

    def _member_listings(
        self, audience_id: str, query: Mapping[str, str | int], seen: Mapping[str, Status]
    ) -> Iterator[Listing]:
        """Everybody, then each status of which Mailchimp counts more than were `seen` (person to status)."""
        path = f"{audience_path(audience_id)}/members"
        yield Listing(path, "members", _person, query, strict=True)
        filtered = [
            Listing(path, "members", _person, {**query, "status": word}, strict=True) for word in PERHAPS_HIDDEN
        ]
        totals = list(self._client.in_order(lambda listing: count(self._client, listing), filtered))
        counted = Counter(seen.values())
        for word, listing, total in zip(PERHAPS_HIDDEN, filtered, totals, strict=True):
            if total > counted[status(word)]:
                yield listing

    def member(self, audience_id: str, ids: Sequence[str], names: Sequence[str]) -> Member:
        """The member found under the first id that leads to one; `RefusedError` with status 404 where none does."""
        query = {"fields": ",".join(MEMBER_FIELDS)}
        for number, provider_id in enumerate(ids, start=1):
            try:
                item = self._client.get(member_path(audience_id, provider_id), query)
                return self.as_member(audience_id, item, names)
            except RefusedError as error:
                if error.status != 404 or number == len(ids):
                    raise
        raise ValueError("at least one id")

    def as_member(self, audience_id: str, item: Mapping[str, Any], names: Sequence[str]) -> Member:
        """A member document as our value; reads what the document leaves out (tags above fifty)."""
        values = item.get("merge_fields") or {}
        return Member(
            provider_id=str(item["id"]),
            email=str(item["email_address"]),
            status=status(str(item["status"])),
            fields={name: to_text(values.get(name)) for name in names},
            tags=self._tags(audience_id, item),
            groups=self.group_keys(audience_id, item.get("interests") or {}),
            opt_out_reason=_opt_out_reason(item),
            objection="opted_out" if _opt_out_reason(item) else None,
            joined_at=utc(item.get("timestamp_opt")) or utc(item.get("timestamp_signup")),
            changed_at=utc(item.get("last_changed")),
            contact_id=item.get("contact_id") or None,
        )

    def group_keys(self, audience_id: str, interests: Mapping[str, bool]) -> tuple[str, ...]:
        """The keys of the groups that are on, sorted."""
        on = [group_id for group_id, is_on in interests.items() if is_on]
        known = self._group_keys.get(audience_id, {})
        if any(group_id not in known for group_id in on):
            self.groups(audience_id)
            known = self._group_keys[audience_id]
        return tuple(sorted(known.get(group_id, group_id) for group_id in on))

    def group_ids(self, audience_id: str) -> Mapping[str, str]:
        """Group ids by group key."""
        if audience_id not in self._group_ids:
            self.groups(audience_id)
        return self._group_ids[audience_id]

    def _interests(self, root: str, category: Mapping[str, Any]) -> list[Group]:
        path = f"{root}/{category['id']}/interests"
        pages = read(
            self._client, Listing(path, "interests", _id, {"fields": trim("interests", ("id", "name"))}, strict=True)
        )
        return [Group(str(item["id"]), str(item["name"]), str(category["title"])) for page in pages for item in page]

    def _tags(self, audience_id: str, item: Mapping[str, Any]) -> tuple[str, ...]:
        tags = item.get("tags") or []
        if int(item.get("tags_count") or 0) > len(tags):  # a member document holds fifty at most
            path = f"{member_path(audience_id, str(item['id']))}/tags"
            tags = self._client.get(path, {"fields": "tags.name,total_items", "count": MAX_COUNT})["tags"]
        return tuple(sorted(str(tag["name"]) for tag in tags))


def audience(item: Mapping[str, Any]) -> Audience:
    """A list document as our value."""
    stats = item.get("stats") or {}
    return Audience(
        audience_id=str(item["id"]),
        name=str(item["name"]),
        created_at=utc(item.get("date_created")),
        double_opt_in=bool(item.get("double_optin")),
        subscribed_count=int(stats.get("member_count") or 0),
        unsubscribed_count=int(stats.get("unsubscribe_count") or 0),
        bounced_count=int(stats.get("cleaned_count") or 0),
    )


def merge_field(item: Mapping[str, Any]) -> MergeField:
    """A merge field document as our value."""
    kind, options = str(item["type"]), item.get("options") or {}
    return MergeField(
        name=str(item["tag"]),
        field_id=str(item["merge_id"]),
        label=str(item["name"]),
        type=TYPES.get(kind, kind),
        required=bool(item.get("required")),
        max_bytes=TEXT_BYTES if kind == "text" else None,
        choices=tuple(str(choice) for choice in options.get("choices") or ()),
        phone_format="US" if options.get("phone_format") == "US" else "",
    )


def _person(item: Mapping[str, Any]) -> str:
    # contact_id stays when the address changes; id does not, and would let somebody renamed in between appear twice.
    return str(item.get("contact_id") or item["id"])


def _is_recent(member: Member, since: str | None) -> bool:
    return since is None or member.changed_at is None or member.changed_at >= (utc(since) or "")


def _id(item: Mapping[str, Any]) -> str:
    return str(item["id"])


def _opt_out_reason(item: Mapping[str, Any]) -> str | None:
    reason = str(item.get("unsubscribe_reason") or "")
    return None if reason in ("", BY_ADMIN) else reason


def _too_small(role: str) -> str:
    return (
        f"The key belongs to a user with the role {role or 'unknown'}: Mailchimp may hide or refuse parts of the "
        "account. Let an administrator make the key."
    )
