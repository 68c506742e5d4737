"""The merge fields of the audience beside those that the sync names, without any record.

Belongs here: fields that are missing, demanded, drifted, not filled, too many. Does not: the records' values
(values.py).
"""

import re
from collections.abc import Iterator, Sequence

from pipelines.config import Home, SyncConfig
from pipelines.config.sync import Source
from pipelines.providers.base import MergeField, Traits
from pipelines.sync import stale
from pipelines.sync.doctor.findings import Finding, listed


def missing(sync: SyncConfig, merge_fields: Sequence[MergeField]) -> list[str]:
    """Fields that the sync names and the audience does not have."""
    known = {field.name for field in merge_fields}
    return [name for name in sync.field_names if name not in known]


def drift(home: Home, sync: SyncConfig, merge_fields: Sequence[MergeField], pushed: stale.Fields) -> Iterator[Finding]:
    """Fields that are no longer what they were at the last push (D13); the next plan says the same and stops."""
    now = stale.named(merge_fields, sync.field_names)
    for sentence in stale.drifted(now, pushed, sync.field_names):
        yield Finding(
            sentence,
            "Put it back at the provider. If it is right as it is: enlist push "
            f"{sync.sync} --accept field_drift, after a look at the plan.",
            home.where(sync.sync, ("from",)),
        )


def demanded(home: Home, sync: SyncConfig, merge_fields: Sequence[MergeField]) -> Iterator[Finding]:
    """Fields that the provider demands and an entity does not fill: each of its records would be refused (D15)."""
    for field in merge_fields:
        for number, source in enumerate(sync.sources):
            if field.required and field.name not in source.fields:
                yield Finding(
                    f"Merge field {field.name} ({field.label}) is required at the provider and {source.entity} does "
                    "not fill it.",
                    "Map it to something that is never empty, or make it optional at the provider: every add of this "
                    "entity would be refused.",
                    home.where(sync.sync, ("from", number)),
                )


def unfilled(sync: SyncConfig, merge_fields: Sequence[MergeField]) -> Iterator[str]:
    """Labels of the provider that no entity of the sync fills, as a note (D12); of several names the id counts."""
    named = {field.field_id for field in merge_fields if field.name in sync.field_names}
    labels = {field.field_id: field.label or field.name for field in merge_fields if field.field_id not in named}
    if labels:
        yield f"merge fields that the sync does not fill and never touches: {listed(labels.values())}"


def too_many(home: Home, sync: SyncConfig, merge_fields: Sequence[MergeField], traits: Traits) -> Iterator[Finding]:
    """More fields than an audience of this provider can have, those to be made included."""
    total = len({field.field_id for field in merge_fields}) + len(missing(sync, merge_fields))
    if total > traits.max_fields:
        yield Finding(
            f"The audience would have {total} merge fields; {sync.to.connection} allows {traits.max_fields}.",
            "Leave some out of the sync, or delete some at the provider.",
            home.where(sync.sync, ("from",)),
        )


def misnamed(home: Home, sync: SyncConfig, merge_fields: Sequence[MergeField], traits: Traits) -> Iterator[Finding]:
    """Fields that the first push would make under a name that the provider does not take."""
    if not (sync.to.create_fields and traits.makes_fields and traits.max_field_name):
        return
    form = re.compile(f"[A-Z0-9_]{{1,{traits.max_field_name}}}")
    if wrong := [name for name in missing(sync, merge_fields) if not form.fullmatch(name)]:
        yield Finding(
            f"The merge {'field' if len(wrong) == 1 else 'fields'} {listed(wrong)} can't be made: {sync.to.connection} "
            f"allows names of at most {traits.max_field_name} signs, A-Z, 0-9 and _.",
            "Name it so in the sync; its label at the provider may be longer, and can be changed there.",
            home.where(sync.sync, ("from",)),
        )


def of(source: Source, merge_fields: Sequence[MergeField]) -> list[MergeField]:
    """The fields that a source fills, as the audience has them, in the order of the sync file."""
    known = {field.name: field for field in merge_fields}
    return [known[name] for name in source.fields if name in known]
