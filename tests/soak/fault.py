"""A fault: what goes wrong under which load, how large both are, and what must hold all the same."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

Advance = Callable[[int, int], None]
"""Told how much is done, of how much."""

S = TypeVar("S", bound=NamedTuple)


class Goal(NamedTuple):
    """What was to hold, what was found, and whether it holds."""

    goal: str
    measured: str
    holds: bool
    timed: bool = False
    """Whether it depends on how fast the machine is; such a goal is no test's."""


@dataclass(frozen=True, slots=True)
class Fault(Generic[S]):
    """A fault with its two sizes; in the texts, the names of a size's fields stand for their values."""

    name: str
    fault: str
    load: str
    full: S
    short: S
    run: Callable[[S, Path, Advance], Coroutine[Any, Any, list[Goal]]]

    def size(self, scale: float) -> S:
        """Return the full size times the scale, no field of it less than in the short one."""
        fields = zip(self.short, self.full, strict=True)
        return self.full._make(max(least, type(least)(most * scale)) for least, most in fields)

    def told(self, size: S) -> tuple[str, str]:
        """Return the fault and its load in words."""
        return self.fault.format_map(size._asdict()), self.load.format_map(size._asdict())
