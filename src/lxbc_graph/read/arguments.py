"""Arguments as a plan sees them: what decides the statement's text is looked at once, the rest per request."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    ListValueNode,
    ObjectValueNode,
    Undefined,
    ValueNode,
    VariableNode,
)
from graphql.execution.values import VariableValues
from graphql.utilities import coerce_input_literal

Variables = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Value:
    """A leaf of an argument: its value in the request that is being planned, and how to get it in another.

    A plan may depend on ``now`` only as far as :func:`shape` tells requests apart.
    """

    now: Any
    get: Callable[[Variables], Any]


Argument = Value | dict[str, "Argument"]


def arguments(definition: GraphQLField, node: FieldNode, variables: Variables) -> dict[str, Argument]:
    """Return the arguments that were given, or have a default, by name; null and absent are left out."""
    given = {argument.name.value: argument.value for argument in node.arguments or ()}
    found: dict[str, Argument] = {}
    for name, spec in definition.args.items():
        value = _argument(given.get(name), spec.type, spec.default_value, variables)
        if value is not None:
            found[name] = value
    return found


def _argument(
    node: ValueNode | None, type_: GraphQLInputType, default: Any, variables: Variables
) -> Argument | None:
    if isinstance(node, VariableNode):
        name = node.name.value
        if name in variables:
            if variables[name] is None and isinstance(type_, GraphQLNonNull):
                # Valid where the variable or the place has a default, which null does not ask for.
                raise _not_null(node)
            return _given(variables[name], type_, lambda values: values[name])
        node = None
    if node is None:
        return None if default is Undefined else _given(default, type_, lambda _: default)
    inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    if isinstance(node, ObjectValueNode) and isinstance(inner, GraphQLInputObjectType):
        fields = {field.name.value: field.value for field in node.fields or ()}
        found = {}
        for name, spec in inner.fields.items():
            value = _argument(fields.get(name), spec.type, spec.default_value, variables)
            if value is not None:
                found[name] = value
        return found
    return _literal(node, inner, variables)


def _literal(node: ValueNode, type_: GraphQLInputType, variables: Variables) -> Argument | None:
    """A literal; with variables somewhere inside it is coerced anew for each request."""
    if _holds_variable(node):

        def get(values: Variables) -> Any:
            found = coerce_input_literal(node, type_, VariableValues({}, dict(values)))
            if found is Undefined:  # it is valid but for a null
                raise _not_null(node)
            return _plain(found)

        return Value(get(variables), get)
    constant = coerce_input_literal(node, type_)
    return _given(constant, type_, lambda _: constant)


def _holds_variable(node: ValueNode) -> bool:
    if isinstance(node, ListValueNode):
        return any(_holds_variable(item) for item in node.values or ())
    if isinstance(node, ObjectValueNode):
        return any(_holds_variable(field.value) for field in node.fields or ())
    return isinstance(node, VariableNode)


def _not_null(node: ValueNode) -> GraphQLError:
    return GraphQLError("The value must not be null.", node, extensions={"code": "BAD_USER_INPUT"})


def _given(value: Any, type_: GraphQLInputType, get: Callable[[Variables], Any]) -> Argument | None:
    if value is None or value is Undefined:
        return None
    inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    if isinstance(inner, GraphQLInputObjectType) and isinstance(value, Mapping):
        found = {}
        for name, spec in inner.fields.items():
            if name in value:
                item = _given(value[name], spec.type, _field_of(get, name))
                if item is not None:
                    found[name] = item
        return found
    return Value(_plain(value), lambda values: _plain(get(values)))


def _field_of(get: Callable[[Variables], Any], name: str) -> Callable[[Variables], Any]:
    return lambda values: get(values)[name]


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def values(argument: Argument | Mapping[str, Argument], variables: Variables) -> Any:
    """Return the plain values of an argument, or of several by name."""
    if isinstance(argument, Value):
        return argument.get(variables)
    return {name: values(value, variables) for name, value in argument.items()}


def shape(value: Any, type_: GraphQLInputType) -> Any:
    """Return what of a coerced variable a plan may depend on, hashable.

    Integers, booleans and enum values stand for themselves (page sizes, ``@include``, orders), an object for
    its fields, an id for the type that it names, a text for its length up to 16 (a unit's code says its level
    by it), and any other leaf for being there.
    """
    if value is None or value is Undefined:
        return None
    inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    if isinstance(inner, GraphQLInputObjectType):
        return tuple(
            (name, shape(value[name], spec.type)) for name, spec in inner.fields.items() if name in value
        )
    if isinstance(inner, GraphQLList):
        element = inner.of_type
        while isinstance(element, GraphQLNonNull):
            element = element.of_type
        return frozenset(shape(item, element) for item in value) if _is_id(element) else "list"
    if isinstance(value, bool | int | Enum):
        return value
    if isinstance(value, str):
        return value.partition(":")[0][:16] if _is_id(inner) else min(len(value), 16)
    return True


def _is_id(type_: GraphQLInputType) -> bool:
    return isinstance(type_, GraphQLScalarType) and type_.name == "ID"
