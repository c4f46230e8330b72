"""Issue numbers: ``<city code>-<year>-<six digits>``, without gaps or doubles in a city and year."""

import re
from datetime import datetime

from sqlalchemy import select

from lxbc_graph.domain.deadlines import shanghai_date
from lxbc_graph.store import tables

from .unit_of_work import UnitOfWork

TAKE_NUMBERS = """
insert into issue_number as counter (city_id, year, last) values ($1, $2, $3::bigint + $4::bigint)
on conflict (city_id, year) do update set last = greatest(counter.last, $3) + $4
returning last
"""
"""Take ``$4`` numbers of the city ``$1`` and the year ``$2``; the answer is the last of them.

All are above ``$3``, the highest that is written without being taken. The counter stays locked until the
commit, so ask late.
"""
NUMBER = re.compile(r"(?P<city>[0-9]{4})-(?P<year>[0-9]{4})-(?P<place>[0-9]{1,18})")
"""The form of a number that is taken."""


def issue_number(city_code: str, year: int, place: int) -> str:
    """Return the number at a place of the city's year, from 1."""
    return f"{city_code}-{year}-{place:06d}"


async def next_number(work: UnitOfWork, city_id: int, at: datetime) -> str:
    """Take the city's next number."""
    year = shanghai_date(at).year
    code = await work.connection.scalar(select(tables.unit.c.code).where(tables.unit.c.id == city_id))
    taken = await work.connection.exec_driver_sql(TAKE_NUMBERS, (city_id, year, 0, 1))
    return issue_number(str(code), year, taken.scalar_one())
