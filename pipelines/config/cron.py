"""Checks a cron line without the two seconds that importing Dagster's own parser takes.

Belongs here: the five-field form that Dagster's schedules understand. Does not: when a line fires next.
"""

import re

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, ("", *_MONTHS)),
    ("day of the week", 0, 7, _WEEKDAYS),
)
_ITEM = re.compile(r"(?P<low>\*|\w+)(-(?P<high>\w+))?(/(?P<step>\d+))?")


def check_cron(line: str) -> str:
    """The line with single spaces; ValueError with a sentence about the field that is wrong."""
    parts = line.split()
    if len(parts) != 5:
        raise ValueError('must be a cron line of five fields, such as "15 8-18 * * *"')
    values = [_values(part, *field) for part, field in zip(parts, _FIELDS, strict=True)]
    _, _, days, months, _ = values
    if all(day > _LONGEST[month - 1] for day in days for month in months):
        raise ValueError("never comes: no such day in that month")
    return " ".join(parts)


def _values(part: str, label: str, least: int, most: int, names: tuple[str, ...]) -> set[int]:
    """All values that one field of the line stands for."""
    found: set[int] = set()
    for item in part.split(","):
        match = _ITEM.fullmatch(item)
        if match is None:
            raise ValueError(f"has '{item}' as its {label}, which is no cron field")
        low, high, step = match["low"], match["high"], match["step"]
        if (low == "*" and high) or (step and low != "*" and not high) or step == "0":
            raise ValueError(f"has '{item}' as its {label}, which is no cron field")
        first = least if low == "*" else _number(low, label, least, most, names)
        last = most if low == "*" else _number(high or low, label, least, most, names)
        if last < first:
            raise ValueError(f"has '{item}' as its {label}: the range runs backwards")
        found.update(range(first, last + 1, int(step or 1)))
    return found


def _number(text: str, label: str, least: int, most: int, names: tuple[str, ...]) -> int:
    if text.lower() in names:
        return names.index(text.lower())
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise ValueError(f"has '{text}' as its {label}, which goes from {least} to {most}")
    return int(text)
