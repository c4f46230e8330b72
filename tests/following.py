"""A subscription as the frames that it sends, without a transport between."""

import asyncio
from collections.abc import AsyncGenerator

from lxbc_graph.live.frame import Ended, Ending, Frame
from lxbc_graph.live.subscription import Subscription


class Inbox:
    """A sink that keeps what it is sent."""

    def __init__(self) -> None:
        self._received: asyncio.Queue[Frame | Ending] = asyncio.Queue()

    def send(self, *frames: Frame) -> None:
        for frame in frames:
            self._received.put_nowait(frame)

    async def ready(self) -> None:
        pass

    def end(self, ending: Ending) -> None:
        self._received.put_nowait(ending)

    async def next(self) -> Frame:
        """Return the oldest frame that nobody took; raises Ended at the end."""
        received = await self._received.get()
        if isinstance(received, Ending):
            raise Ended(received)
        return received


def frames(subscription: Subscription) -> AsyncGenerator[Frame]:
    """Start the subscription and give its frames; it stops when the generator is closed."""
    inbox = Inbox()
    subscription.start(inbox)
    return _taken(subscription, inbox)


async def _taken(subscription: Subscription, inbox: Inbox) -> AsyncGenerator[Frame]:
    try:
        while True:
            yield await inbox.next()
    finally:
        subscription.stop()
