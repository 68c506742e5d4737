"""What the query of a call may ask for: pages, moments, booleans, fields and exclude_fields.

Belongs here: reading the query, trimming a document. Does not: the filters of one endpoint.
"""

import itertools
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from pipelines.sandbox.clock import parse_time, stamp, stamp_above
from pipelines.sandbox.mailchimp.model import Json
from pipelines.sandbox.mailchimp.problems import Problem, invalid
from pipelines.sandbox.mailchimp.schema import kind_of

T = TypeVar("T")
Tree = dict[str, "Tree"]

DEFAULT_COUNT = 10
MAX_COUNT = 1000

# Keys that exist though a document may lack them, so that naming one in `fields` is no error.
CONDITIONAL_KEYS = (
    "_links unsubscribe_reason interests marketing_permissions last_note region total_contacts ecommerce_data "
    "report_summary segment_opts targetSchema schema url type ip"
)
CONDITIONAL = frozenset(CONDITIONAL_KEYS.split())
# Objects whose keys are the audience's own.
FREE = frozenset({"merge_fields", "interests", "options"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What a handler gets of a call."""

    params: Mapping[str, str]
    query: Mapping[str, str]
    raw: bytes
    ip: str

    def json(self) -> Any:
        """The body, None when it is empty; bad JSON is a Problem."""
        if not self.raw:
            return None
        try:
            return json.loads(self.raw)
        except ValueError:
            detail = "We encountered an unspecified JSON parsing error."
            raise Problem(400, "JSON Parse Exception", detail) from None

    def object(self, *required: str) -> Json:
        """The body as an object that has the required keys; else a Problem."""
        body = self.json()
        if not isinstance(body, dict):
            raise invalid("", f"Schema describes object, {kind_of(body)} found")
        missing = [name for name in required if name not in body]
        if missing:
            raise invalid("", f"Required fields were not provided: {', '.join(missing)}")
        return body


def text_of(body: Json, name: str) -> str:
    """A text of the body that is not empty; else a Problem."""
    value = body.get(name)
    if not isinstance(value, str) or not value.strip():
        raise invalid(name, f"Schema describes string, {kind_of(value)} found")
    return value


def is_true(query: Mapping[str, str], name: str) -> bool:
    """A boolean of the query: true or 1 in any case; everything else is false."""
    return query.get(name, "").lower() in ("true", "1")


def moment(query: Mapping[str, str], name: str) -> datetime | None:
    """A moment of the query in ISO 8601, None when it is absent."""
    text = query.get(name)
    if not text:
        return None
    try:
        return parse_time(text)
    except ValueError:
        raise invalid(name, "Value must be a date and time in ISO 8601 format.") from None


def choice(query: Mapping[str, str], name: str, allowed: Iterable[str]) -> str | None:
    """One of the values allowed, None when it is absent."""
    value = query.get(name)
    if value is not None and value not in allowed:
        raise invalid(name, f"Value must be one of: {', '.join(allowed)}.")
    return value


@dataclass(frozen=True, slots=True)
class Window:
    """Between `since_X` and `before_X`, both as whole-second stamps that compare as text; "" is open."""

    above: str
    below: str
    inclusive: bool

    @classmethod
    def of(cls, query: Mapping[str, str], name: str, *, inclusive: bool) -> "Window":
        """From since_`name` and before_`name`."""
        since, before = moment(query, f"since_{name}"), moment(query, f"before_{name}")
        cut = stamp_above if inclusive else stamp
        return cls(cut(since) if since else "", stamp_above(before) if before else "", inclusive)

    @classmethod
    def since(cls, query: Mapping[str, str], *, inclusive: bool) -> "Window":
        """From `since` alone."""
        since = moment(query, "since")
        return cls((stamp_above if inclusive else stamp)(since) if since else "", "", inclusive)

    @property
    def is_closed(self) -> bool:
        """Whether it shuts anything out."""
        return bool(self.above or self.below)

    def holds(self, at: str) -> bool:
        """Whether the moment lies inside; an unset one only in an open window."""
        if self.above and not (at >= self.above if self.inclusive else at > self.above):
            return False
        return not self.below or (bool(at) and at < self.below)


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit():
        raise invalid(name, "Value must be a positive integer.")
    return int(text)


def page_of(items: Iterable[T], query: Mapping[str, str]) -> list[T]:
    """The page that count (default 10, at most 1000) and offset ask for."""
    offset = _number(query, "offset", 0)
    count = min(_number(query, "count", DEFAULT_COUNT), MAX_COUNT)
    return list(itertools.islice(items, offset, offset + count))


def in_order(items: Iterable[T], query: Mapping[str, str], keys: Mapping[str, Callable[[T], Any]]) -> list[T]:
    """Sorted by sort_field and sort_dir where the query has them; else as they come."""
    field = choice(query, "sort_field", tuple(keys))
    descending = choice(query, "sort_dir", ("ASC", "DESC")) == "DESC"
    if field is None:
        return list(items)
    return sorted(items, key=keys[field], reverse=descending)


def tree_of(paths: str) -> Tree:
    """`a.b,a.c,d` as {a: {b: {}, c: {}}, d: {}}."""
    tree: Tree = {}
    for path in paths.split(","):
        branch = tree
        for part in path.strip().split("."):
            branch = branch.setdefault(part, {})
    return tree


def wants(query: Mapping[str, str], *path: str) -> bool:
    """Whether the answer will hold this path at all, so that nothing is built in vain."""
    if query.get("fields"):
        branch = tree_of(query["fields"])
        for depth, part in enumerate(path):
            if part not in branch:
                return bool(depth) and not branch
            branch = branch[part]
        return True
    return ".".join(path) not in [part.strip() for part in query.get("exclude_fields", "").split(",")]


def trimmed(document: Json, query: Mapping[str, str]) -> Json:
    """The document after fields or exclude_fields; both together, or an unknown field, are a Problem."""
    included, excluded = query.get("fields", ""), query.get("exclude_fields", "")
    if included and excluded:
        detail = "You can use fields or exclude_fields, but not both in one request."
        raise Problem(400, "Invalid Resource", detail)
    named = tree_of(included or excluded) if included or excluded else {}
    _refuse_unknown([document], named, at="")
    return _cut(document, named, keep=bool(included)) if named else document


def _refuse_unknown(documents: list[Any], tree: Tree, at: str) -> None:
    """A name is known when any of the documents has it, or may have it; an empty list proves nothing."""
    found = [item for item in documents if isinstance(item, dict)]
    for part, branch in tree.items():
        holders = [item[part] for item in found if part in item]
        if found and not holders and part not in CONDITIONAL:
            raise invalid("fields", f"Unknown field: {at}{part}")
        if branch and part not in FREE:
            inner = [item for holder in holders for item in (holder if isinstance(holder, list) else [holder])]
            _refuse_unknown(inner, branch, f"{at}{part}.")


def _cut(document: Json, tree: Tree, *, keep: bool) -> Json:
    if keep:
        return {key: _inside(document[key], tree[key], keep) for key in document if key in tree}
    return {
        key: _inside(value, tree[key], keep) if key in tree else value
        for key, value in document.items()
        if key not in tree or tree[key]
    }


def _inside(value: Any, tree: Tree, keep: bool) -> Any:
    if not tree:
        return value
    if isinstance(value, list):
        return [_cut(item, tree, keep=keep) if isinstance(item, dict) else item for item in value]
    return _cut(value, tree, keep=keep) if isinstance(value, dict) else value
