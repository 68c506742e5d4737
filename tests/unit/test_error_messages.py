"""Every error that a user may see says what is wrong, where, and what to do.

Belongs here: the calls in pipelines/ that make one of errors.py. Does not: what they say, nor classes with arguments of
their own, which pass on a remote's words (RefusedError and its like).
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines import errors

ROOT = Path(__file__).parents[2] / "pipelines"
MODULES = {str(path.relative_to(ROOT)): path for path in sorted(ROOT.rglob("*.py"))}
CLASSES = {name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, errors.EnlistError)}
ALWAYS = {"where", "do"}
# The sentence of these names the thing itself: the run or file in use, the plan. Whoever stopped a run knows why.
PLACED = {"Busy": {"do"}, "StalePlan": {"do"}, "Interrupted": set[str]()}


def lacking(text: str) -> Iterator[tuple[int, list[str]]]:
    """Lines that make an error of errors.py, with the parts that they leave out."""
    tree = ast.parse(text)
    imported = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "pipelines.errors"
        for alias in node.names
        if alias.name in CLASSES
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in imported:
            given = {keyword.arg for keyword in node.keywords}
            needed = PLACED.get(imported[node.func.id], ALWAYS)
            if missing := sorted(needed - given) + ["what"] * (not node.args):
                yield node.lineno, missing


@pytest.mark.parametrize("module", sorted(MODULES))
def test_an_error_says_where_and_what_to_do(module: str) -> None:
    assert list(lacking(MODULES[module].read_text(encoding="utf-8"))) == []


def test_an_error_without_a_remedy_or_a_place_is_found_out() -> None:
    text = (
        "from pipelines.errors import Busy, ConfigError\n"
        "Busy('the file is in use.', do='Wait.')\n"
        "ConfigError('it is empty.', where='a.yaml')\n"
        "ConfigError(do='Fill it.')\n"
    )
    assert list(lacking(text)) == [(3, ["do"]), (4, ["where", "what"])]
