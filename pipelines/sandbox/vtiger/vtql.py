"""The text of a query, read: section 4 of the contract.

Belongs here: tokens, grammar, syntax errors in Vtiger's words. Does not: which fields there are, finding rows.

The grammar has no parentheses but those of `in`, no `is`, no empty literal; the order of names in "expected one of" was
recorded for four places only, and is alike for the others.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.sandbox.vtiger.problems import Problem, denied, internal

# A literal needs at least one character between its quotes: '' is no token at all, hence the internal error.
TOKEN = re.compile(r"\s*(?:(?P<string>'(?:[^']|'')+')|(?P<word>[+-]?\w+)|(?P<sign><=|>=|!=|[<>=*,;()]))")
WHOLE_NUMBER = re.compile(r"[0-9]{1,18}")
FROM = re.compile(r"from\s+([^\s;]+)", re.IGNORECASE)
SIGNS = {
    "<=": "LTE", ">=": "GTE", "!=": "NE", "<": "LT", ">": "GT", "=": "EQ",
    "*": "ASTERISK", ",": "COMMA", ";": "SEMICOLON", "(": "PARENOPEN", ")": "PARENCLOSE",
}  # fmt: skip
KEYWORDS = {
    "select": "SELECT", "from": "FRM", "where": "WHERE", "and": "LOGICAL_AND", "or": "LOGICAL_OR", "in": "IN",
    "like": "LIKE", "order": "ORDER", "by": "BY", "asc": "ASC", "desc": "DESC", "limit": "LIMIT", "count": "COUNT",
}  # fmt: skip
OPERATORS = ("EQ", "LT", "GT", "LTE", "GTE", "NE", "IN", "LIKE")
END = "End of Input"


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is STRING, WORD, END, or the name of a sign or keyword."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Condition:
    """column operator literals; one literal but for IN."""

    column: str
    operator: str
    literals: tuple[str, ...]


Where = tuple[tuple[Condition, ...], ...]


@dataclass(frozen=True, slots=True)
class Query:
    """A query as it was read; `columns` is empty for *. `where`: any of these conjunctions, () for all rows."""

    module: str
    columns: tuple[str, ...]
    counts: bool
    where: Where
    order: tuple[str, ...]
    descends: bool
    offset: int
    count: int | None


def module_of(text: str) -> str:
    """The word behind the first `from`, wherever it stands; Vtiger finds its module so, before it reads the query."""
    found = FROM.search(text)
    if found is None:
        raise denied(" for query")
    return found[1]


def read_query(text: str, *, takes_bare_values: bool = False) -> Query:
    """The query of this text. Raises Problem."""
    return _Reader(text, takes_bare_values).query()


def read_where(text: str) -> Where:
    """The conditions of a `where`; () for blank text. Raises Problem."""
    return read_query(f"select id from Leads {f'where {text}' if text.strip() else ''};").where


def _tokens(text: str) -> Iterator[Token]:
    place, rest = 0, text.rstrip()
    while place < len(rest):
        match = TOKEN.match(rest, place)
        if match is None:
            raise internal()
        place = match.end()
        if match["string"]:
            yield Token("STRING", match["string"])
        elif match["word"]:
            yield Token(KEYWORDS.get(match["word"].lower(), "WORD"), match["word"])
        else:
            yield Token(SIGNS[match["sign"]], match["sign"])


class _Reader:
    """Reads token by token, so that the first thing wrong decides what is answered."""

    def __init__(self, text: str, takes_bare_values: bool) -> None:
        self._tokens = _tokens(text)
        self._takes_bare_values = takes_bare_values
        self._last = Token("", "")
        self._next = next(self._tokens, Token(END, ""))

    def _step(self) -> Token:
        self._last = self._next
        self._next = next(self._tokens, Token(END, ""))
        return self._last

    def _at(self, *kinds: str) -> bool:
        return self._next.kind in kinds

    def _skip(self, kind: str) -> bool:
        if not self._at(kind):
            return False
        self._step()
        return True

    def _need(self, *kinds: str, expected: tuple[str, ...] = (), bare: str = "COLUMNNAME") -> Token:
        if not self._at(*kinds):
            raise self._unexpected(expected or kinds, bare)
        return self._step()

    def _unexpected(self, expected: tuple[str, ...], bare: str) -> Problem:
        found, names = self._next, ",".join(expected)
        if found.kind == END:
            what, text = f"{END}(0)", self._last.text
        else:
            kind = {"WORD": bare, "STRING": "VALUE"}.get(found.kind, found.kind)
            what, text = f"{kind}({found.text})", found.text
        message = f"Syntax Error on line 1: token '{text}' Unexpected {what}, expected one of: {names}"
        return Problem("QUERY_SYNTAX_ERROR", message)

    def query(self) -> Query:
        self._need("SELECT")
        counts, columns = self._select_list()
        self._need("FRM")
        module = self._need("WORD", expected=("TABLENAME",)).text
        where = self._where() if self._skip("WHERE") else ()
        order, descends = self._order() if self._skip("ORDER") else ((), False)
        offset, count = self._limit() if self._skip("LIMIT") else (0, None)
        self._need("SEMICOLON")
        self._need(END)
        return Query(module, columns, counts, where, order, descends, offset, count)

    def _select_list(self) -> tuple[bool, tuple[str, ...]]:
        if self._skip("ASTERISK"):
            return False, ()
        if self._skip("COUNT"):
            for kind in ("PARENOPEN", "ASTERISK", "PARENCLOSE"):
                self._need(kind)
            return True, ()
        return False, self._columns()

    def _columns(self) -> tuple[str, ...]:
        columns = [self._column()]
        while self._skip("COMMA"):
            columns.append(self._column())
        return tuple(columns)

    def _column(self) -> str:
        return self._need("WORD", expected=("COLUMNNAME",)).text

    def _where(self) -> Where:
        either = [[self._condition()]]
        while self._at("LOGICAL_AND", "LOGICAL_OR"):
            if self._step().kind == "LOGICAL_AND":
                either[-1].append(self._condition())
            else:
                either.append([self._condition()])
        return tuple(map(tuple, either))

    def _condition(self) -> Condition:
        column = self._column()
        operator = self._need(*OPERATORS, bare="VALUE").kind
        if operator != "IN":
            return Condition(column, operator, (self._literal(),))
        self._need("PARENOPEN")
        literals = [self._literal()]
        while self._skip("COMMA"):
            literals.append(self._literal())
        self._need("PARENCLOSE")
        return Condition(column, operator, tuple(literals))

    def _literal(self) -> str:
        kinds = ("STRING", "WORD") if self._takes_bare_values else ("STRING",)
        found = self._need(*kinds, expected=("VALUE",))
        return found.text[1:-1].replace("''", "'") if found.kind == "STRING" else found.text

    def _order(self) -> tuple[tuple[str, ...], bool]:
        self._need("BY")
        columns = self._columns()
        descends = self._skip("DESC")
        if not descends:
            self._skip("ASC")
        return columns, descends

    def _limit(self) -> tuple[int, int]:
        first = self._whole_number()
        return (first, self._whole_number()) if self._skip("COMMA") else (0, first)

    def _whole_number(self) -> int:
        if not (self._at("WORD") and WHOLE_NUMBER.fullmatch(self._next.text)):
            raise self._unexpected(("VALUE",), "COLUMNNAME")
        return int(self._step().text)
