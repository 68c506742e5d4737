"""Variables of a home: the process environment, then .env, put into connections.yaml.

Belongs here: reading .env, replacing ${NAME}. Does not: what the values mean. Values never appear in a message.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.config.document import Document, KeyPath
from pipelines.config.problems import Problem
from pipelines.errors import ConfigError

_LINE = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*)")
_QUOTED = re.compile(r"""(?P<quote>["'])(?P<text>.*?)(?P=quote)\s*(#.*)?""")
_REFERENCE = re.compile(r"\$\{(?P<name>[^}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read_dotenv(path: Path) -> dict[str, str]:
    """The KEY=VALUE lines of a .env file; {} if there is none. Quotes and comments as shells write them."""
    if not path.is_file():
        return {}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        do = "Save it as UTF-8, and let this user read it."
        raise ConfigError("this file can't be read as UTF-8 text.", where=path.name, do=do) from None
    found: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = _LINE.fullmatch(text)
        if match is None:
            where = f"{path.name}:{number}"
            do = "A name is of letters, digits and _; a comment begins with #."
            raise ConfigError("this line is not of the form NAME=value.", where=where, do=do)
        found[match["name"]] = _dotenv_value(match["value"])
    return found


def _dotenv_value(text: str) -> str:
    quoted = _QUOTED.fullmatch(text)
    if quoted is not None:
        return quoted["text"]
    return re.split(r"(?:^|\s)#", text, maxsplit=1)[0].rstrip()


def substitute(document: Document, environ: Mapping[str, str]) -> tuple[Any, list[Problem]]:
    """The document's data with every ${NAME} replaced, and a problem for each variable that is not there."""
    problems: list[Problem] = []

    def replace(value: Any, path: KeyPath) -> Any:
        if isinstance(value, dict):
            return {key: replace(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [replace(item, (*path, index)) for index, item in enumerate(value)]
        if not isinstance(value, str):
            return value
        names = [match["name"] for match in _REFERENCE.finditer(value)]
        problems.extend(_missing(name, document.line(path)) for name in names if not environ.get(name))
        return _REFERENCE.sub(lambda match: environ.get(match["name"], ""), value)

    return replace(document.data, ()), problems


def _missing(name: str, line: int) -> Problem:
    if not _NAME.fullmatch(name):
        return Problem(line, "what stands between ${ and } must be the name of a variable.")
    return Problem(
        line,
        f"the environment variable {name} is not set, or empty.",
        f"Set it, or add a line {name}=... to .env in the home.",
    )
