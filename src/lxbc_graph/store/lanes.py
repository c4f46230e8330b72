"""Connections for statements that stand alone: each is taken for one, and is there for the next."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakValueDictionary

import asyncpg

from .outage import LOST

_Fetch = Callable[..., Awaitable[Any]]


class Lanes:
    """Runs up to ``size`` statements at a time, of one account half as many; more wait, each account in its own line.

    A pool takes longer to lend a connection and to get it back than a small statement takes on it. Whoever
    needs a transaction or a session goes to the pool.
    """

    def __init__(self, connect: "Callable[[], Awaitable[asyncpg.Connection]]", size: int) -> None:
        self._connect = connect
        self._idle: list[asyncpg.Connection] = []
        self._free = asyncio.Semaphore(size)
        self._share = max(1, size // 2)
        self._lines: WeakValueDictionary[int, asyncio.Semaphore] = WeakValueDictionary()
        """Of the accounts that ask now."""

    async def fetchval(self, sql: str, *parameters: object, account: int | None = None) -> Any:
        """Return the first column of the first row, or None; raises as asyncpg does.

        A statement whose connection is lost is sent once more, so it must be safe to repeat. Without an account it
        waits for nothing but a lane.
        """
        if account is None:
            return await self._ask(asyncpg.Connection.fetchval, sql, parameters)
        line = self._lines.setdefault(account, asyncio.Semaphore(self._share))
        async with line:
            return await self._ask(asyncpg.Connection.fetchval, sql, parameters)

    async def fetch(self, sql: str, *parameters: object) -> "list[asyncpg.Record]":
        """Return all rows, as ``fetchval`` does."""
        rows: list[asyncpg.Record] = await self._ask(asyncpg.Connection.fetch, sql, parameters)
        return rows

    async def _ask(self, fetch: _Fetch, sql: str, parameters: tuple[object, ...]) -> Any:
        async with self._free:
            connection = self._last_open()
            if connection is not None:
                try:
                    return await self._run(fetch, connection, sql, parameters)
                except TimeoutError:
                    raise  # nobody is there who would answer the second time
                except LOST:
                    pass  # it had died while it was idle, and so may all others have
            return await self._run(fetch, await self._connect(), sql, parameters)

    async def _run(
        self, fetch: _Fetch, connection: asyncpg.Connection, sql: str, parameters: tuple[object, ...]
    ) -> Any:
        try:
            return await fetch(connection, sql, *parameters)
        except (asyncio.CancelledError, *LOST):
            connection.terminate()  # the statement may still run
            raise
        finally:
            if not connection.is_closed():
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
