"""Secret merge fields (D4): wherever a value is stored or compared, it is only its hash.

Belongs here: concealing what a provider answers. Does not: the CRM side, which dbt's map conceals the same way.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from hashlib import md5

from pipelines.providers.base import Member


def concealed(value: str) -> str:
    """What stands for a secret value: 'md5:' and its hash, or '' for no value."""
    return f"md5:{md5(value.encode(), usedforsecurity=False).hexdigest()}" if value else ""


def conceal_fields(fields: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """The fields with those named concealed."""
    return {name: concealed(value) if name in names else value for name, value in fields.items()}


def conceal(member: Member, names: Collection[str]) -> Member:
    """The member with the fields named concealed."""
    return replace(member, fields=conceal_fields(member.fields, names)) if names else member
