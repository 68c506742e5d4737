"""What became of the rows of imports: MailUp does not say, so it is read back, once after all imports of a batch.

Belongs here: reading back, and what it shows. Does not: starting imports (imports.py), calls for one person.

Newcomers are read first, and reading ends when all that the imports call valid were met. Who was not met is looked for
in the list's roster, which knows those who had said no. Who is not there either was not kept, and why nobody knows.
"""

from collections.abc import Mapping, Sequence, Set
from typing import TYPE_CHECKING

from pipelines.providers.base import Change, Member, Outcome
from pipelines.providers.mailup.client import Client
from pipelines.providers.mailup.paging import Listing, read
from pipelines.providers.mailup.reading import STATUS_LISTS, Reading, group_people_path
from pipelines.providers.mailup.refusals import Reason, of_status, refused, seen
from pipelines.providers.mailup.roster import Consent, ascending, descending, list_path, person_id
from pipelines.providers.mailup.singles import Singles
from pipelines.providers.mailup.values import fitted, same

if TYPE_CHECKING:
    from pipelines.config.connections import MailupConnection

WORDS = {status: word for word, status in STATUS_LISTS.items()}


class Settling:
    """Reads back what the imports of a batch left."""

    def __init__(self, client: Client, reading: Reading, singles: Singles, connection: "MailupConnection") -> None:
        self._client = client
        self._reading = reading
        self._singles = singles
        self._newest_first = descending(connection.order_members_by)
        self._oldest_first = ascending(connection.order_members_by)

    def adds(self, audience_id: str, changes: Sequence[Change], not_valid: int) -> dict[str, Outcome]:
        """Outcomes of adds that all asked for one status, of which MailUp called `not_valid` not valid."""
        wanted = {same(change.email): change for change in changes}
        word = WORDS[changes[0].after["status"]]
        found = self._met(audience_id, word, wanted, len(wanted) - not_valid, self._newest_first)
        roster = self._reading.rosters.of(audience_id)
        for member in found.values():
            roster.put(_as_consent(member))
        if len(found) < len(wanted):
            self._reading.rosters.read(audience_id)
        return {
            change.change_id: self._added(audience_id, change, found.get(address)) for address, change in wanted.items()
        }

    def updates(self, audience_id: str, changes: Sequence[Change]) -> dict[str, Outcome]:
        """Outcomes of updates; everybody is where the roster knows them, or was moved by somebody meanwhile."""
        roster = self._reading.rosters.of(audience_id)
        found: dict[str, Member] = {}
        for word, status in STATUS_LISTS.items():
            wanted = {
                same(one.email): change
                for change in changes
                if (one := roster.find(change.provider_id, change.email))
                and (one.status == status or (one.status, status) == ("bounced", "unsubscribed"))
            }
            met = self._met(audience_id, word, wanted, len(wanted), self._oldest_first)
            found.update((wanted[address].change_id, member) for address, member in met.items())
        return {change.change_id: self._updated(audience_id, change, found.get(change.change_id)) for change in changes}

    def unsubscribes(self, audience_id: str, changes: Sequence[Change]) -> dict[str, Outcome]:
        """Outcomes of an import as unsubscribed."""
        roster = self._reading.rosters.read(audience_id)
        outcomes = {}
        for change in changes:
            one = roster.find(change.provider_id, change.email)
            is_out = one is not None and one.status in ("unsubscribed", "bounced")
            outcomes[change.change_id] = seen(change) if is_out else refused(change, Reason("not_kept"))
        return outcomes

    def joins(self, audience_id: str, key: str, changes: Sequence[Change]) -> dict[str, Outcome]:
        """Outcomes of an import into one group."""
        roster = self._reading.rosters.of(audience_id)
        people = [roster.find(change.provider_id, change.email) for change in changes]
        group_id = self._reading.group_ids(audience_id)[key]
        present = self._in_group(group_id, {one.provider_id for one in people if one})
        outcomes = {}
        for change, one in zip(changes, people, strict=True):
            is_in = one is not None and (one.provider_id in present or self._is_in(audience_id, one, key))
            reason = Reason("not_kept", f"not in the group {key} after the import")
            outcomes[change.change_id] = seen(change, one.provider_id) if one and is_in else refused(change, reason)
        return outcomes

    def _in_group(self, group_id: str, wanted: Set[str]) -> Set[str]:
        """The ids of those wanted who are in a group; ends when all were met."""
        found: set[str] = set()
        for page in read(self._client, Listing(group_people_path(group_id), person_id, self._newest_first)):
            found.update(wanted & {person_id(item) for item in page})
            if len(found) == len(wanted):
                break
        return found

    def _is_in(self, audience_id: str, one: Consent, key: str) -> bool:
        # Whether a group lists those who are unsubscribed is not documented: their own page is asked.
        if one.status == "subscribed":
            return False
        member = self._reading.person(audience_id, one.provider_id, ())
        return member is not None and key in member.groups

    def _met(
        self, audience_id: str, word: str, wanted: Mapping[str, Change], enough: int, order: Mapping[str, str]
    ) -> dict[str, Member]:
        """Those wanted (by address) who are met in a status list; ends when so many were met."""
        found: dict[str, Member] = {}
        if not wanted:
            return found
        names = sorted({name for change in wanted.values() for name in change.after.get("fields") or ()})
        path = f"{list_path(audience_id)}/Recipients/{word}"
        for page in read(self._client, Listing(path, person_id, order)):
            for item in page:
                address = same(str(item["email"]))
                if address in wanted:
                    found[address] = self._reading.as_member(item, STATUS_LISTS[word], None, (), names)
            if len(found) >= enough:
                break
        return found

    def _added(self, audience_id: str, change: Change, member: Member | None) -> Outcome:
        if member is None:
            one = self._reading.rosters.of(audience_id).find(None, change.email)
            if one is None:
                return refused(change, Reason("not_kept"))
            if one.status != change.after["status"]:
                return refused(change, of_status(change, one.status, one.cause), one.provider_id)
            member = self._reading.person(audience_id, one.provider_id, tuple(change.after.get("fields") or ()))
            if member is None:
                return refused(change, Reason("not_kept"), one.provider_id)
        wanted = change.after.get("fields") or {}
        if any(not value and member.fields[name] for name, value in wanted.items()):
            # Known from another list: an import keeps the values that the person had there.
            return self._singles.update(change, _as_consent(member), wanted)
        return seen(change, member.provider_id, {name: member.fields[name] for name in wanted})

    def _updated(self, audience_id: str, change: Change, member: Member | None) -> Outcome:
        wanted: Mapping[str, str] = change.after["fields"]
        if member is None:
            one = self._reading.rosters.of(audience_id).find(change.provider_id, change.email)
            member = self._reading.person(audience_id, one.provider_id, tuple(wanted)) if one else None
        if member is None:
            return refused(change, Reason("not_found"))
        before = (change.before or {}).get("fields") or {}
        now = {name: member.fields[name] for name in wanted}
        left = sorted(name for name, value in wanted.items() if now[name] == before.get(name, "") != fitted(value))
        if left:
            return refused(change, Reason("not_kept", f"unchanged: {', '.join(left)}"), member.provider_id)
        return seen(change, member.provider_id, now)


def _as_consent(member: Member) -> Consent:
    return Consent(member.provider_id, member.email, member.status, None, None, None, None, None)
