"""Text that a spreadsheet would take for a formula.

Belongs here: telling such text, and making it harmless where a file has no types. Does not: cells of a workbook, which
are marked as text and stay as they are (workbook.py).
"""

FORMULA_STARTS = ("=", "+", "-", "@", "#", "\t", "\r", "\n")


def is_formula_like(text: str) -> bool:
    """Whether a spreadsheet may read the text as a formula or an error."""
    return text.startswith(FORMULA_STARTS)


def harmless(text: str) -> str:
    """The text with an apostrophe before it where it is formula-like: for people to read, never to be imported."""
    return f"'{text}" if is_formula_like(text) else text
