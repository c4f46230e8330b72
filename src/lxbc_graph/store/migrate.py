"""Bring a database to the newest revision of the tables."""

import asyncio
from collections.abc import Callable

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from .database import DatabaseError, for_engine
from .revision import is_current

LOCK = 0x6C786263  # "lxbc": two processes that start together migrate one after the other


def upgrade(url: str) -> None:
    """Migrate the database at ``postgresql://…`` to head, quickly where it is there. Raises DatabaseError."""
    try:
        asyncio.run(_with_connection(url, _upgrade))
    except (OSError, SQLAlchemyError) as error:
        raise DatabaseError(f"cannot migrate the database: {getattr(error, 'orig', error)}") from error


def check(url: str) -> None:
    """Raise DatabaseError where the database at ``postgresql://…`` is not at head; change nothing."""
    try:
        asyncio.run(_with_connection(url, _check))
    except (OSError, SQLAlchemyError) as error:
        raise DatabaseError(f"cannot open the database: {getattr(error, 'orig', error)}") from error


async def _with_connection(url: str, work: Callable[[Connection], None]) -> None:
    engine = create_async_engine(for_engine(url), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(work)
    finally:
        await engine.dispose()


def _check(connection: Connection) -> None:
    if not is_current(connection):
        raise DatabaseError("the database is not at this version's tables: run `lxbc-graph migrate`")


def _upgrade(connection: Connection) -> None:
    connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": LOCK})
    if not is_current(connection):
        from .upgrading import run_migrations  # noqa: PLC0415 - no start but the first needs alembic

        run_migrations(connection)
