"""What one follower has yet to take: a bounded queue that forgets its oldest rather than grow."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Channel(Generic[T]):
    """From one producer, who never waits, to one consumer, who finds the newest ``limit`` items in order."""

    def __init__(self, limit: int) -> None:
        self._items: deque[T] = deque(maxlen=limit)
        self._filled = asyncio.Event()

    def offer(self, item: T) -> None:
        """Append the item, dropping the oldest when full."""
        self._items.append(item)
        self._filled.set()

    async def take(self) -> T:
        """Remove and return the oldest item kept, waiting for one."""
        while not self._items:
            self._filled.clear()
            await self._filled.wait()
        return self._items.popleft()
