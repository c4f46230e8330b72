"""Computed fields: the facts travel in place of the value, and are replaced by what Python says of them.

They stand between two bytes that JSON text cannot contain, since PostgreSQL escapes control characters in it; so a
statement stays one round trip, and its answer bytes.
"""

import re
from collections.abc import Iterable, Sequence

import orjson

from lxbc_graph.domain.principal import Viewer
from lxbc_graph.policy.actions import Action

from .catalogue import Computed

_SPAN = re.compile(rb"\x01([0-9]+):([^\x02]*)\x02")


def emit(place: int, facts: str, granted: Iterable[tuple[Action, str]]) -> str:
    """Return the SQL of what stands for the computed field at ``place``; ``granted`` are actions with predicates."""
    actions = ", ".join(f"case when {holds} then '{action}' end" for action, holds in granted)
    gathered = f"json_build_array({facts}, array_remove(array[{actions}], null))"
    return rf"E'\x01{place}:' || {gathered}::text || E'\x02'"


def fill_in(answer: bytes, fields: Sequence[Computed], viewer: Viewer) -> bytes:
    """Return the answer with the values in place of the facts that they are computed from."""

    def value(span: re.Match[bytes]) -> bytes:
        facts, granted = orjson.loads(span[2])
        return orjson.dumps(fields[int(span[1])].compute(facts, frozenset(map(Action, granted)), viewer))

    return _SPAN.sub(value, answer)
