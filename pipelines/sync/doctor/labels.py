"""Tags and groups: how many the provider takes, and tags that say that a person wants no mail.

Belongs here: what the sync's labels would make of the audience. Does not: merge fields (fields.py).
"""

import re
from collections.abc import Iterator, Sequence
from typing import TypeGuard

from pipelines.config import Home, SyncConfig
from pipelines.config.sync import GroupRule, GroupSplit, Source, TagRule
from pipelines.providers.base import Group, Traits
from pipelines.sync.doctor.findings import Finding, listed
from pipelines.sync.doctor.records import Records
from pipelines.words import counted

# A label that ends in a no (Mailingen-ontvangen-nee), or has one of these words. Not "non" anywhere: "Non soci" are
# people like others.
_ENDS_IN_NO = re.compile(r"[\W_](?:no|nee|nej|nein|non|nie)$", re.IGNORECASE)
_OBJECTS = re.compile(
    r"\b(?:opt(?:ed)?[-_ ]?out|unsubscribed?|do[-_ ]not[-_ ]mail|no[-_ ]mail(?:ings?)?|stop|uitgeschreven|afgemeld"
    r"|frameldt|afmeldt|avprenumererad|disiscritt[oi])\b",
    re.IGNORECASE,
)
_SIMPLE = re.compile(r"""\s*(?P<column>"[^"]+"|\w+)\s*=\s*(?P<value>'(?:[^']|'')*'|\d+)\s*""")


def groups_of(sync: SyncConfig, records: Sequence[Records]) -> set[str]:
    """The keys of all groups that the sync would need for the records."""
    found = set()
    for one in records:
        for rule in one.source.groups:
            prefix = f"{rule.category}: " if rule.category else ""
            names = one.parts(rule.split, rule.by) if isinstance(rule, GroupSplit) else [rule.name]
            found |= {prefix + name for name in names}
    return found


def too_many_groups(
    home: Home, sync: SyncConfig, needed: set[str], groups: Sequence[Group], traits: Traits
) -> Iterator[Finding]:
    """More groups than an audience may have, those of others included, where the sync needs new ones."""
    known = {group.key for group in groups}
    new, total = sorted(needed - known), len(needed | known)
    if traits.max_groups is not None and new and total > traits.max_groups:
        yield Finding(
            f"The audience would have {total:,} groups; {sync.to.connection} allows {traits.max_groups}. "
            f"{len(known):,} are there, and the sync needs {listed(new)}.",
            "Make tags of some, or take fewer values: the groups beyond that can't be made.",
            home.where(sync.sync, ("from",)),
        )


def missing_groups(home: Home, sync: SyncConfig, needed: set[str], groups: Sequence[Group]) -> Iterator[Finding]:
    """Groups that nobody made yet, where the sync makes none."""
    missing = sorted(needed - {group.key for group in groups})
    if missing and not sync.to.create_fields:
        yield Finding(
            f"The audience has no {'group' if len(missing) == 1 else 'groups'} {listed(missing)}.",
            "Make them at the provider, or set create_fields: true. A plan that needs one of them stops.",
            home.where(sync.sync, ("to",)),
        )


def objections(home: Home, sync: SyncConfig, records: Sequence[Records]) -> Iterator[Finding]:
    """Tags and groups that say no: how many are in the audience all the same, and the `where` without them (C5)."""
    for number, one in enumerate(records):
        rules = [rule for rule in (*one.source.tags, *one.source.groups) if is_objection(rule)]
        if not rules:
            continue
        values = {f"enlist_{at}": str(rule.when) for at, rule in enumerate(rules)}
        conditions = [f"{name} = 'true'" for name in values]
        wanted, (*counts, all_of_them) = one.count(values, [*conditions, " or ".join(conditions)])
        if not all_of_them.records:
            continue
        each = ", ".join(f"{rule.name} {count.records:,}" for rule, count in zip(rules, counts, strict=True))
        yield Finding(
            f"{all_of_them.records:,} of the {counted(wanted, 'record')} wanted from {one.source.entity} carry a tag "
            f"that says no ({each}): they are put into the audience, and get every campaign that does not exclude it.",
            f"To leave them out altogether, let `where` of {one.source.entity} be: {without(one.source, rules)}",
            home.where(sync.sync, ("from", number, "where" if one.source.where else "entity")),
            all_of_them.records,
            one.named(all_of_them),
        )


def is_objection(rule: object) -> TypeGuard[TagRule | GroupRule]:
    """Whether a tag or group with a predicate looks like a person's no."""
    if not isinstance(rule, TagRule | GroupRule) or rule.when is None:
        return False
    return bool(_ENDS_IN_NO.search(rule.name) or _OBJECTS.search(rule.name))


def without(source: Source, rules: Sequence[TagRule | GroupRule]) -> str:
    """The source's `where` with those left out who meet the rules; where a predicate is null, nobody is left out."""
    kept = [_bracketed(source.where)] if source.where else []
    return " and ".join([*kept, *(_is_not(str(rule.when)) for rule in rules)])


def _is_not(predicate: str) -> str:
    simple = _SIMPLE.fullmatch(predicate)
    if simple:
        return f"{simple['column']} is distinct from {simple['value']}"
    return f"({' '.join(predicate.split())}) is not true"


def _bracketed(predicate: str) -> str:
    text = " ".join(predicate.split())
    return f"({text})" if re.search(r"\bor\b", text, re.IGNORECASE) else text
