"""What MailUp has now: account, audiences (its lists), groups, members.

Belongs here: GET calls and their documents as our value objects. Does not: consent alone (roster.py), fields
(fields.py), statistics (messages.py), changes.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipelines import clock
from pipelines.errors import PermanentError
from pipelines.http.client import RefusedError
from pipelines.providers.base import Account, Audience, Group, Member, Status
from pipelines.providers.mailup.client import CONSOLE, TERMS, Client
from pipelines.providers.mailup.fields import PATH as FIELDS_PATH
from pipelines.providers.mailup.fields import Fields
from pipelines.providers.mailup.paging import Listing, count, items, read
from pipelines.providers.mailup.roster import Consent, Roster, Rosters, ascending, list_path, person_id
from pipelines.providers.mailup.values import utc

if TYPE_CHECKING:
    from pipelines.config.connections import MailupConnection

# In this order somebody who moves between two readings is met twice, never missed: people leave more often than return.
STATUS_LISTS: Mapping[str, Status] = {
    "Subscribed": "subscribed",
    "Pending": "pending",
    "Unsubscribed": "unsubscribed",
}
LIST_PATHS = (f"{CONSOLE}/User/Lists", f"{CONSOLE}/List")  # the documented one, and the newer one
GONE = frozenset({404, 405, 410})
CALLS_A_PERSON = 2
FEW = 20  # people who are asked for one by one rather than with all others
ROUNDS = 2

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Names:
    """Groups of a list: keys by id."""

    keys: Mapping[str, str]

    def of(self, ids: Collection[str]) -> tuple[str, ...]:
        return tuple(sorted(self.keys.get(group_id, group_id) for group_id in ids))


class Reading:
    """Reads one account."""

    def __init__(self, client: Client, fields: Fields, connection: "MailupConnection") -> None:
        self._client = client
        self._fields = fields
        self._order = ascending(connection.order_members_by)
        self.rosters = Rosters(client, connection.order_members_by)
        self._counts_elsewhere = connection.other_lists == "refuse"
        self._lists: dict[str, str] | None = None
        self._group_names: dict[str, _Names] = {}

    # Account, lists, groups

    def account(self) -> Account:
        """Whose account this is. MailUp does not tell the type of a user: what an administrator may see is tried."""
        info = self._client.document(f"{CONSOLE}/Authentication/Info")
        problems = [*self._expired(info), *self._forbidden()]
        role = "restricted" if problems else "administrator"
        return Account(str(info["uid"]), str(info.get("company") or info["uid"]), role, tuple(problems))

    def audiences(self) -> list[Audience]:
        """All lists that the user sees. MailUp counts those who bounced among the unsubscribed."""
        found = self._list_items()
        return list(self._client.in_order(self._audience, found))

    def list_names(self) -> Mapping[str, str]:
        """Names of all lists as of now, by id."""
        return {str(item["idlist"]): str(item["name"]) for item in self._list_items()}

    def list_ids(self) -> Collection[str]:
        """The ids of all lists, read once."""
        if self._lists is None:
            self._list_items()
        return (self._lists or {}).keys()

    def refusers(self, audience_id: str) -> list[frozenset[str]]:
        """Addresses (as `same` writes them) unsubscribed in each other list, not older than some minutes; B5.

        None where the connection lets lists be consents of their own.
        """
        others = sorted(set(self.list_ids()) - {audience_id}) if self._counts_elsewhere else []
        return [self.rosters.unsubscribed(other) for other in others]

    def require(self, audience_id: str) -> None:
        """Raise `PermanentError` for a list that the account does not have."""
        if not self.is_there(audience_id):
            raise PermanentError(
                f"MailUp has no list {audience_id} that this user may see.",
                where="MailUp",
                do="Check that it still exists, and that the user of the connection is an administrator.",
            )

    def is_there(self, audience_id: str) -> bool:
        """Whether the account has the list; those that it had a moment ago are not asked for again."""
        if audience_id not in self.list_ids():
            self._list_items()
        return audience_id in self.list_ids()

    def groups(self, audience_id: str) -> list[Group]:
        """All groups of the list, also those made in MailUp (B7). Of two with one name the younger gets its id too."""
        self.require(audience_id)
        listing = Listing(f"{list_path(audience_id)}/Groups", lambda item: str(item["idgroup"]))
        found = sorted(items(self._client, listing), key=lambda item: int(item["idgroup"]))
        often: Counter[str] = Counter()
        groups = []
        for item in found:
            group_id, name = str(item["idgroup"]), str(item["name"])
            often[name] += 1
            groups.append(Group(group_id, name if often[name] == 1 else f"{name} (#{group_id})"))
        self._group_names[audience_id] = _Names({group.group_id: group.key for group in groups})
        return groups

    def group_ids(self, audience_id: str) -> Mapping[str, str]:
        """Group ids by group key."""
        return {key: group_id for group_id, key in self._names(audience_id).keys.items()}

    def people_of(self, group_id: str) -> frozenset[str]:
        """The ids of everybody in a group, as of now."""
        pages = read(self._client, Listing(group_people_path(group_id), person_id, self._order))
        return frozenset(person_id(item) for page in pages for item in page)

    def size_of(self, group_id: str) -> int:
        """How many are in a group, as of now (E13)."""
        return count(self._client, group_people_path(group_id))

    # Members

    def members(self, audience_id: str, names: Sequence[str], since: str | None) -> Iterator[Sequence[Member]]:
        """Pages of members in every status, nobody twice; see `Provider.members`.

        With `since` those whose consent changed: MailUp keeps no time of a change of fields.
        """
        self.require(audience_id)
        roster = self.rosters.read(audience_id)
        wanted = None
        if since is not None:
            wanted = {one.provider_id for one in roster.by_id.values() if _is_recent(one, since)}
        if wanted is None or len(wanted) > FEW:
            pages = self._all(audience_id, names, roster, wanted)
        else:
            found = (self.person(audience_id, provider_id, names) for provider_id in sorted(wanted, key=int))
            pages = iter([[member for member in found if member]])
        yield from (page for page in pages if page)

    def some(self, audience_id: str, ids: Collection[str], names: Sequence[str]) -> Iterator[Sequence[Member]] | None:
        """The members with these ids, asked for one by one; None where reading all takes fewer calls."""
        pages = -(-len(self.rosters.of(audience_id).by_id) // self._client.page_size)
        if CALLS_A_PERSON * len(ids) > 2 * pages + len(self._names(audience_id).keys):
            return None
        found = self._client.in_order(lambda one: self.person(audience_id, one, names), sorted(ids, key=int))
        return ([member] for member in found if member)

    def person(self, audience_id: str, provider_id: str, names: Sequence[str]) -> Member | None:
        """One member of the list, None for somebody who is in none of its statuses."""
        roster = self.rosters.of(audience_id)
        consent = roster.by_id.get(provider_id)
        # The status that the roster knows is asked for first: it nearly always holds still.
        likely = consent.status if consent and consent.status != "bounced" else "unsubscribed"
        query = {"filterby": f'"idRecipient=={int(provider_id)}"'}
        for word in sorted(STATUS_LISTS, key=lambda word: STATUS_LISTS[word] != likely):
            listing = Listing(f"{list_path(audience_id)}/Recipients/{word}", person_id, query)
            for item in items(self._client, listing):
                if person_id(item) == provider_id:
                    groups = self._groups_of(audience_id, provider_id)
                    return self.as_member(item, STATUS_LISTS[word], consent, groups, names)
        return None

    def as_member(
        self, item: Item, status: Status, consent: Consent | None, groups: tuple[str, ...], names: Sequence[str]
    ) -> Member:
        """A recipient of one of the status lists as our value."""
        out = consent.cause if consent and status == "unsubscribed" else None
        return Member(
            provider_id=person_id(item),
            email=str(item["email"]),
            status=out.status if out else status,
            fields=self._fields.values(item, names),
            tags=(),
            groups=groups,
            opt_out_reason=out.reason if out else None,
            objection=out.objection if out else None,
            joined_at=consent.joined_at if consent else None,
            changed_at=consent.changed_at if consent else None,
        )

    def _all(
        self, audience_id: str, names: Sequence[str], roster: Roster, wanted: Collection[str] | None
    ) -> Iterator[Sequence[Member]]:
        """Everybody in the status lists, or those wanted. Who was met in none of them is looked for once more."""
        memberships = self._memberships(audience_id)
        group_names = self._names(audience_id)
        seen: set[str] = set()
        for _ in range(ROUNDS):
            for status, page in self._pages(audience_id, seen):
                chosen = [item for item in page if wanted is None or person_id(item) in wanted]
                yield [
                    self.as_member(
                        item,
                        status,
                        roster.by_id.get(person_id(item)),
                        group_names.of(memberships.get(person_id(item), ())),
                        names,
                    )
                    for item in chosen
                ]
            missed = {one for one in wanted or roster.by_id if one not in seen}
            if len(missed) <= FEW:
                break
        # They came back, or confirmed, between two readings; or they are in EmailOptins alone, and in the list no more.
        if len(missed) <= FEW:
            yield [member for one in sorted(missed, key=int) if (member := self.person(audience_id, one, names))]

    def _pages(self, audience_id: str, seen: set[str]) -> Iterator[tuple[Status, list[Item]]]:
        """The status lists, page by page, without those seen before."""
        for word, status in STATUS_LISTS.items():
            path = f"{list_path(audience_id)}/Recipients/{word}"
            for page in read(self._client, Listing(path, person_id, self._order)):
                fresh = [item for item in page if person_id(item) not in seen]
                seen.update(person_id(item) for item in fresh)
                yield status, fresh

    def _memberships(self, audience_id: str) -> Mapping[str, Collection[str]]:
        """Group ids by the id of each person who is in any."""
        of_person: dict[str, list[str]] = defaultdict(list)
        for group in self.groups(audience_id):
            for provider_id in self.people_of(group.group_id):
                of_person[provider_id].append(group.group_id)
        return of_person

    def _groups_of(self, audience_id: str, provider_id: str) -> tuple[str, ...]:
        path = f"{list_path(audience_id)}/Recipient/{int(provider_id)}/Groups"
        found = items(self._client, Listing(path, lambda item: str(item["idgroup"])))
        return self._names(audience_id).of([str(item["idgroup"]) for item in found])

    def _names(self, audience_id: str) -> _Names:
        if audience_id not in self._group_names:
            self.groups(audience_id)
        return self._group_names[audience_id]

    def _list_items(self) -> list[Item]:
        for number, path in enumerate(LIST_PATHS, start=1):
            try:
                found = items(self._client, Listing(path, lambda item: str(item["idlist"])))
            except RefusedError as error:
                if error.status not in GONE or number == len(LIST_PATHS):
                    raise
            else:
                self._lists = {str(item["idlist"]): str(item["name"]) for item in found}
                return found
        raise AssertionError("there is a last path")

    def _audience(self, item: Item) -> Audience:
        path = f"{list_path(str(item['idlist']))}/Recipients"
        return Audience(
            audience_id=str(item["idlist"]),
            name=str(item["name"]),
            created_at=None,
            double_opt_in=False,
            subscribed_count=count(self._client, f"{path}/Subscribed"),
            unsubscribed_count=count(self._client, f"{path}/Unsubscribed"),
            bounced_count=0,
        )

    def _expired(self, info: Item) -> Iterator[str]:
        with suppress(ValueError):  # a contract without end is written in ways that are no date
            ends_at = utc(info.get("expirydate"), self._client.zone)
            if ends_at and datetime.fromisoformat(ends_at) < clock.now():
                yield f"The MailUp account expired on {ends_at[:10]}: renew it, or sending stops."

    def _forbidden(self) -> Iterator[str]:
        """What the user may not see of what a sync needs (A5)."""
        tries = [(FIELDS_PATH, "the fields of recipients")]
        try:
            listed = sorted(self.list_ids(), key=int)
        except RefusedError as error:
            yield from _as_problem(error, "lists")
        else:
            tries += [(f"{list_path(one)}/Recipients/EmailOptins", f"recipients of list {one}") for one in listed[:1]]
        for path, what in tries:
            try:
                count(self._client, path)
            except RefusedError as error:
                yield from _as_problem(error, what)


def group_people_path(group_id: str) -> str:
    """Where the people of a group are."""
    return f"{CONSOLE}/Group/{int(group_id)}/Recipients"


def _as_problem(error: RefusedError, what: str) -> Iterator[str]:
    if error.status != 403 or error.do == TERMS:
        raise error
    yield f"The user of this connection may not see {what}: use one of the type Administrator."


def _is_recent(one: Consent, since: str) -> bool:
    # MailUp's samples have times cut to the minute: a change of this minute may be written as of its beginning.
    start = clock.text(datetime.fromisoformat(since).replace(second=0, microsecond=0))
    return one.changed_at >= start if one.changed_at else one.status != "subscribed"
