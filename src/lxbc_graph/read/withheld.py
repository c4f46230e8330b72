"""Withheld values: the statement writes a mark where a private field is closed to the viewer, whatever it holds.

A mark is a JSON string that begins with NUL, as no text in PostgreSQL does. It is replaced by null, and where it
stood is told beside the answer; an answer without one is passed on unread.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import orjson

from lxbc_graph.policy.actions import Action

MOST = 100
"""Places that are told of one response; how many there are is told in any case."""

_BEGINNING = r"\u0000"
_MARK = re.compile(rb'"\\u0000[a-z_:]+"')

Path = tuple[str | int, ...]


class Withheld(NamedTuple):
    """Where in a response a value was withheld, and the action that would have opened it."""

    path: Path
    action: str


class Answer(NamedTuple):
    """JSON, and what of it was withheld."""

    json: bytes
    withheld: Sequence[Withheld] = ()


def mark(action: Action) -> str:
    """Return the JSON text that stands for a value which the action would open."""
    return f'"{_BEGINNING}{action}"'


def take_marks(answer: bytes) -> Answer:
    """Return the answer with null in place of its marks."""
    if _MARK.search(answer) is None:
        return Answer(answer)
    return Answer(_MARK.sub(b"null", answer), tuple(_marks(orjson.loads(answer), ())))


def _marks(value: Any, path: Path) -> Iterator[Withheld]:
    match value:
        case dict():
            for key, item in value.items():
                yield from _marks(item, (*path, key))
        case list():
            for place, item in enumerate(value):
                yield from _marks(item, (*path, place))
        case str() if value.startswith("\0"):
            yield Withheld(path, value[1:])


def below(path: Path, withheld: Iterable[Withheld]) -> Iterator[Withheld]:
    """Yield what was withheld of a part, as of the whole in which the part stands at ``path``."""
    return (Withheld((*path, *one.path), one.action) for one in withheld)


def extensions(withheld: Sequence[Withheld]) -> dict[str, Any]:
    """Return the members of a response that tell of it: none where nothing was withheld."""
    if not withheld:
        return {}
    told = [{"path": one.path, "action": one.action} for one in islice(withheld, MOST)]
    return {"extensions": {"withheld": told, "withheldCount": len(withheld)}}
