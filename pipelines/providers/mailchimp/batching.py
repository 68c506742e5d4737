"""Changes of one op cut into the fewest calls.

Belongs here: which changes travel together. Does not: sending them.

A batch is never larger than it must be: its outcomes are journalled together, and a stopped push repeats at most one.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pipelines.providers.base import Batch, Change
from pipelines.providers.rows import chunks

SINGLES = 100  # changes in a batch whose calls are single: ten rounds over ten connections between two journal lines


def tag_difference(change: Change) -> tuple[str, ...]:
    """The tags that a tag or untag change adds or removes, sorted. Letter case does not tell tags apart."""
    before, after = _tags(change.before), _tags(change.after)
    more, less = (after, before) if change.op == "tag" else (before, after)
    return tuple(more[key] for key in sorted(more.keys() - less.keys()))


def is_single(change: Change, *, update_singly: bool) -> bool:
    """Whether a change needs a call of its own.

    Somebody who returns is one: the batch call either refuses every member that exists, or touches those whom nobody
    meant to bring back.
    """
    if change.op == "add":
        return change.before is not None
    if change.op in ("update", "join", "leave"):
        return update_singly
    return change.op in ("rename", "archive", "delete")


def cut(changes: Iterable[Change], *, size: int, update_singly: bool) -> Iterator[Batch]:
    """Batches of at most `size` changes a call, in the fewest calls; see `Provider.batches`."""
    together, single, tagged = [], [], []
    for change in changes:
        if change.op in ("tag", "untag"):
            tagged.append(change)
        elif is_single(change, update_singly=update_singly):
            single.append(change)
        else:
            together.append(change)
    for chunk in chunks(together, size):
        yield Batch(chunk[0].op, chunk)
    for chunk in chunks(single, SINGLES):
        yield Batch(chunk[0].op, chunk, calls=len(chunk))
    yield from _by_tag(tagged, size)


def tag_calls(changes: Iterable[Change], size: int) -> list[tuple[str, tuple[Change, ...]]]:
    """Tag and the changes that one segment call carries for it, for all tags of all changes."""
    members: dict[str, list[Change]] = defaultdict(list)
    names: dict[str, str] = {}
    for change in changes:
        for tag in tag_difference(change):
            members[tag.lower()].append(change)
            names.setdefault(tag.lower(), tag)
    return [(names[key], chunk) for key in sorted(members) for chunk in chunks(members[key], size)]


def _by_tag(changes: Sequence[Change], size: int) -> Iterator[Batch]:
    """Calls are filled over all members, which is the fewest there can be; calls that share a member become one batch.

    Sorted by their set of tags, members with the same tags stand together in every call, so that few calls are linked
    and batches stay small.
    """
    ordered = sorted(changes, key=lambda change: ([tag.lower() for tag in tag_difference(change)], change.email_key))
    calls = tag_calls(ordered, size)
    leaders = _linked(calls)
    parts: dict[int, dict[str, Change]] = defaultdict(dict)
    numbers: dict[int, int] = defaultdict(int)
    for number, (_, carried) in enumerate(calls):
        leader = _leader(leaders, number)
        numbers[leader] += 1
        parts[leader].update((change.change_id, change) for change in carried)
    for leader, members in parts.items():
        batch = tuple(members.values())
        yield Batch(batch[0].op, batch, calls=numbers[leader])
    for chunk in chunks((change for change in ordered if not tag_difference(change)), size):
        yield Batch(chunk[0].op, chunk, calls=0)


def _linked(calls: Sequence[tuple[str, tuple[Change, ...]]]) -> list[int]:
    """Union-find over calls: two calls that carry the same change have the same leader."""
    leaders = list(range(len(calls)))
    first_call: dict[str, int] = {}
    for number, (_, carried) in enumerate(calls):
        for change in carried:
            other = first_call.setdefault(change.change_id, number)
            leaders[_leader(leaders, number)] = _leader(leaders, other)
    return leaders


def _leader(leaders: list[int], number: int) -> int:
    while leaders[number] != number:
        leaders[number] = leaders[leaders[number]]
        number = leaders[number]
    return number


def _tags(side: Mapping[str, Any] | None) -> dict[str, str]:
    tags = (side or {}).get("tags") or ()
    return {str(tag).lower(): str(tag) for tag in tags}
