"""From JSON to entries: what is well formed is kept with its path, what is not is reported with its own."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from .entries import Entry, World

Problem = tuple[str, str]
"""(JSON path, what is wrong there)."""

_NAMING_KEYS = ("code", "name", "number")


class WorldProblems(ValueError):
    """A world that cannot be loaded; nothing was written. ``problems`` are pairs of JSON path and message."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(f"{path or 'the world'}: {message}" for path, message in problems))
        self.problems = problems


class Kept(NamedTuple):
    """The well-formed entries of one list, by their paths, and the keys that malformed ones would have had."""

    entries: dict[str, Any]
    excused: frozenset[str]


def read(world: object) -> tuple[dict[str, Kept], list[Problem]]:
    """Return the entries of each list and every problem of form."""
    if not isinstance(world, Mapping):
        return {name: Kept({}, frozenset()) for name in World.model_fields}, [("", "must be an object")]
    problems = [
        (_path(tuple(error["loc"])), "unknown key" if error["type"] == "extra_forbidden" else error["msg"])
        for error in _errors(world)
    ]
    return {name: _keep(name, world.get(name)) for name in World.model_fields}, problems


def _errors(world: Mapping[Any, Any]) -> list[Any]:
    try:
        World.model_validate(world)
    except ValidationError as refusal:
        return list(refusal.errors(include_url=False, include_context=False, include_input=False))
    return []


def _keep(name: str, items: object) -> Kept:
    """Validate one by one: a malformed entry must neither hide the others nor look unknown to them."""
    entries: dict[str, Entry] = {}
    excused: set[str] = set()
    for position, item in enumerate(items if isinstance(items, list | tuple) else ()):
        try:
            (entry,) = getattr(World.model_validate({name: [item]}), name)
            entries[f"{name}[{position}]"] = entry
        except ValidationError:
            if isinstance(item, Mapping):
                excused |= {str(item[key]) for key in _NAMING_KEYS if key in item}
    return Kept(entries, frozenset(excused))


def _path(location: tuple[int | str, ...]) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return "".join(steps).removeprefix(".")
