"""Which days people work: as imported, else as the national calendar has it, else from Monday to Friday."""

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import Union

import asyncpg
import chinese_calendar  # type: ignore[import-untyped] # ships no types
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from lxbc_graph.domain.deadlines import weekdays

from .copying import Connection

DAYS = "select day, working from calendar_day"
"""The rows that WorkingDays is made of, a few hundred."""


class WorkingDays:
    """A Calendar (``domain.deadlines``): the days of the rows are as they say, all others as published (调休).

    The national calendar ships with the program, and knows the years that were announced when it was released.
    """

    __slots__ = ("_imported",)

    def __init__(self, rows: Iterable[tuple[date, bool]] = ()) -> None:
        self._imported = dict(rows)

    def __call__(self, day: date) -> bool:
        """Return whether people work on the day."""
        imported = self._imported.get(day)
        return _published(day) if imported is None else imported


@lru_cache(maxsize=4096)  # eleven years; each time it is asked, the package looks through all that it has
def _published(day: date) -> bool:
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:  # a year that it does not have
        return weekdays(day)


async def load(connection: AsyncConnection) -> WorkingDays:
    """Return the calendar as the connection's transaction sees it."""
    rows = await connection.execute(text(DAYS))
    return WorkingDays((row.day, row.working) for row in rows)


async def fetch(connection: Union[Connection, "asyncpg.Pool[asyncpg.Record]"]) -> WorkingDays:
    """Return the calendar by way of the database's pool, or of a connection of it."""
    rows = await connection.fetch(DAYS)
    return WorkingDays((row["day"], row["working"]) for row in rows)
