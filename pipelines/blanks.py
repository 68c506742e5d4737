"""What counts as blank: the signs around a value that nobody sees, and taking them off.

Belongs here: which signs those are, the same in Python and in SQL (dbt's macro `trimmed` says it once more for the
models). Does not: what else an address may not hold (quality/syntax.py).
"""

BLANKS = " \t\n\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
ZERO_WIDTH = "\u200b\u2060\ufeff\u00ad"  # zero width space, word joiner, byte order mark, soft hyphen
UNSEEN = BLANKS + ZERO_WIDTH


def trimmed(text: str) -> str:
    """The text without blanks and zero width signs around it."""
    return text.strip(UNSEEN)


def sql_trimmed(sql: str) -> str:
    """SQL for the same of a text."""
    # DuckDB's trim with a set takes twenty times as long as the one without, and `right` thrice as long as `substring`.
    return (
        f"case when {sql} >= '!' and {sql} < chr(127) and substring({sql}, -1) between '!' and '~' then {sql}"
        f" when contains('{UNSEEN}', left(trim({sql}), 1)) or contains('{UNSEEN}', substring(trim({sql}), -1))"
        f" then trim({sql}, '{UNSEEN}') else trim({sql}) end"
    )
