"""Words that more than one part of Enlist says alike.

Belongs here: numbers with their nouns. Does not: sentences of one part (written there), reasons and rules as reports
put them (reports/words.py).
"""


def counted(number: int, noun: str, several: str = "") -> str:
    """A number and its noun: 1 call, 2,118 calls; `several` where an s is not enough: 2 addresses."""
    return f"{number:,} {noun if number == 1 else several or f'{noun}s'}"
