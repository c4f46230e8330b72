"""The cost of an operation: how many objects it may read, as its pages and ids say, before any is read.

Pages are multiplied down the path. An object of which many values are asked counts for several, since each value is
written; so does what reads many rows and gives few: see the prices. The cost is an upper bound: nobody knows how full
a page will be, what is skipped counts, and so does what each type of an interface is asked for.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from graphql import (
    GRAPHQL_MAX_INT,
    GRAPHQL_MIN_INT,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    IntValueNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    StringValueNode,
    VariableNode,
    get_named_type,
)

from .arguments import Variables
from .catalogue import Catalogue, Column, Computed, Many, Metrics, NodeById
from .introspection import MAX_TOLD, told
from .limits import ASKED, Exceeded, Limits, cost_told
from .selection import Selected, Selection, Spreading, below

VALUES = 10
"""That may be asked of an object for the price of one; a list is one of them, whatever its rows cost."""
LONG = 100
"""For how many values a text counts that may be long."""
COMPUTED = 2
"""Of a value that is worked out in Python, such as ``viewerActions``."""
COUNT = 200
"""Of a ``totalCount``, which may go through all that the viewer sees."""
COUNT_PARTS = 10
"""Of a ``totalCount`` of parts, such as the events of an issue."""
CHANGE = 10
"""Of a mutation."""
FIGURES = 50
"""Of the ``metrics`` of a unit, however many of them: they are counted in one pass."""
THEN = 200
"""Of each of them beside, and of a list, if it is to be as of a moment: the events of each issue are looked at."""

_KNOWN = 64
"""How many costs of one operation are remembered."""

_DIGITS = 11
"""Of a number that is no longer than any that is valid."""
_NAME = 100
"""Of characters; no type has a name as long."""
_UNKNOWN = object()
"""What a variable gives that is not known yet, or a number that is none."""

_Path = tuple[str, ...]


class _Asked(NamedTuple):
    """What is asked of one object: its values, and what all the objects below it cost, for all such objects."""

    values: int = 0
    cost: int = 0

    def and_(self, other: "_Asked") -> "_Asked":
        return _Asked(self.values + other.values, self.cost + other.cost)

    @property
    def objects(self) -> int:
        """For how many objects one counts."""
        return max(1, -(-self.values // VALUES))


class Cost:
    """What one operation costs, by those of its variables that say how many objects it reads."""

    def __init__(
        self,
        schema: GraphQLSchema,
        catalogue: Catalogue,
        limits: Limits,
        node: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
    ) -> None:
        self._catalogue = catalogue
        self._limits = limits
        self._node = node
        root = schema.get_root_type(node.operation)
        assert root is not None  # validated
        self._root = root
        self._schema = schema
        self._spreading = Spreading(schema, fragments)
        self._sizing: dict[str, None] = {}
        """Names of the variables that were found to matter."""
        self._known: dict[tuple[Any, ...], int] = {}
        self._told = 0
        """Of the schema, as far as it is counted."""

    def check(self, told: int) -> int:
        """Refuse what costs too much whatever its variables are, valid or not; raises as ``of``.

        Returns how much of the schema is told up to here, if that much was told by the operations before.
        """
        self._check_asked()
        cost = self._worked_out(None, told)
        if not self._sizing:
            self._known[()] = cost
        self._refuse_above(cost)
        return self._told

    def of(self, variables: Variables) -> int:
        """Return what the valid operation costs; raises Exceeded, and GraphQLError for pages that cannot be."""
        key = self._key(variables)
        cost = self._known.get(key)
        if cost is None:
            cost = self._worked_out(variables)
            if len(self._known) >= _KNOWN:
                self._known.clear()
            self._known[self._key(variables)] = cost  # by now all that matter are found
        self._refuse_above(cost)
        return cost

    def _worked_out(self, variables: Variables | None, told: int = 0) -> int:
        """Return the cost; without variables, of pages whose size they say nothing is counted.

        Raises Exceeded where too much is told of the schema.
        """
        self._told = told
        return self._below([(self._root, self._node.selection_set)], variables, 1, ()).cost

    def _check_asked(self) -> None:
        """Raise Exceeded where a root field is asked for more often than it may be."""
        fields = self._spreading.fields([(self._root, self._node.selection_set)]).values()
        for name, found in Counter(same[0].node.name.value for same in fields).items():
            if found > (most := ASKED.get(name, found)):
                raise Exceeded(self._limits, name, most, found)

    def _introspect(self, fields: Sequence[Selected], variables: Variables | None) -> None:
        """Add what a root field tells of the schema; raises Exceeded where all of them tell too much."""
        match fields[0].node.name.value:
            case "__schema":
                root: object = self._schema
            case "__type":
                root = self._schema.get_type(self._name(fields[0].node, variables))
            case _:
                return
        self._told += told(self._schema, self._spreading, fields, root, MAX_TOLD - self._told)
        if self._told > MAX_TOLD:
            raise Exceeded(self._limits, "introspection", MAX_TOLD, self._told)

    def _refuse_above(self, cost: int) -> None:
        if cost > self._limits.cost:
            raise Exceeded(self._limits, "cost", self._limits.cost, cost)

    def _key(self, variables: Variables) -> tuple[Any, ...]:
        found = (variables.get(name) for name in self._sizing)
        return tuple(map(_sized, found))

    def _below(
        self, selections: Sequence[Selection], variables: Variables | None, times: int, path: _Path
    ) -> _Asked:
        asked = _Asked()
        for key, fields in self._spreading.fields(selections).items():
            # What is asked of one type under one key is one field, however often it is written.
            for _, same in groupby(sorted(fields, key=_parent), key=_parent):
                asked = asked.and_(self._field(list(same), variables, times, (*path, key)))
        return asked

    def _field(
        self, fields: Sequence[Selected], variables: Variables | None, times: int, path: _Path
    ) -> _Asked:
        first = fields[0]
        name, returned = first.node.name.value, get_named_type(first.type).name
        if name.startswith("__"):
            self._introspect(fields, variables)
            return _Asked(values=1)
        selections = below(fields)
        entity = self._catalogue.entities.get(first.parent.name)
        match entity and entity.fields.get(name):
            case Column(long=True):
                return _Asked(values=LONG)
            case Computed():
                return _Asked(1, times * COMPUTED)
            case Metrics():
                figures = len(self._spreading.fields(selections)) if _value(first.node, "asOf") else 0
                return _Asked(0, times * (FIGURES + figures * THEN))
            case Many(parts=parts):
                size = self._page(first.node, variables, path)
                count = COUNT_PARTS if parts else COUNT
                asked = self._connection(selections, variables, times, size, count, path)
                return asked.and_(_Asked(0, times * THEN * self._is_then(first.node, variables)))
            case NodeById(many=True):
                times *= self._ids(first.node, variables, path)
        asked = self._below(selections, variables, times, path)
        change = CHANGE if self._is_change(first) else 0
        if returned in self._catalogue or returned == "Node":
            return _Asked(0, times * (asked.objects + change) + asked.cost)
        return _Asked(1 + asked.values, times * change + asked.cost)

    def _is_change(self, field: Selected) -> bool:
        return field.parent is self._root and self._node.operation.value == "mutation"

    def _connection(
        self,
        selections: Sequence[Selection],
        variables: Variables | None,
        times: int,
        size: int,
        count: int,
        path: _Path,
    ) -> _Asked:
        rows, own, cost, reads = _Asked(), 1, 0, False
        for key, fields in self._spreading.fields(selections).items():
            name, inner = fields[0].node.name.value, (*path, key)
            match name:
                case "totalCount":
                    cost += times * count
                case "nodes":
                    rows = rows.and_(self._below(below(fields), variables, times * size, inner))
                case "edges":
                    rows = rows.and_(self._edges(below(fields), variables, times * size, inner))
                case _:
                    own += 1 + self._below(below(fields), variables, times, inner).values
            reads = reads or name in {"nodes", "edges", "pageInfo"}
        return _Asked(own, cost + rows.cost + times * size * rows.objects * reads)

    def _edges(
        self, selections: Sequence[Selection], variables: Variables | None, times: int, path: _Path
    ) -> _Asked:
        """Return what is asked of each row by its edges, which are no objects of their own."""
        asked = _Asked()
        for key, fields in self._spreading.fields(selections).items():
            node = self._below(below(fields), variables, times, (*path, key))
            asked = asked.and_(node).and_(_Asked(values=1))
        return asked

    def _page(self, node: FieldNode, variables: Variables | None, path: _Path) -> int:
        """Return how many rows a page has at most; raises GraphQLError for one that cannot be."""
        first, last = self._given(node, "first", variables), self._given(node, "last", variables)
        if _UNKNOWN in (first, last):
            return 0
        if first is not None and last is not None:
            raise _wrong("Ask for first or for last, not for both.", "BAD_USER_INPUT", path)
        size: int | None = last if first is None else first
        if size is None:
            return self._limits.default_page
        if size < 0:
            raise _wrong(f"A page has no {size} rows.", "BAD_USER_INPUT", path)
        self._check_page(size, f"A page has at most {self._limits.page} rows; this one: {size}.", path)
        return size

    def _is_then(self, node: FieldNode, variables: Variables | None) -> bool:
        """Return whether a list is filtered as of a moment."""
        value = _value(node, "filter")
        if isinstance(value, VariableNode):
            return isinstance(given := self._given(node, "filter", variables), dict) and _sized(given)
        return isinstance(value, ObjectValueNode) and any(one.name.value == "asOf" for one in value.fields)

    def _given(self, node: FieldNode, name: str, variables: Variables | None) -> Any:
        """Return a number, or what a variable gives."""
        value = _value(node, name)
        if isinstance(value, VariableNode):
            self._sizing[value.name.value] = None
            return _UNKNOWN if variables is None else variables.get(value.name.value)
        if not isinstance(value, IntValueNode):
            return None
        number = int(value.value[:_DIGITS])
        return number if GRAPHQL_MIN_INT <= number <= GRAPHQL_MAX_INT else _UNKNOWN  # validation says so

    def _name(self, node: FieldNode, variables: Variables | None) -> str:
        """Return which type is asked for; none has no name."""
        value = _value(node, "name")
        if isinstance(value, VariableNode):
            given = self._given(node, "name", variables)
            return given if isinstance(given, str) else ""
        return value.value if isinstance(value, StringValueNode) else ""

    def _ids(self, node: FieldNode, variables: Variables | None, path: _Path) -> int:
        """Return how many ids are asked for; raises GraphQLError for more than a page."""
        value, number = _value(node, "ids"), 1
        if isinstance(value, VariableNode):
            given = self._given(node, "ids", variables)
            number = 0 if given is _UNKNOWN else len(given or ())
        elif isinstance(value, ListValueNode):
            number = len(value.values)
        self._check_page(number, f"At most {self._limits.page} ids at once; here: {number}.", path)
        return number

    def _check_page(self, found: int, message: str, path: _Path) -> None:
        if found > self._limits.page:
            limit = {"name": "page", "maximum": self._limits.page, "found": found}
            cost = cost_told(self._limits, None)
            raise _wrong(message, "PAGE_TOO_LARGE", path, limit=limit, cost=cost)


def _parent(field: Selected) -> str:
    return field.parent.name


def _sized(value: Any) -> Any:
    """Return what matters of a variable: a number, a name, how many ids, or whether a filter names a moment."""
    if isinstance(value, dict):
        return value.get("asOf") is not None
    if isinstance(value, str):
        return value[:_NAME]
    return len(value) if isinstance(value, list) else value


def _value(node: FieldNode, name: str) -> Any:
    return next((one.value for one in node.arguments or () if one.name.value == name), None)


def _wrong(message: str, code: str, path: _Path, **more: object) -> GraphQLError:
    return GraphQLError(message, path=list(path), extensions={"code": code, **more})
