"""What the doctor tells.

Belongs here: pure values, and their words. Does not: finding anything (the modules beside it), showing it
(cli/checking.py).

A finding is what works but should not stay so. A warning is what the sync file asks for and what can't be undone, or is
easily regretted: nothing to mend, but to know before the first push (N2).
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """Something to look at, what to do about it, and where in the sync file it comes from.

    `records` is how many records it is about, None where it is about none; `examples` are a few of them, as ENTITY KEY.
    """

    what: str
    do: str
    where: str = ""
    records: int | None = None
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Examination:
    """What was found, what to know beforehand, and what is in order."""

    findings: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


def listed(names: Iterable[str], most: int = 8) -> str:
    """Names in one line: the first ones, and how many more there are."""
    known = list(names)
    rest = f" and {len(known) - most:,} more" if len(known) > most else ""
    return ", ".join(known[:most]) + rest
