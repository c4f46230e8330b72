"""What one follower has yet to take: a bounded queue that forgets everything rather than grow."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Channel(Generic[T]):
    """From one producer, who never waits, to one consumer, who takes many at a time."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._items: deque[T] = deque()
        self._overflowed = False
        self._filled = asyncio.Event()

    def offer(self, item: T) -> None:
        """Append the item; when full, forget all of them."""
        if len(self._items) == self._limit:
            self.forget()
        if not self._overflowed:
            self._items.append(item)
        self._filled.set()

    def forget(self) -> None:
        """Forget all items, as when it is full."""
        self._items.clear()
        self._overflowed = True
        self._filled.set()

    async def take(self, most: int) -> list[T] | None:
        """Remove and return the oldest items, waiting for one; None where items were forgotten, once."""
        await self._filled.wait()
        if self._overflowed:
            self._overflowed = False
            self._filled.clear()
            return None
        taken = [self._items.popleft() for _ in range(min(most, len(self._items)))]
        if not self._items:
            self._filled.clear()
        return taken
