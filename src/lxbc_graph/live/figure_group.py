"""Groups that watch figures: looked at anew when something happened, at most once in an interval."""

import asyncio
from contextlib import aclosing
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
        self._looks: Shared[None] = Shared(1)
        self._number = 0
        self._newest: Frame | None = None

    async def serve(self) -> None:
        """Look after each event, and now and then without one."""
        async with aclosing(self._log.follow(self.position, self._routes)) as batches:
            happened = asyncio.ensure_future(anext(batches))
            try:
                while True:
                    await asyncio.wait({happened}, timeout=max(self._interval_seconds, _MOST_QUIET_SECONDS))
                    if happened.done():
                        self.position = happened.result().through
                        happened = asyncio.ensure_future(anext(batches))
                    await outlast(self._look)
                    await asyncio.sleep(self._interval_seconds)
            finally:
                happened.cancel()
                await asyncio.wait({happened})

    async def admit(self, subscription: "Subscription") -> None:
        """Look for it, too: it is told at once what is so."""
        subscription.after = self._number  # what comes meanwhile is newer, and enough
        self.members[subscription] = None
        await outlast(self._look)
        newest = self._newest
        if newest is not None and newest.seq <= subscription.after and subscription in self.members:
            subscription.sink.send(newest)
            self._telemetry.deliveries.inc()

    async def _look(self) -> None:
        await self._looks(None, self._look_once)

    async def _look_once(self) -> None:
        frame = await self._make()
        await self._access.confirm()
        if frame != self._newest:
            self._number += 1
            self._newest = Frame(frame, self._number)
            self._hand(self._newest)
