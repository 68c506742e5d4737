"""The ways in which a server may cut a long list; the documentation names none (section 6).

Belongs here: which rows come, and where they stand in the reply. Does not: what a row looks like (customers.py).
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pipelines.sandbox.iteras.problems import bad_request
from pipelines.sandbox.iteras.switches import Switches

T = TypeVar("T")


def cut(switches: Switches, query: Mapping[str, str], rows: Sequence[T]) -> tuple[Sequence[T], str | None]:
    """The rows of the page that was asked for, and the cursor of the next one."""
    if switches.paging == "none":
        return rows, None
    size = _number(query, switches.page_size_param, switches.default_page_size)
    size = min(max(size, 1), switches.max_page_size)
    start = _start(switches, query, size)
    end = start + size
    return rows[start:end], (str(end) if end < len(rows) else None)


def _start(switches: Switches, query: Mapping[str, str], size: int) -> int:
    if switches.paging != "page":
        return _number(query, switches.page_param, 0)
    page = _number(query, switches.page_param, switches.first_page)
    if page < switches.first_page:
        raise bad_request("Invalid page.")
    return (page - switches.first_page) * size


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    if text and not text.isdecimal():
        raise bad_request(f"Invalid value for {name}.")
    return int(text) if text else default


def wrap(switches: Switches, rows: list[Any], cursor: str | None) -> Any:
    """The reply with the rows at their place."""
    if not switches.records_path:
        return rows
    reply: dict[str, Any] = {}
    _put(reply, switches.records_path, rows)
    if switches.paging == "cursor":
        _put(reply, switches.next_path, cursor)
    return reply


def _put(reply: dict[str, Any], path: str, value: Any) -> None:
    *above, last = path.split(".")
    for name in above:
        reply = reply.setdefault(name, {})
    reply[last] = value
