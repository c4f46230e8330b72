"""Groups that follow the log.

A newcomer reads for itself what it missed, at the pace of its client, and joins once it has what the others have.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING

from lxbc_graph.telemetry import Telemetry

from .access import Access
from .backoff import outlast
from .feed import EventFeed
from .frame import EXPIRED, Ended, Frame
from .group import Group
from .log import EventHead, Log
from .shared import Shared

if TYPE_CHECKING:
    from .subscription import Subscription

_AT_ONCE = 64
"""Frames that a newcomer holds while its client reads them."""


class EventGroup(Group):
    """Follows the log."""

    kind = "events"

    def __init__(
        self, feed: EventFeed, log: Log, access: Access, telemetry: Telemetry, replays: Shared[list[Frame]]
    ) -> None:
        super().__init__(feed, log, access, telemetry)
        self._make = feed.make
        self._replays = replays

    async def serve(self) -> None:
        """Make frames of each batch and deliver them."""
        async with aclosing(self._log.follow(self.position, self._routes)) as batches:
            async for heads, through in batches:
                committed_at = {head.seq: head.committed_at for head in heads}
                for frame in await outlast(partial(self._confirmed, heads)):
                    self._hand(frame, committed_at[frame.seq])
                    self.position = frame.seq
                    await asyncio.sleep(0)  # what was written leaves, and others have their turn
                self.position = through

    async def admit(self, subscription: "Subscription") -> None:
        """Give it what it missed, and let it join where it has come as far as the members."""
        if subscription.after >= self.position:
            self.members[subscription] = None
            return
        self._telemetry.replays.inc()
        async with aclosing(self._log.follow(subscription.after, self._routes)) as batches:
            async for heads, through in batches:
                for first in range(0, len(heads), _AT_ONCE):
                    some = heads[first : first + _AT_ONCE]
                    for frame in await outlast(partial(self._replayed, some)):
                        await subscription.sink.ready()
                        if subscription.expires_at <= time.time():
                            raise Ended(EXPIRED)
                        subscription.sink.send(frame)
                        subscription.after = frame.seq
                        self._telemetry.replayed.inc()
                if not heads:  # the others have been looked at; who gained something must not go past it
                    await outlast(self._access.confirm)
                await subscription.sink.ready()
                subscription.after = through
                if through >= self.position:
                    self.members[subscription] = None
                    return

    async def _confirmed(self, heads: Sequence[EventHead]) -> list[Frame]:
        """Make frames, and then look who may still get them: what was made is older than the look."""
        frames = await self._make(heads)
        await self._access.confirm()
        return frames

    async def _replayed(self, heads: Sequence[EventHead]) -> list[Frame]:
        key = (self, heads[0].seq, heads[-1].seq)
        frames = await self._replays(key, partial(self._make, heads))
        await self._access.confirm()
        return frames
