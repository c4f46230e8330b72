"""The namespace of the schema: every generated type by its GraphQL name, so that types may refer to each other."""

from datetime import date, datetime
from functools import cache
from keyword import iskeyword
from typing import Any

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.scalars import JSON
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField

from .words import ENUMS

NAMES: dict[str, Any] = {
    "ID": strawberry.ID,
    "JSON": JSON,
    "DateTime": datetime,
    "Date": date,
}

for _enum, (_description, _values) in ENUMS.items():
    NAMES[_enum.__name__] = strawberry.enum(_enum, description=_description)
    for _value in _enum.__strawberry_definition__.values:  # type: ignore[attr-defined]
        _value.description = _values[_value.name]


@cache
def annotation(source: Any) -> StrawberryAnnotation:
    """Return an annotation that is resolved, when the schema is built, among the names: once for all who share it."""
    return StrawberryAnnotation(source, namespace=NAMES)


def argument(name: str, type_: Any, description: str, default: Any = strawberry.UNSET) -> StrawberryArgument:
    """Return an argument of a field."""
    return StrawberryArgument(name, name, annotation(type_), default=default, description=description)


def field(name: str, description: str, arguments: list[StrawberryArgument] | None = None) -> StrawberryField:
    """Return a field without a resolver: the compiler answers it."""
    found = StrawberryField(python_name=name, graphql_name=name, description=description)
    if arguments:
        found.arguments = arguments
    return found


def make(
    name: str,
    description: str,
    fields: dict[str, tuple[Any, StrawberryField]],
    *,
    kind: Any = strawberry.type,
    bases: tuple[type, ...] = (),
    directives: tuple[object, ...] = (),
) -> Any:
    """Make a Strawberry type from (type, field) pairs and enter it among the names."""
    safe = {f"{name}_" if iskeyword(name) else name: pair for name, pair in fields.items()}
    body: dict[str, Any] = {name: spec for name, (_, spec) in safe.items()}
    body["__annotations__"] = dict.fromkeys(safe, object)
    made = kind(type(name, bases, body), name=name, description=description, directives=directives)
    for spec in made.__strawberry_definition__.fields:
        if spec.python_name in safe:
            # Dataclasses lose an annotation's namespace, so it is given once the class stands.
            spec.type_annotation = annotation(safe[spec.python_name][0])
    NAMES[name] = made
    return made
