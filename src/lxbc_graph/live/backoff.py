"""Patience with a database that has gone away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from lxbc_graph.store.outage import AWAY

T = TypeVar("T")
_log = structlog.get_logger()


class Backoff:
    """Pauses that double while something keeps failing, in seconds."""

    def __init__(self, first: float = 0.05, longest: float = 2.0) -> None:
        self._first, self._longest = first, longest
        self._next = first

    def reset(self) -> None:
        """Start from the shortest pause again, because it worked."""
        self._next = self._first

    async def pause(self) -> None:
        """Wait before the next attempt."""
        pause, self._next = self._next, min(self._next * 2, self._longest)
        await asyncio.sleep(pause)


def heed_cancellation(error: Exception) -> None:
    """Raise CancelledError if the task is to end: a pool that loses its connection then raises another error."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError from error


async def outlast(ask: Callable[[], Awaitable[T]]) -> T:
    """Return what the question gives, asked again for as long as the database is away."""
    backoff = Backoff()
    told = False
    while True:
        try:
            return await ask()
        except AWAY as error:
            heed_cancellation(error)
            if not told:
                _log.warning("database out of reach", error=repr(error))
            told = True
            await backoff.pause()
