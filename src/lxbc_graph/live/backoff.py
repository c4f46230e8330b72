"""Patience with a database that has gone away."""

import asyncio

import asyncpg

LOST = (
    OSError,  # TimeoutError included
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # used between the server's farewell and the end of the connection
    asyncpg.PostgresConnectionError,
    asyncpg.exceptions.OperatorInterventionError,
    asyncpg.exceptions.InsufficientResourcesError,
)
"""What asyncpg raises when the server was stopped, killed, restarted, out of connections or out of reach."""


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
