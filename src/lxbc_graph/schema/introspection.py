"""Introspection: the resolvers of graphql-core, each selection prepared once and run over all that it is asked of.

The executor of graphql-core prepares it anew for each object, and everybody waits meanwhile.
"""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from graphql import (
    FieldNode,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    is_leaf_type,
)

from lxbc_graph.read.arguments import Variables, arguments, values
from lxbc_graph.read.document import Operation
from lxbc_graph.read.planner import Planner

_Answer = Callable[[Any], Any]
"""What a field or a selection answers for one thing: a part of the schema."""


def introspect(
    operation: Operation, planner: Planner, group: Sequence[FieldNode], variables: Variables
) -> Any:
    """Return what ``__schema``, ``__type`` or ``__typename`` answers at the root.

    Raises GraphQLError for variables that are null where nothing may be.
    """
    return _Introspection(operation, planner, variables).field(operation.root, group)(None)


class _Introspection:
    def __init__(self, operation: Operation, planner: Planner, variables: Variables) -> None:
        self._schema = operation.schema
        self._planner = planner
        self._variables = variables
        self._info: Any = SimpleNamespace(schema=operation.schema)

    def field(self, parent: GraphQLObjectType, group: Sequence[FieldNode]) -> _Answer:
        node = group[0]
        if node.name.value == "__typename":
            return lambda _: parent.name
        field = self._schema.get_field(parent, node.name.value)
        assert field is not None  # validated
        resolve, info = field.resolve, self._info
        assert resolve is not None  # all of these have one
        given = values(arguments(field, node, self._variables), self._variables)
        complete = self._completing(field.type, group)
        return lambda thing: complete(resolve(thing, info, **given))

    def _completing(self, type_: GraphQLOutputType, group: Sequence[FieldNode]) -> _Answer:
        """Return how what a resolver gave is written."""
        if isinstance(type_, GraphQLNonNull):
            return self._completing(type_.of_type, group)
        if isinstance(type_, GraphQLList):
            of_each = self._completing(type_.of_type, group)
            return lambda found: None if found is None else [of_each(one) for one in found]
        if is_leaf_type(type_):
            write = type_.serialize
            return lambda found: None if found is None else write(found)
        assert isinstance(type_, GraphQLObjectType)
        asked = [
            (key, self.field(type_, nodes)) for key, nodes in self._planner.select(type_.name, group).items()
        ]
        return lambda found: None if found is None else {key: answer(found) for key, answer in asked}
