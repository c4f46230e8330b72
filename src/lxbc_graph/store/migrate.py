"""Bring a database to the newest revision of the tables."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from .database import DatabaseError, for_engine

_MIGRATIONS = Path(__file__).with_name("migrations")
LOCK = 0x6C786263  # "lxbc": two processes that start together migrate one after the other


def upgrade(url: str) -> None:
    """Migrate the database at ``postgresql://…`` to head, quickly where it is there. Raises DatabaseError."""
    try:
        asyncio.run(_with_connection(url, _upgrade))
    except CommandError as error:
        raise DatabaseError(f"the database is of another version of this program: {error}") from error
    except (OSError, SQLAlchemyError) as error:
        raise DatabaseError(f"cannot migrate the database: {getattr(error, 'orig', error)}") from error


def check(url: str) -> None:
    """Raise DatabaseError where the database at ``postgresql://…`` is not at head; change nothing."""
    try:
        asyncio.run(_with_connection(url, _check))
    except (OSError, SQLAlchemyError) as error:
        raise DatabaseError(f"cannot open the database: {getattr(error, 'orig', error)}") from error


def is_current(connection: Connection) -> bool:
    """Tell whether the database is at head."""
    heads = ScriptDirectory(str(_MIGRATIONS)).get_heads()
    return set(MigrationContext.configure(connection).get_current_heads()) == set(heads)


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
    if is_current(connection):
        return
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
