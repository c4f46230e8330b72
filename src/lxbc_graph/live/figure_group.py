"""Groups that watch figures: looked at anew when something happened, at most once in an interval."""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from lxbc_graph.telemetry import Telemetry

from .access import Access
from .backoff import outlast
from .feed import FigureFeed
from .frame import Frame
from .group import Group
from .log import Log
from .shared import Shared

if TYPE_CHECKING:
    from .subscription import Subscription

_MOST_QUIET_SECONDS = 60.0
"""After which figures are made anew although nothing happened: some depend on the time."""


class FigureGroup(Group):
    """Looks at the figures anew when something happened, at most once in an interval, and tells what changed."""

    kind = "figures"

    def __init__(self, feed: FigureFeed, log: Log, access: Access, telemetry: Telemetry) -> None:
        super().__init__(feed, log, access, telemetry)
        self._make = feed.make
        self._interval_seconds = feed.interval_seconds
        self._looks: Shared[Frame] = Shared(1)
        self._newest = Frame(b"", 0)
        self._handed = 0
        """The number of the frame that all members were given."""

    async def serve(self) -> None:
        """Look after what happened, however much it was, and now and then without it."""
        with self._log.channel(self._routes, limit=1) as happened:
            while True:
                await asyncio.sleep(self._interval_seconds)
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(self._interval_seconds, _MOST_QUIET_SECONDS)):
                        await happened.take(1)
                newest = await outlast(
                    self._look
                )  # it shows all that was handed on before; what is later is kept
                if newest.seq > self._handed:
                    self._handed = newest.seq
                    self._hand([newest])

    async def admit(self, subscription: "Subscription") -> None:
        """Look for it alone: it is told at once what is so, and the members when it is their time."""
        newest = await outlast(self._look)
        subscription.after = newest.seq
        self.members[subscription] = None
        subscription.sink.send(newest)
        self._telemetry.deliveries.inc()

    async def _look(self) -> Frame:
        return await self._looks(None, self._look_once)

    async def _look_once(self) -> Frame:
        frame = await self._make()
        await self._access.confirm()
        if frame != self._newest:
            self._newest = Frame(frame, self._newest.seq + 1)
        return self._newest
