"""Work that several want at the same time, done once for all of them."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Work(Generic[T]):
    """A task, and how many wait for it."""

    task: asyncio.Task[T]
    askers: int = 0


class Shared(Generic[T]):
    """Lets askers join work that has not begun yet, so that nobody gets an answer older than the question.

    At most ``at_once`` works run at a time: while they do, those who ask for the same gather behind them. Work that
    nobody waits for any more does not begin.
    """

    def __init__(self, at_once: int) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._waiting: dict[Hashable, _Work[T]] = {}

    async def __call__(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """Return what the work for the key gives, begun after this call; raises what it raises."""
        joined = self._waiting.get(key)
        if joined is None:
            joined = self._waiting[key] = _Work(asyncio.create_task(self._begin(key, work)))
            joined.task.add_done_callback(_seen)
        joined.askers += 1
        try:
            # Shielded: one asker who leaves must not take the answer from the others.
            return await asyncio.shield(joined.task)
        finally:
            joined.askers -= 1
            if not joined.askers and self._waiting.get(key) is joined:
                del self._waiting[key]
                joined.task.cancel()

    async def _begin(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        async with self._free:
            del self._waiting[key]
            return await work()


def _seen(task: asyncio.Task[T]) -> None:
    """Look at the outcome even where all who asked have left: asyncio complains of one that nobody saw."""
    if not task.cancelled():
        task.exception()
