"""The broker: tells the readers of the event log that its head has moved.

It is speed and never truth: a message lost costs a reader its polling interval, not an event. So it carries
no data, and two messages may become one.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from .bell import Bell


class Broker(Protocol):
    """Between the relay, which publishes, and the readers, which subscribe, in whatever process."""

    async def publish(self) -> None:
        """Say that events have been numbered; never raises because nobody could be told."""
        ...

    def subscribe(self) -> AbstractAsyncContextManager[Bell]:
        """Give a bell that rings after every ``publish`` from the moment of entry."""
        ...


class LocalBroker:
    """The broker of a single process."""

    def __init__(self) -> None:
        self._bells: set[Bell] = set()

    async def publish(self) -> None:
        """Ring every bell."""
        for bell in self._bells:
            bell.ring()

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[Bell]:
        """Give a bell for as long as the context lasts."""
        bell = Bell()
        self._bells.add(bell)
        try:
            yield bell
        finally:
            self._bells.discard(bell)
