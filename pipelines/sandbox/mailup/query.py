"""What a call asks for: ids of the path, options of the query in whatever case, the body, one page of many.

Belongs here: reading a call, the paging envelope. Does not: filterby and orderby (filters.py), what a handler does.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pipelines.sandbox.http import Call
from pipelines.sandbox.mailup.filters import Properties, filtered, ordered
from pipelines.sandbox.mailup.model import Json
from pipelines.sandbox.mailup.problems import bad_request

T = TypeVar("T")

DEFAULT_PAGE_SIZE = 20


@dataclass(frozen=True, slots=True)
class Asked:
    """What a handler gets of a call; the names of `query` are in lower case."""

    method: str
    route: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    raw: bytes
    headers: Mapping[str, str]
    ip: str

    @classmethod
    def of(cls, call: Call) -> "Asked":
        """From a call."""
        query = {name.lower(): value for name, value in call.query.items()}
        return cls(call.method, call.route, call.params, query, call.body, call.headers, call.caller_ip)

    def id(self, name: str) -> int:
        """A number of the path; else a Problem."""
        text = self.params[name]
        if not (text.isascii() and text.isdigit()):
            raise bad_request(f"'{name.removeprefix('id_')}' must be a number.")
        return int(text)

    def is_on(self, name: str) -> bool:
        """A boolean option of the query: true or 1 in any case."""
        return self.query.get(name, "").lower() in ("true", "1")

    def ids(self, name: str) -> list[int]:
        """Numbers of the query, joined by commas."""
        parts = [part.strip() for part in self.query.get(name, "").split(",") if part.strip()]
        if not all(part.isascii() and part.isdigit() for part in parts):
            raise bad_request(f"'{name}' must be numbers joined by commas.")
        return [int(part) for part in parts]

    def json(self) -> Any:
        """The body; an empty one and bad JSON are a Problem."""
        try:
            return json.loads(self.raw)
        except ValueError:
            raise bad_request("The request body is missing or is no valid JSON.") from None

    def object(self, *required: str) -> Json:
        """The body as an object in which the required texts are filled in; else a Problem."""
        body = self.json()
        if not isinstance(body, dict):
            raise bad_request("The request body must be an object.")
        for name in required:
            if not isinstance(body.get(name), str) or not body[name].strip():
                raise bad_request(f"'{name}' is required.")
        return body


def text_of(body: Mapping[str, Any], name: str) -> str:
    """A text of the body, "" when it is absent or null; anything else is a Problem."""
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise bad_request(f"'{name}' must be a text.")
    return value or ""


def _number(query: Mapping[str, str], name: str, default: int, least: int) -> int:
    text = query.get(name, "") or str(default)
    if not (text.isascii() and text.isdigit()) or int(text) < least:
        raise bad_request(f"'{name}' must be a number from {least} on.")
    return int(text)


def paged(
    asked: Asked, items: Sequence[T], show: Callable[[T], Any], properties: Properties[T], max_page_size: int
) -> Json:
    """One page in the envelope, after filterby and orderby; only what is on the page is shown."""
    found = filtered(items, asked.query.get("filterby", ""), properties)
    found = ordered(found, asked.query.get("orderby", ""), properties)
    number = _number(asked.query, "pagenumber", 0, least=0)
    size = min(_number(asked.query, "pagesize", DEFAULT_PAGE_SIZE, least=1), max_page_size)
    skipped = number * size
    return {
        "IsPaginated": len(found) > size,
        "Items": [show(item) for item in found[skipped : skipped + size]],
        "PageNumber": number,
        "PageSize": size,
        "Skipped": skipped,
        "TotalElementsCount": len(found),
    }
