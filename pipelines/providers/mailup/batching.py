"""Changes of one op cut into batches.

Belongs here: which changes travel together, and which go one by one. Does not: sending them.

An import answers with counts, so that a list has to be read back to know what became of its rows. Therefore a batch
holds several imports, which are read back once. A few changes cost less one by one, and are answered one by one; only
an add has no call of its own that is sure to leave a person's no alone.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from pipelines.providers.base import Batch, Change, Op, Traits
from pipelines.providers.mailup.refusals import REFUSALS
from pipelines.providers.mailup.values import FIELD_LENGTH
from pipelines.providers.rows import chunks

IMPORTS_PER_BATCH = 10
FEW = 50
CALLS_PER_IMPORT = 4  # its start, and looks at it

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
    makes_fields=False,
)


def groups_of(change: Change) -> tuple[str, ...]:
    """The groups that a join enters, or that a leave leaves, sorted."""
    before = set((change.before or {}).get("groups") or ())
    after = set(change.after.get("groups") or ())
    return tuple(sorted(after - before if change.op == "join" else before - after))


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


def cut(changes: Iterable[Change], *, size: int, empties: Callable[[str, int], bool]) -> Iterator[Batch]:
    """Batches in the fewest calls; `empties` says whether so many leavers may be all that a group has."""
    rows = list(changes)
    if not rows:
        return
    op = rows[0].op
    if op == "leave":
        yield from _leaves(rows, empties)
        return
    if op == "join":
        rows.sort(key=lambda change: (groups_of(change), change.email_key))
    single = [change for change in rows if is_apart(change)]
    rest = [change for change in rows if not is_apart(change)]
    if op not in ("add", "join") and goes_singly(rest or single):
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
