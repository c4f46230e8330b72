"""A bell: rung any number of times, heard once."""

import asyncio


class Bell:
    """Wakes the one who waits; a ring while nobody waits is kept for the next wait."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake the waiting one, now or when it next waits."""
        self._rung.set()

    async def heard(self, patience_seconds: float) -> bool:
        """Wait for a ring, at most so long; return whether there was one."""
        try:
            async with asyncio.timeout(patience_seconds):
                await self._rung.wait()
        except TimeoutError:
            return False
        self._rung.clear()
        return True
