"""How much introspection tells: the schema is walked as the executor will, and counted instead of written.

Types lead to fields and fields to types, so a short document may ask for the schema times itself, and aliases for
that many times over. What the schema holds is known, so this is no estimate; but what is deprecated or skipped counts
as well, and so does a field each time that it is written.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from types import SimpleNamespace
from typing import Any

from graphql import GraphQLSchema, get_named_type

from .selection import Selected, Spreading, below

MAX_TOLD = 20_000
"""Values. All that there is to know of this schema, as GraphiQL asks for it, is about 15,000."""


def told(
    schema: GraphQLSchema, spreading: Spreading, fields: Sequence[Selected], root: object, most: int
) -> int:
    """Return how many values are told below root fields that answer ``root``, the schema or a type or None.

    Counting ends above ``most``, so it takes no longer than that.
    """
    info = SimpleNamespace(schema=schema)
    count = 0
    waiting: list[tuple[list[Selected], Iterator[object]]] = [
        (_inner(spreading, fields), iter([] if root is None else [root]))
    ]
    while waiting and count <= most:
        asked, found = waiting.pop()
        things = list(islice(found, most - count + 1))
        count += len(asked) * len(things)
        if things:
            below_it = ((one, _inner(spreading, [one])) for one in asked)
            waiting += ((inner, _found(schema, one, things, info)) for one, inner in below_it if inner)
    return count


def _inner(spreading: Spreading, fields: Sequence[Selected]) -> list[Selected]:
    """Return what is asked of what the fields answer; fragments on other types ask nothing of it."""
    returned = get_named_type(fields[0].type)
    asked = chain.from_iterable(spreading.fields(below(fields)).values())
    return [one for one in asked if one.parent is returned]


def _found(schema: GraphQLSchema, asked: Selected, things: Iterable[object], info: Any) -> Iterator[object]:
    """Yield what a field answers of each, by the resolvers that will answer it."""
    field = schema.get_field(asked.parent, asked.node.name.value)  # type: ignore[arg-type]
    assert field is not None  # else it is not selected
    if (resolve := field.resolve) is None:
        return
    given = dict.fromkeys(field.args, True)  # only whether to tell what is deprecated
    for thing in things:
        found = resolve(thing, info, **given)
        if isinstance(found, Iterable):
            yield from found
        elif found is not None:
            yield found
