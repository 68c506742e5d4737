"""Turns what is wrong with a file into sentences with a line.

Belongs here: `Problem`, the translation of pydantic's errors, nearest names. Does not: finding problems.

A sentence never quotes what connections.yaml has as a value: it may be a secret under the wrong key.
"""

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pipelines.config.document import Document, KeyPath
from pipelines.config.values import ENTITY_PATTERN, NAME_PATTERN
from pipelines.errors import ConfigError

_OPT_OUT = "Write the predicate that is true for those who objected, or false when the CRM holds no objections."
_PATTERNS = {
    NAME_PATTERN: "must be a name of lower-case letters, digits and _, beginning with a letter",
    ENTITY_PATTERN: "must be CONNECTION.ENTITY, such as crm.persons",
    "^([A-Z]{2})?$": "must be a country code of two letters, such as NL",
}
_WANTED = {
    "string": "must be text",
    "int": "must be a whole number",
    "float": "must be a number",
    "bool": "must be true or false",
    "model": "must be a mapping of keys and values",
    "dict": "must be a mapping of keys and values",
    "mapping": "must be a mapping of keys and values",
    "tuple": "must be a list",
    "list": "must be a list",
}
_BOUNDS = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must hold at least one",
    "string_too_short": "must not be empty",
    "string_too_long": "must be {max_length} character long",
}


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong, on one line of a file; line 0 where the configuration came from no file."""

    line: int
    what: str
    do: str = ""

    def where(self, name: str) -> str:
        """The place, as errors name it."""
        return f"{name}:{self.line}" if self.line else name


def raise_problems(name: str, problems: Iterable[Problem]) -> None:
    """Raise the first problem of a file, in the order of its lines; the others follow in what to do."""
    ordered = sorted(set(problems))
    if not ordered:
        return
    first, *rest = ordered
    also = [f"Also {problem.where(name)}: {problem.what} {problem.do}".strip() for problem in rest]
    raise ConfigError(first.what, where=first.where(name), do=" ".join([first.do, *also]).strip())


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The name most like the word, whatever its case; None if there is none like it."""
    by_lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[close[0]] if close else None


def suggest(word: str, known: Sequence[str]) -> str:
    """What to do about an unknown name: the nearest one, or all that there are."""
    close = nearest(word, known)
    if close is not None:
        return f"Did you mean {close}?"
    return f"Known are: {', '.join(known)}." if known else ""


def problems_of(error: ValidationError, document: Document) -> list[Problem]:
    """A sentence with its line for everything that pydantic refuses."""
    found: dict[tuple[int, KeyPath], Problem] = {}
    for details in error.errors(include_url=False, include_input=False):
        for path, problem in _translate(details, document):
            found.setdefault((problem.line, path), problem)
    return list(found.values())


def _translate(details: ErrorDetails, document: Document) -> list[tuple[KeyPath, Problem]]:
    path, context = document.resolve(details["loc"]), details.get("ctx", {})
    kind = details["type"]
    if kind == "too_short" and document.value(path):
        return []  # pydantic also counts the good items of a list that has bad ones
    if kind == "unknown_keys":
        return [_unknown_key((*path, key), context["known"], document) for key in context["unknown"]]
    if kind == "wrong_key":
        path = (*path, context["key"])
        return [(path, Problem(document.line(path), f"{_named(path)} {context['message']}."))]
    if kind in ("missing", "union_tag_not_found"):
        key = str(details["loc"][-1]) if kind == "missing" else "kind"
        problem = Problem(
            document.line(path), f"{_named((*path, key))} is missing.", _OPT_OUT if key == "opt_out" else ""
        )
        return [((*path, key), problem)]
    if kind == "union_tag_invalid":
        path = (*path, "kind")
    return [(path, _wrong_value(kind, path, context, document, details["msg"]))]


def _unknown_key(path: KeyPath, known: Sequence[str], document: Document) -> tuple[KeyPath, Problem]:
    key, colon, _ = str(path[-1]).partition(":")
    what = f"{_named((*path[:-1], key))} is not a key that exists."
    do = "A space goes after the colon." if colon else suggest(key, known)
    return path, Problem(document.key_line(path), what, do)


def _wrong_value(kind: str, path: KeyPath, context: dict[str, Any], document: Document, message: str) -> Problem:
    line, value = document.line(path), document.value(path)
    if kind in ("literal_error", "union_tag_invalid"):
        choices = re.findall(r"'([^']*)'", context.get("expected", context.get("expected_tags", "")))
        do = suggest(value, choices) if isinstance(value, str) else ""
        close = do if do.startswith("Did") else ""
        return Problem(line, f"{_named(path)} must be one of {', '.join(choices)}.", close)
    if kind == "value_error":
        return Problem(line, f"{_named(path)} {context['error']}.")
    if kind == "string_pattern_mismatch":
        return Problem(line, f"{_named(path)} {_PATTERNS[context['pattern']]}.")
    if kind in _BOUNDS:
        return Problem(line, f"{_named(path)} {_BOUNDS[kind].format(**context)}.")
    if value is None:
        return Problem(line, f"{_named(path)} is empty.", "Give it a value, or take the line out.")
    return Problem(line, f"{_named(path)} {_WANTED.get(kind.split('_')[0], message)}.")


def _named(path: KeyPath) -> str:
    """A path as people write it: keys only, the line says which item."""
    return f"`{'.'.join(str(part) for part in path if isinstance(part, str))}`"
