"""Build the demo: the real units, invented people, and issues whose lives the state machine tells.

Deterministic: the same number of issues gives the same rows, password hashes apart. All in one transaction, with
memory that does not grow with the number of issues.
"""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from functools import partial
from importlib.resources import files
from itertools import count, islice
from random import Random

from lxbc_graph.live.relay import RELAY_LOCK
from lxbc_graph.reports import rules
from lxbc_graph.reports.units import apply_edition, parse
from lxbc_graph.store import tables
from lxbc_graph.store.copying import Connection, reserve_ids
from lxbc_graph.store.database import Database
from lxbc_graph.write.numbers import TAKE_NUMBERS, issue_number

from . import world
from .cast import gather
from .moulds import ASSIGNMENT, EVENT, ISSUE, Life, Moulds, Records
from .people import CITY, Place, people
from .schedule import BEGIN, ISSUES, PRESENT, slots
from .telling import MOST_SIDES, Tale, Teller
from .world import Progress

_EDITIONS = (2021, 2023)
_SEED = 4730
_YEAR = 2021
_CHUNK = 2000

ACCOUNTS = (
    ("city_office", "市活动办", "许昌市"),
    ("city_leader", "市级领导", "许昌市"),
    ("service_group", "服务工作组", "许昌市"),
    ("county_office-411024", "县活动办", "鄢陵县"),
    ("county_leader-411024", "县级干部", "鄢陵县"),
    ("inspector-411024", "督导组", "鄢陵县"),
    ("department-411003-water", "责任单位", "建安区水利局"),
    ("township_office-411024104", "属地", "鄢陵县望田镇"),
    ("village_official-411024104226", "村干部", "望田镇新色村"),
    ("cadre-411024-0098", "帮联干部", "望田镇新色村"),
    ("assessor-4110", "考核组", "许昌市"),
    ("screen-4110", "监测大屏", "许昌市"),
    ("screen-411024", "监测大屏", "鄢陵县"),
    ("portal-411024", "县门户", "鄢陵县"),
    ("portal-411082", "县门户", "长葛市"),
    ("admin", "系统管理员", "许昌市"),
)
"""(account, role, where) for each role; the password of all is ``people.PASSWORD``."""


class Excerpt(ValueError):
    """The database holds too few of the city's units for the demo to be told in them; nothing was written."""


async def build(database: Database, issues: int = ISSUES, progress: Progress | None = None) -> None:
    """Fill the database with the demo, with so many issues in all (docs/operating.md says how long it takes).

    ``progress`` is told (what, done, of). The database must not hold people or issues of Xuchang yet; newer
    editions of its units stay as they are. Events come numbered, unless a relay holds the numbering. Raises Excerpt.
    """
    async with database.pool.acquire() as connection:
        async with connection.transaction():
            await connection.execute("set local statement_timeout = 0")
            places = await _units(connection)
            # The county methods hold after the present: what was reported before keeps the city's rule alone.
            codes = {place.code for place in places}
            methods = [one for one in rules.parse(rules.shipped()) if one.unit in codes]
            await rules.apply_rules(connection, methods, PRESENT)
            await world.add(connection, people(places), progress)
            with _uncollected():
                await _issues(connection, issues, progress)
        await connection.execute("set statement_timeout = 0")
        try:
            await connection.execute("analyze")
        finally:
            await connection.execute("reset statement_timeout")


async def _units(connection: Connection) -> list[Place]:
    """Import the editions that the city has not had yet; return the units in force."""
    listed = []
    for year in _EDITIONS:
        listed = parse((files(__package__) / "data" / f"xuchang_units_{year}.csv").read_bytes())
        have = await connection.fetchval("select edition from unit where code = $1", CITY)
        if have is None or have < year:
            await apply_edition(connection, listed, year)
    rows = await connection.fetch(
        "select u.code, u.name from unit u join unit city on city.id = u.city_id"
        " where city.code = $1 and u.valid_to is null order by u.code",
        CITY,
    )
    if 2 * len(rows) < len(listed):
        raise Excerpt(f"the database holds {len(rows)} units of {CITY}, too few for the demo")
    return [Place(row["code"], row["name"]) for row in rows]


# ── issues ───────────────────────────────────────────────────────────────────────────────────────────────────

_STAGED = "staged_event"
_REPORTED = ISSUE.index("reported_at")
_END = PRESENT.date() + timedelta(days=1)
_COLUMNS = ", ".join(EVENT)
_MOVE = (
    f"insert into event (seq, committed_at, {_COLUMNS})"
    f" select $1::bigint + row_number() over (order by at, ctid), now(), {_COLUMNS}"
    f" from {_STAGED} where at >= $2::date and at < $2::date + 1 order by at, ctid"
)
_UNCHECKED = (
    "select set_config('session_replication_role', 'replica', true)"
    " where current_setting('is_superuser')::boolean"
)
"""Do not look up each id that a row names, if we may: they were all read or reserved in this transaction."""


async def _issues(connection: Connection, issues: int, progress: Progress | None) -> None:
    """Copy the issues in chunks, each while the next is made."""
    cast = await gather(connection)
    await connection.execute(_UNCHECKED)
    queue = await _Queue.open(connection)
    first = 1 - issues + await connection.fetchval(TAKE_NUMBERS, cast.units[CITY].id, _YEAR, 0, issues)
    random = Random(_SEED)  # noqa: S311 - repeatable is the point
    tales = map(Teller(cast, random).tell, slots(issues, random))
    moulds = Moulds(cast.law)
    records = Records([], [], [])
    for done in range(0, issues, _CHUNK):
        chunk = min(_CHUNK, issues - done)
        issue_ids = await reserve_ids(connection, tables.issue, chunk)
        sides = iter(await reserve_ids(connection, tables.assignment, MOST_SIDES * chunk))
        numbers = (issue_number(CITY, _YEAR, place) for place in count(first + done))
        lives = map(partial(_life, sides), issue_ids, numbers, tales)
        making = asyncio.create_task(asyncio.to_thread(moulds.fill, lives))
        await _copy(connection, records)
        if records.issues:
            await queue.let_in(records.issues[-1][_REPORTED].date())
        records = await making
        if progress:
            progress("issues", done + chunk, issues)
    await _copy(connection, records)
    await queue.let_in(_END, progress)


def _life(sides: Iterator[int], issue_id: int, number: str, tale: Tale) -> Life:
    return Life(issue_id, number, tuple(islice(sides, len(tale.script.sides))), tale)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Spare millions of short-lived tuples the search for cycles, which they cannot be part of."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def _copy(connection: Connection, records: Records) -> None:
    for table, columns, rows in (
        ("issue", ISSUE, records.issues),
        ("assignment", ASSIGNMENT, records.assignments),
        (_STAGED, EVENT, records.events),
    ):
        await connection.copy_records_to_table(table, records=rows, columns=list(columns))


class _Queue:
    """Where events wait until no issue can have an earlier one; then they take their places, numbered, by the day."""

    def __init__(self, connection: Connection, given: int | None) -> None:
        self._connection = connection
        self._given = given
        self._day = BEGIN.date()

    @classmethod
    async def open(cls, connection: Connection) -> "_Queue":
        """Make the table; numbers go on from the last one given, unless a relay is giving them."""
        await connection.execute(
            f"create temp table {_STAGED} (like event) on commit drop;"
            f"alter table {_STAGED} alter id drop not null;"
            f"create index on {_STAGED} (at)"
        )
        numbering = await connection.fetchval("select pg_try_advisory_xact_lock($1)", RELAY_LOCK)
        given = await connection.fetchval("select coalesce(max(seq), 0) from event") if numbering else None
        return cls(connection, given)

    async def let_in(self, end: date, progress: Progress | None = None) -> None:
        """Move the events of the days before ``end``, in the order of their time."""
        while self._day < end:
            moved = await self._connection.execute(_MOVE, self._given, self._day)
            if self._given is not None:
                self._given += int(moved.rpartition(" ")[2])
            self._day += timedelta(days=1)
            if progress:
                progress("events", (self._day - BEGIN.date()).days, (_END - BEGIN.date()).days)
