"""The rows that a query finds: section 4 of the contract.

Belongs here: conditions, order, page. Does not: the text of a query (vtql.py).
"""

import operator
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from pipelines.sandbox.vtiger import catalogue
from pipelines.sandbox.vtiger.fields import Field
from pipelines.sandbox.vtiger.model import Json, Record, User
from pipelines.sandbox.vtiger.modules import Module
from pipelines.sandbox.vtiger.problems import internal, unknown_field
from pipelines.sandbox.vtiger.state import ID, State
from pipelines.sandbox.vtiger.values import as_number, from_zone, show
from pipelines.sandbox.vtiger.vtql import Condition, Query, Where, module_of, read_query

Test = Callable[[Record], bool]
Reader = Callable[[Record], Any]
NULLABLE = ("date", "reference")
SCATTER = 2654435761  # Knuth's multiplier: neighbours end up far apart

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "EQ": operator.eq,
    "NE": operator.ne,
    "LT": operator.lt,
    "GT": operator.gt,
    "LTE": operator.le,
    "GTE": operator.ge,
}


def run(state: State, user: User, text: str) -> list[Json]:
    """What `operation=query` answers. Raises Problem."""
    module = catalogue.module_named(module_of(text))
    query = read_query(text, takes_bare_values=state.switches.takes_bare_values)
    if query.module != module.name:
        raise internal()
    return _Finder(state, user, module).rows(query)


def page(state: State, user: User, module: Module, where: Where) -> list[Json]:
    """The first page of all columns under these conditions, by number."""
    return _Finder(state, user, module).rows(Query(module.name, (), False, where, (ID,), False, 0, None))


def matching(state: State, user: User, module: Module, where: Where) -> Iterator[Record]:
    """Records that fulfil the conditions and that the user may see, by number."""
    return _Finder(state, user, module).matching(where)


class _Finder:
    """One query of one user on one module."""

    def __init__(self, state: State, user: User, module: Module) -> None:
        self._state = state
        self._user = user
        self._module = module
        self._fields = state.fields(module)

    def rows(self, query: Query) -> list[Json]:
        """The page, as documents."""
        wanted = [self._field(name) for name in query.columns] or list(self._fields.values())
        order = [self._field(name) for name in query.order]
        found = self.matching(query.where)
        if query.counts:
            return [] if self._state.switches.drops_rows_without_id else [{"count": str(sum(1 for _ in found))}]
        most = self._state.switches.page_size
        count = min(most if query.count is None else query.count, most)
        page = islice(self._ordered(query, wanted, order, found), query.offset, query.offset + count)
        if self._state.switches.drops_rows_without_id and ID not in (field.name for field in wanted):
            return []
        return [
            {field.name: show(self._state, record, field, self._user, in_query=True) for field in wanted}
            for record in page
        ]

    def _field(self, name: str) -> Field:
        field = self._fields.get(name)
        if field is None:
            raise unknown_field(name)
        return field

    def matching(self, where: Where) -> Iterator[Record]:
        """By number."""
        either = [_every([self._test(condition) for condition in conjunction]) for conjunction in where]
        tests = [_some(either)] if either else []
        if not self._user.sees_all:
            tests.append(lambda record: may_see(self._user, record))
        return filter(_every(tests), self._state.shelf(self._module).above(self._floor(where)))

    def _floor(self, where: Where) -> int:
        """All that match have a larger number: what makes keyset paging cheap."""
        if len(where) != 1:
            return 0
        floors = [
            id_number(condition.literals[0]) - (condition.operator == "GTE")
            for condition in where[0]
            if condition.column == ID and condition.operator in ("GT", "GTE")
        ]
        return max(floors, default=0)

    def _ordered(
        self, query: Query, wanted: list[Field], order: list[Field], found: Iterator[Record]
    ) -> Iterable[Record]:
        mixed = self._mixed(query, wanted)
        by_number = bool(order) and order[0].name == ID
        if by_number and not (query.descends and len(order) == 1):
            return found
        if not order and not mixed:
            return found
        rows = sorted(found, key=mixed) if mixed else list(found)
        for place in reversed(range(len(order))):
            reader = self._sorter(order[place])
            rows.sort(key=reader, reverse=query.descends and place == len(order) - 1)
        return rows

    def _mixed(self, query: Query, wanted: list[Field]) -> Reader | None:
        """The key of an order that is none; it decides ties too."""
        choice = self._state.switches.order
        asks_custom = bool(query.columns) and any(field.name.startswith("cf_") for field in wanted)
        if choice == "by_id" or (choice == "observed" and (query.order or not asks_custom)):
            return None
        salt = query.offset if choice == "mixed" else 0
        return lambda record: (record.number + salt) * SCATTER % 2**32

    def _sorter(self, field: Field) -> Reader:
        """Nulls come first, as in the database."""
        read = self._reader(field)
        if field.type not in NULLABLE:
            return read

        def key(record: Record) -> tuple[bool, Any]:
            found = read(record)
            return (found is not None, found)

        return key

    def _reader(self, field: Field) -> Reader:
        name = field.name
        if name == ID:
            return lambda record: record.number
        if field.type == "owner":
            return lambda record: record.owner
        if field.type in ("integer", "currency", "boolean"):
            return lambda record: as_number(record.values.get(name, "0"))
        if field.type == "reference":
            return lambda record: id_number(record.values[name]) if record.values.get(name) else None
        if field.type == "date":
            return lambda record: record.values.get(name) or None
        if field.type == "datetime" or not self._state.switches.ignores_case:
            return lambda record: record.values.get(name, "")
        return lambda record: record.values.get(name, "").casefold()

    def _literal(self, field: Field, text: str) -> Any:
        if field.name == ID or field.type in ("owner", "reference"):
            return id_number(text)
        if field.type in ("integer", "currency", "boolean"):
            return as_number(text)
        if field.type == "datetime":
            return from_zone(self._state, text, self._user)
        return self._folded(text)

    def _folded(self, text: str) -> str:
        return text.casefold() if self._state.switches.ignores_case else text

    def _test(self, condition: Condition) -> Test:
        field = self._field(condition.column)
        if condition.operator == "LIKE":
            return self._like(field, condition.literals[0])
        read = self._reader(field)
        literals = [self._literal(field, text) for text in condition.literals]
        if condition.operator == "IN":
            among = set(literals)
            return lambda record: read(record) in among
        compare, literal = COMPARE[condition.operator], literals[0]
        if field.type not in NULLABLE:
            return lambda record: compare(read(record), literal)

        def test(record: Record) -> bool:
            found = read(record)
            return found is not None and compare(found, literal)

        return test

    def _like(self, field: Field, pattern: str) -> Test:
        parts = (".*" if sign == "%" else "." if sign == "_" else re.escape(sign) for sign in self._folded(pattern))
        matches = re.compile("".join(parts), re.DOTALL).fullmatch
        read = self._reader(field)
        return lambda record: matches(str(read(record))) is not None


def _every(tests: list[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]

    def test(record: Record) -> bool:
        for one in tests:  # noqa: SIM110 - a generator for each of 20,000 records takes twice as long
            if not one(record):
                return False
        return True

    return test


def _some(tests: list[Test]) -> Test:
    return tests[0] if len(tests) == 1 else lambda record: any(one(record) for one in tests)


def may_see(user: User, record: Record) -> bool:
    """Sharing rules: a user without rights sees what is their own."""
    return user.sees_all or record.module in ("Users", "Groups") or record.owner == user.number


def id_number(text: str) -> int:
    """The number that an id is compared by: the part behind the x."""
    return int(as_number(text.rpartition("x")[2]))
