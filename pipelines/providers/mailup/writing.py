"""Changes sent to MailUp; every change comes back with exactly one outcome.

Belongs here: what is refused before anything is sent, the rows of imports, which way a batch goes. Does not: which
changes travel together (batching.py), calls for one person (singles.py), what became of imports (settling.py), who
gets mail (the plan).

A plain import subscribes whoever is not in the list, and leaves those who said no alone. So adds are the only ones that
may name somebody new: everybody else is looked up in the roster first, and left out of the import where they are gone.
Nor does an import ever name somebody who is out: were they taken off the list after the roster was read, it would
subscribe them. They go one by one.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pipelines.errors import ProviderError
from pipelines.providers.base import Batch, Change, Op, Outcome
from pipelines.providers.http import RefusedError
from pipelines.providers.mailup.batching import FEW, by_group, goes_singly, groups_of
from pipelines.providers.mailup.client import CONSOLE, Client
from pipelines.providers.mailup.fields import NAME, Fields
from pipelines.providers.mailup.imports import Counted, Imports
from pipelines.providers.mailup.reading import Reading
from pipelines.providers.mailup.refusals import Reason, applied, failed, of_answer, of_status, refused, seen
from pipelines.providers.mailup.roster import Consent, list_path
from pipelines.providers.mailup.settling import Settling
from pipelines.providers.mailup.singles import Singles
from pipelines.providers.mailup.values import same
from pipelines.providers.rows import chunks, is_of_row, raise_if_nothing_answered, split

if TYPE_CHECKING:
    from pipelines.config.connections import MailupConnection

IMPOSSIBLE: Mapping[Op, str] = {
    "rename": "not_possible",
    "tag": "not_possible",
    "untag": "not_possible",
    "archive": "not_possible",
    "delete": "not_erased",
}

Result = Counted | ProviderError


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
        known = self._reading.group_ids(audience_id) if batch.op in ("join", "leave") else {}
        for change in batch.changes:
            one = roster.find(change.provider_id, change.email)
            if reason := self._why_not(audience_id, change, one, known):
                yield change, refused(change, reason, one.provider_id if one else None)

    def _why_not(
        self, audience_id: str, change: Change, one: Consent | None, known: Mapping[str, str]
    ) -> Reason | None:
        if change.op == "add":
            return self._why_not_add(audience_id, change, one)
        if one is None:
            return Reason("not_found")
        if change.op == "unsubscribe" and one.status == "bounced":
            return Reason("bounced")  # a bounce is never overwritten (F7)
        if change.op in ("join", "leave") and not known.keys() >= set(groups_of(change)):
            return Reason("unknown_group")
        return None

    def _why_not_add(self, audience_id: str, change: Change, one: Consent | None) -> Reason | None:
        if one is None:
            is_out = any(same(change.email) in refusers for refusers in self._reading.refusers(audience_id))
            return Reason("opted_out_elsewhere") if is_out else None
        # Whom we unsubscribed ourselves may be asked whether they want to return; nobody else is written to.
        was = (change.before or {}).get("status")
        if (change.after["status"], one.status, was) == ("pending", "unsubscribed", "unsubscribed"):
            return None
        return of_status(one.status, one.cause)

    # The ways of each op

    def _add(self, audience_id: str, changes: Sequence[Change]) -> dict[str, Outcome]:
        outcomes: dict[str, Outcome] = {}
        for status in sorted({change.after["status"] for change in changes}):
            rows = [change for change in changes if change.after["status"] == status]
            options = {"ConfirmEmail": "true"} if status == "pending" else None
            taken, counted = self._import(outcomes, f"{list_path(audience_id)}/Recipients", rows, options)
            if status == "pending":
                for one in counted:
                    self._imports.send_confirmations(one.import_id)
            if taken:
                not_valid = sum(one.not_valid for one in counted)
                outcomes.update(_naming(counted, self._settling.adds(audience_id, taken, not_valid)))
        return outcomes

    def _update(self, audience_id: str, changes: Sequence[Change]) -> dict[str, Outcome]:
        if goes_singly(changes):
            return self._singles.send(audience_id, changes)
        within, out = self._apart(audience_id, changes)
        outcomes = self._singles.send(audience_id, out) if out else {}
        taken, counted = self._import(outcomes, f"{list_path(audience_id)}/Recipients", within)
        return {**outcomes, **(_naming(counted, self._settling.updates(audience_id, taken)) if taken else {})}

    def _unsubscribe(self, audience_id: str, changes: Sequence[Change]) -> dict[str, Outcome]:
        if goes_singly(changes):
            return self._singles.send(audience_id, changes)
        outcomes: dict[str, Outcome] = {}
        path, options = f"{list_path(audience_id)}/Recipients", {"importType": "asOptout"}
        taken, counted = self._import(outcomes, path, changes, options)
        return {**outcomes, **(_naming(counted, self._settling.unsubscribes(audience_id, taken)) if taken else {})}

    def _join(self, audience_id: str, changes: Sequence[Change]) -> dict[str, Outcome]:
        ids = self._reading.group_ids(audience_id)
        parts: list[dict[str, Outcome]] = []
        few: dict[str, set[str]] = defaultdict(set)
        for key, members in by_group(changes).items():
            within, out = ([], members) if goes_singly(members) else self._apart(audience_id, members)
            for change in out:
                few[change.change_id].add(key)
            if not within:
                continue
            outcomes: dict[str, Outcome] = {}
            taken, counted = self._import(outcomes, f"{CONSOLE}/Group/{int(ids[key])}/Recipients", within)
            settled = _naming(counted, self._settling.joins(audience_id, key, taken)) if taken else {}
            parts.append({**outcomes, **settled})
        if few:
            single = [_only(change, few[change.change_id]) for change in changes if change.change_id in few]
            parts.append(self._singles.send(audience_id, single))
        return _worst(changes, parts)

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
        self,
        outcomes: dict[str, Outcome],
        path: str,
        changes: Sequence[Change],
        options: Mapping[str, str] | None = None,
    ) -> tuple[list[Change], list[Counted]]:
        """Import all rows; the changes that MailUp took, and what it counted. The others' outcomes are filled in.

        Raises where not one import was answered.
        """
        results = list(self._results(path, changes, options))
        raise_if_nothing_answered(None if is_of_row(result) else result for _, result in results)
        taken: list[Change] = []
        for rows, result in results:
            if isinstance(result, Counted):
                taken.extend(rows)
            elif isinstance(result, RefusedError) and is_of_row(result):
                outcomes.update((change.change_id, refused(change, of_answer(result))) for change in rows)
            else:
                outcomes.update((change.change_id, failed(change, result.what)) for change in rows)
        return taken, [result for _, result in results if isinstance(result, Counted)]

    def _results(
        self, path: str, changes: Sequence[Change], options: Mapping[str, str] | None
    ) -> Iterator[tuple[Sequence[Change], Result]]:
        """What came of each import; after one without an answer no other is begun."""
        failure: ProviderError | None = None
        for chunk in chunks(changes, self._size):
            if failure:
                yield chunk, failure
                continue
            for rows, result in split(chunk, lambda rows: self._imports.run(path, self._rows(rows), options)):
                if isinstance(result, ProviderError) and not is_of_row(result):
                    failure = result
                yield rows, result

    def _rows(self, changes: Sequence[Change]) -> list[dict[str, Any]]:
        # No mobile number, ever: it is a second key, and one that belongs to another person refuses the row.
        return [
            {"Email": change.email, NAME: "", **self._fields.body(_values(change), with_empty=False)}
            for change in changes
        ]


def _naming(counted: Sequence[Counted], outcomes: Mapping[str, Outcome]) -> dict[str, Outcome]:
    """The same; whoever was not kept is told the imports to look at in MailUp's page Import, and what they counted."""
    ids = ", ".join(str(one.import_id) for one in counted)
    valid, not_valid = sum(one.valid for one in counted), sum(one.not_valid for one in counted)
    told = f"import {ids}: {valid:,} rows valid, {not_valid:,} not"
    return {
        change_id: replace(one, detail=f"{one.detail}; {told}" if one.detail else told)
        if one.code == "not_kept"
        else one
        for change_id, one in outcomes.items()
    }


def _values(change: Change) -> Mapping[str, str]:
    return change.after.get("fields") or {} if change.op in ("add", "update") else {}


def _only(change: Change, keys: Collection[str]) -> Change:
    """A join of these groups alone."""
    before = (change.before or {}).get("groups") or ()
    return replace(change, after={"groups": sorted({*before, *keys})})


def _worst(changes: Sequence[Change], parts: Sequence[Mapping[str, Outcome]]) -> dict[str, Outcome]:
    """One outcome for each change: of several groups the one that went wrong, else the one that nobody has seen yet."""
    outcomes = {}
    for change in changes:
        found = [part[change.change_id] for part in parts if change.change_id in part]
        whole = min(found, key=lambda one: one.is_seen, default=applied(change))
        outcomes[change.change_id] = next((one for one in found if one.outcome != "applied"), whole)
    return outcomes
