"""Groups that follow the log.

A newcomer reads for itself what it missed, at the pace of its client, and joins once it has what the others have.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING

from lxbc_graph.telemetry import Telemetry

from .access import Access
from .backoff import outlast
from .feed import EventFeed
from .frame import EXPIRED, Ended, Frame, portions
from .group import Group
from .log import EventHead, Log
from .shared import Shared

if TYPE_CHECKING:
    from .subscription import Subscription

_AT_ONCE = 64
"""Frames that a newcomer holds while its client reads them."""
_PORTION_BYTES = 8 * 1024
"""What one client is sent at once: a write costs more than what is written, but who reads must not look too slow."""
_TURN_BYTES = 6 * 1024 * 1024
"""What all members are sent at once: others wait for their turn."""

Replays = Shared[tuple[list[Frame], int]]
"""Frames of events that newcomers missed, and the number up to which they missed no other."""


class EventGroup(Group):
    """Follows the log."""

    kind = "events"

    def __init__(
        self, feed: EventFeed, log: Log, access: Access, telemetry: Telemetry, replays: Replays
    ) -> None:
        super().__init__(feed, log, access, telemetry)
        self._make = feed.make
        self._replays = replays

    async def serve(self) -> None:
        """Make frames of each batch and deliver them."""
        async with aclosing(self._log.follow(self.position, self._routes)) as batches:
            async for heads, through in batches:
                committed_at = {head.seq: head.committed_at for head in heads}
                frames = await outlast(partial(self._confirmed, heads))
                each = min(_PORTION_BYTES, _TURN_BYTES // max(1, len(self.members)))
                for portion in portions(frames, each):
                    if self._hand(portion):
                        self._lagged(committed_at[frame.seq] for frame in portion)
                    self.position = portion[-1].seq
                    await asyncio.sleep(0)  # what was written leaves, and others have their turn
                self.position = through

    def _lagged(self, committed_at: Iterable[float | None]) -> None:
        now = time.time()
        for then in committed_at:
            if then is not None:
                self._telemetry.delivery_lag.observe(now - then)

    async def admit(self, subscription: "Subscription") -> None:
        """Give it what it missed, and let it join where it has come as far as the members."""
        if subscription.after < self.position:
            self._telemetry.replays.inc()
        while subscription.after < self.position:
            frames, through = await outlast(partial(self._missed, subscription.after))
            for portion in portions(subscription.lacks(frames), _PORTION_BYTES):
                await subscription.sink.ready()
                if subscription.expires_at <= time.time():
                    raise Ended(EXPIRED)
                subscription.sink.send(*portion)
                subscription.after = portion[-1].seq
                self._telemetry.replayed.inc(len(portion))
            await subscription.sink.ready()
            subscription.after = through
        self.members[subscription] = None

    async def _confirmed(self, heads: Sequence[EventHead]) -> list[Frame]:
        """Make frames, and then look who may still get them: what was made is older than the look."""
        frames = await self._make(heads)
        await self._access.confirm()
        return frames

    async def _missed(self, after: int) -> tuple[list[Frame], int]:
        """Give what comes next; hundreds who come back at once, each after another event, begin at the same."""
        begin = after - after % _AT_ONCE
        if not self._log.remembers(begin):
            begin = after
        found = await self._replays((self, begin), partial(self._replay, begin))
        await self._log.look_for_gap(after)
        await self._access.confirm()
        return found

    async def _replay(self, after: int) -> tuple[list[Frame], int]:
        heads, through = await self._log.missed(after, self._routes)
        if len(heads) > _AT_ONCE:
            heads = heads[:_AT_ONCE]
            through = heads[-1].seq
        return await self._make(heads), through
