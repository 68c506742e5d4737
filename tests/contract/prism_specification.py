"""Mailchimp's specification as the tests hold clients and simulator to it: stricter than Prism reads it.

Belongs here: closing objects against keys that nobody knows, query parameters that nobody knows. Does not: where the
specification comes from and Prism itself (prism_proxy.py).

Mailchimp ignores a misspelt key or parameter without a word, and so does Prism; what such a call was meant to do would
just not happen.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

# Keys that the real service has beyond its specification, by the schema that lacks them.
KNOWN_BEYOND = {
    "AddListMembers": ("tags",),  # contract, section 1, row 7: `tags` of a member in a batch
    "ProblemDetailDocument": ("errors",),  # contract, section 5: the body of an error
}


class Specification:
    """A Prism-ready file, and the query parameters of every operation in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._document = json.loads(path.read_text(encoding="utf-8"))
        self._parameters = [
            (method.upper(), re.compile(re.sub(r"\{[^}]+\}", "[^/]+", template)), _query_names(operation))
            for template, operations in self._document["paths"].items()
            for method, operation in operations.items()
        ]

    def close(self) -> None:
        """From now on an object of the file takes the keys that it describes and no others."""
        for name, keys in KNOWN_BEYOND.items():
            self._document["components"]["schemas"][name]["properties"].update({key: {} for key in keys})
        for schema in list(_objects(self._document)):
            schema.setdefault("additionalProperties", False)
        self.path.write_text(json.dumps(self._document), encoding="utf-8")

    def unknown_parameters(self, method: str, path: str, query: str) -> list[dict[str, Any]]:
        """Violations, in Prism's form, for parameters that no operation at this path knows."""
        known = [names for verb, pattern, names in self._parameters if verb == method and pattern.fullmatch(path)]
        sent = {name for name, _ in parse_qsl(query, keep_blank_values=True)}
        unknown = sorted(sent - set().union(*known)) if known else []
        return [{"location": ["request", "query", name], "message": f"Unknown parameter {name}"} for name in unknown]


def _query_names(operation: dict[str, Any]) -> frozenset[str]:
    return frozenset(item["name"] for item in operation.get("parameters", ()) if item["in"] == "query")


def _objects(node: Any, *, is_name_map: bool = False) -> Iterator[dict[str, Any]]:
    """Every schema of an object that describes its keys; a key that is called "type" is none."""
    if isinstance(node, dict):
        if not is_name_map and node.get("type") == "object" and node.get("properties"):
            yield node
        for key, value in node.items():
            yield from _objects(value, is_name_map=key == "properties" and not is_name_map)
    elif isinstance(node, list):
        for value in node:
            yield from _objects(value)
