"""Work that several want at the same time, done once for all of them."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """Lets askers join work that has not begun yet, so that nobody gets an answer older than the question.

    At most ``at_once`` works run at a time: while they do, those who ask for the same gather behind them.
    """

    def __init__(self, at_once: int) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._waiting: dict[Hashable, asyncio.Task[T]] = {}

    async def __call__(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """Return what the work for the key gives, begun after this call; raises what it raises."""
        task = self._waiting.get(key)
        if task is None:
            task = self._waiting[key] = asyncio.create_task(self._begin(key, work))
            task.add_done_callback(_seen)
        # Shielded: one asker who leaves must not take the answer from the others.
        return await asyncio.shield(task)

    async def _begin(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        async with self._free:
            del self._waiting[key]
            return await work()


def _seen(task: asyncio.Task[T]) -> None:
    """Look at the outcome even where all who asked have left: asyncio complains of one that nobody saw."""
    if not task.cancelled():
        task.exception()
