"""Import of working days: a CSV file says of single days whether people work, or nothing is written.

What it lists replaces what was said of these days; of all others nothing changes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple

from anyio import to_thread

from lxbc_graph.store.database import Database

from .csv_rows import BadRows, read, wrong_name

HEADER = ["day", "working", "name"]
YEARS = range(1900, 2201)

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")  # fromisoformat takes 20251011 and 2025-W41-6 too
_WORKING = {"true": True, "false": False}


class Listed(NamedTuple):
    """One good row of the file; the name may be empty."""

    day: date
    working: bool
    name: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What an import changed, in days."""

    listed: int
    added: int = 0
    changed: int = 0
    unchanged: int = 0


async def import_calendar(database: Database, path: Path) -> Summary:
    """Say of the file's days what the file says, in one transaction.

    Raises BadRows with every bad line; then nothing was written.
    """
    listed = parse(await to_thread.run_sync(path.read_bytes))
    async with database.pool.acquire() as connection, connection.transaction():
        await connection.execute("lock table calendar_day in share row exclusive mode")
        rows = await connection.fetch("select day, working, name from calendar_day")
        present = {row["day"]: Listed(*row) for row in rows}
        new = [one for one in listed if one.day not in present]
        changed = [one for one in listed if one.day in present and present[one.day] != one]
        await connection.executemany(_WRITE, [*new, *changed])
    return Summary(
        listed=len(listed),
        added=len(new),
        changed=len(changed),
        unchanged=len(listed) - len(new) - len(changed),
    )


_WRITE = """
insert into calendar_day (day, working, name) values ($1, $2, $3)
on conflict (day) do update set working = excluded.working, name = excluded.name
"""


def parse(content: bytes) -> list[Listed]:
    """Return the rows of a CSV file; raise BadRows with every problem, by line from 1."""
    _, rows, problems = read(content, HEADER)
    first: dict[str, int] = {}
    for line, row in rows.items():
        if len(row) == len(HEADER):
            problems += ((line, message) for message in _wrong(row))
        if row[0] and first.setdefault(row[0], line) != line:
            problems.append((line, f"day {row[0]} is on line {first[row[0]]} already"))
    if not rows and not problems:
        problems.append((1, "the file lists no day"))
    if problems:
        raise BadRows(problems)
    return [Listed(date.fromisoformat(day), _WORKING[working], name) for day, working, name in rows.values()]


def _wrong(row: list[str]) -> Iterator[str]:
    day, working, name = row
    if not _is_date(day):
        yield f"day {day!r} is no date of the form 2025-10-11"
    elif int(day[:4]) not in YEARS:
        yield f"day {day} is not within the years {YEARS[0]} to {YEARS[-1]}"
    if working not in _WORKING:
        yield f"working {working!r} is neither true nor false"
    if name:
        yield from wrong_name(name)


def _is_date(day: str) -> bool:
    try:
        date.fromisoformat(day)
    except ValueError:
        return False
    return _DAY.fullmatch(day) is not None
