"""The newest revision of the tables, and whether a database is there."""

from pathlib import Path

from sqlalchemy import Connection, text

MIGRATIONS = Path(__file__).with_name("migrations")
NEWEST = max(file.name[:4] for file in (MIGRATIONS / "versions").glob("[0-9]*.py"))
"""Their numbers are in the names of the files."""


def is_current(connection: Connection) -> bool:
    """Tell whether the database is at the newest revision."""
    if connection.scalar(text("select to_regclass('alembic_version')")) is None:
        return False
    return bool(connection.scalar(text("select version_num from alembic_version")) == NEWEST)
