"""What a subscriber gets, said so that those who get the same can be told by it."""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass

from .frame import Frame
from .log import EventHead, Route


@dataclass(frozen=True, slots=True)
class EventFeed:
    """Frames of events; who has an equal key gets the same, and looks on the same routes.

    ``make`` gives those of a batch that are to be seen; it raises ``Ended`` where it cannot.
    """

    key: Hashable
    routes: frozenset[Route]
    make: Callable[[Sequence[EventHead]], Awaitable[list[Frame]]]


@dataclass(frozen=True, slots=True)
class FigureFeed:
    """Frames of what is so now, after whatever happens on the routes, at most once in the interval."""

    key: Hashable
    routes: frozenset[Route]
    make: Callable[[], Awaitable[bytes]]
    interval_seconds: float


Feed = EventFeed | FigureFeed
