"""People who are added and enter groups by the same imports.

Belongs here: which import names whom, and what becomes of the joins that travel along. Does not: which groups are
entered by import at all (batching.py), rows (batch_imports.py), reading back (settling.py), those who have to confirm
first (writing.py).

The first import that names a person subscribes them and brings their fields; the others need the address alone. But
where MailUp did not call all rows of it valid, nobody knows whom it left out: their fields travel again, or the next
import would subscribe them without any. Whom an import did not take is named in no other.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from pipelines.errors import ProviderError
from pipelines.providers.base import Change, Outcome
from pipelines.providers.mailup.batch_imports import BatchImports
from pipelines.providers.mailup.batching import groups_of, groups_to_import, only
from pipelines.providers.mailup.reading import Reading, group_people_path
from pipelines.providers.mailup.refusals import Reason, failed, refused, worst
from pipelines.providers.mailup.roster import list_path
from pipelines.providers.mailup.settling import Settling
from pipelines.providers.mailup.singles import Singles

OUT = frozenset({"opted_out", "out_by_us", "bounced"})  # codes of those whom no import brings back


class Newcomers:
    """Sends adds, and joins of the same people; `begin` makes the imports of a batch."""

    def __init__(
        self, reading: Reading, settling: Settling, singles: Singles, begin: Callable[[], BatchImports]
    ) -> None:
        self._reading = reading
        self._settling = settling
        self._singles = singles
        self._begin = begin

    def send(self, audience_id: str, adds: Sequence[Change], joins: Sequence[Change]) -> dict[str, Outcome]:
        """Outcomes by change_id of adds that all ask for one status, and of joins of some of these people.

        Raises where not one import was answered.
        """
        imports = self._begin()
        entered = self._import(audience_id, imports, adds, joins)
        imports.raise_if_nothing_answered()
        outcomes = dict(imports.outcomes)
        if taken := [add for add in adds if add.change_id not in outcomes]:
            outcomes.update(imports.naming(self._settling.adds(audience_id, taken, imports.not_valid)))
        people = {add.email_key: outcomes[add.change_id] for add in adds}
        return {**outcomes, **self._settle_joins(audience_id, imports, joins, entered, people)}

    def _import(
        self, audience_id: str, imports: BatchImports, adds: Sequence[Change], joins: Sequence[Change]
    ) -> dict[str, list[Change]]:
        """Import everybody; the joins of those whom each group's import took, by the group's key."""
        join_of = {join.email_key: join for join in joins}
        groups = {add.email_key: _groups(join_of.get(add.email_key)) for add in adds}
        imported = groups_to_import(groups.values())
        fields = {add.email_key: add.after.get("fields") or {} for add in adds}
        alone = [add for add in adds if imported.isdisjoint(groups[add.email_key])]
        imports.expect(sum(max(1, len(imported.intersection(keys))) for keys in groups.values()))
        imports.run(f"{list_path(audience_id)}/Recipients", alone)
        named: set[str] = set()
        entered = {}
        for key in sorted(imported):
            rows = [
                join_of[add.email_key] if add.email_key in named else add
                for add in adds
                if key in groups[add.email_key] and add.change_id not in imports.outcomes
            ]
            taken = imports.run(
                group_people_path(self._reading.group_ids(audience_id)[key]),
                rows,
                values=lambda change: {} if change.email_key in imports.whole else fields[change.email_key],
            )
            named.update(change.email_key for change in taken)
            entered[key] = [join_of[change.email_key] for change in taken]
        return entered

    def _settle_joins(
        self,
        audience_id: str,
        imports: BatchImports,
        joins: Sequence[Change],
        entered: Mapping[str, Sequence[Change]],
        people: Mapping[str, Outcome],
    ) -> dict[str, Outcome]:
        """Outcomes of joins. Where no more answers come they failed, for what is known of the adds must not be lost."""
        there = [join for join in joins if people[join.email_key].outcome == "applied"]
        parts: list[Mapping[str, Outcome]] = [imports.outcomes]
        try:
            parts.extend(self._parts(audience_id, imports, there, entered))
            self._take_back(audience_id, entered, people)
        except ProviderError as error:
            parts.append({join.change_id: failed(join, error.what) for join in there})
        gone = {join.change_id: refused(join, Reason("not_found")) for join in joins}
        return gone | worst(there, parts)

    def _parts(
        self,
        audience_id: str,
        imports: BatchImports,
        joins: Sequence[Change],
        entered: Mapping[str, Sequence[Change]],
    ) -> Iterator[Mapping[str, Outcome]]:
        """What became of the joins in each group that was imported, then of those who enter groups one by one."""
        wanted = {join.change_id for join in joins}
        for key, members in entered.items():
            if rows := [join for join in members if join.change_id in wanted]:
                yield imports.naming(self._settling.joins(audience_id, key, rows))
        singly = [only(join, keys) for join in joins if (keys := set(groups_of(join)) - entered.keys())]
        if singly:
            yield self._singles.send(audience_id, singly)

    def _take_back(
        self, audience_id: str, entered: Mapping[str, Sequence[Change]], people: Mapping[str, Outcome]
    ) -> None:
        """Take those who said no meanwhile out of the groups: an import leaves their status alone, but puts them in."""
        out = {
            join.change_id: join
            for members in entered.values()
            for join in members
            if people[join.email_key].code in OUT
        }
        if out:
            self._singles.send(audience_id, [_taken_back(join, entered.keys()) for join in out.values()])


def _groups(join: Change | None) -> tuple[str, ...]:
    return groups_of(join) if join else ()


def _taken_back(join: Change, keys: Collection[str]) -> Change:
    """The leave that takes a join of these groups back."""
    entered = only(join, set(groups_of(join)).intersection(keys))
    return replace(entered, op="leave", before=entered.after, after=entered.before or {"groups": []})
