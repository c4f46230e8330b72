"""The migrations make exactly the tables that the code declares, and old rows what the machine would have made."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import asyncpg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from tests.conftest import fresh_database
from tests.test_commands import House, built

from lxbc_graph.domain.deadlines import SHANGHAI
from lxbc_graph.domain.words import Complexity, Satisfaction
from lxbc_graph.store import tables
from lxbc_graph.store.database import Database, for_engine
from lxbc_graph.store.migrate import upgrade
from lxbc_graph.store.revision import MIGRATIONS, NEWEST, is_current
from lxbc_graph.write import LookBack, ReopenIssue, ReportProgress, SendBack

pytestmark = pytest.mark.anyio


def _differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": True}
    )
    return list(compare_metadata(context, tables.metadata))


async def test_the_migrated_database_is_what_the_tables_say(database: Database) -> None:
    async with database.engine.connect() as connection:
        assert await connection.run_sync(_differences) == []


def test_the_newest_revision_is_the_one_that_alembic_would_end_at() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [NEWEST]


async def test_the_migrated_database_is_current(database: Database) -> None:
    async with database.engine.connect() as connection:
        assert await connection.run_sync(is_current)


# --- from 0001, with rows

DUES = ("arrange_due_at", "progress_due_at", "solve_due_at", "track_due_at", "progressed_at")


async def _progressed(house: House, state: str, complexity: Complexity) -> None:
    issue = await house.at(state, complexity)
    _, department = await house.assignments(issue)
    for day in (5, 28):
        house.clock.append(datetime(2024, 2, day, 9, tzinfo=SHANGHAI))
        await house.well("bureau", ReportProgress(department, "进展"))


async def _back(house: House, state: str, complexity: Complexity) -> None:
    issue = await house.at(state, complexity)
    command_ = SendBack(issue, "因") if state == "FEEDBACK" else LookBack(issue, Satisfaction.DISSATISFIED)
    await house.well("office" if state == "FEEDBACK" else "inspector", command_)


async def _again(house: House, state: str, complexity: Complexity) -> None:
    issue = await house.at(state, complexity)
    house.clock.append(datetime(2024, 5, 31, 23, 30, tzinfo=SHANGHAI))
    await house.well("office", ReopenIssue(issue, "反弹"))


async def _at(house: House, state: str, complexity: Complexity) -> None:
    await house.at(state, complexity)


LIVES: list[tuple[Callable[[House, str, Complexity], Awaitable[None]], str]] = [
    *(
        (_at, state)
        for state in (
            *("REPORTED", "ACCEPTED", "ASSIGNED", "HALF", "RECTIFYING"),
            *("FEEDBACK", "RECTIFIED", "CLOSED", "DISMISSED"),
        )
    ),
    (_progressed, "RECTIFYING"),
    (_back, "FEEDBACK"),
    (_back, "RECTIFIED"),
    (_again, "CLOSED"),
]
"""All that the first version could do."""


async def test_what_was_under_way_has_the_clocks_that_the_machine_would_have_started(
    server_url: str, database: Database
) -> None:
    house = await built(database)
    begin = house.clock[-1]
    for live, state in LIVES:
        for complexity in Complexity:
            house.clock.append(begin)
            await live(house, state, complexity)
    wanted = await _clocks(database.pool)
    async with fresh_database(server_url, "template1") as url:
        await _upgrade_to(url, "0001")
        old = await asyncpg.connect(url)
        await _copy(database.pool, old)
        # It knew no progress but what was reported as such.
        await old.execute(
            "update assignment set progressed_at = (select min(at) from event"
            " where assignment_id = assignment.id and kind = 'PROGRESS_REPORTED')"
        )
        await asyncio.to_thread(upgrade, url)
        found = await _clocks(old)
        await old.close()
    assert found == wanted
    assert {row["kind"] for row in found["clock"] if row["running"]} == {
        "ARRANGE",
        "PROGRESS",
        "SOLVE",
        "TRACK",
    }
    assert len([row for row in found["issue"] if row["next_due_at"] is not None]) == len(Complexity) * 7


async def test_each_old_assignment_finds_its_events_by_an_index(database: Database) -> None:
    module: Any = ScriptDirectory(str(MIGRATIONS)).get_revision("0002").module
    async with database.pool.acquire() as connection, connection.transaction():
        await connection.execute("set local enable_seqscan = off")
        plan = await connection.fetch(f"explain (costs off) {module._CLOCKS_OF_OLD}")
    assert not [line for (line,) in plan if "Seq Scan on event" in line]


async def _clocks(connection: Any) -> dict[str, list[dict[str, Any]]]:
    statements = {
        "issue": "select id, due_at, next_due_at from issue order by id",
        "assignment": f"select id, {', '.join(DUES)} from assignment order by id",
        "clock": "select * from clock order by id",
    }
    return {name: [dict(row) for row in await connection.fetch(sql)] for name, sql in statements.items()}


async def _upgrade_to(url: str, revision: str) -> None:
    def run(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    engine = create_async_engine(for_engine(url))
    async with engine.begin() as connection:
        await connection.run_sync(run)
    await engine.dispose()


async def _copy(new: asyncpg.Pool, old: asyncpg.Connection) -> None:
    """Copy every row, as far as the old tables have columns for it."""
    for table in tables.metadata.sorted_tables:
        columns = await old.fetch(
            "select column_name from information_schema.columns"
            " where table_name = $1 and is_generated = 'NEVER' order by ordinal_position",
            table.name,
        )
        if columns:
            names = ", ".join(f'"{column["column_name"]}"' for column in columns)
            rows = await new.fetchval(f"select coalesce(json_agg(t), '[]')::text from {table.name} t")
            await old.execute(
                f"insert into {table.name} ({names}) overriding system value"
                f" select {names} from json_populate_recordset(null::{table.name}, $1::text::json)",
                rows,
            )
