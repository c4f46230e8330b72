"""Connections for statements that stand alone: each is taken for one, and is there for the next."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg


class Lanes:
    """Runs up to ``size`` statements at a time; more wait.

    A pool takes longer to lend a connection and to get it back than a small statement takes on it. Whoever
    needs a transaction or a session goes to the pool.
    """

    def __init__(self, connect: "Callable[[], Awaitable[asyncpg.Connection]]", size: int) -> None:
        self._connect = connect
        self._idle: list[asyncpg.Connection] = []
        self._free = asyncio.Semaphore(size)

    async def fetchval(self, sql: str, *parameters: object) -> Any:
        """Return the first column of the first row, or None; raises as asyncpg does."""
        async with self._free:
            connection = self._last_open() or await self._connect()
            try:
                return await connection.fetchval(sql, *parameters)
            except asyncio.CancelledError:
                connection.terminate()  # the statement may still run
                raise
            finally:
                self._idle.append(connection)

    async def close(self) -> None:
        """Close all connections; nothing may run any more."""
        while self._idle:
            await self._idle.pop().close()

    def _last_open(self) -> asyncpg.Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return None
