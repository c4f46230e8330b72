"""Volume: writers who go past the API, for more commits a second; they write what commands write."""

import asyncio
import time
from collections.abc import Sequence
from itertools import count, cycle

import asyncpg

from lxbc_graph.store.copying import Connection

from .fault import Advance
from .ground import Place
from .journal import Journal, Written
from .life import Issue

_ALIKE = 100

_CHANGE = """
with changed as (
    update issue set version = version + 1, updated_at = now() where id = any($1) returning *
)
insert into event (
    issue_id, kind, from_state, to_state, actor_name, at, unit_id, city_id, county_id, township_id, village_id
)
select id, 'URGED', state, state, 'soak', now(), unit_id, city_id, county_id, township_id, village_id
from changed returning id, issue_id, (select version from changed where changed.id = issue_id)
"""


async def change(connection: Connection, issue: Issue) -> tuple[str, int]:
    """Change the issue and add its event, in one transaction; return the event and the version."""
    ((event, version),) = (await change_all(connection, [issue])).values()
    return event, version


async def change_all(connection: Connection, issues: Sequence[Issue]) -> dict[str, tuple[str, int]]:
    """Change all issues, each with its event, in one transaction; return event and version by the id of the issue."""
    rows = await connection.fetch(_CHANGE, [int(issue["id"].partition(":")[2]) for issue in issues])
    return {f"Issue:{issue}": (f"Event:{event}", version) for event, issue, version in rows}


_COPY = """
with copied as (
    select jsonb_populate_record(
        issue, jsonb_build_object('id', nextval(pg_get_serial_sequence('issue', 'id')), 'number', number || '-' || n)
    ) as row
    from issue, generate_series(1, $2::int) n where issue.id = $1
)
insert into issue select (row).* from copied returning 'Issue:' || id as id, version
"""


async def copies(connection: Connection, issue: Issue, number: int) -> list[Issue]:
    """Make so many issues like this one, and return them with it."""
    return [issue, *map(dict, await connection.fetch(_COPY, int(issue["id"].partition(":")[2]), number))]


async def write(
    url: str,
    issues: Sequence[tuple[Place, Issue]],
    rate: float,
    seconds: float,
    journal: Journal,
    progress: Advance,
) -> int:
    """Commit so many changes a second, return how many there were.

    Each place's are over a connection of its own, to its issue and to many like it: of one that is changed a thousand
    times while a transaction is open, PostgreSQL keeps a thousand versions, and whoever reads it goes by them all.
    """
    async with asyncio.TaskGroup() as tasks:
        writers = [
            tasks.create_task(_write(url, place, issue, rate / len(issues), seconds, journal, progress))
            for place, issue in issues
        ]
    return sum(writer.result() for writer in writers)


async def _write(
    url: str,
    place: Place,
    issue: Issue,
    rate: float,
    seconds: float,
    journal: Journal,
    progress: Advance,
) -> int:
    connection = await asyncpg.connect(url)
    issues = cycle(await copies(connection, issue, _ALIKE))
    began = time.monotonic()
    for done in count():
        await asyncio.sleep(began + done / rate - time.monotonic())
        asked_at = time.monotonic()
        if asked_at - began > seconds:
            break
        progress(int(asked_at - began), int(seconds))
        issue = next(issues)
        event, version = await change(connection, issue)
        key = f"{issue['id']}-{version}"
        journal.write(Written(key, event, issue["id"], version, place.village, asked_at, time.monotonic()))
    await connection.close()
    return done


async def write_together(
    url: str, issues: Sequence[tuple[Place, Issue]], rate: float, over: asyncio.Event, journal: Journal
) -> None:
    """Commit so many changes a second, those of all issues in one transaction, until it is over."""
    connection = await asyncpg.connect(url)
    began, villages = time.monotonic(), {issue["id"]: place.village for place, issue in issues}
    for done in count():
        await asyncio.sleep(began + done * len(issues) / rate - time.monotonic())
        if over.is_set():
            break
        asked_at = time.monotonic()
        changed = await change_all(connection, [issue for _, issue in issues])
        at = time.monotonic()
        for issue, (event, version) in changed.items():
            journal.write(Written(f"{issue}-{version}", event, issue, version, villages[issue], asked_at, at))
    await connection.close()
