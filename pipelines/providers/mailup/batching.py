"""Changes of one op cut into batches.

Belongs here: which changes travel together, by which imports, and which go one by one. Does not: sending them.

An import answers with counts, so that a list has to be read back to know what became of its rows. Therefore a batch
holds several imports, which are read back once. A few changes cost less one by one, and are answered one by one; only
an add has no call of its own that is sure to leave a person's no alone.

An import into a group takes newcomers into the list as well. So joins travel along with the adds of the same people,
and nobody is imported into the list whom an import takes into a group anyway.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from pipelines.providers.base import Batch, Change, Op, Traits
from pipelines.providers.mailup.refusals import REFUSALS
from pipelines.providers.mailup.values import FIELD_LENGTH
from pipelines.providers.rows import chunks

IMPORTS_PER_BATCH = 10
FEW = 50
CALLS_PER_IMPORT = 4  # its start, and looks at it
LIST = ""  # beside the keys of groups

TRAITS = Traits(
    default_exit="leave_groups",
    removable=frozenset(),
    renamable=frozenset(),
    batched=frozenset({"add", "update", "join", "unsubscribe"}),
    max_batch=1000,
    max_fields=40,  # Name and 39 dynamic ones
    max_value_length=FIELD_LENGTH,
    seconds_per_call=0.35,
    refusals=REFUSALS,
    few={"update": FEW, "join": FEW, "unsubscribe": FEW},
    calls_per_batch=CALLS_PER_IMPORT,
    read_back_page=100,
    by_label=frozenset({"join", "leave"}),
    along={"add": "join"},
    makes_fields=False,
)


def groups_of(change: Change) -> tuple[str, ...]:
    """The groups that a join enters, or that a leave leaves, sorted."""
    before = set((change.before or {}).get("groups") or ())
    after = set(change.after.get("groups") or ())
    return tuple(sorted(after - before if change.op == "join" else before - after))


def only(change: Change, keys: Collection[str]) -> Change:
    """A join of these groups alone."""
    before = (change.before or {}).get("groups") or ()
    return replace(change, after={"groups": sorted({*before, *keys})})


def by_group(changes: Iterable[Change]) -> Mapping[str, list[Change]]:
    """Changes by each group that they enter or leave, groups sorted."""
    found: dict[str, list[Change]] = defaultdict(list)
    for change in changes:
        for key in groups_of(change):
            found[key].append(change)
    return {key: found[key] for key in sorted(found)}


def clears(change: Change) -> bool:
    """Whether an update empties a field. Imports keep what is there: blanking would touch fields of others too."""
    had = (change.before or {}).get("fields") or {}
    return change.op == "update" and any(
        not value and had.get(name) for name, value in (change.after.get("fields") or {}).items()
    )


def is_apart(change: Change) -> bool:
    """Whether a change never travels by import: it empties a field, or is of somebody who is out."""
    status = (change.before or {}).get("status")
    return clears(change) or (change.op == "update" and status not in (None, "subscribed"))


def goes_singly(changes: Sequence[Change]) -> bool:
    """Whether a batch goes person by person; of joins this is asked for each group."""
    op = changes[0].op
    if op in TRAITS.few:
        return len(changes) <= TRAITS.few[op] or clears(changes[0])
    return op != "add"


def groups_to_import(newcomers: Iterable[Collection[str]]) -> frozenset[str]:
    """The groups that newcomers enter by import, of the groups of each of them; the others are entered one by one.

    A few calls cost no more than an import, unless it stands in for the one into the list.
    """
    joined = [frozenset(keys) for keys in newcomers]
    often = Counter(key for keys in joined for key in keys)
    large = frozenset(key for key, count in often.items() if count > CALLS_PER_IMPORT)
    rest = [keys for keys in joined if not keys & large]
    shared = frozenset.intersection(*rest) if rest else frozenset()
    return large | frozenset(sorted(shared)[:1])


def cut(changes: Iterable[Change], *, size: int, empties: Callable[[str, int], bool]) -> Iterator[Batch]:
    """Batches in the fewest calls; `empties` says whether so many leavers may be all that a group has."""
    rows = list(changes)
    if not rows:
        return
    op = rows[0].op
    if op in ("add", "leave"):
        yield from _adds(rows, size) if op == "add" else _leaves(rows, empties)
        return
    if op == "join":
        rows.sort(key=lambda change: (groups_of(change), change.email_key))
    single = [change for change in rows if is_apart(change)]
    rest = [change for change in rows if not is_apart(change)]
    if op != "join" and goes_singly(rest or single):
        single, rest = [*rest, *single], []
    for chunk in chunks(rest, size * IMPORTS_PER_BATCH):
        yield Batch(op, chunk, calls=_import_calls(op, chunk, size))
    for chunk in chunks(single, FEW):
        yield Batch(op, chunk, calls=len(chunk))


def _import_calls(op: Op, changes: Sequence[Change], size: int) -> int:
    if op != "join":
        return -(-len(changes) // size) * CALLS_PER_IMPORT
    return sum(
        len(members) if goes_singly(members) else -(-len(members) // size) * CALLS_PER_IMPORT
        for members in by_group(changes).values()
    )


def _adds(changes: Sequence[Change], size: int) -> Iterator[Batch]:
    """Adds, each with the join of the same person; who has to confirm first enters groups later."""
    adds = [change for change in changes if change.op == "add"]
    going = {change.email_key for change in adds if change.after.get("status") == "subscribed"}
    joins = {change.email_key: change for change in changes if change.op == "join" and change.email_key in going}
    groups = {key: groups_of(join) for key, join in joins.items()}
    for chunk in _filled(adds, groups, size):
        along = tuple(joins[change.email_key] for change in chunk if change.email_key in joins)
        yield Batch("add", (*chunk, *along), calls=_calls_of_adds(chunk, groups, size))


def _filled(adds: Sequence[Change], groups: Mapping[str, tuple[str, ...]], size: int) -> Iterator[list[Change]]:
    """Adds that fill the imports of a batch each, those with the same groups together.

    An import that is begun is filled up first, unless that makes the batch twice as large.
    """
    full = size * IMPORTS_PER_BATCH
    chunk: list[Change] = []
    rows: Counter[str] = Counter()
    for change in sorted(adds, key=lambda change: groups.get(change.email_key, ())):
        imports = groups.get(change.email_key) or (LIST,)
        begins = any(rows[key] % size == 0 for key in imports)
        if rows.total() >= (full if begins else 2 * full):
            yield chunk
            chunk, rows = [], Counter()
        chunk.append(change)
        rows.update(imports)
    if chunk:
        yield chunk


def _calls_of_adds(adds: Sequence[Change], groups: Mapping[str, tuple[str, ...]], size: int) -> int:
    newcomers = [groups.get(change.email_key, ()) for change in adds]
    imported = groups_to_import(newcomers)
    rows = Counter(key for keys in newcomers for key in imported.intersection(keys) or (LIST,))
    singly = sum(key not in imported for keys in newcomers for key in keys)
    return sum(-(-count // size) for count in rows.values()) * CALLS_PER_IMPORT + singly


def _leaves(changes: Sequence[Change], empties: Callable[[str, int], bool]) -> Iterator[Batch]:
    """A batch for each group that may be emptied in one call, then the others, few at a time."""
    left = {change.change_id: change for change in changes}
    for key, leavers in by_group(changes).items():
        waiting = [change for change in leavers if change.change_id in left]
        if len(waiting) > FEW and len(waiting) == len(leavers) and empties(key, len(leavers)):
            for change in waiting:
                del left[change.change_id]
            others = sum(len(groups_of(change)) - 1 for change in waiting)
            yield Batch("leave", tuple(waiting), calls=1 + others)
    for chunk in chunks(left.values(), FEW):
        yield Batch("leave", chunk, calls=sum(len(groups_of(change)) for change in chunk))
