"""The newest events, for those who come back soon: hundreds do when a process ends, each after another event."""

from bisect import bisect_right
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .log import EventHead, Route

_SEQ = attrgetter("seq")


class Recent:
    """Remembers at least the last ``size`` events that it was given, and at most twice as many."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._heads: list[EventHead] = []
        self._routes: dict[int, frozenset[Route]] = {}
        """Of each issue, as its latest event says."""

    def add(self, head: "EventHead") -> None:
        """Remember the next event."""
        self._heads.append(head)
        self._routes[head.issue_id] = head.issue_routes
        if len(self._heads) > 2 * self._size:
            del self._heads[: self._size]
            self._routes = {known.issue_id: known.issue_routes for known in self._heads}

    def after(self, seq: int, most: int) -> "list[EventHead] | None":
        """Return the events that follow that number, or so many of them; None where it does not go back so far.

        Their issues' routes are as the latest event of each says.
        """
        if not self._heads or self._heads[0].seq > seq + 1:
            return None
        first = bisect_right(self._heads, seq, key=_SEQ)
        return [
            head._replace(issue_routes=self._routes[head.issue_id])
            for head in self._heads[first : first + most]
        ]
