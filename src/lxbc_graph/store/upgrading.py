"""Alembic's way from any revision of the tables to the newest: long to import, and needed by a first start alone."""

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection

from .database import DatabaseError
from .revision import MIGRATIONS


def run_migrations(connection: Connection) -> None:
    """Run what the database lacks, in the transaction of the connection; raises DatabaseError."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise DatabaseError(f"the database is of another version of this program: {error}") from error
