"""What a mail holds, as far as a simulator needs it.

Belongs here: finding the links of an HTML page. Does not: what clicks on them are called in one provider's API.
"""

import re
from html.parser import HTMLParser


class _LinkFinder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, None] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if tag == "a" and name == "href" and value and re.match(r"https?://", value):
                self.found[value] = None


def links_of(page: str) -> tuple[str, ...]:
    """The http addresses of an HTML page's links, each once, in order."""
    finder = _LinkFinder()
    finder.feed(page)
    return tuple(finder.found)
