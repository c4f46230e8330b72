"""Many rows at once: ids reserved before the rows exist, rows written with COPY."""

from collections.abc import Mapping, Sequence
from typing import Any, Union

import asyncpg
from sqlalchemy import Table

Connection = Union["asyncpg.Connection[asyncpg.Record]", "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"]


async def reserve_ids(connection: Connection, table: Table, count: int) -> list[int]:
    """Take ``count`` ids from the table's own sequence, ascending; nobody else will get them."""
    rows = await connection.fetch(
        "select nextval(pg_get_serial_sequence($1, 'id')) as id from generate_series(1, $2)",
        table.name,
        count,
    )
    return sorted(row["id"] for row in rows)


async def copy_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the rows; all have the keys of the first, columns that they do not name get their default."""
    if rows:
        columns = list(rows[0])
        await connection.copy_records_to_table(
            table.name, records=[tuple(row[column] for column in columns) for row in rows], columns=columns
        )
