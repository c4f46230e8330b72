"""Patience with a database that has gone away."""

import asyncio


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
