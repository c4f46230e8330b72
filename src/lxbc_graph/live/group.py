"""Subscribers who asked for the same and may see the same: their frames are made once, and are the same bytes."""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from lxbc_graph.telemetry import Kind, Telemetry

from .access import Access
from .feed import Feed
from .frame import EXPIRED, Frame
from .log import Log

if TYPE_CHECKING:
    from .subscription import Subscription


class Group(ABC):
    """The members, and the task that serves them for as long as somebody is in it or on the way to it."""

    kind: ClassVar[Kind]

    def __init__(self, feed: Feed, log: Log, access: Access, telemetry: Telemetry) -> None:
        self.key = feed.key
        self._routes = feed.routes
        self._log = log
        self._access = access
        self._telemetry = telemetry
        self.members: dict[Subscription, None] = {}
        self.position = log.tail
        """Up to this number the members have everything."""

    @abstractmethod
    async def serve(self) -> None:
        """Give the members what there is to give, until cancelled; raises ``Ended`` for all of them."""

    @abstractmethod
    async def admit(self, subscription: "Subscription") -> None:
        """Give a newcomer what the members have, and make it one; raises ``Ended`` for the newcomer alone."""

    def _hand(self, frames: Sequence[Frame]) -> bool:
        """Give every member those that it came before, unless it has to go; tells whether anybody got one."""
        now = time.time()
        handed = 0
        for member in tuple(self.members):
            if member.expires_at <= now:
                member.end(EXPIRED)
            elif later := frames if member.after < frames[0].seq else member.lacks(frames):
                member.sink.send(*later)
                handed += len(later)
        if handed:
            self._telemetry.deliveries.inc(handed)
        return handed > 0
