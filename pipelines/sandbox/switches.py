"""What the switches of every simulator have in common: they are turned by name and never changed in place.

Belongs here: turning. Does not: which open points a contract has (each simulator's own switches.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class BaseSwitches:
    """How the open points of one contract are decided: one field each, its default what seems likeliest."""

    def turned(self, changes: Mapping[str, Any]) -> Self:
        """With these switches changed. Raises TypeError for an unknown name."""
        return replace(self, **changes)
