"""Changes sent to MailUp; every change comes back with exactly one outcome.

Belongs here: what is refused before anything is sent, which way a batch goes. Does not: which changes travel together
(batching.py), rows (batch_imports.py), newcomers and their groups (newcomers.py), calls for one person (singles.py),
what became of imports (settling.py), who gets mail (the plan).

A plain import subscribes whoever is not in the list, and leaves those who said no alone. So adds are the only ones that
may name somebody new: everybody else is looked up in the roster first, and left out of the import where they are gone.
Nor does an import ever name somebody who is out: were they taken off the list after the roster was read, it would
subscribe them. They go one by one.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from functools import partial
from typing import TYPE_CHECKING

from pipelines.providers.base import Batch, Change, Op, Outcome
from pipelines.providers.mailup.batch_imports import BatchImports
from pipelines.providers.mailup.batching import FEW, by_group, goes_singly, groups_of, only
from pipelines.providers.mailup.client import Client
from pipelines.providers.mailup.fields import Fields
from pipelines.providers.mailup.imports import Imports
from pipelines.providers.mailup.newcomers import Newcomers
from pipelines.providers.mailup.reading import Reading, group_people_path
from pipelines.providers.mailup.refusals import Reason, applied, is_out_by_us, of_status, refused, seen, worst
from pipelines.providers.mailup.roster import Consent, list_path
from pipelines.providers.mailup.settling import Settling
from pipelines.providers.mailup.singles import Singles
from pipelines.providers.mailup.values import same

if TYPE_CHECKING:
    from pipelines.config.connections import MailupConnection

IMPOSSIBLE: Mapping[Op, str] = {
    "rename": "not_possible",
    "tag": "not_possible",
    "untag": "not_possible",
    "archive": "not_possible",
    "delete": "not_erased",
}

Settle = Callable[[Sequence[Change]], dict[str, Outcome]]


class Writing:
    """Sends batches to the lists of one account."""

    def __init__(self, client: Client, reading: Reading, fields: Fields, connection: "MailupConnection") -> None:
        self._client = client
        self._reading = reading
        self._fields = fields
        self._size = connection.import_chunk
        self._imports = Imports(client, connection)
        self._singles = Singles(client, reading, fields)
        self._settling = Settling(client, reading, self._singles, connection)
        self._newcomers = Newcomers(reading, self._settling, self._singles, self._begin)

    def send(self, audience_id: str, batch: Batch) -> list[Outcome]:
        """Outcomes in the order of the changes; see `Provider.send`."""
        self._reading.require(audience_id)
        outcomes = {change.change_id: outcome for change, outcome in self._declined(audience_id, batch)}
        rest = [change for change in batch.changes if change.change_id not in outcomes]
        if rest:
            outcomes.update(self._ways[batch.op](audience_id, rest))
        return [outcomes[change.change_id] for change in batch.changes]

    def may_empty(self, audience_id: str, key: str, leavers: int) -> bool:
        """Whether so many leavers may be all that a group has."""
        group_id = self._reading.group_ids(audience_id).get(key)
        return group_id is not None and self._reading.size_of(group_id) <= leavers

    @property
    def _ways(self) -> Mapping[Op, Callable[[str, Sequence[Change]], dict[str, Outcome]]]:
        return {
            "add": self._add,
            "update": self._update,
            "unsubscribe": self._unsubscribe,
            "join": self._join,
            "leave": self._leave,
        }

    # What is refused before anything is sent

    def _declined(self, audience_id: str, batch: Batch) -> Iterator[tuple[Change, Outcome]]:
        if batch.op in IMPOSSIBLE:
            yield from ((change, refused(change, Reason(IMPOSSIBLE[batch.op]))) for change in batch.changes)
            return
        rosters = self._reading.rosters
        # Whoever is asked to confirm gets a mail: nobody may who said no a minute ago.
        is_asking = any(change.after.get("status") == "pending" for change in batch.changes)
        roster = rosters.read(audience_id) if is_asking else rosters.of(audience_id)
        unknown = self._unknown_groups(audience_id, batch)
        coming: set[str] = set()  # adds come before the joins that travel along
        for change in batch.changes:
            one = roster.find(change.provider_id, change.email)
            is_there = change.email_key in coming if batch.op == "add" else one is not None
            if change.op != "add" and not is_there:
                yield change, refused(change, Reason("not_found"))
            elif reason := self._why_not(audience_id, change, one, unknown):
                yield change, refused(change, reason, one.provider_id if one else None)
            elif change.op == "add":
                coming.add(change.email_key)

    def _unknown_groups(self, audience_id: str, batch: Batch) -> Set[str]:
        """The groups that joins and leaves name and that the list does not have."""
        named = {key for change in batch.changes if change.op in ("join", "leave") for key in groups_of(change)}
        return named - self._reading.group_ids(audience_id).keys() if named else named

    def _why_not(self, audience_id: str, change: Change, one: Consent | None, unknown: Set[str]) -> Reason | None:
        if change.op == "add":
            return self._why_not_add(audience_id, change, one)
        if change.op == "unsubscribe" and one and one.status == "bounced":
            return Reason("bounced")  # a bounce is never overwritten (F7)
        if change.op in ("join", "leave") and not unknown.isdisjoint(groups_of(change)):
            return Reason("unknown_group")
        return None

    def _why_not_add(self, audience_id: str, change: Change, one: Consent | None) -> Reason | None:
        if one is None:
            is_out = any(same(change.email) in refusers for refusers in self._reading.refusers(audience_id))
            return Reason("opted_out_elsewhere") if is_out else None
        # Whom we unsubscribed ourselves may be asked whether they want to return; nobody else is written to.
        if change.after["status"] == "pending" and is_out_by_us(change, one.status, one.cause):
            return None
        return of_status(change, one.status, one.cause)

    # The ways of each op

    def _add(self, audience_id: str, changes: Sequence[Change]) -> dict[str, Outcome]:
        joins = [change for change in changes if change.op == "join"]
        asked = [change for change in changes if change.after.get("status") == "pending"]
        others = [change for change in changes if change.op == "add" and change.after["status"] != "pending"]
        outcomes = self._ask(audience_id, asked) if asked else {}
        return {**outcomes, **(self._newcomers.send(audience_id, others, joins) if others else {})}

    def _ask(self, audience_id: str, changes: Sequence[Change]) -> dict[str, Outcome]:
        """Import people who get a mail that asks them to confirm."""
        imports = self._begin()
        taken = imports.run(f"{list_path(audience_id)}/Recipients", changes, {"ConfirmEmail": "true"})
        imports.raise_if_nothing_answered()
        for one in imports.counted:
            self._imports.send_confirmations(one.import_id)
        settled = imports.naming(self._settling.adds(audience_id, taken, imports.not_valid)) if taken else {}
        return {**imports.outcomes, **settled}

    def _update(self, audience_id: str, changes: Sequence[Change]) -> dict[str, Outcome]:
        if goes_singly(changes):
            return self._singles.send(audience_id, changes)
        within, out = self._apart(audience_id, changes)
        outcomes = self._singles.send(audience_id, out) if out else {}
        settle = partial(self._settling.updates, audience_id)
        return {**outcomes, **self._import(f"{list_path(audience_id)}/Recipients", within, settle)}

    def _unsubscribe(self, audience_id: str, changes: Sequence[Change]) -> dict[str, Outcome]:
        if goes_singly(changes):
            return self._singles.send(audience_id, changes)
        settle = partial(self._settling.unsubscribes, audience_id)
        return self._import(f"{list_path(audience_id)}/Recipients", changes, settle, {"importType": "asOptout"})

    def _join(self, audience_id: str, changes: Sequence[Change]) -> dict[str, Outcome]:
        ids = self._reading.group_ids(audience_id)
        parts: list[dict[str, Outcome]] = []
        few: dict[str, set[str]] = defaultdict(set)
        for key, members in by_group(changes).items():
            within, out = ([], members) if goes_singly(members) else self._apart(audience_id, members)
            for change in out:
                few[change.change_id].add(key)
            if within:
                settle = partial(self._settling.joins, audience_id, key)
                parts.append(self._import(group_people_path(ids[key]), within, settle))
        if few:
            single = [only(change, few[change.change_id]) for change in changes if change.change_id in few]
            parts.append(self._singles.send(audience_id, single))
        return worst(changes, parts)

    def _leave(self, audience_id: str, changes: Sequence[Change]) -> dict[str, Outcome]:
        roster = self._reading.rosters.of(audience_id)
        for key, leavers in by_group(changes).items():
            if len(leavers) <= FEW:
                continue
            group_id = self._reading.group_ids(audience_id)[key]
            found = (roster.find(change.provider_id, change.email) for change in leavers)
            if self._reading.people_of(group_id) <= {one.provider_id for one in found if one}:
                path = f"{list_path(audience_id)}/Group/{int(group_id)}/Recipients"
                self._client.call("DELETE", path, empty=True)
                return self._leave_rest(audience_id, key, changes)
        return self._singles.send(audience_id, changes)

    def _leave_rest(self, audience_id: str, emptied: str, changes: Sequence[Change]) -> dict[str, Outcome]:
        """After a group was emptied: those who leave others too go on one by one."""
        rest = [change for change in changes if groups_of(change) != (emptied,)]
        is_empty = self._reading.size_of(self._reading.group_ids(audience_id)[emptied]) == 0
        outcomes = {change.change_id: (seen if is_empty else applied)(change) for change in changes}
        return outcomes | (self._singles.send(audience_id, rest) if rest else {})

    # Imports

    def _apart(self, audience_id: str, changes: Sequence[Change]) -> tuple[list[Change], list[Change]]:
        """Changes of those who are subscribed, and of those who are not."""
        roster = self._reading.rosters.of(audience_id)
        within: list[Change] = []
        out: list[Change] = []
        for change in changes:
            one = roster.find(change.provider_id, change.email)
            (within if one and one.status == "subscribed" else out).append(change)
        return within, out

    def _import(
        self, path: str, changes: Sequence[Change], settle: Settle, options: Mapping[str, str] | None = None
    ) -> dict[str, Outcome]:
        """Import all rows, then let `settle` find out what became of those that MailUp took.

        Raises where not one import was answered.
        """
        imports = self._begin()
        taken = imports.run(path, changes, options)
        imports.raise_if_nothing_answered()
        return {**imports.outcomes, **(imports.naming(settle(taken)) if taken else {})}

    def _begin(self) -> BatchImports:
        return BatchImports(self._imports, self._fields, self._size)
