"""What the docstrings of modules promise: where things belong, and which other modules they name.

Belongs here: the modules of pipelines/, as a newcomer reads them. Does not: docs/ (integration/test_docs.py).
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = {str(path.relative_to(ROOT)): path for path in sorted((ROOT / "pipelines").rglob("*.py"))}
CITED = re.compile(r"(?<![\w./-])(?:\w+/)*\w+\.(?:py|sql)\b")


def docstring(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def unknown(path: Path, text: str) -> list[str]:
    """The files named in the text that are in none of the module's own folder, those above it, and the root."""
    folders = [folder for folder in path.parents if folder.is_relative_to(ROOT)]
    return [cited for cited in CITED.findall(text) if not any((folder / cited).is_file() for folder in folders)]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_says_what_belongs_in_it_and_names_only_files_that_exist(module: str) -> None:
    told = docstring(MODULES[module])
    assert re.search(r"belongs? here", told, re.IGNORECASE), "it does not say what belongs in it"
    assert unknown(MODULES[module], told) == []


def test_a_file_that_moved_away_is_found_out() -> None:
    module = ROOT / "pipelines" / "sync" / "doctor" / "findings.py"
    told = "Does not: showing (cli/checking.py, gone.py), the rules (safety.py), its tests (tests/unit/test_doctor.py)."
    assert unknown(module, told) == ["gone.py"]
