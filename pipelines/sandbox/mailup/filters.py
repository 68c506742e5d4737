"""filterby and orderby: expressions in the manner of LINQ, as section 3 of the contract has them.

Belongs here: reading such a text against the properties that a resource has. Does not: which properties those are (the
module of each theme).
"""

import ast
import itertools
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from pipelines.sandbox.mailup.problems import Problem, bad_request

T = TypeVar("T")
Properties = Mapping[str, Callable[[T], Any]]
Evaluate = Callable[[Any], Any]

TOKENS = re.compile(r"""'[^']*'|"[^"]*"|&&|\|\||!=|[^'"&|!]+|.""", re.DOTALL)
WORDS = {"&&": " and ", "||": " or ", "!": " not "}
CONSTANTS = {"true": True, "false": False, "null": None}
COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}
METHODS: dict[str, Callable[..., Any]] = {
    "contains": lambda text, part: part in text,
    "startswith": lambda text, part: text.startswith(part),
    "endswith": lambda text, part: text.endswith(part),
    "equals": operator.eq,
    "trim": lambda text: text.strip(),
    "tolower": lambda text: text.lower(),
    "toupper": lambda text: text.upper(),
}


def by_key(*names: str) -> Properties[Mapping[str, Any]]:
    """Properties of rows that are shown as they are: the keys, in whatever case."""
    return {name.lower(): operator.itemgetter(name) for name in names}


def unquoted(text: str) -> str:
    """The value without the double quotes that the documentation puts around it; some clients leave them out."""
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def filtered(items: Sequence[T], text: str, properties: Properties[T]) -> Sequence[T]:
    """Those for which the expression holds; all of them for an empty one. Raises Problem."""
    if not unquoted(text):
        return items
    evaluate = _Reader(properties).read(unquoted(text))
    try:
        return [item for item in items if _verdict(evaluate(item))]
    except (TypeError, ValueError, ArithmeticError) as error:
        raise bad_request(f"Invalid filter expression: {error}.") from None


def _verdict(found: Any) -> bool:
    """Whether the item is kept; null is what a method of a null gives."""
    if found is not None and not isinstance(found, bool):
        raise TypeError("the expression is neither true nor false")
    return bool(found)


def ordered(items: Sequence[T], text: str, properties: Properties[T]) -> Sequence[T]:
    """Sorted by `Name asc;Other desc`; as they are for an empty text. Raises Problem."""
    for clause in reversed([part for part in unquoted(text).split(";") if part.strip()]):
        name, *direction = unquoted(clause).split()
        if len(direction) > 1 or [word.lower() for word in direction] not in ([], ["asc"], ["desc"]):
            raise bad_request(f"Invalid sort expression: {clause.strip()}.")
        value = _property(properties, name)
        descending = bool(direction) and direction[0].lower() == "desc"
        items = sorted(items, key=lambda item, value=value: _sortable(value(item)), reverse=descending)  # type: ignore[misc]
    return items


def _sortable(value: Any) -> tuple[bool, Any]:
    return (value is not None, value if value is not None else 0)


def _property(properties: Properties[T], name: str) -> Callable[[T], Any]:
    found = properties.get(name.lower())
    if found is None:
        raise bad_request(f"No property or field '{name}' exists in the current type.")
    return found


class _Reader:
    """Turns the text into a function of one item. Python reads it: the grammar is the same but for && || !."""

    def __init__(self, properties: Properties[Any]) -> None:
        self._properties = properties

    def read(self, text: str) -> Evaluate:
        tokens = [token for token in TOKENS.findall(text) if token.strip()]
        strings = [token[0] in "'\"" for token in tokens]
        unclosed = any(token in ("'", '"') for token in tokens)
        # Python joins neighbouring strings, so that an apostrophe doubled by the caller would pass unnoticed.
        if unclosed or any(one and other for one, other in itertools.pairwise(strings)):
            raise self._refusal(text)
        python = "".join(WORDS.get(token, token.replace("\\", "\\\\")) for token in tokens)
        try:
            return self._node(ast.parse(python.strip(), mode="eval").body)
        except (SyntaxError, ValueError, RecursionError):
            raise self._refusal(text) from None

    def _refusal(self, text: str) -> Problem:
        return bad_request(f"Syntax error in the filter expression at or near position {len(text)}.")

    def _node(self, node: ast.expr) -> Evaluate:
        match node:
            case ast.Constant(value=value) if value is None or isinstance(value, str | int | float):
                return lambda _: value
            case ast.Name(id=name) if name.lower() in CONSTANTS:
                constant = CONSTANTS[name.lower()]
                return lambda _: constant
            case ast.Name(id=name):
                return _property(self._properties, name)
            case ast.Subscript(value=ast.Name() as holder, slice=key):
                return self._entry(self._node(holder), self._node(key))
            case ast.Call(func=ast.Attribute(value=subject, attr=name), args=arguments, keywords=[]):
                return self._method(self._node(subject), name, [self._node(item) for item in arguments])
            case ast.Compare(left=left, ops=[sign], comparators=[right]) if type(sign) in COMPARISONS:
                return self._compared(COMPARISONS[type(sign)], self._node(left), self._node(right))
            case ast.BinOp(left=left, op=sign, right=right) if type(sign) in ARITHMETIC:
                return self._computed(ARITHMETIC[type(sign)], self._node(left), self._node(right))
        return self._logical(node)

    def _logical(self, node: ast.expr) -> Evaluate:
        match node:
            case ast.BoolOp(op=sign, values=values):
                parts = [self._node(value) for value in values]
                every = all if isinstance(sign, ast.And) else any
                return lambda item: every(part(item) for part in parts)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                inner = self._node(operand)
                return lambda item: not inner(item)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                number = self._node(operand)
                return lambda item: -number(item)
        raise ValueError("not part of the language")

    @staticmethod
    def _entry(holder: Evaluate, key: Evaluate) -> Evaluate:
        return lambda item: holder(item).get(str(key(item)).lower())

    @staticmethod
    def _compared(compare: Callable[[Any, Any], Any], left: Evaluate, right: Evaluate) -> Evaluate:
        return lambda item: compare(left(item), right(item))

    @staticmethod
    def _computed(compute: Callable[[Any, Any], Any], left: Evaluate, right: Evaluate) -> Evaluate:
        return lambda item: compute(left(item), right(item))

    @staticmethod
    def _method(subject: Evaluate, name: str, arguments: Sequence[Evaluate]) -> Evaluate:
        method = METHODS.get(name.lower())
        if method is None:
            raise bad_request(f"No applicable method '{name}' exists in the current type.")

        def call(item: Any) -> Any:
            text = subject(item)
            return None if text is None else method(text, *(argument(item) for argument in arguments))

        return call
