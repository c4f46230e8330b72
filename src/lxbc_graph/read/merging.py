"""Whether fields that answer under one name can be merged, in time linear in the fields.

The specification compares each field with each, and fragments with fragments; so does the rule of graphql-core, whose
place this takes with the same verdicts. Here each is compared with the first of its group (the algorithm of Simon
Adameit): all that answer under one key must be of one shape, and all of them that may answer for one object must be
the same field with the same arguments, whose selections are then merged in turn. Objects of two types are never one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    StringValueNode,
    ValueNode,
    VariableNode,
    is_leaf_type,
)

from .limits import Exceeded, Limits
from .selection import Selected, Selection, Spreading, below, fragments_of

_OVERLAPS = 5
"""How often each field may be looked at, on average. Once or twice is usual; only types within types make it more."""


def conflicts(
    schema: GraphQLSchema, document: DocumentNode, limits: Limits, max_errors: int
) -> list[GraphQLError]:
    """Return the conflicts in a document within its limits; raises Exceeded where it would take too long.

    What no valid document holds is passed over, so this may stand before the rules that take longer.
    """
    merging = _Merging(schema, fragments_of(document), limits, max_errors)
    merging.check_operations(document)
    return merging.errors


class _Merging:
    """The comparison of one document."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        limits: Limits,
        max_errors: int,
    ) -> None:
        self.errors: list[GraphQLError] = []
        self._schema = schema
        self._spreading = Spreading(schema, fragments)
        self._limits = limits
        self._max_errors = max_errors
        self._left = _OVERLAPS * limits.fields
        self._checked: set[tuple[frozenset[int], bool]] = set()
        self._arguments: dict[int, frozenset[Any]] = {}

    def check_operations(self, document: DocumentNode) -> None:
        """Compare what each operation asks for."""
        for node in document.definitions:
            if isinstance(node, OperationDefinitionNode):
                root = self._schema.get_root_type(node.operation)
                if root is not None:
                    self.check([(root, node.selection_set)], together=True)

    def check(self, selections: Sequence[Selection], *, together: bool) -> None:
        """Compare what the selections ask for: of one object, if ``together``, else only what shape it has."""
        key = (frozenset(id(selection) for _, selection in selections), together)
        if key in self._checked or not selections:
            return
        self._checked.add(key)
        for name, fields in self._spreading.fields(selections).items():
            if len(self.errors) < self._max_errors:
                self._check_fields(name, fields, _of_one_object(fields) if together else [])

    def _spend(self, work: int) -> None:
        self._left -= work
        if self._left < 0:
            most = _OVERLAPS * self._limits.fields
            raise Exceeded(self._limits, "overlaps", most, most - self._left)

    def _are_of_one_shape(self, name: str, fields: Sequence[Selected]) -> bool:
        first = fields[0]
        shape = None
        for one in fields[1:]:
            if one.type is first.type:
                continue
            shape = shape or _shape(first.type)
            if _shape(one.type) != shape:
                reason = f"they return conflicting types '{first.type}' and '{one.type}'"
                self._report(name, reason, first, one)
                return False
        return True

    def _check_fields(
        self, name: str, fields: Sequence[Selected], groups: Sequence[Sequence[Selected]]
    ) -> None:
        self._spend(len(fields) + sum(map(len, groups)))
        if not all(self._are_the_same(name, group) for group in groups):
            return
        if not self._are_of_one_shape(name, fields):
            return
        for group in groups:
            self.check(below(group), together=True)
        if len(groups) != 1 and len(fields) > 1:
            self.check(below(fields), together=False)

    def _are_the_same(self, name: str, group: Sequence[Selected]) -> bool:
        first = group[0]
        asked = first.node.name.value
        for one in group[1:]:
            if one.node.name.value != asked:
                reason = f"'{asked}' and '{one.node.name.value}' are different fields"
            elif self._given(one.node) != self._given(first.node):
                reason = "they have differing arguments"
            else:
                continue
            self._report(name, reason, first, one)
            return False
        return True

    def _given(self, node: FieldNode) -> frozenset[Any]:
        """Return the arguments as they are written, in a form that can be compared; their order is nothing."""
        if not node.arguments:
            return frozenset()
        found = self._arguments.get(id(node))
        if found is None:
            found = frozenset((one.name.value, _written(one.value)) for one in node.arguments)
            self._arguments[id(node)] = found
        return found

    def _report(self, name: str, reason: str, first: Selected, other: Selected) -> None:
        self.errors.append(
            GraphQLError(
                f"Fields '{name}' conflict because {reason}."
                " Use different aliases on the fields to fetch both if this was intentional.",
                [first.node, other.node],
            )
        )


def _of_one_object(fields: Sequence[Selected]) -> list[list[Selected]]:
    """Return the groups of fields of which all may answer for one object: an interface may be any of its types."""
    of_types: dict[str, list[Selected]] = {}
    of_any = []
    for one in fields:
        if isinstance(one.parent, GraphQLObjectType):
            of_types.setdefault(one.parent.name, []).append(one)
        else:
            of_any.append(one)
    if len(of_types) > 1:
        return [[*of_any, *group] for group in of_types.values()]
    return [list(fields)]


def _shape(type_: GraphQLOutputType) -> str:
    """Return what must agree: lists, whether it may be null, and the leaf; objects are compared by their fields."""
    around = ""
    while isinstance(type_, GraphQLList | GraphQLNonNull):
        around += "[" if isinstance(type_, GraphQLList) else "!"
        type_ = type_.of_type
    return around + (type_.name if is_leaf_type(type_) else "{")


def _written(value: ValueNode) -> Any:
    match value:
        case VariableNode():
            return ("$", value.name.value)
        case ListValueNode():
            return tuple(_written(item) for item in value.values)
        case ObjectValueNode():
            return frozenset((field.name.value, _written(field.value)) for field in value.fields)
        case StringValueNode():
            return ('"', value.value, bool(value.block))
        case NullValueNode():
            return None
    return (value.kind, getattr(value, "value", None))
