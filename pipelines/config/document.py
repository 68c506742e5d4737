"""One YAML file as plain values that know their line.

Belongs here: reading YAML, where each key stands, duplicate keys. Does not: what the keys mean (connections.py,
sync.py), sentences about wrong values (problems.py).

Every scalar is text, or None where it is empty, null or ~. YAML 1.1 would turn a tag named No into false, 08:30 into
510 and 007 into 7; here only a key that wants a number or a boolean makes one of the text.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pipelines.errors import ConfigError

KeyPath = tuple[str | int, ...]

_NULLS = ("", "~", "null", "Null", "NULL")
_QUOTING = "An expression that holds ': ' or ' #', or begins with a quote, goes in double quotes as a whole."


@dataclass(frozen=True)
class Document:
    """A parsed file: `name` as messages call it, `data`, and for each path the lines of its key and of its value."""

    name: str
    data: Any
    lines: dict[KeyPath, tuple[int, int]] = field(repr=False)

    def resolve(self, loc: Sequence[str | int]) -> KeyPath:
        """The parts of a pydantic location that are really in the file; names of union members drop out."""
        path: KeyPath = ()
        for part in loc:
            if (*path, part) in self.lines:
                path = (*path, part)
        return path

    def line(self, loc: Sequence[str | int]) -> int:
        """Line of the value at, or nearest above, a location."""
        path = self.resolve(loc)
        key_line, value_line = self.lines[path]
        return key_line if isinstance(self.value(path), dict | list | None) else value_line

    def key_line(self, path: KeyPath) -> int:
        """Line of a key itself."""
        return self.lines[path][0]

    def value(self, path: KeyPath) -> Any:
        """What is written at a path of the file."""
        value = self.data
        for part in path:
            value = value[part]
        return value

    def where(self, loc: Sequence[str | int]) -> str:
        """The place of a location, as errors name it: syncs/x.yaml:12."""
        return f"{self.name}:{self.line(loc)}"


def read_document(path: Path, name: str) -> Document:
    """Parse one YAML file; ConfigError with its line if it can't be."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError("this file is not UTF-8 text.", where=name, do="Save it as UTF-8.") from error
    except OSError as error:
        do = "Look who may read it, and whether it is a file at all."
        raise ConfigError(f"this file can't be read: {error.strerror}.", where=name, do=do) from error
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise _invalid(error, name) from None
    except yaml.YAMLError:
        what = "this is not valid YAML: it holds characters YAML does not allow."
        raise ConfigError(what, where=name, do="Take out what an editor shows as a strange sign.") from None
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(
            "this file holds no keys.", where=f"{name}:1", do="It starts with lines of the form key: value."
        )
    reader = _Reader(name)
    data = reader.read(root, (), 1)
    return Document(name=name, data=data, lines=reader.lines)


def _invalid(error: yaml.MarkedYAMLError, name: str) -> ConfigError:
    where = f"{name}:{error.problem_mark.line + 1 if error.problem_mark else 1}"
    if isinstance(error, yaml.composer.ComposerError) and "alias" in str(error.problem):
        # The parser would quote what follows the star, which may be a password.
        return ConfigError("a value begins with *.", where=where, do="Put it in quotes.")
    return ConfigError(f"this is not valid YAML: {error.problem}.", where=where, do=_QUOTING)


class _Reader:
    """Walks composed nodes once; collects values and lines."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[KeyPath, tuple[int, int]] = {}
        self._open: list[yaml.Node] = []

    def read(self, node: yaml.Node, path: KeyPath, key_line: int) -> Any:
        line = node.start_mark.line + 1
        self.lines[path] = (key_line, line)
        if not node.tag.startswith("tag:yaml.org,2002:"):
            raise self._error(line, "a value begins with !, which makes it a YAML tag.", "Put it in quotes.")
        if isinstance(node, yaml.ScalarNode):
            return None if node.style is None and node.value in _NULLS else node.value
        if node in self._open:
            raise self._error(line, "this alias holds itself.")
        self._open.append(node)
        value = self._mapping(node, path) if isinstance(node, yaml.MappingNode) else self._sequence(node, path)
        self._open.pop()
        return value

    def _sequence(self, node: yaml.Node, path: KeyPath) -> list[Any]:
        return [self.read(item, (*path, i), item.start_mark.line + 1) for i, item in enumerate(node.value)]

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode) or not key_node.value:
                raise self._error(line, "a key must be a plain word.")
            key = str(key_node.value)
            if key in found:
                first = self.lines[(*path, key)][0]
                raise self._error(
                    line, f"`{key}` is written twice; the first time on line {first}.", "Keep one of them."
                )
            found[key] = self.read(value_node, (*path, key), line)
        return found

    def _error(self, line: int, what: str, do: str = "") -> ConfigError:
        return ConfigError(what, where=f"{self.name}:{line}", do=do)
