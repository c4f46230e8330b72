"""Connections to one database: an engine for writing, a pool for reading."""

from dataclasses import dataclass
from functools import partial

import asyncpg
from sqlalchemy import URL, event, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from .lanes import Lanes
from .typed import TypedConnection

_CONNECT_SECONDS = 10
_MARGIN_SECONDS = 2  # by which the server, if it is there, is the first to give a statement up
_PROBES = {
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "3",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "15000",
}
"""How the server finds out that a client's host has vanished, whose locks it then frees; not over Unix sockets."""


class DatabaseError(RuntimeError):
    """The database cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Database:
    """One PostgreSQL database, opened.

    ``engine`` is for units of work (``write``), ``lanes`` are for the statements of ``read``, ``streams`` for those
    that read a batch of events, ``pool`` is for all else. A connection that goes back to the pool is rolled back, but
    not otherwise reset, which would cost a round trip each time: whoever takes a session lock, listens or sets a
    variable undoes it.
    """

    url: str
    engine: AsyncEngine
    pool: "asyncpg.Pool[asyncpg.Record]"
    lanes: Lanes
    streams: Lanes

    @classmethod
    async def open(cls, url: str, *, pool_size: int = 10, statement_timeout_ms: int = 10_000) -> "Database":
        """Open the database at ``postgresql://…``; a timeout of 0 means none. Raises DatabaseError.

        A statement that the server does not even give up raises TimeoutError: its host has vanished.
        """
        session = {
            "application_name": "lxbc-graph",
            "timezone": "UTC",
            "datestyle": "ISO",  # cursors hold times as text
            "jit": "off",
            "random_page_cost": "1.1",  # of disks that seek no more: an index beats reading a whole table sooner
            "statement_timeout": str(statement_timeout_ms),
            **_PROBES,
        }
        command_timeout = statement_timeout_ms / 1000 + _MARGIN_SECONDS if statement_timeout_ms else None
        connect = partial(
            asyncpg.connect,
            url,
            statement_cache_size=200,
            # A long statement gains most by being planned once, but plans live in every lane's backend.
            max_cacheable_statement_size=64 * 1024,
            timeout=_CONNECT_SECONDS,
            command_timeout=command_timeout,
            connection_class=TypedConnection,
        )
        try:
            pool = await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=pool_size,
                reset=_leave_as_is,
                server_settings=session,
                timeout=_CONNECT_SECONDS,
                command_timeout=command_timeout,
                connection_class=TypedConnection,
            )
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
            raise DatabaseError(f"cannot open the database: {error}") from error
        # A few rows by their ids: to plan that anew for each change or batch takes several times as long as to do it,
        # most of all in a process that has just started. The plan must not depend on how small a table was then.
        planned_once = {**session, "plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}
        engine = create_async_engine(
            for_engine(url),
            pool_size=pool_size,
            max_overflow=0,
            pool_use_lifo=True,  # the connection that was used last knows the statements
            connect_args={
                "server_settings": planned_once,
                "timeout": _CONNECT_SECONDS,
                "command_timeout": command_timeout,
                "connection_class": TypedConnection,
            },
        )
        event.listen(engine.sync_engine, "checkout", _refuse_closed)
        lanes = Lanes(partial(connect, server_settings=session), pool_size)
        streams = Lanes(partial(connect, server_settings=planned_once), pool_size)
        return cls(url, engine, pool, lanes, streams)

    async def close(self) -> None:
        """Close all connections."""
        await self.lanes.close()
        await self.streams.close()
        await self.engine.dispose()
        await self.pool.close()


def for_engine(url: str) -> URL:
    """Return the URL as SQLAlchemy wants it, naming the driver; raises DatabaseError."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        parsed = None
    if parsed is None or parsed.get_backend_name() != "postgresql":
        raise DatabaseError("LXBC_DATABASE_URL is not of the form postgresql://user:password@host:port/name")
    return parsed.set(drivername="postgresql+asyncpg")


async def _leave_as_is(_connection: asyncpg.Connection) -> None:
    pass


def _refuse_closed(_connection: object, entry: ConnectionPoolEntry, _proxy: object) -> None:
    """The engine's pool does not look; told, it opens another connection in its place."""
    driver_connection = entry.driver_connection
    if driver_connection is not None and driver_connection.is_closed():
        raise DisconnectionError
