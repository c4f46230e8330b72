"""An office that one process holds at a time: PostgreSQL elects it by an advisory lock, the others stand by."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

import asyncpg
import structlog

from lxbc_graph.store.copying import Connection

from .backoff import Backoff, heed_cancellation

_log = structlog.get_logger()


class Office:
    """Stands for election for as long as ``run`` runs; it keeps one connection of the pool for itself.

    It tells when it stands by and when it takes over; ``told``: also when it is elected at once.
    """

    def __init__(
        self, pool: "asyncpg.Pool[asyncpg.Record]", name: str, lock: int, *, told: bool = False
    ) -> None:
        self._pool = pool
        self._name = name
        self._lock = lock
        self._told = told
        self._backoff = Backoff()
        self.elected = False

    async def run(
        self, serve: Callable[[Connection], Awaitable[None]], rest: Callable[[], Awaitable[object]]
    ) -> None:
        """Serve and rest by turns until cancelled, if elected; a lost connection gives the office away.

        A new connection stands again, so whoever serves starts from what the tables say.
        """
        while True:
            try:
                async with self._pool.acquire() as connection:
                    try:
                        await self._stand(connection, serve, rest)
                    finally:
                        self.elected = False
                        # Closing ends the session and so the lock, whatever state a cancelled query left.
                        with suppress(Exception):  # lost already; a cancellation must not be lost with it
                            await connection.close(timeout=2)
            except Exception as error:  # noqa: BLE001 - a new connection starts from what the tables say
                heed_cancellation(error)
                _log.warning(f"{self._name} interrupted", error=repr(error))
                await self._backoff.pause()

    async def _stand(
        self,
        connection: Connection,
        serve: Callable[[Connection], Awaitable[None]],
        rest: Callable[[], Awaitable[object]],
    ) -> None:
        standing_by = False
        while True:
            if not self.elected:
                self.elected = await connection.fetchval("select pg_try_advisory_lock($1)", self._lock)
                if self.elected and (standing_by or self._told):
                    _log.info(f"{self._name} elected")
                elif not self.elected and not standing_by:
                    _log.info(f"{self._name} stands by")
                standing_by = not self.elected
            if self.elected:
                await serve(connection)
            self._backoff.reset()
            await rest()
