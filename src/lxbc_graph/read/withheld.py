"""Withheld values: the statement writes a mark where a private field is closed to the viewer, whatever it holds.

A mark is a JSON string that begins with NUL, as no text in PostgreSQL does. It is replaced by null, and where it
stood is told beside the answer; an answer without one is passed on unread.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import orjson

from lxbc_graph.policy.actions import Action

MOST = 100
"""Places that are told of one response; how many there are is told in any case."""

_BEGINNING = r"\u0000"
_MARK = re.compile(rb'"\\u0000[a-z_:]+"')

Path = tuple[str | int, ...]


class Place(NamedTuple):
    """Where in a response a value was withheld, and the action that would have opened it."""

    path: Path
    action: str


@dataclass(frozen=True, slots=True)
class Withheld:
    """How many values were withheld, and where the first of them stood."""

    count: int = 0
    places: tuple[Place, ...] = ()

    def __add__(self, other: "Withheld") -> "Withheld":
        return Withheld(self.count + other.count, (self.places + other.places)[:MOST])

    def below(self, path: Path) -> "Withheld":
        """Return what was withheld of a part, as of the whole in which the part stands at ``path``."""
        return Withheld(self.count, tuple(Place((*path, *one.path), one.action) for one in self.places))

    @property
    def extensions(self) -> dict[str, Any]:
        """The members of a response that tell of it: none where nothing was withheld."""
        if not self.count:
            return {}
        told = [{"path": one.path, "action": one.action} for one in self.places]
        return {"extensions": {"withheld": told, "withheldCount": self.count}}


class Answer(NamedTuple):
    """JSON, and what of it was withheld."""

    json: bytes
    withheld: Withheld = Withheld()


def mark(action: Action) -> str:
    """Return the JSON text that stands for a value which the action would open."""
    return f'"{_BEGINNING}{action}"'


def take_marks(answer: bytes) -> Answer:
    """Return the answer with null in place of its marks."""
    json, count = _MARK.subn(b"null", answer)
    if count == 0:
        return Answer(answer)
    return Answer(json, Withheld(count, tuple(islice(_places(orjson.loads(answer), ()), MOST))))


def _places(value: dict[str, Any] | list[Any], path: Path) -> Iterator[Place]:
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(item, str):
            if item.startswith("\0"):
                yield Place((*path, key), item[1:])
        elif isinstance(item, dict | list):
            yield from _places(item, (*path, key))
