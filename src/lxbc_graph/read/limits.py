"""Limits of a document: what it may be made of is counted before it is validated, in time linear in its text.

Fields, aliases and values are those of all its operations, with their fragments spread; each fragment is counted
once, and what it holds is multiplied, so that no bomb is ever set off. A fragment counts as a field wherever it is
spread, since it is walked through there, and so does one without a name. Depth is that of fields in fields.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionNode,
    ValueNode,
)

DEFAULT_PAGE = 50
MAX_PAGE = 100

INTROSPECTION = frozenset({"__schema", "__type"})
"""What stands below is no deeper than the schema is; how much it tells is counted for itself."""
ASKED = {
    "__schema": 1,
    "__type": 10,
    "eventCursor": 1,
    "explainAccess": 10,
    "login": 1,
    "refresh": 1,
    "logout": 1,
}
"""How often one operation may ask for what resolvers answer: they cost more than it takes to ask for them."""
_NESTING = 4
"""How many selection sets may stand in one another for each level of fields: fragments nest without being deep."""
_INPUT_DEPTH = 100
"""Of values in values of variables; the parser keeps those of a document from much more."""
_DIGITS = 1_000
"""In a row; of a number with more than 4,300 of them Python says how it might be told to read it."""
_NUMBER = re.compile(f"[0-9]{{{_DIGITS + 1},}}")
_LARGEST = 2**31 - 1
"""That is told; a bomb's number may have hundreds of digits."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a document and its variables may be made of, what it may cost, and how many rows a page may have."""

    bytes: int = 20_000
    tokens: int = 2_000
    depth: int = 12
    fields: int = 1_000
    aliases: int = 100
    values: int = 1_000
    cost: int = 10_000
    page: int = MAX_PAGE

    @property
    def default_page(self) -> int:
        """Rows of a page whose size is not given."""
        return min(DEFAULT_PAGE, self.page)


_TOLD = {
    "bytes": "A document has at most {} bytes",
    "tokens": "A document has at most {} tokens",
    "depth": "Fields stand in one another to a depth of {} at most",
    "nesting": "Selections stand in one another to a depth of {} at most",
    "fields": "A document has at most {} fields and fragments in its selections, fragments spread",
    "aliases": "A document has at most {} aliases, fragments spread",
    "introspection": "Introspection tells at most {} values",
    "values": "Arguments, and likewise variables, hold at most {} values",
    "digits": "A document has at most {} digits in a row",
    "input": "Values of variables stand in one another to a depth of {} at most",
    "overlaps": "Fields that answer under one name are compared at most {} times",
    "types": "For all types of interfaces an operation asks for at most {} fields",
    "cost": "An operation may read at most {} objects",
    **{name: f"An operation asks for {name} at most {{}} times" for name in ASKED},
}


class Exceeded(GraphQLError):
    """The document is above a limit: which, what it is, and what was found, or at least that much."""

    def __init__(self, limits: Limits, name: str, maximum: int, found: int) -> None:
        found = min(found, _LARGEST)
        super().__init__(
            f"{_TOLD[name].format(maximum)}; this one: {found}.",
            extensions={
                "code": "TOO_COMPLEX",
                "limit": {"name": name, "maximum": maximum, "found": found},
                "cost": cost_told(limits, found if name == "cost" else None),
            },
        )


def cost_told(limits: Limits, cost: int | None) -> dict[str, int | None]:
    """Return what stands in ``extensions.cost``; None where another limit came before the cost was known."""
    return {"cost": cost, "limit": limits.cost}


@dataclass(slots=True)
class _Count:
    """What a definition holds by itself or, with its fragments spread, altogether."""

    fields: int = 0
    aliases: int = 0
    values: int = 0
    """Of arguments, those of directives too: themselves, and what stands in them."""
    depth: int = 0
    nesting: int = 0
    spreads: "list[_Spread]" = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Spread:
    """Where a fragment is spread: how deep, in how many selections, and whether below ``__schema`` or ``__type``."""

    name: str
    depth: int
    nesting: int
    introspects: bool


def check_text(text: str, limits: Limits) -> None:
    """Raise Exceeded for a text that is not to be parsed."""
    size = len(text.encode(errors="surrogatepass"))
    if size > limits.bytes:
        raise Exceeded(limits, "bytes", limits.bytes, size)
    if (number := _NUMBER.search(text)) is not None:
        raise Exceeded(limits, "digits", _DIGITS, len(number[0]))


def check(document: DocumentNode, limits: Limits) -> None:
    """Raise Exceeded for a document above a limit, and GraphQLError where fragments spread themselves."""
    fragments = {
        node.name.value: _count(node)
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    for name in _from_the_leaves(fragments):
        if name in fragments:
            _spread(fragments[name], fragments)
    operations = [_count(node) for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    _check_used(document, fragments, operations)
    for one in operations:
        _spread(one, fragments)
    defaults = [
        variable.default_value
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
        for variable in node.variable_definitions or ()
        if variable.default_value is not None
    ]
    for name, maximum, found in (
        ("depth", limits.depth, _most(one.depth for one in operations)),
        ("nesting", _NESTING * limits.depth, _most(one.nesting for one in operations)),
        ("fields", limits.fields, sum(one.fields for one in operations)),
        ("aliases", limits.aliases, sum(one.aliases for one in operations)),
        ("values", limits.values, sum(one.values for one in operations) + _literals(defaults)),
    ):
        if found > maximum:
            raise Exceeded(limits, name, maximum, found)


def _check_used(
    document: DocumentNode, fragments: "dict[str, _Count]", operations: "Sequence[_Count]"
) -> None:
    """Raise GraphQLError for a fragment that nothing spreads, before validation has walked through it to say so."""
    used: set[str] = set()
    waiting = list(operations)
    while waiting:
        names = {one.name for one in waiting.pop().spreads} - used
        used |= names
        waiting += (fragments[name] for name in names if name in fragments)
    for node in document.definitions:
        if isinstance(node, FragmentDefinitionNode) and node.name.value not in used:
            raise GraphQLError(
                f"Fragment '{node.name.value}' is never used.",
                node,
                extensions={"code": "GRAPHQL_VALIDATION_FAILED"},
            )


def check_variables(variables: Mapping[str, Any], limits: Limits) -> None:
    """Raise Exceeded where they hold too many values, or too deep ones, before any is looked at."""
    found = 0
    waiting: list[tuple[Any, int]] = [(variables, 0)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, Mapping | list):
            found += len(value)
            if found > limits.values:
                raise Exceeded(limits, "values", limits.values, found)
            if depth > _INPUT_DEPTH:
                raise Exceeded(limits, "input", _INPUT_DEPTH, depth)
            waiting += ((one, depth + 1) for one in (value.values() if isinstance(value, Mapping) else value))


def _most(found: Iterable[int]) -> int:
    return max(found, default=0)


def _from_the_leaves(fragments: dict[str, _Count]) -> Sequence[str]:
    """Return the names in such an order that each fragment comes after those that it spreads."""
    spread = {name: {one.name for one in count.spreads} for name, count in fragments.items()}
    try:
        return tuple(TopologicalSorter(spread).static_order())
    except CycleError as cycle:
        raise GraphQLError(
            f"Cannot spread fragment '{cycle.args[1][0]}' within itself.",
            extensions={"code": "GRAPHQL_VALIDATION_FAILED"},
        ) from None


def _count(definition: OperationDefinitionNode | FragmentDefinitionNode) -> _Count:
    count = _Count(values=_given(definition))
    waiting = [(definition.selection_set, 1, 1, False)]
    while waiting:
        found, depth, nesting, introspects = waiting.pop()
        count.nesting = max(count.nesting, nesting)
        for node in found.selections:
            count.fields += 1
            count.values += _given(node)
            if isinstance(node, FragmentSpreadNode):
                count.spreads.append(_Spread(node.name.value, depth - 1, nesting, introspects))
            elif isinstance(node, InlineFragmentNode):
                waiting.append((node.selection_set, depth, nesting + 1, introspects))
            elif isinstance(node, FieldNode):
                count.aliases += node.alias is not None
                count.values += _literals(one.value for one in node.arguments or ())
                if not introspects:
                    count.depth = max(count.depth, depth)
                if node.selection_set is not None:
                    below = introspects or node.name.value in INTROSPECTION
                    waiting.append((node.selection_set, depth + 1, nesting + 1, below))
    return count


def _given(node: OperationDefinitionNode | FragmentDefinitionNode | SelectionNode) -> int:
    """Return how many values its directives are given."""
    return _literals(one.value for directive in node.directives or () for one in directive.arguments or ())


def _literals(nodes: Iterable[ValueNode]) -> int:
    """Return how many values there are, with those in lists and objects."""
    count = 0
    waiting = list(nodes)
    while waiting:
        count += 1
        value = waiting.pop()
        if isinstance(value, ListValueNode):
            waiting += value.values
        elif isinstance(value, ObjectValueNode):
            waiting += (field.value for field in value.fields)
    return count


def _spread(count: _Count, fragments: dict[str, _Count]) -> None:
    """Add what the fragments hold, which must have been spread themselves."""
    for spread in count.spreads:
        if (found := fragments.get(spread.name)) is None:
            continue  # validation says so
        count.fields += found.fields
        count.aliases += found.aliases
        count.values += found.values
        count.nesting = max(count.nesting, spread.nesting + found.nesting)
        if not spread.introspects:
            count.depth = max(count.depth, spread.depth + found.depth)
