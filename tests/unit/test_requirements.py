"""docs/requirements.md is true: every requirement has a row, every test in it exists and quotes the number.

Belongs here: the list against the tests' names and docstrings. Does not: whether a test proves its requirement, which a
person must read.

The rules. A test in a row quotes the row's number in its own docstring or in that of its module: nobody changes such a
test without seeing what it is for. The other way round holds for tests/end_to_end only: there, each test that quotes a
number is in that row. Elsewhere a number may also stand beside a detail, a simulator or a sample that proves nothing by
itself; to list these would make the page longer and less true.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "requirements.md"
SOURCE = ROOT.parent / "shared" / "requirements.md"
PROVED = ("yes", "partly")
UNPROVED = ("not yet", "not ours")
NUMBER = re.compile(r"\b([A-Z])(\d{1,2})(?:-\1(\d{1,2}))?\b")
TEST = re.compile(r"`(tests/[\w/]+\.py::[\w:]+)`")


@dataclass(frozen=True)
class Row:
    """A row of the page."""

    number: str
    requirement: str
    covered: str
    told: str

    @property
    def tests(self) -> list[str]:
        return TEST.findall(self.told)

    @property
    def words(self) -> str:
        """What is told beside the tests."""
        return TEST.sub("", self.told).replace("<br>", "").strip()


def page_rows() -> list[Row]:
    found = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if re.match(r"\| [A-Z]\d+ \|", line):
            found.append(Row(*(cell.strip() for cell in line.strip("|").split(" | "))))
    return found


def quoted(text: str | None) -> set[str]:
    """The numbers in a docstring; `D6-D8` are three."""
    found: set[str] = set()
    for chapter, first, last in NUMBER.findall(text or ""):
        found |= {f"{chapter}{number}" for number in range(int(first), int(last or first) + 1)}
    return found


def functions(body: Sequence[ast.stmt], inside: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    """The tests of a module with their names as pytest has them, those of classes too."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from functions(node.body, f"{inside}{node.name}::")
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield f"{inside}{node.name}", node


@pytest.fixture(scope="module")
def quoting() -> dict[str, tuple[set[str], set[str]]]:
    """Every test with the numbers in its own docstring, and those in its module's."""
    found = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"))
        whole = quoted(ast.get_docstring(module))
        for name, node in functions(module.body):
            found[f"{path.relative_to(ROOT).as_posix()}::{name}"] = (quoted(ast.get_docstring(node)), whole)
    return found


def order(number: str) -> tuple[str, int]:
    return number[0], int(number[1:])


@pytest.mark.skipif(not SOURCE.is_file(), reason="the requirements themselves are not kept in this repository")
def test_every_requirement_has_its_row_and_no_other_has_one() -> None:
    lines = SOURCE.read_text(encoding="utf-8").splitlines()
    numbers = [found[1] for line in lines if (found := re.match(r"\| ([A-RT-Z]\d+) \|", line))]
    assert len(numbers) > 150
    assert [row.number for row in page_rows()] == numbers


def test_rows_are_in_order_each_once_under_the_heading_of_their_chapter() -> None:
    numbers = [row.number for row in page_rows()]
    assert numbers == sorted(set(numbers), key=order)
    chapter = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        chapter = line[3] if line.startswith("## ") else chapter
        if found := re.match(r"\| ([A-Z])\d+ \|", line):
            assert found[1] == chapter, line


def test_the_counts_at_the_top_are_those_of_the_rows() -> None:
    top = " ".join(PAGE.read_text(encoding="utf-8").partition("\n## ")[0].split())
    told = re.search(
        r"(\d+) requirements .*\*\*(\d+) are covered\*\*, (\d+) partly; (\d+) are not yet covered, and (\d+) are", top
    )
    assert told
    covered = Counter(row.covered for row in page_rows())
    assert [int(count) for count in told.groups()] == [
        *(covered.total(), *(covered[word] for word in (*PROVED, *UNPROVED))),
    ]


def test_a_row_names_tests_where_something_is_proved_and_else_the_reason() -> None:
    for row in page_rows():
        assert row.covered in (*PROVED, *UNPROVED), row.number
        assert bool(row.tests) == (row.covered in PROVED), row.number
        assert len(row.tests) == len(set(row.tests)) == row.told.count("::test_"), row.number
        assert row.covered == "yes" or row.words, f"{row.number} doesn't say what is missing"


def test_every_test_of_a_row_exists_and_quotes_its_number(quoting: dict[str, tuple[set[str], set[str]]]) -> None:
    listed = [(row.number, test) for row in page_rows() for test in row.tests]
    assert len(listed) > 200
    assert [test for _, test in listed if test not in quoting] == []
    assert [(number, test) for number, test in listed if number not in set.union(*quoting[test])] == []


def test_every_number_that_an_end_to_end_test_quotes_has_that_test_in_its_row(
    quoting: dict[str, tuple[set[str], set[str]]],
) -> None:
    listed = {(row.number, test) for row in page_rows() for test in row.tests}
    numbers = {row.number for row in page_rows()}
    missing = [
        (number, test)
        for test, (own, _) in quoting.items()
        if test.startswith("tests/end_to_end/")
        for number in sorted(own & numbers)
        if (number, test) not in listed
    ]
    assert missing == []


def test_a_range_is_all_its_numbers_and_other_words_are_none() -> None:
    assert quoted("C2, D6-D8: see Z10.") == {"C2", "D6", "D7", "D8", "Z10"}
    assert quoted("UTF8, page1, FNAME, 404") == quoted(None) == set()
