"""Who is meant when somebody asks for an address.

Belongs here: that answer, how queries use it, the word for what is never shown. Does not: finding it (explaining.py).
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Person:
    """Who is meant: the addresses (the one that was asked for first) and the CRM records, (entity, contact_key)."""

    email_keys: tuple[str, ...]
    records: tuple[tuple[str, str], ...]

    @property
    def parameters(self) -> dict[str, Any]:
        """For queries over IS_MEANT."""
        return {"email_keys": list(self.email_keys), "records": [f"{entity}\n{key}" for entity, key in self.records]}


HIDDEN = "(secret)"
IS_RECORD = "list_contains($records, entity || chr(10) || contact_key)"
IS_MEANT = f"(list_contains($email_keys, email_key) or {IS_RECORD})"
