"""Selections with their fragments spread: the fields that may answer under each response key."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLOutputType,
    GraphQLSchema,
    InlineFragmentNode,
    SelectionSetNode,
    get_named_type,
    is_composite_type,
)


class Selected(NamedTuple):
    """A field and the type that it is asked of."""

    parent: GraphQLNamedType
    node: FieldNode
    type: GraphQLOutputType


Selection = tuple[GraphQLNamedType, SelectionSetNode]
"""A selection set and the type that it stands on."""


def fragments_of(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    """Return the fragments of a document by name."""
    return {
        node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
    }


class Spreading:
    """Spreads the fragments of one document; what no valid document holds is passed over."""

    def __init__(self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._schema = schema
        self._fragments = fragments

    def fields(self, selections: Iterable[Selection]) -> dict[str, list[Selected]]:
        """Return the fields of several selections by response key, whatever their directives say."""
        found: dict[str, list[Selected]] = {}
        spread: set[str] = set()
        waiting = list(selections)[::-1]
        while waiting:
            parent, selection = waiting.pop()
            for node in selection.selections:
                if isinstance(node, FieldNode):
                    self._add(found, parent, node)
                elif isinstance(node, FragmentSpreadNode):
                    fragment = self._fragments.get(node.name.value)
                    if fragment is not None and node.name.value not in spread:
                        spread.add(node.name.value)
                        on = self._schema.get_type(fragment.type_condition.name.value)
                        if on is not None:
                            waiting.append((on, fragment.selection_set))
                elif isinstance(node, InlineFragmentNode):
                    condition = node.type_condition
                    on = parent if condition is None else self._schema.get_type(condition.name.value)
                    if on is not None:
                        waiting.append((on, node.selection_set))
        return found

    def _add(self, found: dict[str, list[Selected]], parent: GraphQLNamedType, node: FieldNode) -> None:
        field = self._schema.get_field(parent, node.name.value) if is_composite_type(parent) else None
        if field is not None:
            key = node.alias.value if node.alias else node.name.value
            found.setdefault(key, []).append(Selected(parent, node, field.type))


def below(fields: Iterable[Selected]) -> list[Selection]:
    """Return what the fields select from what they return."""
    return [
        (get_named_type(one.type), one.node.selection_set)
        for one in fields
        if one.node.selection_set is not None
    ]
