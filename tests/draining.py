"""All that one extract of a source gives, up to its end.

Belongs here: reading to the end. Does not: what was read.
"""

from pipelines.crm.base import End, Extract, Page


def drained(extract: Extract) -> tuple[list[Page], End]:
    """The pages, and what the source says at the end."""
    pages = []
    while True:
        try:
            pages.append(next(extract))
        except StopIteration as stop:
            return pages, stop.value
